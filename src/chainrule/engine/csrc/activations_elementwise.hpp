// Activations that act on each element alone: value, slope, and what the slope is computed from.
//
// Decisions
// a) One struct per record of the Python registry, the same formula and the same branches, so that
//    both engines agree in the tails and at corners (where the slope is the left-hand one).
// b) `value` and `slope` are templates on the type of number and work on one vector; spans, tiles'
//    epilogues and learned parameters are wired around them once, in activations.hpp.
// c) A slope is finite for every finite argument: padding lanes hold any finite z, and dZ there is
//    0 times the slope.
// d) `p[0]`, `p[1]`, ... are the numbers of the Python record in the order of its fields.
#pragma once

#include "vmath.hpp"

namespace CR_ISA {

// What a slope reads: the engine keeps only that.
enum class Needs { z, output, both };

// The numbers of an activation, and its learned parameter at the columns at hand.
template <class T>
struct Parameters {
    T numbers[4];
    Vec<T> learned;
    CR_INLINE Vec<T> operator[](int index) const { return set1<T>(numbers[index]); }
};

struct Elementwise {
    static constexpr bool rowwise = false;
    static constexpr int learned = 0;
    static constexpr Needs needs = Needs::z;
};

// ---- Classics ----------------------------------------------------------------------------------

struct Identity : Elementwise {
    static constexpr const char* name = "identity";
    static constexpr Needs needs = Needs::output;

    template <class T>
    static CR_INLINE Vec<T> value(Vec<T> z, const Parameters<T>&) {
        return z;
    }
    template <class T>
    static CR_INLINE Vec<T> slope(Vec<T>, Vec<T>, const Parameters<T>&) {
        return set1<T>(1);
    }
};

struct Sigmoid : Elementwise {
    static constexpr const char* name = "sigmoid";
    static constexpr Needs needs = Needs::output;

    template <class T>
    static CR_INLINE Vec<T> value(Vec<T> z, const Parameters<T>&) {
        return vsigmoid<T>(z);
    }
    template <class T>
    static CR_INLINE Vec<T> slope(Vec<T>, Vec<T> h, const Parameters<T>&) {
        return h * (set1<T>(1) - h);
    }
};

struct Tanh : Elementwise {
    static constexpr const char* name = "tanh";
    static constexpr Needs needs = Needs::output;

    template <class T>
    static CR_INLINE Vec<T> value(Vec<T> z, const Parameters<T>&) {
        return vtanh<T>(z);
    }
    template <class T>
    static CR_INLINE Vec<T> slope(Vec<T>, Vec<T> h, const Parameters<T>&) {
        return fma(-h, h, set1<T>(1));
    }
};

// p[0] is beta.
struct Softplus : Elementwise {
    static constexpr const char* name = "softplus";

    template <class T>
    static CR_INLINE Vec<T> value(Vec<T> z, const Parameters<T>& p) {
        return vsoftplus<T>(p[0] * z) * (set1<T>(1) / p[0]);
    }
    template <class T>
    static CR_INLINE Vec<T> slope(Vec<T> z, Vec<T>, const Parameters<T>& p) {
        return vsigmoid<T>(p[0] * z);
    }
};

// ---- With a corner at 0 ------------------------------------------------------------------------

struct Relu : Elementwise {
    static constexpr const char* name = "relu";
    static constexpr Needs needs = Needs::output;

    template <class T>
    static CR_INLINE Vec<T> value(Vec<T> z, const Parameters<T>&) {
        return vmax(Vec<T>{}, z);  // in this order NaN stays NaN
    }
    template <class T>
    static CR_INLINE Vec<T> slope(Vec<T>, Vec<T> h, const Parameters<T>&) {
        return select(h > Vec<T>{}, set1<T>(1), Vec<T>{});
    }
};

// p[0] is alpha.
struct LeakyRelu : Elementwise {
    static constexpr const char* name = "leaky_relu";
    static constexpr Needs needs = Needs::output;

    template <class T>
    static CR_INLINE Vec<T> value(Vec<T> z, const Parameters<T>& p) {
        return select(z > Vec<T>{}, z, p[0] * z);
    }
    template <class T>
    static CR_INLINE Vec<T> slope(Vec<T>, Vec<T> h, const Parameters<T>& p) {
        return select(h > Vec<T>{}, set1<T>(1), p[0]);
    }
};

struct Prelu : Elementwise {
    static constexpr const char* name = "prelu";
    static constexpr int learned = 1;

    template <class T>
    static CR_INLINE Vec<T> value(Vec<T> z, const Parameters<T>& p) {
        return select(z > Vec<T>{}, z, p.learned * z);
    }
    template <class T>
    static CR_INLINE Vec<T> slope(Vec<T> z, Vec<T>, const Parameters<T>& p) {
        return select(z > Vec<T>{}, set1<T>(1), p.learned);
    }
    template <class T>
    static CR_INLINE Vec<T> learned_slope(Vec<T> z, Vec<T>, const Parameters<T>&) {
        return select(z > Vec<T>{}, Vec<T>{}, z);
    }
};

// p[0] is alpha.
struct Elu : Elementwise {
    static constexpr const char* name = "elu";

    template <class T>
    static CR_INLINE Vec<T> value(Vec<T> z, const Parameters<T>& p) {
        return select(z > Vec<T>{}, z, p[0] * vexpm1<T>(z));
    }
    template <class T>
    static CR_INLINE Vec<T> slope(Vec<T> z, Vec<T>, const Parameters<T>& p) {
        return select(z > Vec<T>{}, set1<T>(1), p[0] * vexp<T>(z));
    }
};

struct Selu : Elementwise {
    static constexpr const char* name = "selu";
    static constexpr double scale = 1.0507009873554804934, alpha = 1.6732632423543772848;

