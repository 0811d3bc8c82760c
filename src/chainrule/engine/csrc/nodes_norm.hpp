// Batch and layer normalisation.
//
// Batch norm is the one operation that mixes rows: its moments and its two backward means are
// computed column by column over all rows, the columns being shared among the threads, between two
// meetings of the team.
#pragma once

#include <algorithm>

#include "node.hpp"

namespace CR_ISA {

// A sum over the true columns of a row, in lanes and then across them; the padding does not count.
template <class T, class Term>
CR_INLINE T sum_columns(std::size_t width, const Term& term) {
    constexpr std::size_t L = Lanes<T>::count;
    Vec<T> sum{};
    std::size_t j = 0;
    for (; j + L <= width; j += L) sum = sum + term(j);
    if (j < width) {
        Vec<T> last = term(j);
        for (std::size_t lane = width - j; lane < L; ++lane) last[lane] = 0;
        sum = sum + last;
    }
    return lane_sum<T>(sum);
}

// What both normalisations share: gamma, beta, their gradients, and the buffer of Xhat.
template <class T>
struct NormNode : Node<T> {
    static constexpr std::size_t kNormalised = 0;

    const T* gamma() const { return this->owned[0]->w.get(); }
    const T* beta() const { return this->owned[1]->w.get(); }

    void gradient(const Workspace<T>& ws, std::size_t which, std::size_t, std::size_t,
                  T* to) const override {
        const Tensor<T>& Y = this->out(ws);
        const std::size_t rows = this->all_rows(ws, Y), ld = Y.ld;
        const T* const Xhat = ws.extra[this->number][kNormalised].get();
        const T* const dY = Y.gradient;
        for (std::size_t j = 0; j < this->owned[0]->ld; j += Lanes<T>::count) {
            const auto slope = [&](std::size_t row) CR_INLINE_BODY { return load(dY + row * ld + j); };
            store(to + j, which == 1 ? sum_rows<T>(rows, slope)
                                     : sum_rows<T>(rows, [&](std::size_t row) CR_INLINE_BODY {
                                           return slope(row) * load(Xhat + row * ld + j);
                                       }));
        }
    }
};

template <class T>
struct BatchNormNode final : NormNode<T> {
    // extra: Xhat, mean, 1 / deviation, mean of dXhat, mean of dXhat Xhat
    void reserve(Workspace<T>& ws) const override {
        const Tensor<T>& X = this->in(ws);
        auto& extra = ws.extra[this->number];
        extra.push_back(allocate<T>(ws.capacity * X.rows_per_sample * X.ld));
        for (int k = 0; k < 4; ++k) extra.push_back(allocate<T>(X.ld));
    }

    void forward(Workspace<T>& ws, const Member& member, Range samples) const override {
        const Tensor<T>& X = this->in(ws);
        T* mean = ws.extra[this->number][1].get();
        T* factor = ws.extra[this->number][2].get();
        if (ws.training) member.meet();
        if (ws.training || member.number == 0 || !ws.learning) moments(ws, member, X, mean, factor);
        if (ws.learning) member.meet();
        for_parts(member, this->rows_of(X, samples),
                  [&](Range rows) { normalise(ws, X, rows, mean, factor); });
    }

    void backward(Workspace<T>& ws, const Member& member, Range samples) const override {
        const Tensor<T>& Y = this->out(ws);
        const chainrule::GradientInfo target = this->info.gradients[0];
        if (ws.training) {
            member.meet();
            means(ws, member, Y);
            member.meet();
        }
        if (!target.wanted) return;
        for_parts(member, this->rows_of(Y, samples),
                  [&](Range rows) { spread(ws, rows, target.add); });
    }

   private:
    // Calls body(part) for parts of the rows as long as the work goes on.
    template <class Body>
    static void for_parts(const Member& member, Range rows, const Body& body) {
        constexpr std::size_t part = 1024;
        for (std::size_t at = rows.first; at < rows.last && member.working(); at += part)
            body({at, std::min(at + part, rows.last)});
    }

    void moments(Workspace<T>& ws, const Member& member, const Tensor<T>& X, T* mean,
                 T* factor) const {
        constexpr std::size_t L = Lanes<T>::count;
        const std::size_t rows = this->all_rows(ws, X);
        const Vec<T> epsilon = set1<T>(static_cast<T>(this->info.numbers[1])), one = set1<T>(1);
        T* running_mean = this->running + this->info.running[0];
        T* running_variance = this->running + this->info.running[1];
        const std::size_t vectors = vectors_of<T>(X.width);
        const Range mine = ws.training ? member.share_of(vectors) : Range{0, vectors};
        for (std::size_t j = mine.first * L; j < mine.last * L && member.working(); j += L) {
            if (!ws.training) {
                store(mean + j, load_part(running_mean + j, X.width - j));
                const Vec<T> variance = load_part(running_variance + j, X.width - j);
                store(factor + j, one / root(variance + epsilon));
                keep_padding_neutral(X.width, j, factor);
                continue;
            }
            const Vec<T> count = set1<T>(static_cast<T>(rows));
            const T* const x = X.value + j;
            const std::size_t ld = X.ld;
            const Vec<T> centre =
                sum_rows<T>(rows, [&](std::size_t row) CR_INLINE_BODY { return load(x + row * ld); }) / count;
            const Vec<T> variance = sum_rows<T>(rows, [&](std::size_t row) CR_INLINE_BODY {
                                        const Vec<T> d = load(x + row * ld) - centre;
                                        return d * d;
                                    }) / count;
            store(mean + j, centre);
            store(factor + j, one / root(variance + epsilon));
            keep_padding_neutral(X.width, j, factor);
            move(X.width - j, rows, centre, variance, running_mean + j, running_variance + j);
        }
    }

