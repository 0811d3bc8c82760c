// From dZ to new weights: the gradient of each unit of a parameter, and what is done with it.
//
// Decisions
// a) A tile of dW goes from registers through a small buffer in the level-1 cache straight into the
//    update; the gradient of a whole matrix exists only where clipping needs its norm first.
// b) Units of a matrix that follow each other are worked on together, up to 112 rows: a panel of dZ is
//    fetched once for all of them. Each keeps its own sums, so company does not change the bits.
// c) Where a batch is cut into parts (see parts.hpp), their gradients are made first, and what is here
//    a product is their sum. Then a matrix is worked on by panels: a panel lies in memory from end to
//    end, and nobody works beside anybody else.
// d) Clipping by norm makes two passes: gradients and their norm, then the updates.
#pragma once

#include <algorithm>
#include <type_traits>

#include "node.hpp"
#include "parts.hpp"

namespace CR_ISA {

// Where a parameter's gradient comes from: `node` is the operation that owns it.
template <class T>
struct Source {
    Parameter<T>* parameter;
    const Node<T>* node;
    std::size_t which;
    std::size_t X, Z;  // tensors of an affine map
    bool affine;       // its weights or its bias: may come in parts
};

template <class T>
struct Task {
    std::size_t source, unit;
    double cost;
};

constexpr std::size_t kGroupUnits = 7;

// What is done with the gradient of each run of weights.
enum class Purpose { update, collect, apply };

template <class T>
class UnitWork {
   public:
    UnitWork(const Workspace<T>& ws, const Member& member, UpdateFunction<T> update, double spectral,
             Purpose purpose, std::size_t parts, T* scratch)
        : ws_(ws),
          member_(member),
          update_(update),
          spectral_(spectral),
          purpose_(purpose),
          parts_(parts),
          scratch_(scratch) {}

    // The gradient of one part's samples, for units [unit, unit + count) of an affine map. Parts take
    // turns in their direction, whoever makes them: see workspace.hpp.
    static void make_part(const Workspace<T>& ws, const Member& member, const Source<T>& source,
                          std::size_t unit, std::size_t count, std::size_t part, Range samples) {
        const Parameter<T>& p = *source.parameter;
        const Tensor<T>& Z = ws.tensors[source.Z];
        const Range rows{samples.first * Z.rows_per_sample, samples.last * Z.rows_per_sample};
        T* const to = p.parts[part].get();
        if (p.storage == Storage::rows) return source.node->part_gradient(ws, source.which, rows, to);
        const Piece piece = p.units_from(unit, count);
        each_panel(p, piece, member, [&](std::size_t column, std::size_t wide) {
            multiply_panel(ws, source, rows, {piece.first_row, piece.last_row}, column, wide,
                           part % 2 == 0, to + p.place(piece.first_row, column));
        });
    }

    // Units [unit, unit + count) of a parameter; more than one only of a matrix in panels.
    void run(const Source<T>& source, std::size_t unit, std::size_t count,
             const UpdateRule<T>& rule) {
        Parameter<T>& p = *source.parameter;
        const Piece piece = p.units_from(unit, count);
        VectorSums<T> sums[kGroupUnits];
        for (std::size_t one = 0; one < count; ++one) sums[one].clear();
        each_run(source, piece, [&](std::size_t one, std::size_t at, Run run) {
            spend(p, at, run, rule, sums[one]);
        });
        for (std::size_t one = 0; one < count; ++one)
            report(source, unit + one, p.units(), p.units_from(unit + one, 1), sums[one], rule);
        if (purpose_ != Purpose::collect) p.transpose(piece);
    }

    // One panel of a matrix whose gradient comes in parts.
    void run_panel(const Source<T>& source, std::size_t panel, const UpdateRule<T>& rule) {
        Parameter<T>& p = *source.parameter;
        const Piece piece{0, p.rows, panel, panel + 1};
        VectorSums<T> sums;
        sums.clear();
        each_run(source, piece, [&](std::size_t, std::size_t at, Run run) {
            spend(p, at, run, rule, sums);
        });
        report(source, panel, p.panels(), piece, sums, rule);
        if (purpose_ != Purpose::collect) p.transpose(piece);
    }

