// Python's lock, for threads that may outlive the interpreter.
//
// Decisions
// a) When a process ends while a daemon thread is in a long call, Python ends that thread as soon as
//    it asks for the lock: by unwinding its stack, through code that must not be unwound while other
//    threads work for it. So whoever asks after the end has begun sleeps instead; the process ends
//    around him.
// b) The end begins in an `atexit` function. It waits until those have the lock who were asking for
//    it already, so nobody is caught in between.
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
        pthread_atfork(nullptr, nullptr, [] { asking_.store(0); });
        nanobind::module_::import_("atexit").attr("register")(nanobind::cpp_function(&Gil::end));
    }

    // The lock for a moment, in a thread that has given it up.
    class Held {
       public:
        Held() {
            ask();
            state_ = PyGILState_Ensure();
            asking_.fetch_sub(1);
        }
        Held(const Held&) = delete;
        Held& operator=(const Held&) = delete;
        ~Held() { PyGILState_Release(state_); }

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
            asking_.fetch_sub(1);
        }

       private:
        PyThreadState* state_;
    };

   private:
    static void ask() {
        asking_.fetch_add(1);
        if (!ending_.load() || pthread_equal(pthread_self(), last_)) return;
        asking_.fetch_sub(1);
        for (;;) pause();
    }

    static void end() {
        last_ = pthread_self();
        ending_.store(true);
        PyThreadState* const state = PyEval_SaveThread();
        while (asking_.load() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        PyEval_RestoreThread(state);
    }

    static inline pthread_t last_{};  // the thread that ends the process, and goes on to the end
    static inline std::atomic<bool> ending_{false};
    static inline std::atomic<int> asking_{0};
};

}  // namespace chainrule
