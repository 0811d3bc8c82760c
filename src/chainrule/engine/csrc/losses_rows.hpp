// Losses on raw outputs, one row at a time: the value, and its gradient times the row's factor.
//
// Decisions
// a) One struct per record of the Python registry, fused with its link as there: logits of any size
//    give a finite loss, and p - y is never the difference of two numbers near 1.
// b) A loss that is a sum or mean of one term per output gives `term`, for vectors of outputs;
//    the others give `row`, or `group` for several rows at a time.
// c) `p[0]`, `p[1]`, ... are the numbers of the Python record in the order of its fields, where
//    over_outputs is 0 for "sum" and 1 for "mean"; `over_outputs` is its index, or -1. What is left
//    of them to 1 is worked out before they are rounded: 1 - 0.999 has four digits less in float32.
// d) A row's value is summed in the type of its numbers, in the one order of rows.hpp.
// e) Padding of raw and Y means nothing. The padding of the gradient is 0 before a row begins.
#pragma once

#include "rows.hpp"

namespace CR_ISA {

// The numbers of the Python record in the order of its fields.
template <class T>
struct LossArgs {
    T numbers[4];
    T rests[4];  // 1 less each of them
    CR_INLINE Vec<T> operator[](int index) const { return set1<T>(numbers[index]); }
};

// One row; `gradient` may be null.
template <class T>
struct LossRow {
    const T* raw;
    const T* Y;
    T* gradient;
    T factor;
    std::size_t targets;
};

// One term of a row's loss, and its derivatives by the raw outputs that it reads.
template <class T, int Raw>
struct Term {
    Vec<T> value;
    Vec<T> slope[Raw];
};

template <class L, class T>
CR_INLINE T share_of(const LossArgs<T>& p, std::size_t targets) {
    if constexpr (L::over_outputs >= 0)
        if (p.numbers[L::over_outputs] != T(0)) return T(1) / T(targets);
    return T(1);
}

// A loss that gives `term`. It reads `Raw` raw outputs per target: a row of raw holds the first of
// each target, then the second of each.
template <class L, int Raw = 1>
struct Outputwise {
    static constexpr std::size_t raw_per_target = Raw;

    template <class T>
    static CR_INLINE T row(const LossArgs<T>& p, const LossRow<T>& row) {
        const T share = share_of<L>(p, row.targets);
        const Vec<T> factor = set1<T>(share * row.factor);
        Vec<T> sum{};
        for_columns<T>(row.targets, [&](std::size_t column, auto inside) CR_INLINE_BODY {
            const std::size_t count = row.targets - column;
            Vec<T> raw[Raw] = {load(row.raw + column)};
            for (int part = 1; part < Raw; ++part)
                raw[part] = load_part(row.raw + part * row.targets + column, count);
            const Term<T, Raw> term = L::template term<T>(raw, load(row.Y + column), p);
            sum += within(inside, term.value, Vec<T>{});
            if (!row.gradient) return;
            if constexpr (Raw == 1) {
                store(row.gradient + column, within(inside, term.slope[0] * factor, Vec<T>{}));
            } else {
                T* const at = row.gradient + column;
                for (int part = 0; part < Raw; ++part)
                    store_part(at + part * row.targets, term.slope[part] * factor, count);
            }
        });
        return share * lane_sum<T>(sum);
    }

    // Rows of one target each, as many at a time as a vector has lanes: the same bits as `row`.
    template <class T>
    static CR_INLINE void single(const LossArgs<T>& p, const T* raw, std::size_t raw_ld, const T* Y,
                                 std::size_t y_ld, T* values, T* gradient, const T* factors,
                                 std::size_t count) {
        constexpr std::size_t lanes = Lanes<T>::count;
        T at[Raw][lanes] = {}, y[lanes] = {};
        for (std::size_t row = 0; row < count; ++row) {
            for (int part = 0; part < Raw; ++part) at[part][row] = raw[row * raw_ld + part];
            y[row] = Y[row * y_ld];
        }
        Vec<T> inputs[Raw];
        for (int part = 0; part < Raw; ++part) inputs[part] = load(at[part]);
        const Term<T, Raw> term = L::template term<T>(inputs, load(y), p);
        store_part(values, term.value, count);
        if (!gradient) return;
        const Vec<T> factor = load_part(factors, count);
        for (int part = 0; part < Raw; ++part) store(at[part], term.slope[part] * factor);
        for (std::size_t row = 0; row < count; ++row)
            for (int part = 0; part < Raw; ++part) gradient[row * raw_ld + part] = at[part][row];
    }
};

// ---- On predictions themselves -----------------------------------------------------------------

// p = (scale, over_outputs)
struct SquaredError : Outputwise<SquaredError> {
    static constexpr const char* name = "squared_error";
    static constexpr int parameters = 2, over_outputs = 1;

