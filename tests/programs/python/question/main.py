import os

number = int(input("number? "))
print("twice that is", 2 * number)
os.abort()
