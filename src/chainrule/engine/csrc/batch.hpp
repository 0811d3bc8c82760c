// One batch through a network: samples in, forward, loss, backward.
//
// Decisions
// a) Threads share a batch by samples. A thread's samples go through the operations in blocks of
//    112, so activations are still in the cache when the next operation reads them.
// b) Where only products read the samples, these take them out of the table as it is: they need neither
//    padding nor neighbours.
// c) Batch norm needs all samples at once: it ends a segment, and the team meets in it.
#pragma once

#include "build.hpp"

namespace CR_ISA {

constexpr std::size_t kBlockSamples = 112;

template <class T>
void load_sample(Workspace<T>& ws, std::size_t place, const T* from) {
    Tensor<T>& X = ws.tensors[0];
    for (std::size_t t = 0; t < X.rows_per_sample; ++t)
        std::memcpy(X.value + (place * X.rows_per_sample + t) * X.ld, from + t * X.width,
                    X.width * sizeof(T));
}

template <class T>
void copy_raw(const Network<T>& net, const Workspace<T>& ws, T* to) {
    const Tensor<T>& raw = ws.tensors[net.program.output];
    if (raw.width == 1) {  // a call for each number would take longer than the number
        for (std::size_t i = 0; i < ws.samples; ++i) to[i] = raw.value[i * raw.ld];
        return;
    }
    for (std::size_t i = 0; i < ws.samples; ++i)
        std::memcpy(to + i * raw.width, raw.value + i * raw.ld, raw.width * sizeof(T));
}

// Calls body(block) for blocks of samples, from the first to the last or the other way.
template <class Body>
CR_INLINE void for_blocks(Range mine, bool down, const Body& body) {
    const std::size_t count = mine.last - mine.first;
    for (std::size_t done = 0; done < count; done += kBlockSamples) {
        const std::size_t next = std::min(done + kBlockSamples, count);
        body(down ? Range{mine.last - next, mine.last - done}
                  : Range{mine.first + done, mine.first + next});
    }
}

template <class T>
void forward(const Network<T>& net, Workspace<T>& ws, const Member& member, Range mine) {
    for (const Segment& segment : net.segments) {
        if (segment.together) {
            for (std::size_t k = segment.begin; k < segment.end; ++k)
                net.nodes[k]->forward(ws, member, mine);
            continue;
        }
        for_blocks(mine, member.down(), [&](Range block) {
            for (std::size_t k = segment.begin; k < segment.end && member.working(); ++k)
                net.nodes[k]->forward(ws, member, block);
        });
    }
}

template <class T>
void backward(const Network<T>& net, Workspace<T>& ws, const Member& member, Range mine) {
    const auto back = [&](std::size_t k, Range samples) {
        if (net.nodes[k]->info.reached) net.nodes[k]->backward(ws, member, samples);
    };
    for (std::size_t s = net.segments.size(); s-- > 0;) {
        const Segment& segment = net.segments[s];
        if (segment.together) {
            for (std::size_t k = segment.end; k-- > segment.begin;) back(k, mine);
            continue;
        }
        for_blocks(mine, member.down(), [&](Range block) {
            for (std::size_t k = segment.end; k-- > segment.begin && member.working();)
                back(k, block);
        });
    }
}

// The rows of a call that make up one step.
template <class T>
class BatchRows {
   public:
    using Call = chainrule::TrainCall;

    BatchRows(const Network<T>& net, const Call& call, std::int64_t step)
        : net_(net),
          call_(call),
          first_(step * call.batch),
          samples_(static_cast<std::size_t>(std::min(call.batch, call.count - first_))) {}

    std::size_t samples() const { return samples_; }

    Moment moment(std::int64_t step) const {
        return {call_.epoch, static_cast<std::uint64_t>(call_.first_row + first_),
                call_.factors + step * static_cast<std::int64_t>(net_.noisy)};
    }

    // Copies these samples and their targets, and works out their factors in the objective, `whole`
    // being the divisor.
    void gather(Workspace<T>& ws, Range mine, T whole) const {
        const Tensor<T> X = ws.tensors[0];
        const std::size_t width = X.width * X.rows_per_sample;
        const T* const all_X = static_cast<const T*>(call_.X);
        if (X.picks == nullptr)
            copy_rows(mine, all_X, call_.x_stride, [&](std::size_t i, const T* from) {
                if (X.rows_per_sample == 1)
                    std::memcpy(X.value + i * X.ld, from, width * sizeof(T));
                else
                    load_sample(ws, i, from);
            });
        T* const Y = ws.Y.get();
        const std::size_t targets = static_cast<std::size_t>(net_.program.targets), y_ld = ws.y_ld;
        const T* const all_Y = static_cast<const T*>(call_.Y);
        copy_rows(mine, all_Y, call_.y_stride, [&](std::size_t i, const T* from) {
            for (std::size_t k = 0; k < targets; ++k) Y[i * y_ld + k] = from[k];
        });
        T* const factors = ws.factors.get();
        if (call_.weights == nullptr)
            std::fill(factors + mine.first, factors + mine.last, T(1) / whole);
        else
            for (std::size_t i = mine.first; i < mine.last; ++i)
                factors[i] = whole != 0 ? weight(i) / whole : T(0);
    }

