// Affine maps to one number: the last layer of most regressions and of every two-class network.
//
// Decisions
// a) In panels a single column fills one lane of each vector, and the products, the update and the
//    optimizer's slots carry the others along. Here the weights lie in a row, and vectors run along
//    the inputs: a step of 2-16-16-1 with batch 32 takes three quarters of the time.
// b) A sum over the inputs is one vector of partial sums, then its lanes in the order of `lane_sum`;
//    a sum over rows goes in blocks of 16 rows, as `sum_rows`. Neither depends on batch or threads.
// c) Inputs beyond the width are never read: the batch may stand in the caller's table.
#pragma once

#include "node.hpp"
#include "parts.hpp"
#include "rows.hpp"

namespace CR_ISA {

template <class T>
struct ColumnNode final : Node<T> {
    static constexpr std::size_t L = Lanes<T>::count;

    void forward(Workspace<T>& ws, const Member&, Range samples) const override {
        const Tensor<T>& X = this->in(ws);
        Tensor<T>& Z = this->out(ws);
        const Range rows = this->rows_of(X, samples);
        std::size_t row = rows.first;
        for (; row + 4 <= rows.last; row += 4) some_rows<4>(X, Z, row);
        for (; row < rows.last; ++row) some_rows<1>(X, Z, row);
    }

    void backward(Workspace<T>& ws, const Member&, Range samples) const override {
        const chainrule::GradientInfo target = this->info.gradients[0];
        if (!target.wanted) return;
        const Tensor<T>& X = this->in(ws);
        const Tensor<T>& Z = this->out(ws);
        const Range rows = this->rows_of(X, samples);
        const T* const w = this->owned[0]->w.get();
        for (std::size_t row = rows.first; row < rows.last; ++row) {
            const Vec<T> dz = set1<T>(Z.gradient[row * Z.ld]);
            T* const to = X.gradient + row * X.ld;
            for (std::size_t j = 0; j < X.width; j += L) give(to + j, dz * load(w + j), target.add);
        }
    }

    void gradient(const Workspace<T>& ws, std::size_t which, std::size_t, std::size_t,
                  T* to) const override {
        part_gradient(ws, which, {0, this->all_rows(ws, this->out(ws))}, to);
    }

    void part_gradient(const Workspace<T>& ws, std::size_t which, Range rows, T* to) const override {
        const Tensor<T>& X = this->in(ws);
        const Tensor<T>& Z = this->out(ws);
        if (which == 1) return column_sums(Z, rows, this->owned[1]->ld, to);
        std::size_t j = 0;
        for (; j + 4 * L <= X.width; j += 4 * L) weighted_sums<4>(X, Z, rows, j, to + j);
        for (; j + L <= X.width; j += L) weighted_sums<1>(X, Z, rows, j, to + j);
        if (j < X.width) weighted_sums<0>(X, Z, rows, j, to + j);
    }

   private:
    static const T* row_of(const Tensor<T>& X, std::size_t row) {
        const auto ld = static_cast<std::int64_t>(X.ld);
        return X.value + (X.picks == nullptr ? static_cast<std::int64_t>(row) : X.picks[row]) * ld;
    }

    // Z = x w + b for `Count` rows side by side, because each is a chain of dependent sums.
    template <int Count>
    CR_INLINE void some_rows(const Tensor<T>& X, Tensor<T>& Z, std::size_t first) const {
        const T* const w = this->owned[0]->w.get();
        const T bias = this->owned.size() == 2 ? this->owned[1]->w[0] : T(0);
        const T* from[Count];
        Vec<T> sums[Count];
        for (int i = 0; i < Count; ++i) {
            from[i] = row_of(X, first + static_cast<std::size_t>(i));
            sums[i] = Vec<T>{};
        }
        std::size_t j = 0;
        for (; j + L <= X.width; j += L)
            for (int i = 0; i < Count; ++i) sums[i] = fma(load(from[i] + j), load(w + j), sums[i]);
        if (j < X.width)
            for (int i = 0; i < Count; ++i)
                sums[i] = fma(load_first(from[i] + j, X.width - j), load(w + j), sums[i]);
        for (int i = 0; i < Count; ++i)
            Z.value[(first + static_cast<std::size_t>(i)) * Z.ld] = lane_sum<T>(sums[i]) + bias;
    }

    template <int Count>
    static CR_INLINE Vec<T> vector_of(const T* from, int v, std::size_t left) {
        if constexpr (Count == 0)
            return load_first(from, left);
        else
            return load(from + v * static_cast<int>(L));
    }

    // Sums over rows of dz x for `Count` vectors of inputs; 0: for the last one, which is not full.
    template <int Count>
    CR_INLINE void weighted_sums(const Tensor<T>& X, const Tensor<T>& Z, Range rows, std::size_t j,
                                 T* to) const {
        constexpr int vectors = Count == 0 ? 1 : Count;
        Vec<T> total[vectors] = {};
        for (std::size_t start = rows.first; start < rows.last; start += 16) {
            const std::size_t stop = std::min(start + 16, rows.last);
            Vec<T> block[vectors] = {};
            for (std::size_t row = start; row < stop; ++row) {
                const Vec<T> dz = set1<T>(Z.gradient[row * Z.ld]);
                const T* const from = row_of(X, row) + j;
                for (int v = 0; v < vectors; ++v)
                    block[v] = fma(dz, vector_of<Count>(from, v, X.width - j), block[v]);
            }
            for (int v = 0; v < vectors; ++v) total[v] = total[v] + block[v];
        }
        for (int v = 0; v < vectors; ++v) store(to + v * static_cast<int>(L), total[v]);
    }
};

}  // namespace CR_ISA
