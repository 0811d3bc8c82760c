// Training: forward, loss, backward, update, step after step without leaving C++.
//
// Decisions
// a) Threads share the batch by samples in the forward and backward passes, and the parameters by
//    units of 16 weight rows in the update. They meet twice a step (and around each batch norm). No
//    sum crosses threads: each is made by one thread in an order that their number does not touch.
// b) Whether a step's objective is finite is known before the update, so weights survive it. Whether
//    its gradient is finite is known only after, because nobody waits for its norm: the run ends
//    there, and the caller repeats it up to the step before (same bits).
// c) Steps are done in stretches, each in the way that was found to be fastest (see pace.hpp).
// d) A loss that C++ does not know is the caller's own function (see native_loss.py). It is asked by
//    the calling thread, once a step, when the raw outputs of the whole batch are there; the others
//    wait in the barrier. It is asked nothing after a step that failed: nobody has such outputs.
#pragma once

#include "pace.hpp"
#include "updater.hpp"

namespace CR_ISA {

// A product with more columns visits its samples so often that they had better stand together.
constexpr std::int64_t kFewColumns = 128;

template <class T>
class Trainer {
   public:
    using Call = chainrule::TrainCall;
    using Poll = chainrule::Poll;

    explicit Trainer(Network<T>& net) : net_(net), updater_(net) {}

    void train(Call& call, int threads, const Poll& poll) {
        const chainrule::Team team(threads);
        open(call, std::min(call.batch, call.count), team.size(), true);
        Watch watch(poll, call.pulse_seconds);
        const std::int64_t steps = (call.count + call.batch - 1) / call.batch;
        open_pace(call, team.size());
        for (std::int64_t step = 0; step < steps;) {
            const Way way = pace_.next();
            const std::int64_t last = std::min(steps, step + pace_.steps());
            updater_.stream(way == Way::apart);
            const auto began = std::chrono::steady_clock::now();
            const int members = way == Way::alone ? 1 : team.size();
            const std::int64_t done = stretch(call, step, last, team, members, watch) - step;
            const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - began;
            pace_.note(done, taken.count());
            if (step + done < last) break;
            step = last;
        }
        end(call, watch);
    }

    void gradient(Call& call, bool training, T* flat, T* raw, int threads, const Poll& poll) {
        const chainrule::Team team(threads);
        open(call, call.count, team.size(), training);
        updater_.keep_gradient();
        Barrier barrier(team.size());
        Watch watch(poll, call.pulse_seconds);
        team.run([&](int number) {
            const Member member{number, team.size(), &barrier, &watch};
            pass(call, 0, member);
            member.meet();
            updater_.collect(ws_, call, 0, member);
        });
        if (watch.abandoned()) return end(call, watch);
        call.data[0] = data_objective(ws_);
        report(call, 0);
        for (const auto& p : net_.parameters) {
            p->export_to(p->g.get(), flat);
            flat += p->rows * p->columns;
        }
        copy_raw(net_, ws_, raw);
        end(call, watch);
    }

   private:
    using Way = chainrule::Way;

    void open_pace(const Call& call, int members) {
        std::vector<Way> ways;
        if (members > 1) ways.push_back(Way::together);
        if (members > 1 && kStreams) ways.push_back(Way::apart);
        if (members == 1 || call.tuned) ways.push_back(Way::alone);
        pace_.open(call.batch, ways);
    }

    // Steps from `step` up to `last`. Returns the one before which it ended.
    std::int64_t stretch(Call& call, std::int64_t step, std::int64_t last, const chainrule::Team& team,
                         int members, Watch& watch) {
        Barrier barrier(members);
        std::int64_t reached = step;
        team.run(members, [&](int number) {
            const Member member{number, members, &barrier, &watch};
            std::int64_t at = step;
            while (at < last && one_step(call, at, member)) ++at;
            if (number == 0) reached = at;
        });
        return reached;
    }

