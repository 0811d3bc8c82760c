// How a step is done fastest, measured while the run goes on: by how many threads, and how they write.
//
// Decisions
// a) Whether a team beats one thread at steps of some ten to some hundred microseconds cannot be known
//    beforehand: it depends on whether the cores share a cache, and on who else works on them (a
//    virtual machine is moved about between such cores). Nor can it be known whether new weights had
//    better go straight to memory: where the cores share no cache that takes 0.84 to 0.93 of a step,
//    where they do 1.03 to 1.15. So a run goes in stretches of about 2 ms, each done one way.
// b) Every way gives the same bits, so nothing but time depends on the choice.
// c) A run opens with two short stretches of each way: the first of the two pays for cold caches and
//    for workers that sleep. Later the other ways are tried in turn, for about 0.2 ms, when all trials
//    together will have cost no more than a two-hundredth of the time: what is nearly as fast is tried
//    often (every 16 stretches at most, because the stretch after it pays, too), what is slow rarely.
// d) Of each way the least time counts, and is forgotten by a twentieth with each stretch: others on the
//    machine make a stretch longer, never shorter.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

namespace chainrule {

enum class Way { together, apart, alone };  // apart: the team, whose new weights leave its caches

class Pace {
   public:
    // Forgets what it measured if the steps are of another size, or may be done otherwise.
    void open(std::int64_t batch, const std::vector<Way>& ways) {
        if (batch == batch_ && ways == ways_) return;
        *this = Pace();
        batch_ = batch;
        ways_ = ways;
    }

    // How the next stretch is done. At least one way is open.
    Way next() {
        const std::size_t count = ways_.size();
        trial_ = opened_ < 2 * count;
        if (trial_) return now(opened_ / 2);
        if (count == 1) return now(0);
        if (due_ == best_) due_ = (due_ + 1) % count;
        const double each = seconds_[due_], lost = (each - seconds_[best_]) * steps_within(kTrial, each);
        trial_ = ++rested_ > kRest && lost_ + std::max(lost, 0.0) <= kShare * total_;
        if (trial_) rested_ = 0;
        return now(trial_ ? due_ : best_);
    }

    // Steps of the next stretch.
    std::int64_t steps() const {
        const double each = seconds_[now_];
        return each == 0 ? kUnknown : steps_within(trial_ ? kTrial : kStretch, each);
    }

    // The stretch of so many steps took so long.
    void note(std::int64_t steps, double seconds) {
        if (steps <= 0) return;
        const double each = std::max(seconds / static_cast<double>(steps), 1e-9);
        double& known = seconds_[now_];
        known = known == 0 ? each : std::min(each, known * kForget);
        total_ += seconds;
        if (opened_ < 2 * ways_.size()) {
            if (++opened_ < 2 * ways_.size()) return;
        } else if (trial_) {
            lost_ += std::max(each - seconds_[best_], 0.0) * static_cast<double>(steps);
            due_ = (due_ + 1) % ways_.size();
        }
        for (std::size_t way = 0; way < ways_.size(); ++way)
            if (seconds_[way] < seconds_[best_]) best_ = way;
    }

   private:
    static constexpr double kStretch = 2e-3, kTrial = 2e-4, kForget = 1.05, kShare = 0.005;
    static constexpr std::int64_t kUnknown = 4;
    static constexpr int kRest = 16;

    static std::int64_t steps_within(double seconds, double each) {
        return std::clamp<std::int64_t>(static_cast<std::int64_t>(seconds / each), 1, 1 << 16);
    }

    Way now(std::size_t way) {
        now_ = way;
        return ways_[way];
    }

    std::int64_t batch_ = 0;
    std::vector<Way> ways_;
    double seconds_[3] = {0, 0, 0};  // of a step; 0: not known
    double total_ = 0, lost_ = 0;    // seconds of all stretches, and what trials took too much
    std::size_t opened_ = 0;         // stretches of the opening that are done
    std::size_t now_ = 0, best_ = 0, due_ = 0;
    bool trial_ = false;
    int rested_ = 0;  // stretches since the last trial
};

}  // namespace chainrule
