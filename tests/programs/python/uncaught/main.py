import lib

print("before", flush=True)
lib.fall()
print("never")
