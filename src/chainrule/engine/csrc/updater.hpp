// From gradients to new weights, for all parameters: clipping, the optimizer's step, projections.
//
// Decisions
// a) The work is a list of units (16 rows of a parameter) with their costs. Each member does those
//    whose place along the list falls into its share, so the list is never written to. Neighbours
//    are done together (see update.hpp).
// b) Without clipping, or with clipping by value, a unit's gradient goes straight into its update.
//    Clipping by norm needs all gradients first; several clippings act on them one after the other.
// c) Where a batch is cut into parts, their gradients are made before any of that: the same list once
//    for each part, part after part, so that a member finds the samples that it worked on itself. What
//    follows goes by another list, of panels in the order of memory, so that two members write to the
//    same neighbourhood in one place only.
#pragma once

#include "batch.hpp"
#include "update.hpp"

namespace CR_ISA {

template <class T>
class Updater {
   public:
    using Call = chainrule::TrainCall;

    explicit Updater(Network<T>& net) : net_(net) {
        list_tasks();
        const auto& clippings = net.program.clippings;
        whole_gradient_ = clippings.size() > 1 || (clippings.size() == 1 && !by_value(clippings[0]));
        if (clippings.size() == 1 && !whole_gradient_) cut_ = clippings[0].numbers[0];
    }

    // Makes room for a team and for batches of so many samples.
    void open(int members, std::size_t samples) {
        for (const auto& source : net_.sources)
            while (source.affine && source.parameter->parts.size() < cut_up_.parts(samples))
                source.parameter->parts.push_back(allocate<T>(source.parameter->elements + 64));
        while (scratch_.size() < static_cast<std::size_t>(members))
            scratch_.push_back(allocate<T>(scratch_size_ + 64));
        if (whole_gradient_) keep_gradient();
    }

    void keep_gradient() {
        for (auto& p : net_.parameters)
            if (!p->g) p->g = allocate<T>(p->elements + 64);
    }

    // The gradient of all parameters, penalties included. Ends with a meeting.
    void collect(const Workspace<T>& ws, const Call& call, std::int64_t step, const Member& member) {
        Scalars<T> scalars;
        find_tops(member);
        make_parts(ws, member);
        for_my_tasks(ws, rule_for(call, step, scalars), Purpose::collect, member);
        member.meet();
    }

    // Whether new weights leave the caches of those who make them.
    void stream(bool streams) { streams_ = streams && kStreams; }

    // One update of all parameters. The team must meet before it reads them.
    void update(const Workspace<T>& ws, const Call& call, std::int64_t step, const Member& member) {
        Scalars<T> scalars;
        UpdateRule<T> rule = rule_for(call, step, scalars);
        if (whole_gradient_) {
            collect(ws, call, step, member);
            rule.shrink = clip(member);
            for_my_tasks(ws, rule, Purpose::apply, member);
        } else {
            find_tops(member);
            make_parts(ws, member);
            for_my_tasks(ws, rule, Purpose::update, member);
        }
        if (streams_) fence_streams();
        if (net_.max_norm > 0) {
            member.meet();
            project(member);
        }
    }

    // The squared norm of the gradient before clipping.
    double squared_norm() const {
        double total = 0;
        for (const auto& p : net_.parameters)
            for (const auto& sums : p->sums) total += sums.squares;
        return total;
    }

    // The penalties at the weights before the update.
    double penalty(const Call& call, std::int64_t step) const {
        const double l2 = l2_of(call, step);
        double total = 0;
        if (net_.l1 == 0 && l2 == 0 && net_.tops.empty()) return total;
        for (const auto& p : net_.parameters) {
            if (!p->info.penalised) continue;
            for (const auto& sums : p->sums)
                total += net_.l1 * sums.absolute + 0.5 * l2 * sums.weights;
            if (p->top != nullptr) total += net_.spectral * p->top->value();
        }
        return total;
    }

   private:
    static bool by_value(const chainrule::PenaltyInfo& clipping) {
        return clipping.name == "clip_value";
    }

    void list_tasks() {
        for (std::size_t s = 0; s < net_.sources.size(); ++s) {
            const Source<T>& source = net_.sources[s];
            const Parameter<T>& p = *source.parameter;
            if (source.affine && source.which == 0)
                cut_up_.count(static_cast<std::size_t>(net_.program.tensors[source.X].rows_per_sample),
                              p.rows, p.columns);
            const bool panels = p.storage == Storage::panels;
            const double each = panels ? static_cast<double>(kUnitRows * p.ld)
                                       : static_cast<double>(kUnitRows + p.columns) / 4;
            for (std::size_t unit = 0; unit < p.units(); ++unit) tasks_.push_back({s, unit, each});
            const double tall = static_cast<double>(p.rows * 2 * Lanes<T>::count);
            for (std::size_t piece = 0; piece < (panels ? p.panels() : p.units()); ++piece)
                pieces_.push_back({s, piece, panels ? tall : each});
            const std::size_t at_once = p.storage == Storage::panels
                                            ? kGroupUnits * kUnitRows * 2 * Lanes<T>::count
                                            : kUnitRows * p.ld;
            scratch_size_ = std::max(scratch_size_, at_once);
        }
        line_up(tasks_);
        line_up(pieces_);
    }

