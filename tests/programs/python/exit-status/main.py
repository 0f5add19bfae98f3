import atexit
import sys

atexit.register(print, "at exit")
print("half way")
sys.exit(42)
