// Functions on vectors: exp, expm1, log, log1p, tanh, logistic, softplus, normal distribution.
//
// Decisions
// a) Own polynomials, no tables and no branches: every lane takes the same instructions, so a
//    number gets the same bits in any lane, at any place of a row, in any batch.
// b) Coefficients are minimax fits made for this file (Remez exchange; rational interpolation at
//    Chebyshev nodes for the normal tail), highest power first. The error of each fit is a power of
//    two stated beside it; the error of each function, measured, stands above the function.
// c) Errors are in ulp of the exact result, float32 then float64, the worst of x86-64-v2 (no fused
//    multiply-add), v3 and v4: float32 over every number, float64 over a million random ones each,
//    against 113 bits (tools/function_errors.cpp).
// d) NaN stays NaN. Comparisons are written so that NaN falls through to the argument.
// e) Results below the smallest normal number are rounded once, to a denormal or to 0.
#pragma once

#include <iterator>

#include "simd.hpp"

namespace CR_ISA {

// ---- Formats, selection, polynomials -----------------------------------------------------------

template <class T>
struct Format;

template <>
struct Format<float> {
    typedef std::uint32_t U __attribute__((vector_size(CR_VECTOR_BYTES)));
    static constexpr int mantissa = 23;
    static constexpr std::int32_t bias = 127;
    static constexpr std::int32_t sign = INT32_MIN;
    static constexpr std::int32_t upper_half = ~0xFFF;  // keeps 12 bits: the square is exact
    static constexpr float shifter = 0x1.8p23f;         // adding it rounds to an integer
    static constexpr float smallest = 0x1p-126f;
    static constexpr float infinity = __builtin_inff();
};

template <>
struct Format<double> {
    typedef std::uint64_t U __attribute__((vector_size(CR_VECTOR_BYTES)));
    static constexpr int mantissa = 52;
    static constexpr std::int64_t bias = 1023;
    static constexpr std::int64_t sign = INT64_MIN;
    static constexpr std::int64_t upper_half = ~0x7FFFFFF;  // keeps 26 bits
    static constexpr double shifter = 0x1.8p52;
    static constexpr double smallest = 0x1p-1022;
    static constexpr double infinity = __builtin_inf();
};

// Unsigned integers of the size of T, whose shifts fill with zeros.
template <class T>
using UVec = typename Format<T>::U;

template <class V, class M>
CR_INLINE V select(M mask, V yes, V no) {
    return mask ? yes : no;
}

template <class T>
CR_INLINE Vec<T> absolute(Vec<T> x) {
    return bits<Vec<T>>(bits<IVec<T>>(x) & ~iset1<T>(Format<T>::sign));
}

template <class T>
CR_INLINE Vec<T> with_sign_of(Vec<T> size, Vec<T> x) {
    const IVec<T> sign = iset1<T>(Format<T>::sign);
    return bits<Vec<T>>((bits<IVec<T>>(size) & ~sign) | (bits<IVec<T>>(x) & sign));
}

// The argument x cut to [low, high]; NaN stays.
template <class T>
CR_INLINE Vec<T> cut(Vec<T> x, T low, T high) {
    return vmax(set1<T>(low), vmin(set1<T>(high), x));
}

// With the first `used` of the coefficients.
template <class T, std::size_t N>
CR_INLINE Vec<T> horner(Vec<T> x, const T (&coefficients)[N], std::size_t used = N) {
    Vec<T> sum = set1<T>(coefficients[0]);
#pragma GCC unroll 16
    for (std::size_t power = 1; power < used; ++power)
        sum = fma(sum, x, set1<T>(coefficients[power]));
    return sum;
}

// So many bits of x that a product of two such numbers is exact.
template <class T>
CR_INLINE Vec<T> upper_half(Vec<T> x) {
    return bits<Vec<T>>(bits<IVec<T>>(x) & iset1<T>(Format<T>::upper_half));
}

// ---- Coefficients ------------------------------------------------------------------------------

// ln 2 in two parts, the first short enough for exact multiples.
template <class T>
struct Logarithm2;
template <>
struct Logarithm2<float> {
    static constexpr float upper = 0.693359375f, lower = -2.12194440e-4f, inverse = 1.44269504f;
};
template <>
struct Logarithm2<double> {
    static constexpr double upper = 0x1.62e42feep-1, lower = 1.90821492927058770002e-10;
    static constexpr double inverse = 1.44269504088896340736;
};

// exp(r) = 1 + r + r^2 q(r) for |r| <= ln(2) / 2; error of exp(r) - 1: 2^-26.2, 2^-55.6.
template <class T>
struct ExpFit;
template <>
struct ExpFit<float> {
    static constexpr float q[] = {1.3882491e-3f, 8.366528e-3f, 4.16672e-2f, 1.6666543e-1f,
                                  4.9999997e-1f};
    static constexpr float low = -104.0f, high = 89.0f;
};
template <>
struct ExpFit<double> {
    static constexpr double q[] = {2.505377383363015e-08, 2.7626051039534745e-07,
                                   2.75574075893917e-06,  2.480150524263723e-05,
                                   0.0001984126971891174, 0.001388888893158891,
                                   0.008333333333389613,  0.04166666666657669,
                                   0.16666666666666588,   0.5000000000000006};
    static constexpr double low = -746.0, high = 710.0;
};

// log((1 + s) / (1 - s)) = 2 s + s z L(z), z = s^2. `narrow` holds for s up to (sqrt(2) - 1)^2
// (error 2^-30.2, 2^-59.5), `wide` up to 1/3 (2^-33.1, 2^-59.3).
template <class T>
struct LogFit;
template <>
struct LogFit<float> {
    static constexpr float narrow[] = {2.9871982e-1f, 3.9977533e-1f, 6.6666776e-1f};
    static constexpr float wide[] = {2.4300945e-1f, 2.1427658e-1f, 2.8616884e-1f, 3.9998877e-1f,
                                     6.6666675e-1f};
    static constexpr std::int32_t root_half = 0x3F3504F3;
};
template <>
struct LogFit<double> {
    static constexpr double narrow[] = {0.14796261658753787, 0.1531402118307421, 0.1818356539994841,
                                      0.22222198554024347, 0.28571428742558763, 0.3999999999941399,
                                      0.6666666666666734};
    static constexpr double wide[] = {0.17018598280484054, 0.08340089925081992, 0.12106088642531872,
                                      0.1330097333118014, 0.15386559937435623, 0.1818174392458099,
                                      0.2222222396972834, 0.28571428547854183, 0.4000000000015724,
                                      0.6666666666666631};
    static constexpr std::int64_t root_half = 0x3FE6A09E667F3BCD;
};

// The normal tail: 1 - Phi(a) = exp(-a^2 / 2) P(a) / (2 a P(a) + U(a)) for 0 <= a <= top, where it
// has underflown to 0. All coefficients are positive and errors of P mostly cancel; P and U are
// scaled by 3/4, because a number just above a power of two is rounded most coarsely. Error
// 2^-27.0, 2^-56.5 with the roundings of the coefficients.
template <class T>
struct NormalFit;
template <>
struct NormalFit<float> {
    static constexpr float p[] = {
        3.0678972e-03f, 3.0363528e-02f, 1.3712525e-01f, 3.283607e-01f, 3.7499997e-01f};
    static constexpr float u[] = {
        1.5541946e-03f, 1.538784e-02f, 7.7049114e-02f, 2.4397904e-01f, 5.0513506e-01f,
        7.4999994e-01f};
    static constexpr float top = 14.6f, density = 0.3989422804f;
};
template <>
struct NormalFit<double> {
    static constexpr double p[] = {
        1.638145436791848e-07, 5.122592043802664e-06, 7.855732960901036e-05,
        0.0007688036770128279, 0.005280955146626392, 0.02650580597999759,
        0.09833035313330019, 0.26660331373051016, 0.5079249789050205,
        0.6198292587572118, 0.375};
    static constexpr double u[] = {
        8.299307962355359e-08, 2.595249968812814e-06, 4.020998652400323e-05,
        0.0004023381146278076, 0.0028715739666349866, 0.015330015143244764,
        0.06266460122633512, 0.19778328265612766, 0.47926906676025943,
        0.8677606613638282, 1.0880719381165727, 0.75};
    static constexpr double top = 39.0, density = 0.39894228040143267794;
};

// ---- Exponentials ------------------------------------------------------------------------------

// The bits of shifter + bias + n, moved up, are those of 2^n.
template <class T>
CR_INLINE Vec<T> power_of_two(Vec<T> shifted) {
    return bits<Vec<T>>(bits<IVec<T>>(shifted) << Format<T>::mantissa);
}

// v 2^n for an integer n that may leave the range of exponents: two factors, one rounding.
template <class T>
CR_INLINE Vec<T> scaled(Vec<T> v, Vec<T> n) {
#if defined(CR_HAS_TIMES_POWER)
    return times_power(v, n);
#else
    const Vec<T> zero = set1<T>(Format<T>::shifter + Format<T>::bias);
    const Vec<T> half = fma(n, set1<T>(T(0.5)), zero);
    const Vec<T> other = n - (half - zero) + zero;
    return v * power_of_two<T>(half) * power_of_two<T>(other);
#endif
}

// n = x / ln 2 rounded to an integer, r = x - n ln 2.
template <class T>
CR_INLINE Vec<T> reduce(Vec<T> x, Vec<T>& n) {
    const Vec<T> shifter = set1<T>(Format<T>::shifter);
    n = fma(x, set1<T>(Logarithm2<T>::inverse), shifter) - shifter;
    const Vec<T> r = fma(n, set1<T>(-Logarithm2<T>::upper), x);
    return fma(n, set1<T>(-Logarithm2<T>::lower), r);
}

// e^r - 1 for |r| <= ln(2) / 2.
template <class T>
CR_INLINE Vec<T> exp_tail(Vec<T> r) {
    return fma(r * r, horner<T>(r, ExpFit<T>::q), r);
}

// e^r 2^n.
template <class T>
CR_INLINE Vec<T> expanded(Vec<T> r, Vec<T> n) {
    return scaled<T>(exp_tail<T>(r) + set1<T>(1), n);
}

// e^x, constant from x = high on. Error 1.1, 1.1 ulp.
template <class T>
CR_INLINE Vec<T> vexp(Vec<T> x, T high = ExpFit<T>::high) {
    Vec<T> n;
    const Vec<T> r = reduce<T>(cut<T>(x, ExpFit<T>::low, high), n);
    return expanded<T>(r, n);
}

// e^-|x|. Error 1.1, 1.1 ulp.
template <class T>
CR_INLINE Vec<T> vexp_below(Vec<T> x) {
    const IVec<T> sign = iset1<T>(Format<T>::sign);
    const Vec<T> below = bits<Vec<T>>(bits<IVec<T>>(x) | sign);
    Vec<T> n;
    const Vec<T> r = reduce<T>(vmax(set1<T>(ExpFit<T>::low), below), n);
    return expanded<T>(r, n);
}

// e^x - 1, with all digits near 0. Error 1.8, 2.3 ulp.
template <class T>
CR_INLINE Vec<T> vexpm1(Vec<T> x) {
    const Vec<T> half = set1<T>(T(0.5));
    Vec<T> n;
    const Vec<T> r = reduce<T>(cut<T>(x, T(-50), ExpFit<T>::high), n);
    const Vec<T> tail = exp_tail<T>(r);
    // 2^(n - 1), because 2^n overflows where the result need not.
    const Vec<T> scale = power_of_two<T>(n + set1<T>(Format<T>::shifter + Format<T>::bias - 1));
    const Vec<T> sum = fma(scale, tail, scale - half);
    return sum + sum;
}

// tanh x. Error 2.6, 2.6 ulp.
template <class T>
CR_INLINE Vec<T> vtanh(Vec<T> x) {
    const Vec<T> tail = vexpm1<T>(set1<T>(-2) * absolute<T>(x));
    return with_sign_of<T>(tail / (tail + set1<T>(2)), x);
}

// The logistic function e^x / (1 + e^x); from x = 40 on it is 1 in every type. Error 2.5, 2.2 ulp.
template <class T>
CR_INLINE Vec<T> vsigmoid(Vec<T> x) {
    const Vec<T> power = vexp<T>(x, T(40));
    return power / (power + set1<T>(1));
}

// The logistic function of x and of -x from one exponential.
template <class T>
struct Gate {
    Vec<T> open, closed;
};
template <class T>
CR_INLINE Gate<T> vgate(Vec<T> x) {
    const Vec<T> tail = vexp_below<T>(x);
    const Vec<T> larger = set1<T>(1) / (set1<T>(1) + tail), smaller = tail * larger;
    const auto above = x > Vec<T>{};
    return {select(above, larger, smaller), select(above, smaller, larger)};
}

// ---- Logarithms --------------------------------------------------------------------------------

// x = 2^k (1 + f) for a normal x > 0, with 1 + f between sqrt(1/2) and sqrt(2).
template <class T>
CR_INLINE Vec<T> split(Vec<T> x, Vec<T>& k) {
    const UVec<T> bias = bits<UVec<T>>(iset1<T>(Format<T>::bias)), raw = bits<UVec<T>>(x);
    const UVec<T> root_half = bits<UVec<T>>(iset1<T>(LogFit<T>::root_half));
    const UVec<T> offset = (bias << Format<T>::mantissa) - root_half;
    const UVec<T> exponent = (raw + offset) >> Format<T>::mantissa;
    const Vec<T> shifter = set1<T>(Format<T>::shifter);
    k = bits<Vec<T>>(exponent + bits<UVec<T>>(shifter)) - (shifter + set1<T>(Format<T>::bias));
    return bits<Vec<T>>(raw - ((exponent - bias) << Format<T>::mantissa)) - set1<T>(1);
}

// log(1 + f) + rest, for f from `split` and a small rest.
template <class T>
CR_INLINE Vec<T> log_near_one(Vec<T> f, Vec<T> rest) {
    const Vec<T> s = f / (f + set1<T>(2)), z = s * s, half_square = set1<T>(T(0.5)) * f * f;
    const Vec<T> curve = fma(s, fma(z, horner<T>(z, LogFit<T>::narrow), half_square), rest);
    return f - (half_square - curve);
}

// log x; -inf at 0, NaN below. Error 0.9, 0.9 ulp.
template <class T>
CR_INLINE Vec<T> vlog(Vec<T> x) {
    const Vec<T> lift = set1<T>(1 / Format<T>::smallest);
    const auto tiny = x < set1<T>(Format<T>::smallest);
    Vec<T> k;
    const Vec<T> f = split<T>(select(tiny, x * lift, x), k);
    k -= select(tiny, set1<T>(Format<T>::bias - 1), Vec<T>{});
    const Vec<T> small = log_near_one<T>(f, k * set1<T>(Logarithm2<T>::lower));
    const Vec<T> inside = fma(k, set1<T>(Logarithm2<T>::upper), small);
    const Vec<T> infinity = set1<T>(Format<T>::infinity);
    const Vec<T> below = select(x == Vec<T>{}, -infinity, infinity - infinity);
    const Vec<T> outside = select(x <= Vec<T>{}, below, x);
    return select(x > Vec<T>{}, select(x < infinity, inside, x), outside);
}

// log(1 + x), with all digits near 0; -inf at -1, NaN below. Error 0.9, 0.9 ulp.
template <class T>
CR_INLINE Vec<T> vlog1p(Vec<T> x) {
    const Vec<T> one = set1<T>(1), sum = one + x;
    // What the sum has lost; beyond 1 / epsilon it does not matter.
    const Vec<T> lost = select(x > one, one - (sum - x), x - (sum - one)) / sum;
    Vec<T> k;
    const Vec<T> f = split<T>(sum, k);
    const Vec<T> small = log_near_one<T>(f, fma(k, set1<T>(Logarithm2<T>::lower), lost));
    const Vec<T> inside = fma(k, set1<T>(Logarithm2<T>::upper), small);
    const Vec<T> infinity = set1<T>(Format<T>::infinity);
    const Vec<T> below = select(sum == Vec<T>{}, -infinity, infinity - infinity);
    const Vec<T> outside = select(sum <= Vec<T>{}, below, x);
    return select(sum > Vec<T>{}, select(x < infinity, inside, x), outside);
}

// log(1 + x) for x in [0, 1], without splitting. Error 1.3, 1.3 ulp.
template <class T>
CR_INLINE Vec<T> vlog1p_unit(Vec<T> x) {
    const Vec<T> s = x / (x + set1<T>(2)), z = s * s;
    return fma(s, fma(z, horner<T>(z, LogFit<T>::wide), -x), x);
}

// log(1 + e^x). Error 2.1, 2.0 ulp.
template <class T>
CR_INLINE Vec<T> vsoftplus(Vec<T> x) {
    return vmax(x, Vec<T>{}) + vlog1p_unit<T>(vexp_below<T>(x));
}

// ---- The normal distribution -------------------------------------------------------------------

// Distribution function and density of the standard normal distribution, both with all digits far
// below 0. Error of the first 3.9, 3.9 ulp, of the second 2.3, 2.3 ulp.
template <class T>
struct Normal {
    Vec<T> cumulative, density;
};

#if defined(CR_TWO_ROUNDINGS)
// (a + rest) b + c for a small rest: only sums are rounded, the products that matter are exact.
template <class T>
CR_INLINE Vec<T> exact_product(Vec<T> a, Vec<T> rest, Vec<T> b, Vec<T> c) {
    const Vec<T> above = upper_half<T>(a), other = upper_half<T>(b);
    return above * other + (((a - above) + rest) * b + above * (b - other) + c);
}

// e^r 2^n P / D. Plain products and sums are wrong by 4.6 ulp in the worst case, so the steps that
// cost most keep what they lose: the last of P, the last of e^r, and their product.
template <class T>
CR_INLINE Vec<T> normal_tail(Vec<T> a, Vec<T> r, Vec<T> n, Vec<T>) {
    using Fit = NormalFit<T>;
    constexpr std::size_t p_last = std::size(Fit::p) - 1, u_last = std::size(Fit::u) - 1;
    const Vec<T> one = set1<T>(1), none{};
    const Vec<T> p = exact_product<T>(a, none, horner<T>(a, Fit::p, p_last), set1<T>(Fit::p[p_last]));
    const Vec<T> whole = fma(a, p + p + horner<T>(a, Fit::u, u_last), set1<T>(Fit::u[u_last]));
    const Vec<T> less_one = exp_tail<T>(r), power = less_one + one;
    const Vec<T> lost = less_one - (power - one);
    return scaled<T>(exact_product<T>(power, lost, p, none) / whole, n);
}
#else
template <class T>
CR_INLINE Vec<T> normal_tail(Vec<T> a, Vec<T>, Vec<T>, Vec<T> bell) {
    const Vec<T> p = horner<T>(a, NormalFit<T>::p);
    return bell * p / fma(a + a, p, horner<T>(a, NormalFit<T>::u));
}
#endif

template <class T>
CR_INLINE Normal<T> vnormal(Vec<T> x) {
    const Vec<T> a = vmin(set1<T>(NormalFit<T>::top), absolute<T>(x));
    // a^2 / 2 in two parts: rounded to one, it would cost exp() a digit and a half in the tail.
    const Vec<T> upper = upper_half<T>(a), minus_half = set1<T>(T(-0.5));
    const Vec<T> part = vmax(set1<T>(ExpFit<T>::low), minus_half * upper * upper);
    Vec<T> n;
    const Vec<T> r = reduce<T>(part, n) + minus_half * (a - upper) * (a + upper);
    const Vec<T> bell = expanded<T>(r, n), tail = normal_tail<T>(a, r, n, bell);
    return {select(x < Vec<T>{}, tail, set1<T>(1) - tail), bell * set1<T>(NormalFit<T>::density)};
}

}  // namespace CR_ISA
