// From dZ to new weights: the gradient of each unit of a parameter, and what is done with it.
//
// Decisions
// a) A tile of dW goes from registers through a small buffer in the level-1 cache straight into the
//    update; the gradient of a whole matrix exists only where clipping needs its norm first.
// b) Clipping by norm makes two passes: gradients and their norm, then the updates.
#pragma once

#include <algorithm>
#include <type_traits>

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
    UnitWork(const Workspace<T>& ws, UpdateFunction<T> update, double spectral, Purpose purpose,
             T* scratch)
        : ws_(ws), update_(update), spectral_(spectral), purpose_(purpose), scratch_(scratch) {}

    void run(const Source<T>& source, std::size_t unit, const UpdateRule<T>& rule) {
        Parameter<T>& p = *source.parameter;
        const std::size_t first = unit * kUnitRows;
        const std::size_t last = std::min(first + kUnitRows, p.rows);
        VectorSums<T> sums;
        each_run(source, first, last, [&](std::size_t at, std::size_t count) {
            spend(p, at, count, rule, sums);
        });
        if (purpose_ != Purpose::apply) {
            p.sums[unit] = UnitSums{};
            sums.into(p.sums[unit], rule.l1 != 0 || rule.l2 != 0);
            if (std::is_same_v<T, float> && !std::isfinite(p.sums[unit].squares))
                p.sums[unit].squares = squares(source, first, last);
        }
        if (purpose_ != Purpose::collect) p.transpose_rows(first, last);
    }

   private:
    // The squares of a gradient whose squares float32 cannot hold. (The penalties' part of it is
    // left out: the weights that it came from are gone, and it is small beside such a gradient.)
    [[gnu::cold, gnu::noinline]] double squares(const Source<T>& source, std::size_t first,
                                                 std::size_t last) {
        double sum = 0;
        each_run(source, first, last, [&](std::size_t, std::size_t count) {
            for (std::size_t i = 0; i < count; ++i)
                sum += static_cast<double>(scratch_[i]) * static_cast<double>(scratch_[i]);
        });
        return sum;
    }

    // Makes the gradient of rows [first, last) in the scratch, run after run, and calls
    // body(place, count) for each.
    template <class Body>
    void each_run(const Source<T>& source, std::size_t first, std::size_t last, const Body& body) {
        if (source.parameter->storage == Storage::panels)
            panels(source, first, last, body);
        else
            rows(source, first, last, body);
    }

    template <class Body>
    void panels(const Source<T>& source, std::size_t first, std::size_t last, const Body& body) {
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
                if (purpose_ != Purpose::apply) {
                    tiles[height - 1](batch, X.value + row, X.ld, Z.gradient + v * L, Z.ld, scratch_,
                                      wide * L, First::zero, nullptr);
                    if (p.top != nullptr) add_top(p, row, height, v * L, wide * L);
                }
                body(p.place(row, v * L), height * wide * L);
                row += height;
            }
        }
    }

    template <class Body>
    void rows(const Source<T>& source, std::size_t first, std::size_t last, const Body& body) {
        const Parameter<T>& p = *source.parameter;
        if (purpose_ != Purpose::apply) {
            source.node->gradient(ws_, source.which, first, last, scratch_);
            if (p.top != nullptr) add_top(p, first, last - first, 0, p.ld);
        }
        body(p.place(first, 0), (last - first) * p.ld);
    }

    // The spectral penalty's gradient, strength u v^T, for a block of rows and columns.
    [[gnu::cold, gnu::noinline]] void add_top(const Parameter<T>& p, std::size_t row, std::size_t rows,
                                              std::size_t column, std::size_t columns) {
        const std::size_t inside = std::min(columns, p.columns - column);
        for (std::size_t i = 0; i < rows; ++i)
            for (std::size_t j = 0; j < inside; ++j)
                scratch_[i * columns + j] +=
                    static_cast<T>(spectral_ * (p.top->u()[row + i] * p.top->v()[column + j]));
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
    double spectral_;
    Purpose purpose_;
    T* scratch_;
};

}  // namespace CR_ISA
