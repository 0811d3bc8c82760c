// A small pool of threads that run one job together and meet at spin barriers.
//
// Decisions
// a) A job is a whole pass over the data, not one product: the threads stay in it and meet twice a
//    step, so waking up costs nothing per step. Between jobs the workers sleep.
// b) Waiting spins for a short while and then yields, so that more threads than cores still move.
// c) A forked child has no workers. The pool notices the new process and makes its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <sched.h>
#include <unistd.h>

namespace chainrule {

inline void pause_briefly() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield" ::: "memory");
#endif
}

// Sense-reversing barrier. All threads of a team call `wait` the same number of times.
class Barrier {
   public:
    explicit Barrier(int threads) : threads_(threads), missing_(threads) {}

    void wait() {
        if (threads_ == 1) return;
        const unsigned turn = turn_.load(std::memory_order_relaxed);
        if (missing_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            missing_.store(threads_, std::memory_order_relaxed);
            turn_.store(turn + 1, std::memory_order_release);
            return;
        }
        for (int spins = 0; turn_.load(std::memory_order_acquire) == turn; ++spins) {
            if (spins < 2000)
                pause_briefly();
            else
                sched_yield();
        }
    }

   private:
    const int threads_;
    alignas(64) std::atomic<int> missing_;
    alignas(64) std::atomic<unsigned> turn_{0};
};

class Pool {
   public:
    // The job is called with the number of the thread, 0 for the caller. One job at a time: a second
    // caller waits.
    using Job = std::function<void(int)>;

    void run(int threads, const Job& job) {
        if (threads <= 1) {
            job(0);
            return;
        }
        std::lock_guard<std::mutex> one_at_a_time(busy_);
        grow(threads - 1);
        {
            std::lock_guard<std::mutex> guard(mutex_);
            job_ = &job;
            wanted_ = threads - 1;
            left_ = threads - 1;
            ++generation_;
        }
        wake_.notify_all();
        job(0);
        std::unique_lock<std::mutex> guard(mutex_);
        done_.wait(guard, [&] { return left_ == 0; });
        job_ = nullptr;
    }

    ~Pool() { stop(); }

    // The pool of this process. A child made by fork gets a new one; the old one's threads do not
    // exist there, so it is left alone rather than joined.
    static Pool& of_process() {
        static std::mutex guard;
        static Pool* pool = nullptr;
        static pid_t owner = 0;
        std::lock_guard<std::mutex> lock(guard);
        if (owner != getpid()) {
            pool = new Pool;
            owner = getpid();
        }
        return *pool;
    }

   private:
    void grow(int workers) {
        while (static_cast<int>(workers_.size()) < workers) {
            const int number = static_cast<int>(workers_.size());
            const unsigned long seen = generation_;
            workers_.emplace_back([this, number, seen] { work(number, seen); });
        }
    }

    void work(int number, unsigned long seen) {
        for (;;) {
            const Job* job = nullptr;
            {
                std::unique_lock<std::mutex> guard(mutex_);
                wake_.wait(guard, [&] { return ending_ || generation_ != seen; });
                if (ending_) return;
                seen = generation_;
                if (number < wanted_) job = job_;
            }
            if (job == nullptr) continue;
            (*job)(number + 1);
            std::lock_guard<std::mutex> guard(mutex_);
            if (--left_ == 0) done_.notify_one();
        }
    }

    void stop() {
        {
            std::lock_guard<std::mutex> guard(mutex_);
            ending_ = true;
        }
        wake_.notify_all();
        for (std::thread& worker : workers_) worker.join();
    }

    std::mutex busy_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable done_;
    std::vector<std::thread> workers_;
    const Job* job_ = nullptr;
    int wanted_ = 0;
    int left_ = 0;
    unsigned long generation_ = 0;
    bool ending_ = false;
};

}  // namespace chainrule
