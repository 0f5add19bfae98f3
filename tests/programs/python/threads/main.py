import concurrent.futures
import queue
import threading

jobs, done, lock, total = queue.Queue(), [], threading.Lock(), 0


def work():
    global total
    while (n := jobs.get()) is not None:
        with lock:
            total += n * n
            done.append(n)


threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads:
    t.start()
for n in range(1000):
    jobs.put(n)
for _ in threads:
    jobs.put(None)
for t in threads:
    t.join()
print(total, sorted(done) == list(range(1000)))
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    print(sum(pool.map(len, ["x" * n for n in range(50)])))
