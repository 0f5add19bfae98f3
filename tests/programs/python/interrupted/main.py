import time

try:
    print("waiting", flush=True)
    while True:
        time.sleep(1)
except KeyboardInterrupt:
    print("interrupted")