    static void keep_padding_neutral(std::size_t width, std::size_t j, T* factor) {
        for (std::size_t lane = width - j; lane < Lanes<T>::count; ++lane) factor[j + lane] = 1;
    }

    // The running moments of so many columns, towards those of this batch.
    void move(std::size_t columns, std::size_t rows, Vec<T> mean, Vec<T> variance, T* running_mean,
              T* running_variance) const {
        const Vec<T> momentum = set1<T>(static_cast<T>(this->info.numbers[0]));
        const Vec<T> kept = set1<T>(static_cast<T>(1.0 - this->info.numbers[0]));
        const double count = static_cast<double>(rows);
        const Vec<T> unbiased = set1<T>(static_cast<T>(count / (rows > 1 ? count - 1.0 : 1.0)));
        const Vec<T> centre = load_part(running_mean, columns), spread = load_part(running_variance, columns);
        store_part(running_mean, centre * kept + mean * momentum, columns);
        store_part(running_variance, spread * kept + variance * unbiased * momentum, columns);
    }

    void normalise(Workspace<T>& ws, const Tensor<T>& X, Range rows, const T* mean,
                   const T* factor) const {
        T* const Xhat = ws.extra[this->number][0].get();
        const T *const x = X.value, *const gamma = this->gamma(), *const beta = this->beta();
        T* const y = this->out(ws).value;
        const std::size_t width = this->owned[0]->ld, ld = X.ld;
        for (std::size_t row = rows.first; row < rows.last; ++row)
            for (std::size_t j = 0; j < width; j += Lanes<T>::count) {
                const std::size_t at = row * ld + j;
                const Vec<T> normalised = (load(x + at) - load(mean + j)) * load(factor + j);
                store(Xhat + at, normalised);
                store(y + at, load(gamma + j) * normalised + load(beta + j));
            }
    }

    void means(Workspace<T>& ws, const Member& member, const Tensor<T>& Y) const {
        constexpr std::size_t L = Lanes<T>::count;
        const std::size_t rows = this->all_rows(ws, Y), ld = Y.ld;
        const T *const Xhat = ws.extra[this->number][0].get(), *const dY = Y.gradient;
        const Vec<T> count = set1<T>(static_cast<T>(rows));
        const Range mine = member.share_of(vectors_of<T>(Y.width));
        for (std::size_t j = mine.first * L; j < mine.last * L && member.working(); j += L) {
            const Vec<T> gamma = load(this->gamma() + j);
            const auto slope = [&](std::size_t row) CR_INLINE_BODY {
                return load(dY + row * ld + j) * gamma;
            };
            store(ws.extra[this->number][3].get() + j, sum_rows<T>(rows, slope) / count);
            store(ws.extra[this->number][4].get() + j,
                  sum_rows<T>(rows, [&](std::size_t row) CR_INLINE_BODY {
                      return slope(row) * load(Xhat + row * ld + j);
                  }) / count);
        }
    }

    void spread(Workspace<T>& ws, Range rows, bool add) const {
        const auto& extra = ws.extra[this->number];
        const T *const Xhat = extra[0].get(), *const factors = extra[2].get();
        const T *const means = extra[3].get(), *const products = extra[4].get();
        const T *const dY = this->out(ws).gradient, *const gamma = this->gamma();
        T* const to = this->in(ws).gradient;
        const std::size_t width = this->owned[0]->ld, ld = this->in(ws).ld;
        const bool training = ws.training;
        for (std::size_t row = rows.first; row < rows.last; ++row)
            for (std::size_t j = 0; j < width; j += Lanes<T>::count) {
                const std::size_t at = row * ld + j;
                Vec<T> dX = load(dY + at) * load(gamma + j);
                if (training) dX = dX - load(means + j) - load(Xhat + at) * load(products + j);
                give(to + at, dX * load(factors + j), add);
            }
    }
};

template <class T>
struct LayerNormNode final : NormNode<T> {
    // extra: Xhat, 1 / deviation of each row
    void reserve(Workspace<T>& ws) const override {
        const Tensor<T>& X = this->in(ws);
        auto& extra = ws.extra[this->number];
        extra.push_back(allocate<T>(ws.capacity * X.rows_per_sample * X.ld));
        extra.push_back(allocate<T>(ws.capacity * X.rows_per_sample));
    }

