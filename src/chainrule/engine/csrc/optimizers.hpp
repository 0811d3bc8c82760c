// Optimizers as one update of one vector of weights, in registers.
//
// Decisions
// a) An optimizer is one struct: the scalars of a step (computed once, in double) and the update of
//    one vector. The walk over memory, decay and element-wise penalties is written once around it.
// b) The arithmetic is the reference's, operation by operation, so float64 results agree to a few
//    units in the last place.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "program.hpp"
#include "simd.hpp"

namespace CR_ISA {

constexpr int kMostSlots = 3;
constexpr int kMostScalars = 8;

template <class T>
using Scalars = Vec<T>[kMostScalars];

struct Sgd {
    static constexpr const char* name = "sgd";
    static constexpr int slots = 0;
    static void prepare(const double*, std::int64_t, double*) {}
    template <class T>
    static CR_INLINE void update(Vec<T>& w, Vec<T> g, Vec<T>*, Vec<T> rate, const Scalars<T>&) {
        w = w - rate * g;
    }
};

struct Momentum {
    static constexpr const char* name = "momentum";
    static constexpr int slots = 1;
    static void prepare(const double* numbers, std::int64_t, double* s) { s[0] = numbers[0]; }
    template <class T>
    static CR_INLINE void update(Vec<T>& w, Vec<T> g, Vec<T>* slot, Vec<T> rate,
                                 const Scalars<T>& s) {
        slot[0] = s[0] * slot[0] - rate * g;
        w = w + slot[0];
    }
};

struct Nesterov {
    static constexpr const char* name = "nesterov";
    static constexpr int slots = 1;
    static void prepare(const double* numbers, std::int64_t, double* s) { s[0] = numbers[0]; }
    template <class T>
    static CR_INLINE void update(Vec<T>& w, Vec<T> g, Vec<T>* slot, Vec<T> rate,
                                 const Scalars<T>& s) {
        const Vec<T> push = rate * g;
        slot[0] = s[0] * slot[0] - push;
        w = w + s[0] * slot[0] - push;
    }
};

struct AdaGrad {
    static constexpr const char* name = "adagrad";
    static constexpr int slots = 1;
    static void prepare(const double* numbers, std::int64_t, double* s) { s[0] = numbers[0]; }
    template <class T>
    static CR_INLINE void update(Vec<T>& w, Vec<T> g, Vec<T>* slot, Vec<T> rate,
                                 const Scalars<T>& s) {
        slot[0] = slot[0] + g * g;
        w = w - rate * (g / (root(slot[0]) + s[0]));
    }
};

struct RmsProp {
    static constexpr const char* name = "rmsprop";
    static constexpr int slots = 1;
    static void prepare(const double* numbers, std::int64_t, double* s) {
        s[0] = numbers[0];
        s[1] = 1.0 - numbers[0];
        s[2] = numbers[1];
    }
    template <class T>
    static CR_INLINE void update(Vec<T>& w, Vec<T> g, Vec<T>* slot, Vec<T> rate,
                                 const Scalars<T>& s) {
        slot[0] = s[0] * slot[0] + s[1] * (g * g);
        w = w - rate * (g / (root(slot[0]) + s[2]));
    }
};

// The Adam family: numbers are beta1, beta2, epsilon and what a member adds.
struct AdamScalars {
    static void prepare(const double* numbers, std::int64_t step, double* s) {
        s[0] = numbers[0];
        s[1] = 1.0 - numbers[0];
        s[2] = numbers[1];
        s[3] = 1.0 - numbers[1];
        s[4] = numbers[2];
        s[5] = 1.0 / left(numbers[0], static_cast<double>(step));
        s[6] = 1.0 / std::sqrt(left(numbers[1], static_cast<double>(step)));
    }
    // 1 - beta^step. The power is below exp(-(1 - beta) step), and 1 less 2^-64 is 1: most steps of
    // a run need no power, which takes as long as the update of thirty vectors.
    static double left(double beta, double step) {
        return (1.0 - beta) * step > 45.0 ? 1.0 : 1.0 - std::pow(beta, step);
    }
    template <class T>
    static CR_INLINE void means(Vec<T> g, Vec<T>* slot, const Scalars<T>& s) {
        slot[0] = s[0] * slot[0] + s[1] * g;
        slot[1] = s[2] * slot[1] + s[3] * (g * g);
    }
};

struct Adam : AdamScalars {
    static constexpr const char* name = "adam";
    static constexpr int slots = 2;
    template <class T>
    static CR_INLINE void update(Vec<T>& w, Vec<T> g, Vec<T>* slot, Vec<T> rate,
                                 const Scalars<T>& s) {
        means<T>(g, slot, s);
        w = w - rate * (slot[0] * s[5] / (root(slot[1]) * s[6] + s[4]));
    }
};

// Both corrections in one factor, epsilon outside of them.
struct AdamEpsilonHat : AdamScalars {
    static constexpr const char* name = "adam_epsilon_hat";
    static constexpr int slots = 2;
    static void prepare(const double* numbers, std::int64_t step, double* s) {
        AdamScalars::prepare(numbers, step, s);
        s[5] = s[5] / s[6];
    }
    template <class T>
    static CR_INLINE void update(Vec<T>& w, Vec<T> g, Vec<T>* slot, Vec<T> rate,
                                 const Scalars<T>& s) {
        means<T>(g, slot, s);
        w = w - rate * (s[5] * slot[0] / (root(slot[1]) + s[4]));
    }
};

struct AdamW : Adam {
    static constexpr const char* name = "adamw";
};

struct AmsGrad : AdamScalars {
    static constexpr const char* name = "amsgrad";
    static constexpr int slots = 3;
    template <class T>
    static CR_INLINE void update(Vec<T>& w, Vec<T> g, Vec<T>* slot, Vec<T> rate,
                                 const Scalars<T>& s) {
        means<T>(g, slot, s);
        slot[2] = vmax(slot[2], slot[1]);
        w = w - rate * (slot[0] * s[5] / (root(slot[2]) * s[6] + s[4]));
    }
};

// numbers: beta1, beta2, epsilon, then this step's factor of the mean and of the gradient, which
// Python computes because the product of all earlier momenta is part of them.
struct NAdam : AdamScalars {
    static constexpr const char* name = "nadam";
    static constexpr int slots = 2;
    static void prepare(const double* numbers, std::int64_t step, double* s) {
        AdamScalars::prepare(numbers, step, s);
        s[5] = numbers[3];
        s[7] = numbers[4];
    }
    template <class T>
    static CR_INLINE void update(Vec<T>& w, Vec<T> g, Vec<T>* slot, Vec<T> rate,
                                 const Scalars<T>& s) {
        means<T>(g, slot, s);
        w = w - rate * ((s[5] * slot[0] + s[7] * g) / (root(slot[1]) * s[6] + s[4]));
    }
};

// What is the same for all weights of one parameter in one step.
template <class T>
struct UpdateRule {
    const Vec<T>* scalars;  // of the optimizer, kMostScalars
    T rate;
    T keep;     // 1 - rate * decay
    T l1, l2;   // coefficients of the element-wise penalties' gradients; 0 without
    T cut;      // limit of clipping by value; 0 without
    T shrink;   // factor of clipping by norm; 1 without
    bool streams;  // new weights leave the caches (see pace.hpp)
};

// Sums that a unit of weights reports: they are added up in the order of units, never of threads.
struct UnitSums {
    double squares = 0.0;    // of the gradient before clipping
    double absolute = 0.0;   // of the weights before the update, where a penalty needs it
    double weights = 0.0;    // squares of the weights, likewise
};

template <class T>
struct VectorSums {
    Vec<T> squares, small, absolute, weights;

