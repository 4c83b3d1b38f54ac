// parked: fifty threads of a C++ program that wait in as many ways as there are frames to leave: locks, conditions, poll,
// sleep, deep recursion, frames of variable size, a signal handler, a callback of the C library, a shared library's code.
// Prints `ready` once all of them wait, and ends with its standard input.
#include <alloca.h>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <mutex>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdexcept>
#include <thread>
#include <unistd.h>
#include <vector>

namespace parked {

std::mutex mutex;
std::condition_variable condition;
std::atomic<int> arrived;
bool released;
sem_t semaphore;

void arrive() { arrived++; }

template <class Number> class Worker {
public:
    __attribute__((noinline)) void wait_for_work()
    {
        std::unique_lock<std::mutex> lock(mutex);
        arrive();
        condition.wait(lock, [] { return released; });
    }

    __attribute__((noinline)) Number recurse(Number depth)
    {
        if (depth == 0) {
            wait_for_work();
            return 1;
        }
        return recurse(depth - 1) + 1;
    }

    // A frame whose size is known only when it runs is left by its frame pointer.
    __attribute__((noinline)) Number with_buffer(Number size)
    {
        char *buffer = static_cast<char *>(alloca(static_cast<size_t>(size) + 16));
        memset(buffer, 1, static_cast<size_t>(size) + 16);
        return recurse(3) + buffer[size];
    }
};

__attribute__((noinline)) void on_signal(int)
{
    arrive();
    sem_wait(&semaphore);
}

__attribute__((noinline)) int compare(const void *, const void *)
{
    arrive();
    poll(nullptr, 0, -1);
    return 0;
}

void run(int number)
{
    Worker<long> worker;
    int two[] = {2, 1};
    switch (number % 10) {
    case 0:
        worker.recurse(number * 4);
        break;
    case 1:
        worker.with_buffer(number * 100);
        break;
    case 2:
        arrive();
        poll(nullptr, 0, -1);
        break;
    case 3:
        arrive();
        for (;;)
            sleep(1000);
    case 4:
        raise(SIGUSR1);
        break;
    case 5:
        qsort(two, 2, sizeof(int), compare);
        break;
    case 6:
        arrive();
        sem_wait(&semaphore);
        break;
    case 7: {
        std::promise<int> promise;
        arrive();
        promise.get_future().wait();
        break;
    }
    default:
        worker.wait_for_work();
    }
}

}

int main()
{
    sem_init(&parked::semaphore, 0, 0);
    signal(SIGUSR1, parked::on_signal);
    std::vector<std::thread> threads;
    for (int i = 0; i < 50; i++)
        threads.emplace_back(parked::run, i);
    while (parked::arrived < 50)
        sched_yield();
    puts("ready");
    fflush(stdout);
    char byte;
    while (read(0, &byte, 1) > 0) {
    }
    _exit(0);
}
