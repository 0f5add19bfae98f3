import subprocess
import sys

done = subprocess.run(["pip", "install", "requests"], capture_output=True, text=True)
print(done.returncode, done.stdout == "", "can't be installed here" in done.stderr, " numpy, " in done.stderr)
listed = subprocess.run([sys.executable, "-m", "pip", "list"], capture_output=True, text=True).stdout
print("numpy==" in listed)
