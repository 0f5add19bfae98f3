"""The entry's folder is what imports begin at."""
from shapes import area, Circle
from shapes.square import Square
import report.text as text

print(text.table([("circle", area(Circle(1))), ("square", area(Square(2)))]))
