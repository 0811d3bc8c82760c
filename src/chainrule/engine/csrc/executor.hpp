// Running a program: forward, loss, backward, update, step after step without leaving C++.
//
// Decisions
// a) Threads share a batch by samples in the forward and backward passes, and by units of 16 weight
//    rows in the update. They meet twice a step (and around each batch norm). No sum crosses
//    threads: each is made by one thread in an order that the number of threads does not touch.
// b) A thread's samples go through the operations in blocks of 112, so activations are still in the
//    cache when the next operation reads them.
// c) Whether a step's objective is finite is known before the update, so weights survive it. If the
//    gradient alone overflowed, the caller repeats the call up to the step before (same bits).
#pragma once

#include <chrono>
#include <cmath>
#include <memory>
#include <mutex>

#include "build.hpp"
#include "engine.hpp"
#include "update.hpp"

namespace CR_ISA {

constexpr std::size_t kBlockSamples = 112;
constexpr std::size_t kPredictionBlock = 256;

template <class T>
class Executor final : public chainrule::Engine {
   public:
    explicit Executor(const Program& program) : net_(program) { plan_tasks(); }

    void import_vector(int which, const void* flat) override {
        const T* from = static_cast<const T*>(flat);
        for (auto& p : net_.parameters) {
            p->import(from, which < 0 ? p->w.get() : p->slots[which].get());
            if (which < 0) p->transpose_rows(0, p->rows);
            from += p->rows * p->columns;
        }
    }

    void export_vector(int which, void* flat) const override {
        T* to = static_cast<T*>(flat);
        for (const auto& p : net_.parameters) {
            p->export_to(which < 0 ? p->w.get() : p->slots[which].get(), to);
            to += p->rows * p->columns;
        }
    }

    void import_running(const void* flat) override {
        std::memcpy(net_.running.get(), flat, net_.program.running_size * sizeof(T));
    }

    void export_running(void* flat) const override {
        std::memcpy(flat, net_.running.get(), net_.program.running_size * sizeof(T));
    }

    bool bad_code() override { return bad_code_.exchange(false); }

    void train(chainrule::TrainCall& call, int threads, const chainrule::Poll& poll) override {
        prepare(static_cast<std::size_t>(std::min(call.batch, call.count)), threads);
        ws_.training = true;
        stop_ = false;
        Barrier barrier(threads);
        const auto began = std::chrono::steady_clock::now();
        last_poll_ = began;
        chainrule::Pool::of_process().run(threads, [&](int number) {
            const Member member{number, threads, &barrier};
            const std::int64_t steps = (call.count + call.batch - 1) / call.batch;
            for (std::int64_t step = 0; step < steps && !stop_; ++step) one_step(call, step, member, poll);
        });
    }

    void gradient(chainrule::TrainCall& call, bool training, void* flat, void* raw,
                  int threads) override {
        prepare(static_cast<std::size_t>(call.count), threads);
        for (auto& p : net_.parameters)
            if (!p->g) p->g = allocate<T>(p->elements + 64);
        ws_.training = training;
        Barrier barrier(threads);
        chainrule::Pool::of_process().run(threads, [&](int number) {
            const Member member{number, threads, &barrier};
            pass(call, 0, member);
            member.meet();
            collect(member, rule_for(call, 0));
        });
        call.data[0] = data_objective();
        report(call, 0);
        T* to = static_cast<T*>(flat);
        for (const auto& p : net_.parameters) {
            p->export_to(p->g.get(), to);
            to += p->rows * p->columns;
        }
        copy_raw(ws_, ws_.samples, static_cast<T*>(raw));
    }

    void predict(const void* X, std::int64_t x_stride, std::int64_t count, void* raw,
                 int threads) override {
        const T* from = static_cast<const T*>(X);
        T* to = static_cast<T*>(raw);
        const std::size_t width = net_.raw_width();
        const auto blocks = (static_cast<std::size_t>(count) + kPredictionBlock - 1) / kPredictionBlock;
        const int team = static_cast<int>(std::min<std::size_t>(threads, blocks));
        const auto job = [&](int number) {
            auto ws = borrow(std::min<std::size_t>(kPredictionBlock, count));
            Barrier alone(1);
            const Range mine = share(blocks, number, std::max(team, 1));
            for (std::size_t block = mine.first; block < mine.last; ++block) {
                const std::size_t first = block * kPredictionBlock;
                const std::size_t last = std::min<std::size_t>(first + kPredictionBlock, count);
                ws->samples = last - first;
                for (std::size_t i = first; i < last; ++i)
                    load_sample(*ws, i - first, from + static_cast<std::int64_t>(i) * x_stride);
                forward(*ws, Member{0, 1, &alone}, {0, ws->samples});
                copy_raw(*ws, ws->samples, to + first * width);
            }
            if (ws->bad_code.exchange(false)) bad_code_ = true;
            give_back(std::move(ws));
        };
        if (team <= 1)
            job(0);
        else
            chainrule::Pool::of_process().run(team, job);
    }

