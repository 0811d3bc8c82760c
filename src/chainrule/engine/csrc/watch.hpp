// When the calling thread looks up from its work: for Ctrl-C, and for the caller's own functions.
//
// Decisions
// a) Reading the clock costs a tenth of the smallest step. So steps are counted, and the clock is
//    read about ten times as often as Python is asked.
// b) A step may take seconds (a whole table as one batch). So the clock is read within a step too,
//    if steps are known to be long; whatever is broken off there is thrown away whole.
// c) Python is asked rarely (every 50 ms), because asking takes the GIL from whoever has it.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "engine.hpp"

namespace chainrule {

class Watch {
   public:
    // `seconds` is the least time between two questions.
    Watch(const Poll& poll, double seconds)
        : poll_(poll), ask_(static_cast<std::int64_t>(seconds * 1e9)) {}

    // After so many steps, by the calling thread. False: stop here.
    bool between_steps(std::int64_t done) {
        return poll_.go_on == nullptr || done < next_look_ || look(done);
    }

    // Anywhere within a step, by the calling thread.
    void within_step() {
        if (long_steps_) look_within_step();
    }

    // The caller's own loss, within a step, by the calling thread. False: there is none to be had.
    bool judge(std::int64_t rows) {
        if (abandoned()) return false;
        if (poll_.judge != nullptr && poll_.judge(poll_.context, rows)) return true;
        abandon();
        return false;
    }

    // From here on the rest of the work is of no use.
    void abandon() { abandoned_.store(true, std::memory_order_relaxed); }

    // For all threads: true if the rest of the work is of no use.
    bool abandoned() const { return abandoned_.load(std::memory_order_relaxed); }

   private:
    using Clock = std::chrono::steady_clock;
    using Time = Clock::time_point;
    using Duration = std::chrono::nanoseconds;

    static constexpr Duration kLongStep = std::chrono::milliseconds(10);

    [[gnu::noinline]] bool look(std::int64_t done) {
        if (abandoned()) return false;
        const Time now = Clock::now();
        const Duration passed = now - looked_;
        const Duration each = std::max(passed / (done - seen_), Duration(1));
        long_steps_ = each > kLongStep;
        next_look_ = done + std::clamp<std::int64_t>(ask_ / 10 / each, 1, 4096);
        looked_ = now;
        seen_ = done;
        if (now - told_ < ask_) return true;
        told_ = asked_ = now;
        return poll_.go_on(poll_.context, done);
    }

    [[gnu::noinline]] void look_within_step() {
        if (poll_.alive == nullptr || abandoned()) return;
        const Time now = Clock::now();
        if (now - asked_ < ask_) return;
        asked_ = now;
        if (!poll_.alive(poll_.context)) abandon();
    }

    const Poll poll_;
    const Duration ask_;
    Time looked_ = Clock::now(), asked_ = looked_, told_ = looked_;
    std::int64_t seen_ = 0, next_look_ = 1;
    bool long_steps_ = true;  // until the first look
    std::atomic<bool> abandoned_{false};
};

}  // namespace chainrule
