// How many threads a step is worth, measured while the run goes on.
//
// Decisions
// a) Whether a team beats one thread at steps of some ten to some hundred microseconds cannot be known
//    beforehand: it depends on whether the cores share a cache, and on who else works on them (a
//    virtual machine is moved about between such cores). So a run goes in stretches of about 2 ms, each
//    done by the whole team or by the caller alone. Now and then a stretch tries the other way.
// b) Any team gets the same bits, so nothing but time depends on the choice.
// c) A run opens with two stretches of each way: the first of the two pays for cold caches and for
//    workers that sleep. Then the other way is tried after 4, 8, 16, ... 256 stretches, and after 4 again
//    once it has won: a wrong guess is left soon, a right one costs less than one hundredth.
// d) Of each way the least time counts, and is forgotten by a twentieth with each stretch: others on the
//    machine make a stretch longer, never shorter.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace chainrule {

class Pace {
   public:
    // Forgets what it measured if the steps are of another size.
    void open(std::int64_t batch) {
        if (batch != batch_) *this = Pace();
        batch_ = batch;
    }

    // The size of the team for the next stretch, `most` being the whole of it.
    int members(int most) {
        if (most == 1) return 1;
        if (opening_ < kOpening) return opening_ < kOpening / 2 ? most : 1;
        trial_ = --until_trial_ <= 0;
        return together_ != trial_ ? most : 1;
    }

    // Steps of the next stretch.
    std::int64_t steps(bool together) const {
        const double each = seconds_[together];
        if (each == 0) return 16;
        return std::clamp<std::int64_t>(static_cast<std::int64_t>(kStretch / each), 1, 1 << 16);
    }

    // A stretch of so many steps took so long.
    void note(bool together, std::int64_t steps, double seconds) {
        if (steps <= 0) return;
        const double each = std::max(seconds / static_cast<double>(steps), 1e-9);
        double& known = seconds_[together];
        known = known == 0 ? each : std::min(each, known * kForget);
        if (opening_ < kOpening && ++opening_ < kOpening) return;
        const bool before = together_;
        together_ = seconds_[true] <= seconds_[false];
        if (trial_ || together_ != before) {
            interval_ = together_ != before ? kSoonest : std::min(2 * interval_, kLatest);
            until_trial_ = interval_;
        }
        trial_ = false;
    }

   private:
    static constexpr double kStretch = 2e-3, kForget = 1.05;
    static constexpr int kOpening = 4, kSoonest = 4, kLatest = 256;

    std::int64_t batch_ = 0;
    double seconds_[2] = {0, 0};  // of a step, alone and together; 0: not known
    bool together_ = true, trial_ = false;
    int opening_ = 0;  // stretches of the opening that are done
    int interval_ = kSoonest, until_trial_ = kSoonest;
};

}  // namespace chainrule