   private:
    using Call = chainrule::TrainCall;

    void plan_tasks() {
        double total = 0;
        for (std::size_t s = 0; s < net_.sources.size(); ++s) {
            const Parameter<T>& p = *net_.sources[s].parameter;
            for (std::size_t unit = 0; unit < p.units(); ++unit) {
                const double cost = p.storage == Storage::panels
                                        ? static_cast<double>(kUnitRows * p.columns)
                                        : static_cast<double>(kUnitRows + p.columns) / 4;
                tasks_.push_back({s, unit, cost});
                total += cost;
            }
            largest_unit_ = std::max(largest_unit_, kUnitRows * (p.ld + 2 * Lanes<T>::count));
        }
        double before = 0;
        for (auto& task : tasks_) {
            const double cost = task.cost;
            task.cost = (before + cost / 2) / total;  // from here on: place in [0, 1)
            before += cost;
        }
    }

    void prepare(std::size_t samples, int threads) {
        if (ws_.capacity < samples) net_.open(ws_, samples, true);
        while (scratch_.size() < static_cast<std::size_t>(threads))
            scratch_.push_back(allocate<T>(largest_unit_ + 64));
        if (net_.clip_norm > 0)
            for (auto& p : net_.parameters)
                if (!p->g) p->g = allocate<T>(p->elements + 64);
    }

    void one_step(Call& call, std::int64_t step, const Member& member, const chainrule::Poll& poll) {
        pass(call, step, member);
        member.meet();
        const double data = data_objective();
        if (!std::isfinite(data)) {
            if (member.number == 0) {
                call.data[step] = call.objectives[step] = data;
                call.norms[step] = NAN;
                call.finite = false;
            }
            member.meet();
            stop_ = true;
            return;
        }
        if (member.number == 0) call.data[step] = data;
        const UpdateRule<T> rule = rule_for(call, step);
        update(member, rule);
        if (member.number == 0) stop_next_ = !keep_going(step + 1, poll);
        member.meet();
        if (member.number == 0) {
            report(call, step);
            call.done = step + 1;
        }
        if (stop_next_) stop_ = true;
    }

    // Gather, forward, loss, backward for this member's samples.
    void pass(Call& call, std::int64_t step, const Member& member) {
        const std::int64_t first = step * call.batch;
        const auto samples = static_cast<std::size_t>(std::min(call.batch, call.count - first));
        if (member.number == 0) {
            ws_.samples = samples;
            ws_.moment = {call.epoch, static_cast<std::uint64_t>(call.first_row + first),
                          call.factors + step * net_.noisy};
        }
        if (member.count > 1) member.meet();
        const Range mine = member.share_of(samples);
        gather(call, first, mine, samples);
        forward(ws_, member, mine);
        loss(mine);
        backward(member, mine);
    }

    void load_sample(Workspace<T>& ws, std::size_t place, const T* from) const {
        Tensor<T>& X = ws.tensors[0];
        for (std::size_t t = 0; t < X.rows_per_sample; ++t)
            std::memcpy(X.value + (place * X.rows_per_sample + t) * X.ld, from + t * X.width,
                        X.width * sizeof(T));
    }

    void gather(const Call& call, std::int64_t first, Range mine, std::size_t samples) {
        const T* X = static_cast<const T*>(call.X);
        const T* Y = static_cast<const T*>(call.Y);
        const T* weights = static_cast<const T*>(call.weights);
        const std::int64_t* order = call.order + first;
        const auto targets = static_cast<std::size_t>(net_.program.targets);
        const T divisor = divisor_of(call, first, samples);
        for (std::size_t i = mine.first; i < mine.last; ++i) {
            load_sample(ws_, i, X + order[i] * call.x_stride);
            std::memcpy(ws_.Y.get() + i * ws_.y_ld, Y + order[i] * call.y_stride, targets * sizeof(T));
            const T weight = weights == nullptr ? T(1) : weights[order[i]];
            ws_.factors[i] = divisor != 0 ? weight / divisor : T(0);
        }
    }

    // What the data term of a batch is divided by: the sum of its weights, or 1 for a plain sum.
    T divisor_of(const Call& call, std::int64_t first, std::size_t samples) const {
        if (!net_.program.mean_reduction) return T(1);
        if (call.weights == nullptr) return static_cast<T>(samples);
        const T* weights = static_cast<const T*>(call.weights);
        T total = 0;
        for (std::size_t i = 0; i < samples; ++i) total += weights[call.order[first + i]];
        return total;
    }

