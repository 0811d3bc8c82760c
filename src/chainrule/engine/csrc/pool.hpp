// A small pool of threads that run one job together and meet at spin barriers.
//
// Decisions
// a) A job is a whole pass over the data, not one product: the threads stay in it and meet twice a
//    step, so waking up costs nothing per step. After a job the workers look out for the next one
//    for about 0.3 ms, because waking a sleeper takes as long as a prediction of 1000 rows, and an
//    epoch over a small table follows the last one in less; then they sleep.
// b) Waiting spins for a short while and then yields, so that more threads than cores still move.
// c) One job at a time has the workers. A second caller does not wait for them: it does its job
//    alone, which gives the same bits. So nobody can lock up, whoever calls whom from where.
// d) A forked child has no workers; it forgets the pool, and makes its own when it needs one. If the
//    fork came in the middle of a job (from a Python function that the job called), nobody meets the
//    child any more: meetings let it pass, so that it comes out of the job, and say so.
// e) Where no more threads can be made, the team is smaller. That, too, gives the same bits.
#pragma once

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace chainrule {

inline void pause_briefly() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield" ::: "memory");
#endif
}

constexpr int kShortSpins = 2000;

// The forks between the process that loaded the engine and this one.
class Forks {
   public:
    static unsigned count() { return count_.load(std::memory_order_relaxed); }

   private:
    static void add() { count_.fetch_add(1, std::memory_order_relaxed); }

    static inline std::atomic<unsigned> count_{0};
    static inline const int watching_ = pthread_atfork(nullptr, nullptr, &Forks::add);
};

// Thrown in a forked child by a job in whose middle it was forked: its results are of no use.
struct Orphaned : std::exception {
    const char* what() const noexcept override { return "forked in the middle of a call"; }
};

// Sense-reversing barrier. All threads of a team call `wait` the same number of times.
class Barrier {
   public:
    explicit Barrier(int threads) : threads_(threads), missing_(threads) {}

    // Calls `meanwhile` now and then if it takes long. False: this is a forked child, and those who
    // are missing will never come.
    template <class Meanwhile>
    bool wait(const Meanwhile& meanwhile) {
        if (threads_ == 1) return true;
        const unsigned turn = turn_.load(std::memory_order_relaxed);
        if (missing_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            missing_.store(threads_, std::memory_order_relaxed);
            turn_.store(turn + 1, std::memory_order_release);
            return true;
        }
        for (int spins = 0; turn_.load(std::memory_order_acquire) == turn; ++spins) {
            if (spins < kShortSpins)
                pause_briefly();
            else if (Forks::count() != forks_)
                return false;
            else {
                meanwhile();
                sched_yield();
            }
        }
        return true;
    }

   private:
    const int threads_;
    const unsigned forks_ = Forks::count();
    alignas(64) std::atomic<int> missing_;
    alignas(64) std::atomic<unsigned> turn_{0};
};

// What the threads of a team call, with their numbers. It must not throw.
class Job {
   public:
    template <class Body>
    explicit Job(const Body& body)
        : body_(&body), call_([](const void* of, int number) noexcept {
              (*static_cast<const Body*>(of))(number);
          }) {}

    void operator()(int number) const { call_(body_, number); }

   private:
    const void* body_;
    void (*call_)(const void*, int) noexcept;
};

class Pool {
   public:
    static Pool& of_process() {
        Pool* pool = current_.load(std::memory_order_acquire);
        if (pool != nullptr) return *pool;
        Pool* made = new Pool;
        if (current_.compare_exchange_strong(pool, made, std::memory_order_acq_rel)) return *made;
        delete made;
        return *pool;
    }

    // Takes the workers for one caller, unless another has them.
    bool take() { return !taken_.exchange(true, std::memory_order_acquire); }
    void give_back() { taken_.store(false, std::memory_order_release); }

    // Makes workers up to a number, and returns how many there are. Call it between take and give.
    int grow(int workers) {
        while (static_cast<int>(workers_.size()) < workers) {
            try {
                add_worker();
            } catch (const std::exception&) {
                break;
            }
        }
        return std::min(workers, static_cast<int>(workers_.size()));
    }

