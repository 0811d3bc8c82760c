// A trainable tensor as the engine keeps it.
//
// Decisions
// a) Weight matrices stand in panels (see gemm.hpp), and so do their optimizer slots: a tile of the
//    gradient then meets contiguous runs of weights and slots. Vectors and tables stand in rows, and
//    so does a matrix of one column (see nodes_column.hpp): as the row that it is in memory anyway.
// b) The transpose that the backward product reads is rewritten right after the update, block by
//    block, by the thread that updated the rows.
// c) The work on a parameter is cut into units of 16 rows, or into its panels where the gradient comes
//    in parts (see updater.hpp), whatever the number of threads. Sums over a parameter are added up in
//    that order, so their bits do not depend on threads either.
#pragma once

#include <memory>
#include <vector>

#include "gemm.hpp"
#include "memory.hpp"
#include "optimizers.hpp"
#include "program.hpp"
#include "spectral.hpp"

namespace CR_ISA {

constexpr std::size_t kUnitRows = 16;

enum class Storage { panels, rows };

// Some rows of some panels of a matrix. The first row is a multiple of kUnitRows.
struct Piece {
    std::size_t first_row, last_row, first_panel, last_panel;
};

template <class T>
struct Parameter {
    chainrule::ParameterInfo info;
    Storage storage = Storage::rows;
    std::size_t rows = 1, columns = 1, ld = 1, elements = 0;
    bool transposed = false;
    bool column = false;  // one column, kept as a row: `rows` and `columns` are exchanged
    Memory<T> w, wt, g;
    std::vector<Memory<T>> slots;
    std::vector<Memory<T>> parts;  // gradients of the parts of a batch (see parts.hpp)
    std::vector<UnitSums> sums;  // of each unit or of each panel; the rest is zero
    std::vector<double> clipped;  // squares of each unit's gradient between two clippings
    TopSingular* top = nullptr;  // where a spectral penalty wants it

    Parameter(const chainrule::ParameterInfo& what, Storage how, bool needs_transpose, bool is_column,
              int slot_count)
        : info(what),
          storage(how),
          rows(static_cast<std::size_t>(what.rows)),
          columns(static_cast<std::size_t>(what.columns)),
          transposed(needs_transpose),
          column(is_column) {
        if (column) std::swap(rows, columns);
        ld = vectors_of<T>(columns) * Lanes<T>::count;
        // The transpose reads whole blocks, so panels are followed by room for one.
        elements = panel_elements<T>(rows, columns);
        w = allocate<T>(elements + kSpare);
        if (transposed) wt = allocate<T>(panel_elements<T>(columns, rows) + kSpare);
        for (int slot = 0; slot < slot_count; ++slot) slots.push_back(allocate<T>(elements + kSpare));
        sums.resize(std::max(units(), panels()));
        clipped.resize(units());
    }

    std::size_t units() const { return (rows + kUnitRows - 1) / kUnitRows; }

    std::size_t panels() const { return (vectors_of<T>(columns) + 1) / 2; }

    // The first unit and those behind it, in all panels.
    Piece units_from(std::size_t unit, std::size_t count) const {
        return {unit * kUnitRows, std::min((unit + count) * kUnitRows, rows), 0, panels()};
    }
    Piece whole() const { return {0, rows, 0, panels()}; }

    std::size_t place(std::size_t row, std::size_t column) const {
        return storage == Storage::panels ? panel_place<T>(rows, columns, row, column)
                                          : row * ld + column;
    }

    // The padding is set to zeros: a run that failed may have left anything there.
    void import(const T* flat, T* kept) const {
        for (std::size_t row = 0; row < rows && ld != columns; ++row)
            std::memset(kept + place(row, columns - 1) + 1, 0, (ld - columns) * sizeof(T));
        each_run([&](std::size_t row, std::size_t column, std::size_t count) {
            std::memcpy(kept + place(row, column), flat + row * columns + column, count * sizeof(T));
        });
    }

    void export_to(const T* kept, T* flat) const {
        each_run([&](std::size_t row, std::size_t column, std::size_t count) {
            std::memcpy(flat + row * columns + column, kept + place(row, column), count * sizeof(T));
        });
    }

    // True if `kept` has the bits of `flat`.
    bool equal(const T* flat, const T* kept) const {
        bool same = true;
        each_run([&](std::size_t row, std::size_t column, std::size_t count) {
            same &= equal_bits(kept + place(row, column), flat + row * columns + column, count);
        });
        return same;
    }

    bool finite() const {
        Vec<T> sum{};
        for (std::size_t i = 0; i < elements; i += Lanes<T>::count) sum += load(w.get() + i) * T(0);
        return lane_sum<T>(sum) == 0;
    }

    // Rewrites the transpose of a piece.
    void transpose(const Piece& piece) {
        constexpr std::size_t L = Lanes<T>::count;
        if (!transposed) return;
        const std::size_t own = vectors_of<T>(columns), other = vectors_of<T>(rows);
        const std::size_t stop = std::min(2 * piece.last_panel, own);
        for (std::size_t row = piece.first_row; row < piece.last_row; row += L)
            for (std::size_t v = 2 * piece.first_panel; v < stop; ++v) {
                const std::size_t wide = own - v / 2 * 2 >= 2 ? 2 * L : L;
                const std::size_t u = row / L, across = other - u / 2 * 2 >= 2 ? 2 * L : L;
                const T* from = w.get() + place(row, v * L);
                T* to = wt.get() + panel_place<T>(columns, rows, v * L, row);
                if (row + L <= rows && v * L + L <= columns)
                    transpose_block<T>(from, wide, to, across);
                else
                    transpose_edge(row, v * L);
            }
    }

   private:
    static constexpr std::size_t kSpare = 64;

    static bool equal_bits(const T* a, const T* b, std::size_t count) {
        constexpr std::size_t L = Lanes<T>::count;
        if (count % L != 0) return std::memcmp(a, b, count * sizeof(T)) == 0;
        IVec<T> difference{};
        for (std::size_t i = 0; i < count; i += L)
            difference |= bits<IVec<T>>(load(a + i)) ^ bits<IVec<T>>(load(b + i));
        const IVec<T> none{};
        return std::memcmp(&difference, &none, sizeof none) == 0;
    }

    // Calls body(row, column, count) for each run of elements that are neighbours in both orders.
    template <class Body>
    void each_run(const Body& body) const {
        const std::size_t longest = storage == Storage::panels ? 2 * Lanes<T>::count : columns;
        for (std::size_t row = 0; row < rows; ++row)
            for (std::size_t column = 0; column < columns; column += longest)
                body(row, column, columns - column < longest ? columns - column : longest);
    }

    void transpose_edge(std::size_t row, std::size_t column) {
        constexpr std::size_t L = Lanes<T>::count;
        for (std::size_t i = row; i < rows && i < row + L; ++i)
            for (std::size_t j = column; j < columns && j < column + L; ++j)
                wt[panel_place<T>(columns, rows, j, i)] = w[place(i, j)];
    }
};

}  // namespace CR_ISA