    // Coefficient of the squared weights in a step, with what is shared out over its rows.
    double l2_of(const Call& call, std::int64_t step) const {
        if (net_.l2_shared <= 0) return net_.l2;
        const T divisor = divisor_of(call, step * call.batch, ws_.samples);
        return net_.l2 + (divisor != 0 ? net_.l2_shared / static_cast<double>(divisor) : 0.0);
    }

    void forward(Workspace<T>& ws, const Member& member, Range mine) const {
        each_segment([&](std::size_t begin, std::size_t end, bool together) {
            if (together) {
                for (std::size_t k = begin; k < end; ++k) net_.nodes[k]->forward(ws, member, mine);
                return;
            }
            for (std::size_t at = mine.first; at < mine.last; at += kBlockSamples) {
                const Range block{at, std::min(at + kBlockSamples, mine.last)};
                for (std::size_t k = begin; k < end; ++k) net_.nodes[k]->forward(ws, member, block);
            }
        });
    }

    void backward(const Member& member, Range mine) {
        for (std::size_t s = net_.segments.size(); s-- > 0;) {
            const auto& segment = net_.segments[s];
            if (segment.together) {
                for (std::size_t k = segment.end; k-- > segment.begin;) back(k, member, mine);
                continue;
            }
            for (std::size_t at = mine.first; at < mine.last; at += kBlockSamples) {
                const Range block{at, std::min(at + kBlockSamples, mine.last)};
                for (std::size_t k = segment.end; k-- > segment.begin;) back(k, member, block);
            }
        }
    }

    void back(std::size_t k, const Member& member, Range samples) {
        const Node<T>& node = *net_.nodes[k];
        if (node.info.reached) node.backward(ws_, member, samples);
    }

    template <class Body>
    void each_segment(const Body& body) const {
        for (const auto& segment : net_.segments) body(segment.begin, segment.end, segment.together);
    }

    void loss(Range mine) {
        Tensor<T>& raw = ws_.tensors[net_.program.output];
        const std::size_t at = mine.first;
        net_.loss->run(net_.loss_args, raw.value + at * raw.ld, raw.ld, ws_.Y.get() + at * ws_.y_ld,
                       ws_.y_ld, ws_.losses.get() + at, raw.gradient + at * raw.ld,
                       ws_.factors.get() + at, mine.last - mine.first,
                       static_cast<std::size_t>(net_.program.targets), raw.width);
    }