    // From costs to places in [0, 1).
    static void line_up(std::vector<Task<T>>& tasks) {
        double total = 0, before = 0;
        for (const auto& task : tasks) total += task.cost;
        for (auto& task : tasks) {
            const double cost = task.cost;
            task.cost = (before + cost / 2) / total;
            before += cost;
        }
    }

    // Calls body(task, units) for this member's share of the list: a task, and how many units from
    // its own on can be done together with it. `turns` times through the list is the whole work, of
    // which this is number `turn`.
    template <class Body>
    void for_tasks(const Member& member, const Body& body, std::size_t turn = 0,
                   std::size_t turns = 1) const {
        const auto place = [&](int number) {
            return static_cast<double>(turns) * number / member.count - static_cast<double>(turn);
        };
        const double from = place(member.number), to = place(member.number + 1);
        std::size_t next = 0;
        while (next < tasks_.size() && tasks_[next].cost < from) ++next;
        while (next < tasks_.size() && tasks_[next].cost < to && member.working()) {
            const Task<T>& task = tasks_[next];
            const bool panels = net_.sources[task.source].parameter->storage == Storage::panels;
            const std::size_t most = std::min(next + (panels ? kGroupUnits : 1), tasks_.size());
            std::size_t last = next + 1;
            while (last < most && tasks_[last].source == task.source && tasks_[last].cost < to) ++last;
            body(task, last - next);
            next = last;
        }
    }

    // Calls body(source, number) for this member's share of the panels, and units of what has none.
    template <class Body>
    void for_pieces(const Member& member, const Body& body) const {
        const double from = static_cast<double>(member.number) / member.count;
        const double to = static_cast<double>(member.number + 1) / member.count;
        for (const Task<T>& piece : pieces_)
            if (piece.cost >= from && piece.cost < to && member.working())
                body(net_.sources[piece.source], piece.unit);
    }

    // The gradients of the parts of the batch. Ends with a meeting if there are any.
    void make_parts(const Workspace<T>& ws, const Member& member) {
        const std::size_t parts = cut_up_.parts(ws.samples);
        for (std::size_t part = 0; part < parts; ++part) {
            const Range samples = Cut::samples_of(ws.samples, part, parts);
            const auto make = [&](const Task<T>& task, std::size_t units) {
                const Source<T>& source = net_.sources[task.source];
                if (source.affine)
                    UnitWork<T>::make_part(ws, member, source, task.unit, units, part, samples);
            };
            for_tasks(member, make, part, parts);
        }
        if (parts != 0) member.meet();
    }

    void for_my_tasks(const Workspace<T>& ws, const UpdateRule<T>& step, Purpose purpose,
                      const Member& member) {
        const std::size_t parts = cut_up_.parts(ws.samples);
        UnitWork<T> work(ws, member, net_.optimizer->update, net_.spectral, purpose, parts,
                         scratch_[member.number].get());
        const auto rule_for_source = [&](const Source<T>& source) {
            UpdateRule<T> rule = rule_of(step, *source.parameter);
            if (purpose == Purpose::apply) rule.l1 = rule.l2 = 0;
            return rule;
        };
        if (parts == 0)
            return for_tasks(member, [&](const Task<T>& task, std::size_t units) {
                const Source<T>& source = net_.sources[task.source];
                work.run(source, task.unit, units, rule_for_source(source));
            });
        for_pieces(member, [&](const Source<T>& source, std::size_t number) {
            if (source.parameter->storage == Storage::panels)
                work.run_panel(source, number, rule_for_source(source));
            else
                work.run(source, number, 1, rule_for_source(source));
        });
    }

    void find_tops(const Member& member) {
        if (net_.tops.empty()) return;
        std::size_t turn = 0;
        for (const auto& p : net_.parameters) {
            if (p->top == nullptr || turn++ % member.count != static_cast<std::size_t>(member.number))
                continue;
            p->top->compute(
                [&](std::size_t row, std::size_t column) {
                    return static_cast<double>(p->w[p->place(row, column)]);
                },
                [&] { return member.working(); });
        }
        member.meet();
    }