    template <class T>
    static CR_INLINE Term<T, 1> term(const Vec<T> (&raw)[1], Vec<T> y, const LossArgs<T>& p) {
        const Vec<T> error = raw[0] - y, scaled_error = p[0] * error;
        return {scaled_error * error, {scaled_error + scaled_error}};
    }
};

// p = (over_outputs)
struct AbsoluteError : Outputwise<AbsoluteError> {
    static constexpr const char* name = "absolute_error";
    static constexpr int parameters = 1, over_outputs = 0;

    template <class T>
    static CR_INLINE Term<T, 1> term(const Vec<T> (&raw)[1], Vec<T> y, const LossArgs<T>&) {
        const Vec<T> error = raw[0] - y;
        return {absolute<T>(error), {sign<T>(error)}};
    }

    // -1, 0 or 1; NaN stays.
    template <class T>
    static CR_INLINE Vec<T> sign(Vec<T> x) {
        const Vec<T> zero{}, one = set1<T>(1);
        return select(x > zero, one, select(x < zero, -one, x));
    }
};

// p = (delta, over_outputs)
struct Huber : Outputwise<Huber> {
    static constexpr const char* name = "huber";
    static constexpr int parameters = 2, over_outputs = 1;

    template <class T>
    static CR_INLINE Term<T, 1> term(const Vec<T> (&raw)[1], Vec<T> y, const LossArgs<T>& p) {
        const Vec<T> error = raw[0] - y, size = absolute<T>(error), small = vmin(size, p[0]);
        const Vec<T> value = small * (size - set1<T>(T(0.5)) * small);
        return {value, {cut<T>(error, -p.numbers[0], p.numbers[0])}};
    }
};

// p = (quantile, over_outputs)
struct Pinball : Outputwise<Pinball> {
    static constexpr const char* name = "pinball";
    static constexpr int parameters = 2, over_outputs = 1;

    template <class T>
    static CR_INLINE Term<T, 1> term(const Vec<T> (&raw)[1], Vec<T> y, const LossArgs<T>& p) {
        const Vec<T> error = raw[0] - y, side = AbsoluteError::sign<T>(error);
        const Vec<T> over = set1<T>(p.rests[0]), under = -p[0];
        const Vec<T> weight = select(error > Vec<T>{}, over, under);
        return {weight * error, {absolute<T>(weight) * side}};
    }
};

// ---- Likelihoods -------------------------------------------------------------------------------

// p = (over_outputs)
struct Poisson : Outputwise<Poisson> {
    static constexpr const char* name = "poisson";
    static constexpr int parameters = 1, over_outputs = 0;

    template <class T>
    static CR_INLINE Term<T, 1> term(const Vec<T> (&raw)[1], Vec<T> y, const LossArgs<T>&) {
        const Vec<T> mean = vexp<T>(raw[0]);
        return {mean - y * raw[0], {mean - y}};
    }
};

// p = (over_outputs). A row of raw holds the means, then the logarithms s of the variances.
struct GaussianNll : Outputwise<GaussianNll, 2> {
    static constexpr const char* name = "gaussian_nll";
    static constexpr int parameters = 1, over_outputs = 0;

    template <class T>
    static CR_INLINE Term<T, 2> term(const Vec<T> (&raw)[2], Vec<T> y, const LossArgs<T>&) {
        const Vec<T> half = set1<T>(T(0.5)), log_two_pi = set1<T>(T(1.8378770664093454836));
        const Vec<T> error = raw[0] - y, root = vexp<T>(-half * raw[1]);
        const Vec<T> squares = times_square<T>(error * error, root);
        return {half * (raw[1] + squares + log_two_pi),
                {times_square<T>(error, root), half * (set1<T>(1) - squares)}};
    }

  private:
    // a root^2, infinite where a is, 0 where a is 0, NaN where the root is. In two factors, because
    // root^2 may overflow where the product does not.
    template <class T>
    static CR_INLINE Vec<T> times_square(Vec<T> a, Vec<T> root) {
        const Vec<T> product = a * root * root;
        const auto infinite = (absolute<T>(a) == set1<T>(Format<T>::infinity)) & (root == root);
        return select((a == Vec<T>{}) | infinite, a, product);
    }
};

// ---- Classes -----------------------------------------------------------------------------------

// p = ()
struct BinaryCrossEntropy : Outputwise<BinaryCrossEntropy> {
    static constexpr const char* name = "binary_cross_entropy";
    static constexpr int parameters = 0, over_outputs = -1;

