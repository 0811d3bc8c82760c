// Matrix products in tiles kept in registers.
//
// Decisions
// a) A tile is up to kTileRows rows by 1 or 2 vectors. A's elements are broadcast, B is stored in
//    panels two vectors wide, row after row, so the inner loop reads one contiguous stream. Weights
//    and their transposes live in panels all the time (the update writes them so); nothing is
//    packed before a product.
// b) Neither operand is transposed at run time: forward reads X along its rows, dW = X^T dZ reads
//    X down its columns (`Along::columns`). The rows of a batch need not be copied together: X may
//    be the whole table, with the numbers of its rows (`picks`).
// c) Every element of C is a chain of fused multiply-adds in the order of k for each kDepth of it,
//    the first starting from the bias or from zero, and the chains are added up in their order: a
//    chain loses digits with the square root of its length. Blocks of rows, tile height and threads
//    do not change that, so they do not change the bits.
// d) Rows of A are visited in blocks that fit the level-2 cache together with one panel of B, up to some
//    1,500 of k; beyond, other heights of blocks gained nothing. Tiles of a block have nearly equal
//    heights, because a tile of 2 rows costs as much as one of 8.
// e) The first tile that reads a panel asks for it ahead of time: the processor's own foresight ends with
//    each page of 4 KiB. And k is cut only where a panel would not fit the level-2 cache: what C holds
//    must be fetched again for each piece. Together they make a seventh of a step of 1024-2048-2048-1000.
// f) Tiles are visited upwards or downwards (`down`), and rows of a part of a batch likewise (a negative
//    ldb): a member of a team moves away from its neighbour's samples (see workspace.hpp).
// g) A product may take seconds. So it asks `go_on` at each new block and within wide ones: every
//    few milliseconds of AVX-512, and never within a product that takes less.
#pragma once

#include "simd.hpp"

namespace CR_ISA {

#if defined(__AVX512F__)
constexpr int kTileRows = 14;
#elif defined(__aarch64__)
// From 11 rows on GCC 12 keeps some of the sums in memory, although they would fit 32 registers.
constexpr int kTileRows = 10;
#else
constexpr int kTileRows = 6;
#endif

constexpr std::size_t kDepth = 8192;      // k of one block
constexpr std::size_t kFar = 128;         // a product of so many k is worth asking ahead for B
constexpr int kAhead = 64;                // by so many k
constexpr std::size_t kBlockRows = 112;   // rows of A of one block, a multiple of 14 and of 16
constexpr std::size_t kVectorsAtOnce = 16;  // of B's columns, between two questions

enum class Along { rows, columns, picked_rows, picked_columns };
enum class First { zero, bias, add };  // `add`: to what C holds

// Rows are padded to whole vectors, and never to a stride whose multiples fall on the same cache
// sets: 4 KiB aliasing costs a sixth of the speed.
template <class T>
constexpr std::size_t padded(std::size_t width) {
    constexpr std::size_t L = Lanes<T>::count;
    std::size_t ld = (width + L - 1) / L * L;
    if (ld * sizeof(T) % 1024 == 0) ld += L;
    return ld;
}

// Columns of a matrix in panels: the number of vectors that hold them.
template <class T>
constexpr std::size_t vectors_of(std::size_t columns) {
    return (columns + Lanes<T>::count - 1) / Lanes<T>::count;
}

template <class T>
constexpr std::size_t panel_elements(std::size_t rows, std::size_t columns) {
    return rows * vectors_of<T>(columns) * Lanes<T>::count;
}

// Where column n of row k stands in panels of a matrix with so many rows and columns.
template <class T>
CR_INLINE std::size_t panel_place(std::size_t rows, std::size_t columns, std::size_t k,
                                  std::size_t n) {
    constexpr std::size_t L = Lanes<T>::count;
    const std::size_t panel = n / (2 * L);
    const std::size_t left = vectors_of<T>(columns) - 2 * panel;
    const std::size_t width = left >= 2 ? 2 * L : L;
    return panel * 2 * L * rows + k * width + (n - panel * 2 * L);
}

// Asks for the line so many bytes behind an element, which may lie beyond the end of its array.
template <class T>
CR_INLINE void prefetch(const T* from, std::ptrdiff_t elements, std::size_t bytes) {
    const auto at = reinterpret_cast<std::uintptr_t>(from) +
                    static_cast<std::uintptr_t>(elements) * sizeof(T) + bytes;
    __builtin_prefetch(reinterpret_cast<const void*>(at));
}

// sums += A B over K steps of k; with `Ahead`, lines of B that later steps read are asked for.
template <class T, int MR, int NV, Along AL, bool Ahead>
CR_INLINE void accumulate(std::size_t K, const T* A, std::ptrdiff_t lda, const std::int64_t* picks,
                          const T* B, std::ptrdiff_t ldb, Vec<T> (&sums)[MR][NV]) {
    constexpr int L = Lanes<T>::count;
    std::ptrdiff_t offset[MR];
    const std::ptrdiff_t next = ldb < 0 ? -1 : 1;
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i)
        offset[i] = AL == Along::rows ? i * lda : AL == Along::picked_rows ? picks[i] * lda : i;
    for (std::size_t k = 0; k < K; ++k) {
        Vec<T> b[NV];
#pragma GCC unroll 2
        for (int j = 0; j < NV; ++j) b[j] = load(B + j * L);
        for (std::size_t at = 0; Ahead && at < sizeof b; at += 64) prefetch(B, kAhead * ldb, at);
        const T* const row = AL == Along::picked_columns ? A + *picks * lda : A;
#pragma GCC unroll 16
        for (int i = 0; i < MR; ++i) {
            const Vec<T> a = set1<T>(row[offset[i]]);
#pragma GCC unroll 2
            for (int j = 0; j < NV; ++j) sums[i][j] = fma(a, b[j], sums[i][j]);
        }
        if (AL == Along::columns) A += lda;
        if (AL == Along::rows || AL == Along::picked_rows) ++A;
        if (AL == Along::picked_columns) picks += next;
        B += ldb;
    }
}

