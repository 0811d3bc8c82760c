// Vectors of one instruction set.
//
// Decisions
// a) GCC/Clang vector extensions for + - * / and comparisons, a handful of intrinsics for what they
//    lack (fused multiply-add, square root, exponent arithmetic). One source serves all sets; the
//    build compiles it once per set with CR_ISA naming the namespace.
// b) -ffp-contract=off everywhere: a product and a sum are fused only where `fma` says so, so an
//    expression has the same bits in a main loop, a tail and another inlining context.
// c) Rows are padded to whole vectors, so there are no masks and no scalar tails.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#ifndef CR_ISA
#error "CR_ISA names the namespace of the instruction set"
#endif

#if defined(__AVX512F__)
#define CR_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define CR_VECTOR_BYTES 32
#else
#define CR_VECTOR_BYTES 16
#endif

#define CR_INLINE inline __attribute__((always_inline))

namespace CR_ISA {

template <class T>
struct Lanes;

template <>
struct Lanes<float> {
    using Int = std::int32_t;
    typedef float V __attribute__((vector_size(CR_VECTOR_BYTES)));
    typedef std::int32_t I __attribute__((vector_size(CR_VECTOR_BYTES)));
    static constexpr int count = CR_VECTOR_BYTES / 4;
};

template <>
struct Lanes<double> {
    using Int = std::int64_t;
    typedef double V __attribute__((vector_size(CR_VECTOR_BYTES)));
    typedef std::int64_t I __attribute__((vector_size(CR_VECTOR_BYTES)));
    static constexpr int count = CR_VECTOR_BYTES / 8;
};

template <class T>
using Vec = typename Lanes<T>::V;
template <class T>
using IVec = typename Lanes<T>::I;

template <class T>
CR_INLINE Vec<T> set1(T value) {
    return value - Vec<T>{};
}

template <class T>
CR_INLINE IVec<T> iset1(typename Lanes<T>::Int value) {
    return value + IVec<T>{};
}

// Loads and stores of any alignment; on current processors an aligned address costs nothing extra.
template <class T>
CR_INLINE Vec<T> load(const T* from) {
    Vec<T> value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

// Stores whose line leaves this core's caches, where there are such; others see them after a fence.
#if defined(__x86_64__)
constexpr bool kStreams = true;
CR_INLINE void fence_streams() { _mm_sfence(); }
#else
constexpr bool kStreams = false;
CR_INLINE void fence_streams() {}
#endif

template <class T>
CR_INLINE void store(T* to, Vec<T> value) {
    std::memcpy(to, &value, sizeof value);
}

template <class To, class From>
CR_INLINE To bits(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}

// `to` stands on a vector's boundary.
#if defined(__AVX512F__)
CR_INLINE void stream(float* to, Vec<float> v) { _mm512_stream_ps(to, (__m512)v); }
CR_INLINE void stream(double* to, Vec<double> v) { _mm512_stream_pd(to, (__m512d)v); }
#elif defined(__AVX2__)
CR_INLINE void stream(float* to, Vec<float> v) { _mm256_stream_ps(to, (__m256)v); }
CR_INLINE void stream(double* to, Vec<double> v) { _mm256_stream_pd(to, (__m256d)v); }
#elif defined(__x86_64__)
CR_INLINE void stream(float* to, Vec<float> v) { _mm_stream_ps(to, (__m128)v); }
CR_INLINE void stream(double* to, Vec<double> v) { _mm_stream_pd(to, (__m128d)v); }
#else
template <class T>
CR_INLINE void stream(T* to, Vec<T> v) {
    store(to, v);
}
#endif

#if defined(__AVX512F__)
CR_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
    return (Vec<float>)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
CR_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
    return (Vec<double>)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
}
CR_INLINE Vec<float> root(Vec<float> a) { return (Vec<float>)_mm512_sqrt_ps((__m512)a); }
CR_INLINE Vec<double> root(Vec<double> a) { return (Vec<double>)_mm512_sqrt_pd((__m512d)a); }
// a > b ? a : b and a < b ? a : b, as the templates below: b where one is NaN.
// (Masked with all lanes: GCC 12 warns of its own unmasked intrinsics.)
CR_INLINE Vec<float> vmax(Vec<float> a, Vec<float> b) {
    return (Vec<float>)_mm512_mask_max_ps((__m512)a, 0xFFFF, (__m512)a, (__m512)b);
}
CR_INLINE Vec<double> vmax(Vec<double> a, Vec<double> b) {
    return (Vec<double>)_mm512_mask_max_pd((__m512d)a, 0xFF, (__m512d)a, (__m512d)b);
}
CR_INLINE Vec<float> vmin(Vec<float> a, Vec<float> b) {
    return (Vec<float>)_mm512_mask_min_ps((__m512)a, 0xFFFF, (__m512)a, (__m512)b);
}
CR_INLINE Vec<double> vmin(Vec<double> a, Vec<double> b) {
    return (Vec<double>)_mm512_mask_min_pd((__m512d)a, 0xFF, (__m512d)a, (__m512d)b);
}
// v 2^n for an integer n of any size, rounded once.
CR_INLINE Vec<float> times_power(Vec<float> v, Vec<float> n) {
    return (Vec<float>)_mm512_mask_scalef_ps((__m512)v, 0xFFFF, (__m512)v, (__m512)n);
}
CR_INLINE Vec<double> times_power(Vec<double> v, Vec<double> n) {
    return (Vec<double>)_mm512_mask_scalef_pd((__m512d)v, 0xFF, (__m512d)v, (__m512d)n);
}
#define CR_HAS_TIMES_POWER 1
#elif defined(__AVX2__)
CR_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
    return (Vec<float>)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
CR_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
    return (Vec<double>)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
CR_INLINE Vec<float> root(Vec<float> a) { return (Vec<float>)_mm256_sqrt_ps((__m256)a); }
CR_INLINE Vec<double> root(Vec<double> a) { return (Vec<double>)_mm256_sqrt_pd((__m256d)a); }
// a > b ? a : b and a < b ? a : b, as the templates below: b where one is NaN.
CR_INLINE Vec<float> vmax(Vec<float> a, Vec<float> b) {
    return (Vec<float>)_mm256_max_ps((__m256)a, (__m256)b);
}
CR_INLINE Vec<double> vmax(Vec<double> a, Vec<double> b) {
    return (Vec<double>)_mm256_max_pd((__m256d)a, (__m256d)b);
}
CR_INLINE Vec<float> vmin(Vec<float> a, Vec<float> b) {
    return (Vec<float>)_mm256_min_ps((__m256)a, (__m256)b);
}
CR_INLINE Vec<double> vmin(Vec<double> a, Vec<double> b) {
    return (Vec<double>)_mm256_min_pd((__m256d)a, (__m256d)b);
}
#elif defined(__aarch64__)
CR_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
    return (Vec<float>)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
CR_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
    return (Vec<double>)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
CR_INLINE Vec<float> root(Vec<float> a) { return (Vec<float>)vsqrtq_f32((float32x4_t)a); }
CR_INLINE Vec<double> root(Vec<double> a) { return (Vec<double>)vsqrtq_f64((float64x2_t)a); }
#else
// x86-64-v2 has no fused multiply-add: two roundings, on every path alike.
#define CR_TWO_ROUNDINGS 1
template <class V>
CR_INLINE V fma(V a, V b, V c) {
    return a * b + c;
}
CR_INLINE Vec<float> root(Vec<float> a) { return (Vec<float>)_mm_sqrt_ps((__m128)a); }
CR_INLINE Vec<double> root(Vec<double> a) { return (Vec<double>)_mm_sqrt_pd((__m128d)a); }
// a > b ? a : b and a < b ? a : b, as the templates below: b where one is NaN.
CR_INLINE Vec<float> vmax(Vec<float> a, Vec<float> b) {
    return (Vec<float>)_mm_max_ps((__m128)a, (__m128)b);
}
CR_INLINE Vec<double> vmax(Vec<double> a, Vec<double> b) {
    return (Vec<double>)_mm_max_pd((__m128d)a, (__m128d)b);
}
CR_INLINE Vec<float> vmin(Vec<float> a, Vec<float> b) {
    return (Vec<float>)_mm_min_ps((__m128)a, (__m128)b);
}
CR_INLINE Vec<double> vmin(Vec<double> a, Vec<double> b) {
    return (Vec<double>)_mm_min_pd((__m128d)a, (__m128d)b);
}
#endif

template <class V>
CR_INLINE V vmax(V a, V b) {
    return a > b ? a : b;
}

template <class V>
CR_INLINE V vmin(V a, V b) {
    return a < b ? a : b;
}

template <class T, int N>
struct Part {
    typedef T V __attribute__((vector_size(N * sizeof(T))));
};

template <class T, int N, class V>
CR_INLINE void halve(V v, typename Part<T, N / 2>::V& low, typename Part<T, N / 2>::V& high) {
#if defined(__AVX512F__)
    // GCC reads the halves of a 64-byte vector from memory, and keeps a loop's sums there.
    if constexpr (sizeof v == 64) {
        typedef typename Part<T, N / 2>::V Half;
        low = (Half)_mm512_maskz_extractf64x4_pd(0xF, (__m512d)v, 0);
        high = (Half)_mm512_maskz_extractf64x4_pd(0xF, (__m512d)v, 1);
        return;
    }
#endif
    std::memcpy(&low, &v, sizeof low);
    std::memcpy(&high, reinterpret_cast<const char*>(&v) + sizeof low, sizeof high);
}

// The lanes folded in halves until one is left: a fixed order.
template <class T, int N, class V, class Combine>
CR_INLINE T fold_lanes(V v, Combine combine) {
    if constexpr (N == 2) {
        return combine(v[0], v[1]);
    } else {
        typename Part<T, N / 2>::V low, high;
        halve<T, N>(v, low, high);
        return fold_lanes<T, N / 2>(combine(low, high), combine);
    }
}

template <class T>
CR_INLINE T lane_sum(Vec<T> v) {
    return fold_lanes<T, Lanes<T>::count>(v, [](auto a, auto b) { return a + b; });
}

template <class T>
CR_INLINE T lane_max(Vec<T> v) {
    return fold_lanes<T, Lanes<T>::count>(v, [](auto a, auto b) { return a > b ? a : b; });
}

}  // namespace CR_ISA
