#include <atomic>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <queue>
#include <thread>
#include <vector>

int main()
{
    std::queue<int> work;
    std::mutex mutex;
    std::condition_variable changed;
    bool end = false;
    std::atomic<long> sum = 0;
    std::vector<std::thread> workers;
    for (int i = 0; i < 4; i++)
        workers.emplace_back([&] {
            for (;;) {
                std::unique_lock lock(mutex);
                changed.wait(lock, [&] { return end || !work.empty(); });
                if (work.empty())
                    return;
                sum += work.front();
                work.pop();
            }
        });
    for (int i = 1; i <= 1000; i++) {
        std::lock_guard lock(mutex);
        work.push(i);
        changed.notify_one();
    }
    {
        std::lock_guard lock(mutex);
        end = true;
    }
    changed.notify_all();
    for (auto &w : workers)
        w.join();
    std::cout << sum << '\n';
}
