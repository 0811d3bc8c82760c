// The table of losses: value and gradient of rows, by the name in the Python registry.
//
// Decisions
// a) A new loss is one Python record, one struct in losses_rows.hpp and its place in `Losses`.
// b) One call gives the values and, where it is asked for, the gradient times the factor of each
//    row (`row_factors` in Python: weights, mean or sum), so the two cannot disagree.
// c) Rows do not depend on each other: their bits are the same in a batch of any size.
#pragma once

#include "activations.hpp"
#include "losses_rows.hpp"

namespace CR_ISA {

using Losses = List<SquaredError, AbsoluteError, Huber, Pinball, Poisson, GaussianNll,
                    BinaryCrossEntropy, SoftmaxCrossEntropy>;

template <class T>
struct LossTable {
    const char* name;
    int parameters;
    std::size_t raw_per_target;
    // gradient (and with it factors) may be null; it has raw's row length and aliases nothing.
    void (*run)(const LossArgs<T>&, const T* raw, std::size_t raw_ld, const T* Y, std::size_t y_ld,
                T* values, T* gradient, const T* factors, std::size_t rows, std::size_t targets,
                std::size_t raw_width);
};

// One target: a vector holds several rows.
template <class L, class T>
void run_single(const LossArgs<T>& args, const T* raw, std::size_t raw_ld, const T* Y,
                std::size_t y_ld, T* values, T* gradient, const T* factors, std::size_t rows) {
    constexpr std::size_t lanes = Lanes<T>::count;
    for (std::size_t row = 0; row < rows; row += lanes) {
        const std::size_t left = rows - row, count = left < lanes ? left : lanes;
        T* const by_raw = gradient ? gradient + row * raw_ld : nullptr;
        const T* const factor = gradient ? factors + row : nullptr;
        L::template single<T>(args, raw + row * raw_ld, raw_ld, Y + row * y_ld, y_ld, values + row,
                              by_raw, factor, count);
    }
}

template <class L, class T>
void run_loss(const LossArgs<T>& args, const T* raw, std::size_t raw_ld, const T* Y,
              std::size_t y_ld, T* values, T* gradient, const T* factors, std::size_t rows,
              std::size_t targets, std::size_t raw_width) {
    if (gradient)
        for (std::size_t row = 0; row < rows; ++row)
            zero_from(gradient + row * raw_ld, raw_width, raw_ld);
    if constexpr (requires { &L::template single<T>; })
        if (targets == 1) {
            run_single<L>(args, raw, raw_ld, Y, y_ld, values, gradient, factors, rows);
            return;
        }
    const auto row_at = [&](std::size_t row) CR_INLINE_BODY {
        T* const by_raw = gradient ? gradient + row * raw_ld : nullptr;
        const T factor = gradient ? factors[row] : T(1);
        return LossRow<T>{raw + row * raw_ld, Y + row * y_ld, by_raw, factor, targets};
    };
    if constexpr (requires { &L::template group<T>; }) {
        constexpr std::size_t lanes = Lanes<T>::count;
        for (std::size_t row = 0; row < rows; row += lanes) {
            const std::size_t count = rows - row < lanes ? rows - row : lanes;
            LossRow<T> group[lanes];
            for (std::size_t i = 0; i < count; ++i) group[i] = row_at(row + i);
            L::template group<T>(args, group, values + row, count);
        }
    } else {
        for (std::size_t row = 0; row < rows; ++row) values[row] = L::template row<T>(args, row_at(row));
    }
}

// The entry of that name, or null.
template <class T, class... L>
const LossTable<T>* find_loss_in(List<L...>, const char* name) {
    static constexpr LossTable<T> tables[] = {
        {L::name, L::parameters, L::raw_per_target, run_loss<L, T>}...};
    for (const LossTable<T>& table : tables)
        if (std::strcmp(table.name, name) == 0) return &table;
    return nullptr;
}

template <class T>
const LossTable<T>* find_loss(const char* name) {
    return find_loss_in<T>(Losses{}, name);
}

}  // namespace CR_ISA