// `fresh`: no tile before has read this panel of B.
template <class T, int MR, int NV, Along AL>
void product_tile(std::size_t K, const T* A, std::ptrdiff_t lda, const std::int64_t* picks, const T* B,
                  std::ptrdiff_t ldb, T* C, std::ptrdiff_t ldc, First first, const T* bias, bool fresh) {
    constexpr int L = Lanes<T>::count;
    Vec<T> sums[MR][NV];
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i)
#pragma GCC unroll 2
        for (int j = 0; j < NV; ++j) {
            if (first == First::bias)
                sums[i][j] = load(bias + j * L);
            else
                sums[i][j] = Vec<T>{};
        }
    if (fresh && K >= kFar)
        accumulate<T, MR, NV, AL, true>(K, A, lda, picks, B, ldb, sums);
    else
        accumulate<T, MR, NV, AL, false>(K, A, lda, picks, B, ldb, sums);
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i)
#pragma GCC unroll 2
        for (int j = 0; j < NV; ++j) {
            T* const to = C + i * ldc + j * L;
            store(to, first == First::add ? load(to) + sums[i][j] : sums[i][j]);
        }
}

template <class T>
using TileFunction = void (*)(std::size_t, const T*, std::ptrdiff_t, const std::int64_t*, const T*,
                              std::ptrdiff_t, T*, std::ptrdiff_t, First, const T*, bool);

template <class T, Along AL>
struct TileTable {
    TileFunction<T> tile[2][kTileRows];

    constexpr TileTable() : tile() { fill<1>(); }

   private:
    template <int MR>
    constexpr void fill() {
        tile[0][MR - 1] = product_tile<T, MR, 1, AL>;
        tile[1][MR - 1] = product_tile<T, MR, 2, AL>;
        if constexpr (MR < kTileRows) fill<MR + 1>();
    }
};

template <class T, Along AL>
inline constexpr TileTable<T, AL> kTiles{};

// Heights of the tiles that cover some rows: as few as can be, nearly equal.
struct Heights {
    std::size_t tiles, small, larger;  // `larger` tiles have one row more than `small`

    explicit Heights(std::size_t rows) : tiles((rows + kTileRows - 1) / kTileRows) {
        small = tiles ? rows / tiles : 0;
        larger = tiles ? rows % tiles : 0;
    }
    CR_INLINE int of(std::size_t tile) const {
        return static_cast<int>(small + (tile < larger ? 1 : 0));
    }
};