    void forward(Workspace<T>& ws, const Member&, Range samples) const override {
        const Tensor<T>& X = this->in(ws);
        for_groups(X, this->rows_of(X, samples), [&](Range rows) { normalise(ws, X, rows); });
    }

    void backward(Workspace<T>& ws, const Member&, Range samples) const override {
        const chainrule::GradientInfo target = this->info.gradients[0];
        if (!target.wanted) return;
        const Tensor<T>& X = this->in(ws);
        for_groups(X, this->rows_of(X, samples), [&](Range rows) { spread(ws, rows, target.add); });
    }

   private:
    // Calls body(rows) for a few rows at a time: all their sums, then all their roots and quotients,
    // so that no row waits for the one before. Few enough that they stay in the level-1 cache.
    template <class Body>
    static void for_groups(const Tensor<T>& X, Range rows, const Body& body) {
        const std::size_t most = std::clamp<std::size_t>(1024 / X.ld, 1, Lanes<T>::count);
        for (std::size_t at = rows.first; at < rows.last; at += most)
            body({at, std::min(at + most, rows.last)});
    }

    // Lane i: the mean of a group's row i; term(row, column) gives vectors.
    template <class Term>
    static Vec<T> means(Range rows, std::size_t width, const Term& term) {
        T sums[Lanes<T>::count] = {};
        for (std::size_t row = rows.first; row < rows.last; ++row)
            sums[row - rows.first] =
                sum_columns<T>(width, [&](std::size_t j) CR_INLINE_BODY { return term(row, j); });
        return load(sums) / set1<T>(static_cast<T>(width));
    }

    void normalise(Workspace<T>& ws, const Tensor<T>& X, Range rows) const {
        T centres[Lanes<T>::count], factors[Lanes<T>::count];
        const T* const value = X.value;
        const std::size_t ld = X.ld, wide = this->owned[0]->ld;
        const auto x = [&](std::size_t row, std::size_t j) CR_INLINE_BODY {
            return load(value + row * ld + j);
        };
        store(centres, means(rows, X.width, x));
        const Vec<T> variances = means(rows, X.width, [&](std::size_t row, std::size_t j) CR_INLINE_BODY {
            const Vec<T> d = x(row, j) - set1<T>(centres[row - rows.first]);
            return d * d;
        });
        const Vec<T> epsilon = set1<T>(static_cast<T>(this->info.numbers[0]));
        store(factors, set1<T>(1) / root(variances + epsilon));
        T* const kept = ws.extra[this->number][1].get();
        T* const Xhat = ws.extra[this->number][0].get();
        T* const Y = this->out(ws).value;
        const T *const gamma = this->gamma(), *const beta = this->beta();
        for (std::size_t row = rows.first; row < rows.last; ++row) {
            const Vec<T> centre = set1<T>(centres[row - rows.first]);
            const Vec<T> factor = set1<T>(kept[row] = factors[row - rows.first]);
            for (std::size_t j = 0; j < wide; j += Lanes<T>::count) {
                const Vec<T> normalised = (x(row, j) - centre) * factor;
                store(Xhat + row * ld + j, normalised);
                store(Y + row * ld + j, load(gamma + j) * normalised + load(beta + j));
            }
        }
    }

    void spread(Workspace<T>& ws, Range rows, bool add) const {
        const std::size_t width = this->in(ws).width, ld = this->in(ws).ld, wide = this->owned[0]->ld;
        const T *const dY = this->out(ws).gradient, *const gamma = this->gamma();
        const T *const Xhat = ws.extra[this->number][0].get(), *const kept = ws.extra[this->number][1].get();
        T* const to = this->in(ws).gradient;
        const auto slope = [&](std::size_t row, std::size_t j) CR_INLINE_BODY {
            return load(dY + row * ld + j) * load(gamma + j);
        };
        const auto normalised = [&](std::size_t row, std::size_t j) CR_INLINE_BODY {
            return load(Xhat + row * ld + j);
        };
        T centres[Lanes<T>::count], products[Lanes<T>::count];
        store(centres, means(rows, width, slope));
        store(products, means(rows, width, [&](std::size_t row, std::size_t j) CR_INLINE_BODY {
                  return slope(row, j) * normalised(row, j);
              }));
        for (std::size_t row = rows.first; row < rows.last; ++row) {
            const Vec<T> mean = set1<T>(centres[row - rows.first]);
            const Vec<T> product = set1<T>(products[row - rows.first]);
            const Vec<T> factor = set1<T>(kept[row]);
            for (std::size_t j = 0; j < wide; j += Lanes<T>::count) {
                const Vec<T> dX = (slope(row, j) - mean - normalised(row, j) * product) * factor;
                give(to + row * ld + j, dX, add);
            }
            for (std::size_t j = width; j < wide; ++j) to[row * ld + j] = 0;
        }
    }
};

}  // namespace CR_ISA