    template <class T>
    static CR_INLINE Vec<T> value(Vec<T> z, const Parameters<T>&) {
        return set1<T>(T(scale)) * select(z > Vec<T>{}, z, set1<T>(T(alpha)) * vexpm1<T>(z));
    }
    template <class T>
    static CR_INLINE Vec<T> slope(Vec<T> z, Vec<T>, const Parameters<T>&) {
        const Vec<T> below = set1<T>(T(alpha)) * vexp<T>(z);
        return set1<T>(T(scale)) * select(z > Vec<T>{}, set1<T>(1), below);
    }
};

// ---- z times a gate in (0, 1) ------------------------------------------------------------------

struct Gelu : Elementwise {
    static constexpr const char* name = "gelu";

    template <class T>
    static CR_INLINE Vec<T> value(Vec<T> z, const Parameters<T>&) {
        return z * vnormal<T>(z).cumulative;
    }
    template <class T>
    static CR_INLINE Vec<T> slope(Vec<T> z, Vec<T>, const Parameters<T>&) {
        const Normal<T> normal = vnormal<T>(z);
        return fma(z, normal.density, normal.cumulative);
    }
};

struct GeluTanh : Elementwise {
    static constexpr const char* name = "gelu_tanh";
    static constexpr double cubic = 0.044715, twice_root = 1.5957691216057307117;  // sqrt(8 / pi)

    template <class T>
    static CR_INLINE Vec<T> value(Vec<T> z, const Parameters<T>&) {
        return z * vsigmoid<T>(doubled_argument<T>(z, z * z));
    }
    template <class T>
    static CR_INLINE Vec<T> slope(Vec<T> z, Vec<T>, const Parameters<T>&) {
        // Beyond 30 the slope is 0 or 1 to the last bit; the cut keeps z^2 from overflowing.
        const Vec<T> near = cut<T>(z, T(-30), T(30)), square = near * near;
        const Gate<T> gate = vgate<T>(doubled_argument<T>(near, square));
        const Vec<T> bend = set1<T>(T(3 * cubic * twice_root));
        const Vec<T> steepness = fma(square, bend, set1<T>(T(twice_root)));
        return fma(near * gate.open, gate.closed * steepness, gate.open);
    }

  private:
    template <class T>
    static CR_INLINE Vec<T> doubled_argument(Vec<T> z, Vec<T> square) {
        return z * fma(square, set1<T>(T(cubic * twice_root)), set1<T>(T(twice_root)));
    }
};

struct Silu : Elementwise {
    static constexpr const char* name = "silu";

    template <class T>
    static CR_INLINE Vec<T> value(Vec<T> z, const Parameters<T>&) {
        return z * vsigmoid<T>(z);
    }
    template <class T>
    static CR_INLINE Vec<T> slope(Vec<T> z, Vec<T>, const Parameters<T>&) {
        const Gate<T> gate = vgate<T>(z);
        return gate.open * fma(z, gate.closed, set1<T>(1));
    }
};

struct SwishBeta : Elementwise {
    static constexpr const char* name = "swish_beta";
    static constexpr int learned = 1;

    template <class T>
    static CR_INLINE Vec<T> value(Vec<T> z, const Parameters<T>& p) {
        return z * vsigmoid<T>(p.learned * z);
    }
    template <class T>
    static CR_INLINE Vec<T> slope(Vec<T> z, Vec<T>, const Parameters<T>& p) {
        const Vec<T> argument = p.learned * z;
        const Gate<T> gate = vgate<T>(argument);
        return gate.open * fma(argument, gate.closed, set1<T>(1));
    }
    template <class T>
    static CR_INLINE Vec<T> learned_slope(Vec<T> z, Vec<T>, const Parameters<T>& p) {
        const Gate<T> gate = vgate<T>(p.learned * z);
        return (z * gate.open) * (z * gate.closed);
    }
};

// The gate is t = tanh(log(1 + e^z)). With e = e^-|z|, t and 1 - t are quotients of short sums of
// positive terms, so neither loses digits.
struct Mish : Elementwise {
    static constexpr const char* name = "mish";

    template <class T>
    static CR_INLINE Vec<T> value(Vec<T> z, const Parameters<T>&) {
        const Parts<T> parts = split_gate<T>(z);
        return z * (parts.open / (parts.open + parts.closed));
    }
    template <class T>
    static CR_INLINE Vec<T> slope(Vec<T> z, Vec<T>, const Parameters<T>&) {
        const Parts<T> parts = split_gate<T>(z);
        const Vec<T> whole = parts.open + parts.closed, one = set1<T>(1);
        const Vec<T> logistic = select(z > Vec<T>{}, one, parts.tail) / (one + parts.tail);
        const Vec<T> share = one / whole, gate = parts.open * share;
        return fma(z * (parts.closed * share), (one + gate) * logistic, gate);
    }

  private:
    template <class T>
    struct Parts {
        Vec<T> tail, open, closed;
    };
    template <class T>
    static CR_INLINE Parts<T> split_gate(Vec<T> z) {
        const Vec<T> tail = vexp_below<T>(z), two = set1<T>(2);
        const auto above = z > Vec<T>{};
        return {tail, select(above, fma(tail, two, set1<T>(1)), tail * (tail + two)),
                select(above, two * tail * tail, two)};
    }
};

}  // namespace CR_ISA