// C (M x columns) = first value + A (M x K) B, B in panels. With `picks`, row i of A is its row picks[i].
template <class T>
struct Product {
    std::size_t M, K, columns;
    const T* A;
    std::ptrdiff_t lda;
    const T* B;
    T* C;
    std::ptrdiff_t ldc;
    First first;
    const T* bias;
    const std::int64_t* picks;
    bool down;
};

template <class T, class GoOn>
void multiply_block(const Product<T>& p, std::size_t i0, std::size_t rows, std::size_t k0,
                    std::size_t depth, const GoOn& go_on) {
    constexpr std::size_t L = Lanes<T>::count;
    const std::size_t vectors = vectors_of<T>(p.columns);
    const Heights heights(rows);
    const First first = k0 == 0 ? p.first : First::add;
    for (std::size_t v = 0; v < vectors; v += 2) {
        if (v % kVectorsAtOnce == 0 && v != 0 && !go_on()) return;
        const int wide = vectors - v >= 2 ? 2 : 1;
        const T* B = p.B + v * L * p.K + k0 * wide * L;
        const auto& tiles = p.picks == nullptr ? kTiles<T, Along::rows>.tile[wide - 1]
                                               : kTiles<T, Along::picked_rows>.tile[wide - 1];
        const bool picked = p.picks != nullptr;
        std::size_t i = p.down ? i0 + rows : i0;
        for (std::size_t tile = 0; tile < heights.tiles; ++tile) {
            const int height = heights.of(tile);
            if (p.down) i -= height;
            tiles[height - 1](depth, p.A + (picked ? 0 : i * p.lda) + k0, p.lda,
                              picked ? p.picks + i : nullptr, B, wide * L,
                              p.C + i * p.ldc + v * L, p.ldc, first,
                              p.bias == nullptr ? nullptr : p.bias + v * L, tile == 0);
            if (!p.down) i += height;
        }
    }
}

// What is left undone once `go_on()` is false is not looked at by anyone.
template <class T, class GoOn>
void multiply(const Product<T>& p, const GoOn& go_on) {
    std::size_t k0 = 0;
    do {
        const std::size_t depth = p.K - k0 < kDepth ? p.K - k0 : kDepth;
        for (std::size_t i0 = 0; i0 < p.M; i0 += kBlockRows) {
            if ((k0 != 0 || i0 != 0) && !go_on()) return;
            multiply_block(p, i0, p.M - i0 < kBlockRows ? p.M - i0 : kBlockRows, k0, depth, go_on);
        }
        k0 += depth;
    } while (k0 < p.K);
}

// Transposes a block of L x L elements: log2(L) rounds of interleaving row i with row i + L/2.
template <class T, int... I>
CR_INLINE Vec<T> interleave_low(Vec<T> a, Vec<T> b, std::integer_sequence<int, I...>) {
    constexpr int L = Lanes<T>::count;
    return __builtin_shufflevector(a, b, (I / 2 + (I % 2) * L)...);
}

template <class T, int... I>
CR_INLINE Vec<T> interleave_high(Vec<T> a, Vec<T> b, std::integer_sequence<int, I...>) {
    constexpr int L = Lanes<T>::count;
    return __builtin_shufflevector(a, b, (L / 2 + I / 2 + (I % 2) * L)...);
}

template <class T>
CR_INLINE void transpose_block(const T* from, std::ptrdiff_t lda, T* to, std::ptrdiff_t ldb) {
    constexpr int L = Lanes<T>::count;
    using Order = std::make_integer_sequence<int, L>;
    Vec<T> rows[L], mixed[L];
    for (int i = 0; i < L; ++i) rows[i] = load(from + i * lda);
    for (int round = 1; round < L; round *= 2) {
        for (int i = 0; i < L / 2; ++i) {
            mixed[2 * i] = interleave_low<T>(rows[i], rows[i + L / 2], Order{});
            mixed[2 * i + 1] = interleave_high<T>(rows[i], rows[i + L / 2], Order{});
        }
        for (int i = 0; i < L; ++i) rows[i] = mixed[i];
    }
    for (int i = 0; i < L; ++i) store(to + i * ldb, rows[i]);
}

}  // namespace CR_ISA