   private:
    // The squares of a gradient whose squares float32 cannot hold. (Of one that was not collected the
    // penalties' part is left out: the weights that it came from are gone.)
    [[gnu::cold, gnu::noinline]] double squares(const Source<T>& source, const Piece& piece) {
        const Parameter<T>& p = *source.parameter;
        double sum = 0;
        if (purpose_ == Purpose::collect) {
            constexpr std::size_t wide = 2 * Lanes<T>::count;
            const std::size_t stop = std::min(piece.last_panel * wide, p.columns);
            for (std::size_t row = piece.first_row; row < piece.last_row; ++row)
                for (std::size_t column = piece.first_panel * wide; column < stop; ++column) {
                    const double g = static_cast<double>(p.g[p.place(row, column)]);
                    sum += g * g;
                }
            return sum;
        }
        each_run(source, piece, [&](std::size_t, std::size_t, Run run) {
            for (std::size_t i = 0; i < run.count; ++i)
                sum += static_cast<double>(run.gradient[i]) * static_cast<double>(run.gradient[i]);
        });
        return sum;
    }

    // Gradients: where they begin, and how many.
    struct Run {
        T* gradient;
        std::size_t count;
    };

    // The sums of piece `number` of so many that a parameter is cut into.
    void report(const Source<T>& source, std::size_t number, std::size_t pieces, const Piece& piece,
                const VectorSums<T>& sums, const UpdateRule<T>& rule) {
        if (purpose_ == Purpose::apply) return;
        Parameter<T>& p = *source.parameter;
        // The last batch of an epoch may be cut otherwise than the others.
        if (number == 0)
            std::fill(p.sums.begin() + static_cast<std::ptrdiff_t>(pieces), p.sums.end(), UnitSums{});
        p.sums[number] = UnitSums{};
        sums.into(p.sums[number], rule.l1 != 0 || rule.l2 != 0);
        if (std::is_same_v<T, float> && !std::isfinite(p.sums[number].squares))
            p.sums[number].squares = squares(source, piece);
    }

    // Makes the gradient of a piece, run after run, and calls body(unit among the piece's, place among
    // the weights, run) for each. A unit's runs come in the same order in any company.
    template <class Body>
    void each_run(const Source<T>& source, const Piece& piece, const Body& body) {
        if (source.parameter->storage == Storage::rows)
            return rows(source, piece.first_row, piece.last_row, body);
        const Parameter<T>& p = *source.parameter;
        constexpr std::size_t most = kGroupUnits * kUnitRows;  // what `scratch` has room for
        each_panel(p, piece, member_, [&](std::size_t column, std::size_t wide) {
            for (std::size_t row = piece.first_row; row < piece.last_row; row += most) {
                const Range some{row, std::min(row + most, piece.last_row)};
                panel(source, some, (row - piece.first_row) / kUnitRows, column, wide, body);
            }
        });
    }

    // Some rows of one panel; `number` is that of the first of their units.
    template <class Body>
    void panel(const Source<T>& source, Range some, std::size_t number, std::size_t column,
               std::size_t wide, const Body& body) {
        const Parameter<T>& p = *source.parameter;
        T* const to = place_for(p, p.place(some.first, column));
        if (purpose_ != Purpose::apply) {
            panel_gradient(source, some, column, wide, to);
            if (p.top != nullptr) add_top(p, some.first, some.last - some.first, column, wide, to);
        }
        for (std::size_t row = some.first; row < some.last; row += kUnitRows) {
            const std::size_t rows = std::min(kUnitRows, some.last - row), from = row - some.first;
            body(number + from / kUnitRows, p.place(row, column), Run{to + from * wide, rows * wide});
        }
    }

    // Calls body(first column, columns) for each panel of a piece, as long as the work goes on.
    template <class Body>
    static void each_panel(const Parameter<T>& p, const Piece& piece, const Member& member,
                           const Body& body) {
        constexpr std::size_t L = Lanes<T>::count;
        const std::size_t vectors = vectors_of<T>(p.columns);
        for (std::size_t panel = piece.first_panel; panel < piece.last_panel; ++panel) {
            if (panel != piece.first_panel && !member.working()) return;
            body(2 * panel * L, (vectors - 2 * panel >= 2 ? 2 : 1) * L);
        }
    }

    // Where the gradient of the weights at `at` is made: one that is collected where it stays.
    T* place_for(const Parameter<T>& p, std::size_t at) const {
        return purpose_ == Purpose::collect ? p.g.get() + at : scratch_;
    }

    // Some rows of one panel of the gradient.
    void panel_gradient(const Source<T>& source, Range rows, std::size_t column, std::size_t wide,
                        T* to) {
        const Parameter<T>& p = *source.parameter;
        if (parts_ != 0)
            return add_parts(p, parts_, p.place(rows.first, column), (rows.last - rows.first) * wide, to);
        const std::size_t all = ws_.samples * ws_.tensors[source.X].rows_per_sample;
        multiply_panel(ws_, source, {0, all}, rows, column, wide, false, to);
    }