    void open(const Call& call, std::int64_t samples, int members, bool training) {
        net_.open(ws_, static_cast<std::size_t>(samples), members);
        updater_.open(members, static_cast<std::size_t>(samples));
        Tensor<T>& X = ws_.tensors[0];
        own_input_ = X;
        in_place_ = net_.widest_reader <= kFewColumns && net_.reads_in_place(X, call.x_stride);
        if (in_place_) {
            X.value = const_cast<T*>(static_cast<const T*>(call.X));
            X.ld = static_cast<std::size_t>(call.x_stride);
        }
        ws_.training = training;
        ws_.samples = 0;
        stop_ = failed_ = false;
    }

    // Numbers that are not finite may stay in the padding of a workspace, so it is given up then.
    void end(Call& call, const Watch& watch) {
        call.bad_code = ws_.bad_code.exchange(false);
        ws_.tensors[0] = own_input_;
        if (!call.finite || watch.abandoned()) net_.close(ws_);
    }

    // Returns whether to go on, the same to all members.
    bool one_step(Call& call, std::int64_t step, const Member& member) {
        pass(call, step, member);
        member.meet();
        if (failed_) return false;  // the step before: said before this meeting, heard after it
        const double data = data_objective(ws_);
        if (!std::isfinite(static_cast<T>(data))) {
            if (member.number == 0) fail_before_update(call, step, data);
            return false;
        }
        if (member.number == 0) call.data[step] = data;
        updater_.update(ws_, call, step, member);
        if (member.number == 0) stop_ = !member.watch->between_steps(step + 1);
        member.meet();
        if (member.number == 0) report(call, step);
        return !stop_ && !member.watch->abandoned();
    }

    // Gather, forward, loss, backward for this member's samples.
    void pass(const Call& call, std::int64_t step, const Member& member) {
        const BatchRows<T> rows(net_, call, step);
        if (member.number == 0) {
            ws_.samples = rows.samples();
            ws_.moment = rows.moment(step);
            if (in_place_) ws_.tensors[0].picks = rows.picks();
        }
        member.meet();
        const Range mine = member.share_of(rows.samples());
        const T whole = rows.divisor();
        for_blocks(mine, member.down(), [&](Range block) {
            if (member.working()) rows.gather(ws_, block, whole);
        });
        forward(net_, ws_, member, mine);
        if (net_.loss == nullptr)
            own_loss(call, member, mine);
        else
            for_blocks(mine, member.down(), [&](Range block) {
                if (member.working()) loss(net_, ws_, block);
            });
        backward(net_, ws_, member, mine);
    }

    // The step ends by losses that are not a number where there was nothing to ask about.
    void own_loss(const Call& call, const Member& member, Range mine) {
        hand_out(net_, ws_, call, mine);
        member.meet();
        if (member.number == 0) {
            const bool senseless = failed_ || ws_.bad_code.load(std::memory_order_relaxed);
            const auto rows = static_cast<std::int64_t>(ws_.samples);
            if (senseless || !member.watch->judge(rows))
                std::fill_n(static_cast<T*>(call.own_values), ws_.samples, static_cast<T>(NAN));
        }
        member.meet();
        take_in(net_, ws_, call, mine);
    }

    void fail_before_update(Call& call, std::int64_t step, double data) const {
        call.data[step] = call.objectives[step] = data;
        call.norms[step] = NAN;
        call.finite = false;
        call.intact = net_.program.running_size == 0;  // the forward pass has moved the moments
    }

    void report(Call& call, std::int64_t step) {
        call.objectives[step] = call.data[step] + updater_.penalty(call, step);
        call.norms[step] = std::sqrt(updater_.squared_norm());
        failed_ = !std::isfinite(static_cast<T>(call.objectives[step])) ||
                  !std::isfinite(call.norms[step]);
        if (failed_)
            call.finite = call.intact = false;
        else
            call.done = step + 1;
    }

    Network<T>& net_;
    Updater<T> updater_;
    Workspace<T> ws_;
    chainrule::Pace pace_;
    Tensor<T> own_input_;
    bool in_place_ = false;  // products read the samples out of the table
    bool stop_ = false;    // written by member 0 before the last meeting of a step
    bool failed_ = false;  // written by member 0 before the second meeting of the next step
};

}  // namespace CR_ISA