    // The numbers of the rows in the table.
    const std::int64_t* picks() const { return call_.order + first_; }

    // What the data term is divided by: the sum of the weights, or 1 for a plain sum.
    T divisor() const {
        if (!net_.program.mean_reduction) return T(1);
        if (call_.weights == nullptr) return static_cast<T>(samples_);
        double total = 0;
        for (std::size_t i = 0; i < samples_; ++i) total += static_cast<double>(weight(i));
        return static_cast<T>(total);
    }

   private:
    // Calls copy(place, row) for each sample.
    template <class Copy>
    CR_INLINE void copy_rows(Range mine, const T* from, std::int64_t stride, const Copy& copy) const {
        const std::int64_t* const order = call_.order + first_;
        for (std::size_t i = mine.first; i < mine.last; ++i) copy(i, from + order[i] * stride);
    }

    T weight(std::size_t i) const {
        return static_cast<const T*>(call_.weights)[call_.order[first_ + static_cast<std::int64_t>(i)]];
    }

    const Network<T>& net_;
    const Call& call_;
    std::int64_t first_;
    std::size_t samples_;
};

// Losses of these samples, and the gradient of the raw outputs.
template <class T>
void loss(const Network<T>& net, Workspace<T>& ws, Range mine) {
    const Tensor<T>& raw = ws.tensors[net.program.output];
    const std::size_t at = mine.first;
    net.loss->run(net.loss_args, raw.value + at * raw.ld, raw.ld, ws.Y.get() + at * ws.y_ld, ws.y_ld,
                  ws.losses.get() + at, raw.gradient + at * raw.ld, ws.factors.get() + at,
                  mine.last - mine.first, static_cast<std::size_t>(net.program.targets), raw.width);
}

// What the caller's own loss reads of these samples.
template <class T>
void hand_out(const Network<T>& net, const Workspace<T>& ws, const chainrule::TrainCall& call, Range mine) {
    const Tensor<T>& raw = ws.tensors[net.program.output];
    const std::size_t targets = static_cast<std::size_t>(net.program.targets);
    T* const all_raw = static_cast<T*>(call.own_raw);
    T* const all_Y = static_cast<T*>(call.own_Y);
    for (std::size_t i = mine.first; i < mine.last; ++i) {
        std::copy_n(raw.value + i * raw.ld, raw.width, all_raw + i * raw.width);
        std::copy_n(ws.Y.get() + i * ws.y_ld, targets, all_Y + i * targets);
    }
}

// What it said of these samples: losses, and the gradient of the raw outputs.
template <class T>
void take_in(const Network<T>& net, Workspace<T>& ws, const chainrule::TrainCall& call, Range mine) {
    const Tensor<T>& raw = ws.tensors[net.program.output];
    const T* const values = static_cast<const T*>(call.own_values);
    const T* const slopes = static_cast<const T*>(call.own_slopes);
    for (std::size_t i = mine.first; i < mine.last; ++i) {
        T* const gradient = raw.gradient + i * raw.ld;
        const T factor = ws.factors.get()[i];
        ws.losses.get()[i] = values[i];
        zero_from(gradient, raw.width, raw.ld);
        for (std::size_t k = 0; k < raw.width; ++k) gradient[k] = slopes[i * raw.width + k] * factor;
    }
}

// Sum of factor x loss in one fixed order: four chains, then their sum.
template <class T>
double data_objective(const Workspace<T>& ws) {
    double sums[4] = {0, 0, 0, 0};
    const T* const losses = ws.losses.get();
    const T* const factors = ws.factors.get();
    const auto term = [&](std::size_t i) {
        return static_cast<double>(losses[i]) * static_cast<double>(factors[i]);
    };
    std::size_t i = 0;
    for (; i + 4 <= ws.samples; i += 4)
        for (std::size_t chain = 0; chain < 4; ++chain) sums[chain] += term(i + chain);
    for (; i < ws.samples; ++i) sums[i % 4] += term(i);
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

}  // namespace CR_ISA