    // Some rows of one panel of X^T dZ over some rows of the batch, from the first to the last of these
    // or the other way.
    static void multiply_panel(const Workspace<T>& ws, const Source<T>& source, Range batch, Range rows,
                               std::size_t column, std::size_t wide, bool down, T* to) {
        const Tensor<T>& X = ws.tensors[source.X];
        const Tensor<T>& Z = ws.tensors[source.Z];
        const bool picked = X.picks != nullptr;
        const auto& tiles = picked ? kTiles<T, Along::picked_columns>.tile[wide / Lanes<T>::count - 1]
                                   : kTiles<T, Along::columns>.tile[wide / Lanes<T>::count - 1];
        const Heights heights(rows.last - rows.first);
        const std::size_t start = down ? batch.last - 1 : batch.first;
        const T* const x = X.value + (picked ? 0 : start * X.ld) + rows.first;
        const std::int64_t* const picks = picked ? X.picks + start : nullptr;
        const T* const dz = Z.gradient + start * Z.ld + column;
        const auto x_ld = static_cast<std::ptrdiff_t>(X.ld), z_ld = static_cast<std::ptrdiff_t>(Z.ld);
        std::size_t row = 0;
        for (std::size_t tile = 0; tile < heights.tiles; ++tile) {
            const int height = heights.of(tile);
            tiles[height - 1](batch.last - batch.first, x + row, down && !picked ? -x_ld : x_ld, picks,
                              dz, down ? -z_ld : z_ld, to + row * wide, wide, First::zero, nullptr,
                              tile == 0);
            row += height;
        }
    }

    template <class Body>
    void rows(const Source<T>& source, std::size_t first, std::size_t last, const Body& body) {
        const Parameter<T>& p = *source.parameter;
        T* const to = place_for(p, p.place(first, 0));
        if (purpose_ != Purpose::apply) {
            if (parts_ != 0 && source.affine)
                add_parts(p, parts_, 0, p.ld, to);
            else
                source.node->gradient(ws_, source.which, first, last, to);
            if (p.top != nullptr) add_top(p, first, last - first, 0, p.ld, to);
        }
        body(0, p.place(first, 0), Run{to, (last - first) * p.ld});
    }

    // The spectral penalty's gradient, strength u v^T, for a block of rows and columns.
    [[gnu::cold, gnu::noinline]] void add_top(const Parameter<T>& p, std::size_t row, std::size_t rows,
                                              std::size_t column, std::size_t columns, T* to) {
        const std::size_t inside = std::min(columns, p.columns - column);
        for (std::size_t i = 0; i < rows; ++i)
            for (std::size_t j = 0; j < inside; ++j)
                to[i * columns + j] +=
                    static_cast<T>(spectral_ * (p.top->u()[row + i] * p.top->v()[column + j]));
    }

    void spend(const Parameter<T>& p, std::size_t at, Run run, const UpdateRule<T>& rule,
               VectorSums<T>& sums) {
        if (purpose_ == Purpose::collect) return collect(rule, p.w.get() + at, run, sums);
        const T* gradient = purpose_ == Purpose::apply ? p.g.get() + at : run.gradient;
        T* slots[kMostSlots];
        for (std::size_t k = 0; k < p.slots.size(); ++k) slots[k] = p.slots[k].get() + at;
        update_(rule, gradient, p.w.get() + at, slots, run.count, sums);
    }

    // The gradient is where it is to stay: it is given its penalties, and counted.
    static void collect(const UpdateRule<T>& rule, const T* w, Run run, VectorSums<T>& sums) {
        VectorSums<T> own = sums;
        const bool penalised = rule.l1 != 0 || rule.l2 != 0;
        for (std::size_t i = 0; i < run.count; i += Lanes<T>::count) {
            const Vec<T> g = load(run.gradient + i);
            if (penalised)
                store(run.gradient + i, full_gradient<T>(rule, g, load(w + i), own));
            else
                own.count(g);
        }
        sums = own;
    }

    const Workspace<T>& ws_;
    const Member& member_;
    UpdateFunction<T> update_;
    double spectral_;
    Purpose purpose_;
    std::size_t parts_;  // of the batch; 0: it is not cut
    T* scratch_;
};

}  // namespace CR_ISA
