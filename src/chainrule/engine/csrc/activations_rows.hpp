// Activations that mix the elements of a row: softmax and log-softmax.
//
// Decisions
// a) They give `value_row` and `backward_row` instead of value and slope; h may stand in z's place
//    and dz in dh's.
// b) Only `width` lanes are read; padding of h and dz is written 0.
#pragma once

#include "activations_elementwise.hpp"
#include "rows.hpp"

namespace CR_ISA {

struct Rowwise {
    static constexpr bool rowwise = true;
    static constexpr int learned = 0;
    static constexpr Needs needs = Needs::output;
};

struct Softmax : Rowwise {
    static constexpr const char* name = "softmax";

    template <class T>
    static CR_INLINE void value_row(const T* z, T* h, std::size_t width) {
        const auto keep = [&](std::size_t column, Vec<T> exponential) CR_INLINE_BODY {
            store(h + column, exponential);
        };
        const Scores<T> scores = row_scores(z, width, keep);
        const Vec<T> share = set1<T>(1) / (set1<T>(1) + scores.rest);
        for_columns<T>(width, [&](std::size_t column, auto inside) CR_INLINE_BODY {
            store(h + column, within(inside, load(h + column) * share, Vec<T>{}));
        });
    }
    // dz = h (dh - sum of dh h)
    template <class T>
    static CR_INLINE void backward_row(const T* dh, const T*, const T* h, T* dz,
                                       std::size_t width) {
        Vec<T> sum{};
        for_columns<T>(width, [&](std::size_t column, auto inside) CR_INLINE_BODY {
            sum += within(inside, load(dh + column) * load(h + column), Vec<T>{});
        });
        const Vec<T> total = set1<T>(lane_sum<T>(sum));
        for_columns<T>(width, [&](std::size_t column, auto inside) CR_INLINE_BODY {
            const Vec<T> by_score = load(h + column) * (load(dh + column) - total);
            store(dz + column, within(inside, by_score, Vec<T>{}));
        });
    }
};

struct LogSoftmax : Rowwise {
    static constexpr const char* name = "log_softmax";

    template <class T>
    static CR_INLINE void value_row(const T* z, T* h, std::size_t width) {
        const Scores<T> scores = row_scores(z, width, [](std::size_t, Vec<T>) {});
        const Vec<T> logarithm = vlog1p<T>(scores.rest);
        for_columns<T>(width, [&](std::size_t column, auto inside) CR_INLINE_BODY {
            const Vec<T> value = load(z + column) - scores.top - logarithm;
            store(h + column, within(inside, value, Vec<T>{}));
        });
    }
    // dz = dh - e^h (sum of dh)
    template <class T>
    static CR_INLINE void backward_row(const T* dh, const T*, const T* h, T* dz,
                                       std::size_t width) {
        Vec<T> sum{};
        for_columns<T>(width, [&](std::size_t column, auto inside) CR_INLINE_BODY {
            sum += within(inside, load(dh + column), Vec<T>{});
        });
        const Vec<T> total = set1<T>(lane_sum<T>(sum));
        for_columns<T>(width, [&](std::size_t column, auto inside) CR_INLINE_BODY {
            const Vec<T> by_score = load(dh + column) - vexp<T>(load(h + column)) * total;
            store(dz + column, within(inside, by_score, Vec<T>{}));
        });
    }
};

}  // namespace CR_ISA