    CR_INLINE void clear() { squares = small = absolute = weights = Vec<T>{}; }

    // The squares of numbers below 1e-19 are not float32 numbers: they are counted enlarged as well.
    CR_INLINE void count(Vec<T> g) {
        squares = fma(g, g, squares);
        if constexpr (enlarged) {
            const Vec<T> large = g * set1<T>(kEnlarged);
            small = fma(large, large, small);
        }
    }

    CR_INLINE void into(UnitSums& sums, bool penalised) const {
        double total = static_cast<double>(lane_sum<T>(squares));
        if constexpr (enlarged)
            if (total < 1e-25)
                total = static_cast<double>(lane_sum<T>(small)) / (double(kEnlarged) * double(kEnlarged));
        sums.squares += total;
        if (!penalised) return;
        sums.absolute += static_cast<double>(lane_sum<T>(absolute));
        sums.weights += static_cast<double>(lane_sum<T>(weights));
    }

   private:
    static constexpr bool enlarged = sizeof(T) == 4;
    static constexpr T kEnlarged = T(1.152921504606846976e18);  // 2^60
};

template <class T>
using UpdateFunction = void (*)(const UpdateRule<T>&, const T* g, T* w, T* const* slots,
                                std::size_t n, VectorSums<T>&);

// Adds penalties to the gradient g of weights w and counts the sums.
template <class T>
CR_INLINE Vec<T> full_gradient(const UpdateRule<T>& rule, Vec<T> g, Vec<T> w, VectorSums<T>& sums) {
    if (rule.l1 != 0 || rule.l2 != 0) {
        const Vec<T> zero{};
        const Vec<T> size = w < zero ? -w : w;
        const Vec<T> sign = (w > zero ? set1<T>(1) : zero) - (w < zero ? set1<T>(1) : zero);
        g = g + set1<T>(rule.l1) * sign + set1<T>(rule.l2) * w;
        sums.absolute += size;
        sums.weights = fma(w, w, sums.weights);
    }
    sums.count(g);
    return g;
}

// The gradient that the optimizer is given: with penalties, then clipped. Weight decay acts on w.
template <class T>
CR_INLINE Vec<T> shaped_gradient(const UpdateRule<T>& rule, Vec<T> g, Vec<T>& w,
                                 VectorSums<T>& sums) {
    g = full_gradient<T>(rule, g, w, sums);
    if (rule.cut > 0) g = vmin(vmax(g, set1<T>(-rule.cut)), set1<T>(rule.cut));
    if (rule.shrink != 1) g = g * set1<T>(rule.shrink);
    if (rule.keep != 1) w = w * set1<T>(rule.keep);
    return g;
}

// What happens to a gradient before the optimizer has it, so that nothing is asked for each vector:
// nothing; factors alone (clipping by norm, weight decay), 1 where there is none; or anything.
enum class Shaping { none, factors, any };

// One run of weights.
template <class O, class T, Shaping S>
CR_INLINE void update_run(const UpdateRule<T>& rule, const T* g, T* w, T* const* to, std::size_t n,
                          VectorSums<T>& sums) {
    constexpr int L = Lanes<T>::count;
    const Vec<T> rate = set1<T>(rule.rate), keep = set1<T>(rule.keep), shrink = set1<T>(rule.shrink);
    const bool streams = rule.streams;
    // Copies, because a store through w or a slot might change what a reference names.
    VectorSums<T> own = sums;
    Scalars<T> scalars;
    T* slots[kMostSlots];
    std::copy_n(rule.scalars, kMostScalars, scalars);
    std::copy_n(to, O::slots, slots);
    for (std::size_t i = 0; i < n; i += L) {
        Vec<T> weight = load(w + i), gradient = load(g + i);
        if constexpr (S == Shaping::any)
            gradient = shaped_gradient<T>(rule, gradient, weight, own);
        else
            own.count(gradient);
        if constexpr (S == Shaping::factors) {
            gradient = gradient * shrink;
            weight = weight * keep;
        }
        Vec<T> slot[kMostSlots];
        for (int k = 0; k < O::slots; ++k) slot[k] = load(slots[k] + i);
        O::template update<T>(weight, gradient, slot, rate, scalars);
        for (int k = 0; k < O::slots; ++k) store(slots[k] + i, slot[k]);
        if (streams)
            stream(w + i, weight);
        else
            store(w + i, weight);
    }
    sums = own;
}

template <class O, class T>
void update_span(const UpdateRule<T>& rule, const T* g, T* w, T* const* slots, std::size_t n,
                 VectorSums<T>& sums) {
    if (rule.l1 != 0 || rule.l2 != 0 || rule.cut > 0)
        update_run<O, T, Shaping::any>(rule, g, w, slots, n, sums);
    else if (rule.shrink != 1 || rule.keep != 1)
        update_run<O, T, Shaping::factors>(rule, g, w, slots, n, sums);
    else
        update_run<O, T, Shaping::none>(rule, g, w, slots, n, sums);
}

template <class T>
struct OptimizerEntry {
    const char* name;
    int slots;
    void (*prepare)(const double* numbers, std::int64_t step, double* scalars);
    UpdateFunction<T> update;
};

template <class... O>
struct OptimizerList {
    template <class T>
    static const OptimizerEntry<T>* find(const std::string& name) {
        static const OptimizerEntry<T> table[] = {
            {O::name, O::slots, &O::prepare, &update_span<O, T>}...};
        for (const auto& entry : table)
            if (name == entry.name) return &entry;
        return nullptr;
    }
    static std::vector<std::string> names() { return {O::name...}; }
};

// Adding a struct here is all that a new optimizer needs in C++.
using Optimizers = OptimizerList<Sgd, Momentum, Nesterov, AdaGrad, RmsProp, Adam, AdamEpsilonHat,
                                 AdamW, AmsGrad, NAdam>;

}  // namespace CR_ISA