    template <class T>
    static CR_INLINE Term<T, 1> term(const Vec<T> (&raw)[1], Vec<T> y, const LossArgs<T>&) {
        const Vec<T> zero{}, one = set1<T>(1), not_y = one - y;
        const Vec<T> above = vmax(zero, raw[0]);
        const Vec<T> wrong_way = not_y * above + y * (above - raw[0]);
        const Vec<T> tail = vexp_below<T>(raw[0]);
        const Vec<T> larger = one / (one + tail), smaller = tail * larger;
        const auto positive = raw[0] > zero;
        const Vec<T> open = select(positive, larger, smaller);
        const Vec<T> closed = select(positive, smaller, larger);
        return {wrong_way + vlog1p_unit<T>(tail), {not_y * open - y * closed}};
    }
};

// p = (label_smoothing). With y' the smoothed targets: value -sum of y' log p, gradient
// p (sum of y') - y'. The largest score's p - 1 is -rest / (1 + rest), which has all digits.
struct SoftmaxCrossEntropy {
    static constexpr const char* name = "softmax_cross_entropy";
    static constexpr int parameters = 1, over_outputs = -1;
    static constexpr std::size_t raw_per_target = 1;

    // As many rows as a vector has lanes, at most: what each needs of a logarithm and a division is
    // worked out for all of them at once. With few classes these take longer than all the rest.
    template <class T>
    static CR_INLINE void group(const LossArgs<T>& p, const LossRow<T>* rows, T* values,
                                std::size_t count) {
        Summary<T> group{};
        for (std::size_t i = 0; i < count; ++i) scan<T>(rows[i], group, i);
        const Vec<T> one = set1<T>(1), rest = load(group.rest), share = one / (one + rest);
        store(group.logarithm, vlog1p<T>(rest));
        store(group.share, share);
        store(group.top_less_one, -rest * share);
        for (std::size_t i = 0; i < count; ++i) values[i] = finish<T>(p, rows[i], group, i);
    }

  private:
    // One number of each row of a group.
    template <class T>
    struct Summary {
        T top[Lanes<T>::count], rest[Lanes<T>::count], logarithm[Lanes<T>::count];
        T share[Lanes<T>::count], top_less_one[Lanes<T>::count];
    };

    // Leaves exp(score - top) in the gradient.
    template <class T>
    static CR_INLINE void scan(const LossRow<T>& row, Summary<T>& group, std::size_t i) {
        const auto keep = [&](std::size_t column, Vec<T> exponential) CR_INLINE_BODY {
            if (row.gradient) store(row.gradient + column, exponential);
        };
        const Scores<T> scores = row_scores(row.raw, row.targets, keep);
        group.top[i] = scores.top[0];
        group.rest[i] = scores.rest[0];
    }

    template <class T>
    static CR_INLINE T finish(const LossArgs<T>& p, const LossRow<T>& row, const Summary<T>& group,
                              std::size_t i) {
        const Vec<T> kept = set1<T>(p.rests[0]), spread = set1<T>(p.numbers[0] / T(row.targets));
        const Vec<T> top = set1<T>(group.top[i]), logarithm = set1<T>(group.logarithm[i]);
        const auto smoothed = [&](std::size_t column, auto inside) CR_INLINE_BODY {
            return within(inside, fma(kept, load(row.Y + column), spread), Vec<T>{});
        };
        Vec<T> sum{}, targets{};
        for_columns<T>(row.targets, [&](std::size_t column, auto inside) CR_INLINE_BODY {
            const Vec<T> y = smoothed(column, inside);
            const Vec<T> log_p = load(row.raw + column) - top - logarithm;
            sum += within(inside, y * log_p, Vec<T>{});
            targets += y;
        });
        if (row.gradient) write_gradient<T>(row, group, i, set1<T>(lane_sum<T>(targets)), smoothed);
        return -lane_sum<T>(sum);
    }

    template <class T, class Smoothed>
    static CR_INLINE void write_gradient(const LossRow<T>& row, const Summary<T>& group, std::size_t i,
                                         Vec<T> targets, Smoothed smoothed) {
        const Vec<T> one = set1<T>(1), share = set1<T>(group.share[i]), top = set1<T>(group.top[i]);
        const Vec<T> top_less_one = set1<T>(group.top_less_one[i]), factor = set1<T>(row.factor);
        for_columns<T>(row.targets, [&](std::size_t column, auto inside) CR_INLINE_BODY {
            const Vec<T> y = smoothed(column, inside);
            const Vec<T> probability = load(row.gradient + column) * share;
            const auto is_top = load(row.raw + column) == top;
            const Vec<T> less_one = select(is_top, top_less_one, probability - one);
            const Vec<T> slope = (targets - y) * probability + y * less_one;
            store(row.gradient + column, within(inside, slope * factor, Vec<T>{}));
        });
    }
};

}  // namespace CR_ISA
