// Rows that are read to their width only: tails, sums in a fixed order, softmax's two sums.
//
// Decisions
// a) The last vector of a row is read whole (rows are padded) and its lanes beyond the width are
//    replaced, so padding may hold anything.
// b) A sum over a row is one vector of partial sums in column order, then its lanes in the order of
//    `lane_sum`: it depends on the width of the row and the instruction set, on nothing else.
#pragma once

#include "vmath.hpp"

namespace CR_ISA {

#define CR_INLINE_BODY __attribute__((always_inline))

// The lanes of a vector that lie within the width: all of them, or the first few.
struct AllLanes {};
template <class T>
struct FirstLanes {
    IVec<T> mask;
    CR_INLINE explicit FirstLanes(std::size_t count) {
        typename Lanes<T>::Int numbers[Lanes<T>::count];
        for (int lane = 0; lane < Lanes<T>::count; ++lane) numbers[lane] = lane;
        std::memcpy(&mask, numbers, sizeof mask);
        mask = mask < iset1<T>(typename Lanes<T>::Int(count));
    }
};

// The value within the width, `other` beyond it.
template <class V>
CR_INLINE V within(AllLanes, V value, V) {
    return value;
}
template <class T>
CR_INLINE Vec<T> within(FirstLanes<T> first, Vec<T> value, Vec<T> other) {
    return select(first.mask, value, other);
}

// Calls body(column, lanes within the width) for each vector of a row.
template <class T, class Body>
CR_INLINE void for_columns(std::size_t width, Body body) {
    constexpr std::size_t count = Lanes<T>::count;
    std::size_t column = 0;
    for (; column + count <= width; column += count) body(column, AllLanes{});
    if (column < width) body(column, FirstLanes<T>(width - column));
}

// The first `count` numbers and zeros, touching no memory beyond them.
template <class T>
CR_INLINE Vec<T> load_part(const T* from, std::size_t count) {
    constexpr std::size_t most = Lanes<T>::count;
    if (count >= most) return load(from);
    T numbers[most] = {};
    for (std::size_t lane = 0; lane < count; ++lane) numbers[lane] = from[lane];
    return load(numbers);
}

// The same where it happens often.
#if defined(__AVX512F__)
CR_INLINE Vec<float> load_first(const float* from, std::size_t count) {
    const auto mask = static_cast<__mmask16>((1u << count) - 1);
    return (Vec<float>)_mm512_maskz_loadu_ps(mask, from);
}
CR_INLINE Vec<double> load_first(const double* from, std::size_t count) {
    const auto mask = static_cast<__mmask8>((1u << count) - 1);
    return (Vec<double>)_mm512_maskz_loadu_pd(mask, from);
}
#elif defined(__AVX2__)
CR_INLINE Vec<float> load_first(const float* from, std::size_t count) {
    return (Vec<float>)_mm256_maskload_ps(from, (__m256i)FirstLanes<float>(count).mask);
}
CR_INLINE Vec<double> load_first(const double* from, std::size_t count) {
    return (Vec<double>)_mm256_maskload_pd(from, (__m256i)FirstLanes<double>(count).mask);
}
#else
template <class T>
CR_INLINE Vec<T> load_first(const T* from, std::size_t count) {
    return load_part(from, count);
}
#endif

template <class T>
CR_INLINE void store_part(T* to, Vec<T> value, std::size_t count) {
    constexpr std::size_t most = Lanes<T>::count;
    if (count >= most) return store(to, value);
    T numbers[most];
    store(numbers, value);
    for (std::size_t lane = 0; lane < count; ++lane) to[lane] = numbers[lane];
}

// Zeros the vectors from the one that holds column `first` on.
template <class T>
CR_INLINE void zero_from(T* row, std::size_t first, std::size_t ld) {
    constexpr std::size_t count = Lanes<T>::count;
    for (std::size_t column = first / count * count; column < ld; column += count)
        store(row + column, Vec<T>{});
}

// Zeros the vectors beyond the one that holds the last column.
template <class T>
CR_INLINE void zero_beyond(T* row, std::size_t width, std::size_t ld) {
    zero_from(row, width + Lanes<T>::count - 1, ld);
}

// The largest score of a row, and the sum of exp(score - largest) over the others. The largest adds
// exactly 1 to the whole sum, so log(1 + rest) keeps the digits of a small rest.
template <class T>
struct Scores {
    Vec<T> top, rest;
};

template <class T>
CR_INLINE Vec<T> row_top(const T* z, std::size_t width) {
    const Vec<T> lowest = set1<T>(-Format<T>::infinity);
    Vec<T> best = lowest;
    for_columns<T>(width, [&](std::size_t column, auto inside) CR_INLINE_BODY {
        best = vmax(best, within(inside, load(z + column), lowest));
    });
    return set1<T>(lane_max<T>(best));
}

// `keep(column, exponential)` sees exp(score - largest) on the way.
template <class T, class Keep>
CR_INLINE Scores<T> row_scores(const T* z, std::size_t width, Keep keep) {
    const Vec<T> top = row_top(z, width), one = set1<T>(1);
    Vec<T> rest{}, equals{};
    for_columns<T>(width, [&](std::size_t column, auto inside) CR_INLINE_BODY {
        const Vec<T> score = load(z + column);
        const Vec<T> exponential = within(inside, vexp<T>(score - top), Vec<T>{});
        const auto equal = score == top;
        rest += select(equal, Vec<T>{}, exponential);
        equals += within(inside, select(equal, one, Vec<T>{}), Vec<T>{});
        keep(column, exponential);
    });
    T others = lane_sum<T>(equals) - T(1);
    if (others != 0) others += top[0] - top[0];  // two infinite scores have no shares
    return {top, set1<T>(lane_sum<T>(rest) + others)};
}

}  // namespace CR_ISA