    // The caller is number 0 of the team. Throws Orphaned in a child that was forked meanwhile.
    void run(int workers, const Job& job) {
        const unsigned forks = Forks::count();
        job_.store(&job, std::memory_order_relaxed);
        left_.store(workers, std::memory_order_relaxed);
        {
            std::lock_guard<std::mutex> guard(mutex_);
            const std::uint64_t turn = order_.load(std::memory_order_relaxed) / kTurn + 1;
            order_.store(turn * kTurn + static_cast<std::uint64_t>(workers),
                         std::memory_order_release);
        }
        wake_.notify_all();
        job(0);
        if (Forks::count() != forks) throw Orphaned();
        const auto over = [&] { return left_.load(std::memory_order_acquire) == 0; };
        if (spin_until(over, 2 * kShortSpins)) return;
        std::unique_lock<std::mutex> guard(mutex_);
        done_.wait(guard, over);
    }

   private:
    Pool() = default;

    // Signals are the business of the threads that Python knows.
    void add_worker() {
        sigset_t all, before;
        sigfillset(&all);
        workers_.reserve(workers_.size() + 1);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        try {
            workers_.emplace_back(&Pool::work, this, static_cast<int>(workers_.size()), order_.load());
        } catch (...) {
            pthread_sigmask(SIG_SETMASK, &before, nullptr);
            throw;
        }
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }

    template <class Ready>
    static bool spin_until(const Ready& ready, int most) {
        for (int spins = 0; spins < most; ++spins) {
            if (ready()) return true;
            pause_briefly();
        }
        return ready();
    }

    // Never ends: the process ends with its workers asleep.
    void work(int number, std::uint64_t seen) {
        for (;;) {
            const auto called = [&] { return order_.load(std::memory_order_acquire) != seen; };
            if (!spin_until(called, 6 * kShortSpins)) {
                std::unique_lock<std::mutex> guard(mutex_);
                wake_.wait(guard, called);
            }
            seen = order_.load(std::memory_order_acquire);
            if (static_cast<std::uint64_t>(number) >= seen % kTurn) continue;
            (*job_.load(std::memory_order_relaxed))(number + 1);
            if (left_.fetch_sub(1, std::memory_order_acq_rel) != 1) continue;
            std::lock_guard<std::mutex> guard(mutex_);
            done_.notify_one();
        }
    }

    static void forget() { current_.store(nullptr, std::memory_order_relaxed); }

    static inline std::atomic<Pool*> current_{nullptr};
    static inline const int watching_fork_ = pthread_atfork(nullptr, nullptr, &Pool::forget);

    std::atomic<bool> taken_{false};
    std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable done_;
    std::vector<std::thread> workers_;
    // The number of the job times kTurn, plus the number of workers that it wants: read at once, so
    // that nobody takes the one of one job and the other of the next.
    static constexpr std::uint64_t kTurn = 1 << 16;
    alignas(64) std::atomic<std::uint64_t> order_{0};
    std::atomic<const Job*> job_{nullptr};
    alignas(64) std::atomic<int> left_{0};
};

// The threads of one call: the caller, and workers where they are free and wanted.
class Team {
   public:
    explicit Team(int wanted) {
        if (wanted <= 1) return;
        Pool& pool = Pool::of_process();
        if (!pool.take()) return;
        pool_ = &pool;
        workers_ = pool.grow(wanted - 1);
    }
    Team(const Team&) = delete;
    Team& operator=(const Team&) = delete;
    ~Team() {
        if (pool_ != nullptr) pool_->give_back();
    }

    // A child that was forked between two jobs has itself left.
    int size() const { return Forks::count() == forks_ ? workers_ + 1 : 1; }

    template <class Body>
    void run(const Body& body) const {
        run(size(), body);
    }

    // With the first so many of the team.
    template <class Body>
    void run(int members, const Body& body) const {
        const Job job(body);
        if (members == 1)
            job(0);
        else
            pool_->run(members - 1, job);
    }

   private:
    Pool* pool_ = nullptr;
    int workers_ = 0;
    const unsigned forks_ = Forks::count();
};

}  // namespace chainrule