    // The rule of a step; `scalars` must live as long as it does.
    UpdateRule<T> rule_for(const Call& call, std::int64_t step, Scalars<T>& scalars) const {
        UpdateRule<T> rule{};
        double prepared[kMostScalars] = {};
        const double* numbers = call.optimizer_numbers == nullptr
                                    ? net_.program.optimizer_numbers.data()
                                    : call.optimizer_numbers + step * call.optimizer_width;
        net_.optimizer->prepare(numbers, call.step + step + 1, prepared);
        for (int k = 0; k < kMostScalars; ++k) scalars[k] = set1<T>(static_cast<T>(prepared[k]));
        rule.scalars = scalars;
        rule.rate = static_cast<T>(call.rates[step]);
        rule.keep = static_cast<T>(call.decays[step]);
        rule.cut = static_cast<T>(cut_);
        rule.shrink = 1;
        rule.streams = streams_;
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

    // Coefficient of the squared weights in a step, with what is shared out over its rows.
    double l2_of(const Call& call, std::int64_t step) const {
        if (net_.l2_shared <= 0) return net_.l2;
        const T divisor = BatchRows<T>(net_, call, step).divisor();
        return net_.l2 + (divisor != 0 ? net_.l2_shared / static_cast<double>(divisor) : 0.0);
    }

    // Clips the collected gradient. Returns the factor that the update still has to apply.
    T clip(const Member& member) {
        const auto& clippings = net_.program.clippings;
        double squares = squared_norm();
        for (std::size_t k = 0; k < clippings.size(); ++k) {
            const double limit = clippings[k].numbers[0], norm = std::sqrt(squares);
            const bool value = by_value(clippings[k]);
            const bool shorten = !value && norm > limit && std::isfinite(norm);
            const T shrink = shorten ? static_cast<T>(limit / norm) : T(1);
            if (k + 1 == clippings.size() && !value) return shrink;
            const T cut = value && std::isfinite(norm) ? static_cast<T>(limit) : T(0);
            squares = reshape(member, cut, shrink);
        }
        return T(1);
    }

    // Cuts and shrinks the collected gradient where it stands and returns its squared norm.
    double reshape(const Member& member, T cut, T shrink) {
        for_tasks(member, [&](const Task<T>& task, std::size_t units) {
            Parameter<T>& p = *net_.sources[task.source].parameter;
            for (std::size_t unit = task.unit; unit < task.unit + units; ++unit) {
                double squares = 0;
                each_kept(p, unit, [&](T& g) {
                    if (cut > 0) g = std::clamp(g, -cut, cut);
                    g *= shrink;
                    squares += static_cast<double>(g) * static_cast<double>(g);
                });
                p.clipped[unit] = squares;
            }
        });
        member.meet();
        double total = 0;
        for (const auto& p : net_.parameters)
            for (const double squares : p->clipped) total += squares;
        member.meet();
        return total;
    }

    template <class Body>
    static void each_kept(Parameter<T>& p, std::size_t unit, const Body& body) {
        const std::size_t last = std::min((unit + 1) * kUnitRows, p.rows);
        for (std::size_t row = unit * kUnitRows; row < last; ++row)
            for (std::size_t column = 0; column < p.columns; ++column) body(p.g[p.place(row, column)]);
    }

    // Max-norm: each unit's incoming weights, a column, are shortened to the limit.
    void project(const Member& member) {
        const T limit = static_cast<T>(net_.max_norm);
        for (const auto& p : net_.parameters) {
            if (!p->info.penalised) continue;
            const Range mine = member.share_of(p->column ? 1 : p->columns);
            for (std::size_t column = mine.first; column < mine.last && member.working(); ++column)
                shorten(*p, column, limit);
        }
        member.meet();
        for (const auto& p : net_.parameters)
            if (member.number == 0 && p->info.penalised) p->transpose(p->whole());
    }

    static void shorten(Parameter<T>& p, std::size_t column, T limit) {
        const std::size_t count = p.column ? p.columns : p.rows;
        const auto weight = [&](std::size_t row) -> T& {
            return p.w[p.column ? p.place(0, row) : p.place(row, column)];
        };
        double squares = 0;
        for (std::size_t row = 0; row < count; ++row) {
            const double w = weight(row);
            squares += w * w;
        }
        const double norm = std::sqrt(squares);
        if (!(norm > static_cast<double>(limit))) return;
        const T factor = static_cast<T>(static_cast<double>(limit) / norm);
        for (std::size_t row = 0; row < count; ++row) weight(row) *= factor;
    }

    Network<T>& net_;
    std::vector<Task<T>> tasks_;   // units
    std::vector<Task<T>> pieces_;  // panels, and units of what has none
    std::size_t scratch_size_ = 0;
    std::vector<Memory<T>> scratch_;
    Cut cut_up_;
    bool whole_gradient_ = false, streams_ = false;
    double cut_ = 0;  // of clipping by value in the update itself
};

}  // namespace CR_ISA
