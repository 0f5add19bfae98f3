import multiprocessing
import subprocess
import sys


def cube(n):
    return n ** 3


if __name__ == "__main__":
    with multiprocessing.Pool(2) as pool:
        print(pool.map(cube, range(6)))
    child = subprocess.run([sys.executable, "-c", "import sys; print(sys.stdin.read()[::-1]); sys.exit(4)"],
                           input="desserts", text=True, capture_output=True)
    print(child.stdout.strip(), child.returncode)