    // Sum of factor x loss in one fixed order: four chains, then their sum.
    double data_objective() const {
        double sums[4] = {0, 0, 0, 0};
        for (std::size_t i = 0; i < ws_.samples; ++i)
            sums[i % 4] += static_cast<double>(ws_.losses[i]) * static_cast<double>(ws_.factors[i]);
        return (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }

    UpdateRule<T> rule_for(const Call& call, std::int64_t step) const {
        UpdateRule<T> rule{};
        double scalars[kMostScalars] = {};
        const double* numbers = call.optimizer_numbers == nullptr
                                    ? net_.program.optimizer_numbers.data()
                                    : call.optimizer_numbers + step * call.optimizer_width;
        net_.optimizer->prepare(numbers, call.step + step + 1, scalars);
        for (int k = 0; k < kMostScalars; ++k) rule.scalars[k] = set1<T>(static_cast<T>(scalars[k]));
        rule.rate = static_cast<T>(call.rates[step]);
        rule.keep = static_cast<T>(call.decays[step]);
        rule.cut = static_cast<T>(net_.clip_value);
        rule.shrink = 1;
        rule.l1 = static_cast<T>(net_.l1);
        rule.l2 = static_cast<T>(l2_of(call, step));
        return rule;
    }

    // The rule of a step for one parameter: its own factors, and penalties if it bears them.
    UpdateRule<T> rule_of(const UpdateRule<T>& step, const Parameter<T>& p) const {
        UpdateRule<T> rule = step;
        rule.rate = step.rate * static_cast<T>(p.info.rate_factor);
        const T decay = p.info.penalised ? step.keep * static_cast<T>(p.info.decay_factor) : T(0);
        rule.keep = decay != 0 ? T(1) - rule.rate * decay : T(1);
        if (!p.info.penalised) rule.l1 = rule.l2 = 0;
        return rule;
    }

    void for_my_tasks(const Member& member, const UpdateRule<T>& step, Purpose purpose) {
        UnitWork<T> work(ws_, net_.optimizer->update, purpose, scratch_[member.number].get());
        const double from = static_cast<double>(member.number) / member.count;
        const double to = static_cast<double>(member.number + 1) / member.count;
        for (const auto& task : tasks_) {
            if (task.cost < from || task.cost >= to) continue;
            const Source<T>& source = net_.sources[task.source];
            UpdateRule<T> rule = rule_of(step, *source.parameter);
            if (purpose == Purpose::apply) rule.l1 = rule.l2 = 0;
            work.run(source, task.unit, rule);
        }
    }

    void collect(const Member& member, const UpdateRule<T>& rule) {
        for_my_tasks(member, rule, Purpose::collect);
        member.meet();
    }

    void update(const Member& member, UpdateRule<T> rule) {
        if (net_.clip_norm <= 0) {
            for_my_tasks(member, rule, Purpose::update);
        } else {
            collect(member, rule);
            const double norm = std::sqrt(squared_norm());
            if (norm > net_.clip_norm && std::isfinite(norm))
                rule.shrink = static_cast<T>(net_.clip_norm / norm);
            for_my_tasks(member, rule, Purpose::apply);
        }
        if (net_.max_norm > 0) {
            member.meet();
            project(member);
        }
    }

    double squared_norm() const {
        double total = 0;
        for (const auto& p : net_.parameters)
            for (const auto& sums : p->sums) total += sums.squares;
        return total;
    }

    // Max-norm: each unit's incoming weights, a column, are shortened to the limit.
    void project(const Member& member) {
        const T limit = static_cast<T>(net_.max_norm);
        for (const auto& p : net_.parameters) {
            if (!p->info.penalised) continue;
            const Range mine = member.share_of(p->columns);
            for (std::size_t column = mine.first; column < mine.last; ++column) shorten(*p, column, limit);
        }
        member.meet();
        for (const auto& p : net_.parameters)
            if (member.number == 0 && p->info.penalised) p->transpose_rows(0, p->rows);
    }

    static void shorten(Parameter<T>& p, std::size_t column, T limit) {
        double squares = 0;
        for (std::size_t row = 0; row < p.rows; ++row) {
            const double w = p.w[p.place(row, column)];
            squares += w * w;
        }
        const double norm = std::sqrt(squares);
        if (!(norm > static_cast<double>(limit))) return;
        const T factor = static_cast<T>(static_cast<double>(limit) / norm);
        for (std::size_t row = 0; row < p.rows; ++row) p.w[p.place(row, column)] *= factor;
    }

    void report(Call& call, std::int64_t step) const {
        double penalty = 0;
        const double l2 = l2_of(call, step);
        for (const auto& p : net_.parameters)
            for (const auto& sums : p->sums)
                if (p->info.penalised)
                    penalty += net_.l1 * sums.absolute + 0.5 * l2 * sums.weights;
        call.objectives[step] = call.data[step] + penalty;
        call.norms[step] = std::sqrt(squared_norm());
    }

    bool keep_going(std::int64_t done, const chainrule::Poll& poll) {
        if (poll.ask == nullptr || (done & poll_mask_) != 0) return true;
        const auto now = std::chrono::steady_clock::now();
        if (now - last_poll_ < std::chrono::milliseconds(50)) return true;
        last_poll_ = now;
        return poll.ask(poll.context, done);
    }

    void copy_raw(const Workspace<T>& ws, std::size_t samples, T* to) const {
        const Tensor<T>& raw = ws.tensors[net_.program.output];
        for (std::size_t i = 0; i < samples; ++i)
            std::memcpy(to + i * raw.width, raw.value + i * raw.ld, raw.width * sizeof(T));
    }

    std::unique_ptr<Workspace<T>> borrow(std::size_t samples) {
        {
            std::lock_guard<std::mutex> guard(spare_mutex_);
            if (!spare_.empty() && spare_.back()->capacity >= samples) {
                auto ws = std::move(spare_.back());
                spare_.pop_back();
                return ws;
            }
        }
        auto ws = std::make_unique<Workspace<T>>();
        net_.open(*ws, samples, false);
        return ws;
    }

    void give_back(std::unique_ptr<Workspace<T>> ws) {
        std::lock_guard<std::mutex> guard(spare_mutex_);
        spare_.push_back(std::move(ws));
    }

    Network<T> net_;
    Workspace<T> ws_;
    std::vector<Task<T>> tasks_;
    std::size_t largest_unit_ = 0;
    std::vector<Memory<T>> scratch_;
    std::mutex spare_mutex_;
    std::vector<std::unique_ptr<Workspace<T>>> spare_;
    std::atomic<bool> bad_code_{false};
    std::atomic<bool> stop_{false};
    bool stop_next_ = false;
    std::int64_t poll_mask_ = 15;
    std::chrono::steady_clock::time_point last_poll_;
};

}  // namespace CR_ISA
