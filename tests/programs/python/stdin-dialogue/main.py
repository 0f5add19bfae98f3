name = input("name? ")
try:
    age = int(input("age? "))
    input("more? ")
except EOFError:
    print()
    print(f"{name} is {age}")
