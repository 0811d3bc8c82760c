// Python's lock, for threads that may outlive the interpreter.
//
// Decisions
// a) When a process ends while a daemon thread is in a long call, Python ends that thread as soon as
//    it asks for the lock: by unwinding its stack, through code that must not be unwound while other
//    threads work for it. So whoever asks after the end has begun sleeps instead; the process ends
//    around him.
// b) The end begins in an `atexit` function. It waits until those are done who were asking for the
//    lock already, or had it to call Python (a loss, say), so nobody is caught in between. Who calls
//    Python may ask again meanwhile, or he would never be done. Ten seconds are enough: a function
//    that takes longer may wait for something that only the end brings.
#pragma once

#include <nanobind/nanobind.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace chainrule {

class Gil {
   public:
    // Call once, when the module is made.
    static void watch_end() {
        pthread_atfork(nullptr, nullptr, [] { busy_.store(calls_); });
        nanobind::module_::import_("atexit").attr("register")(nanobind::cpp_function(&Gil::end));
    }

    // The lock for a moment, in a thread that has given it up.
    class Held {
       public:
        Held() {
            ask();
            state_ = PyGILState_Ensure();
            ++calls_;
        }
        Held(const Held&) = delete;
        Held& operator=(const Held&) = delete;
        ~Held() {
            --calls_;
            PyGILState_Release(state_);
            busy_.fetch_sub(1);
        }

       private:
        PyGILState_STATE state_;
    };

    // Gives the lock up for as long as this object lives.
    class Released {
       public:
        Released() : state_(PyEval_SaveThread()) {}
        Released(const Released&) = delete;
        Released& operator=(const Released&) = delete;
        ~Released() {
            ask();
            PyEval_RestoreThread(state_);
            busy_.fetch_sub(1);
        }

       private:
        PyThreadState* state_;
    };

   private:
    static constexpr int kPatience = 10'000;  // milliseconds

    static void ask() {
        busy_.fetch_add(1);
        if (calls_ > 0 || !ending_.load() || pthread_equal(pthread_self(), last_)) return;
        busy_.fetch_sub(1);
        for (;;) pause();
    }

    static void end() {
        last_ = pthread_self();
        ending_.store(true);
        PyThreadState* const state = PyEval_SaveThread();
        for (int left = kPatience; left > 0 && busy_.load() > calls_; --left)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        PyEval_RestoreThread(state);
    }

    static inline pthread_t last_{};  // the thread that ends the process, and goes on to the end
    static inline std::atomic<bool> ending_{false};
    static inline std::atomic<int> busy_{0};    // threads that ask for the lock or call Python
    static inline thread_local int calls_ = 0;  // of Python, one within the other, by this thread
};

}  // namespace chainrule
