import signal
import sys
import time


def leave(number, frame):
    print("leaving on", signal.Signals(number).name)
    sys.exit(5)


signal.signal(signal.SIGTERM, leave)
print("waiting", flush=True)
while True:
    time.sleep(0.1)
