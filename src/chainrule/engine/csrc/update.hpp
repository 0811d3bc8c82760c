// From dZ to new weights: the gradient of each unit of a parameter, and what is done with it.
//
// Decisions
// a) A tile of dW goes from registers through a small buffer in the level-1 cache straight into the
//    update; the gradient of a whole matrix exists only where clipping needs its norm first.
// b) Clipping by norm makes two passes: gradients and their norm, then the updates.
#pragma once

#include <algorithm>

#include "node.hpp"

namespace CR_ISA {

// Where a parameter's gradient comes from: `node` is the operation that owns it.
template <class T>
struct Source {
    Parameter<T>* parameter;
    const Node<T>* node;
    std::size_t which;
    std::size_t X, Z;  // tensors of an affine map
};

template <class T>
struct Task {
    std::size_t source, unit;
    double cost;
};

// What is done with the gradient of each run of weights.
enum class Purpose { update, collect, apply };

template <class T>
class UnitWork {
   public:
    UnitWork(const Workspace<T>& ws, UpdateFunction<T> update, Purpose purpose, T* scratch)
        : ws_(ws), update_(update), purpose_(purpose), scratch_(scratch) {}

    void run(const Source<T>& source, std::size_t unit, const UpdateRule<T>& rule) {
        Parameter<T>& p = *source.parameter;
        const std::size_t first = unit * kUnitRows;
        const std::size_t last = std::min(first + kUnitRows, p.rows);
        VectorSums<T> sums;
        if (p.storage == Storage::panels)
            panels(source, first, last, rule, sums);
        else
            rows(source, first, last, rule, sums);
        if (purpose_ != Purpose::apply) {
            p.sums[unit] = UnitSums{};
            sums.into(p.sums[unit], rule.l1 != 0 || rule.l2 != 0);
        }
        if (purpose_ != Purpose::collect) p.transpose_rows(first, last);
    }

   private:
    void panels(const Source<T>& source, std::size_t first, std::size_t last,
                const UpdateRule<T>& rule, VectorSums<T>& sums) {
        constexpr std::size_t L = Lanes<T>::count;
        const Tensor<T>& X = ws_.tensors[source.X];
        const Tensor<T>& Z = ws_.tensors[source.Z];
        const Parameter<T>& p = *source.parameter;
        const std::size_t batch = ws_.samples * X.rows_per_sample;
        const std::size_t vectors = vectors_of<T>(p.columns);
        const Heights heights(last - first);
        for (std::size_t v = 0; v < vectors; v += 2) {
            const int wide = vectors - v >= 2 ? 2 : 1;
            const auto& tiles = kTiles<T, Along::columns>.tile[wide - 1];
            std::size_t row = first;
            for (std::size_t tile = 0; tile < heights.tiles; ++tile) {
                const int height = heights.of(tile);
                const std::size_t at = p.place(row, v * L);
                if (purpose_ != Purpose::apply)
                    tiles[height - 1](batch, X.value + row, X.ld, Z.gradient + v * L, Z.ld, scratch_,
                                      wide * L, First::zero, nullptr);
                spend(p, at, height * wide * L, rule, sums);
                row += height;
            }
        }
    }

    void rows(const Source<T>& source, std::size_t first, std::size_t last,
              const UpdateRule<T>& rule, VectorSums<T>& sums) {
        const Parameter<T>& p = *source.parameter;
        if (purpose_ != Purpose::apply)
            source.node->gradient(ws_, source.which, first, last, scratch_);
        spend(p, p.place(first, 0), (last - first) * p.ld, rule, sums);
    }

    void spend(const Parameter<T>& p, std::size_t at, std::size_t count, const UpdateRule<T>& rule,
               VectorSums<T>& sums) {
        if (purpose_ == Purpose::collect) {
            for (std::size_t i = 0; i < count; i += Lanes<T>::count)
                store(p.g.get() + at + i,
                      full_gradient<T>(rule, load(scratch_ + i), load(p.w.get() + at + i), sums));
            return;
        }
        const T* gradient = purpose_ == Purpose::apply ? p.g.get() + at : scratch_;
        T* slots[kMostSlots];
        for (std::size_t k = 0; k < p.slots.size(); ++k) slots[k] = p.slots[k].get() + at;
        update_(rule, gradient, p.w.get() + at, slots, count, sums);
    }

    const Workspace<T>& ws_;
    UpdateFunction<T> update_;
    Purpose purpose_;
    T* scratch_;
};

}  // namespace CR_ISA
