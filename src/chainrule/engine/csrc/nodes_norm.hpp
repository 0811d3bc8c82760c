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
        const std::size_t rows = this->all_rows(ws, Y);
        const T* Xhat = ws.extra[this->number][kNormalised].get();
        for (std::size_t j = 0; j < this->owned[0]->ld; j += Lanes<T>::count)
            store(to + j, sum_rows<T>(rows, [&](std::size_t row) {
                      const Vec<T> dY = load(Y.gradient + row * Y.ld + j);
                      return which == 0 ? dY * load(Xhat + row * Y.ld + j) : dY;
                  }));
    }
};

template <class T>
struct BatchNormNode final : NormNode<T> {
    // extra: Xhat, mean, deviation, mean of dXhat, mean of dXhat Xhat
    void reserve(Workspace<T>& ws) const override {
        const Tensor<T>& X = this->in(ws);
        auto& extra = ws.extra[this->number];
        extra.push_back(allocate<T>(ws.capacity * X.rows_per_sample * X.ld));
        for (int k = 0; k < 4; ++k) extra.push_back(allocate<T>(X.ld));
    }

    void forward(Workspace<T>& ws, const Member& member, Range samples) const override {
        const Tensor<T>& X = this->in(ws);
        T* mean = ws.extra[this->number][1].get();
        T* deviation = ws.extra[this->number][2].get();
        if (ws.training) member.meet();
        if (ws.training || member.number == 0 || !ws.learning) moments(ws, member, X, mean, deviation);
        if (ws.learning) member.meet();
        for_parts(member, this->rows_of(X, samples),
                  [&](Range rows) { normalise(ws, X, rows, mean, deviation); });
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
                 T* deviation) const {
        constexpr std::size_t L = Lanes<T>::count;
        const std::size_t rows = this->all_rows(ws, X);
        const T epsilon = static_cast<T>(this->info.numbers[1]);
        T* running_mean = this->running + this->info.running[0];
        T* running_variance = this->running + this->info.running[1];
        const std::size_t vectors = vectors_of<T>(X.width);
        const Range mine = ws.training ? member.share_of(vectors) : Range{0, vectors};
        for (std::size_t j = mine.first * L; j < mine.last * L && member.working(); j += L) {
            if (!ws.training) {
                for (std::size_t lane = 0; lane < L && j + lane < X.width; ++lane) {
                    mean[j + lane] = running_mean[j + lane];
                    deviation[j + lane] = std::sqrt(running_variance[j + lane] + epsilon);
                }
                keep_padding_neutral(X.width, j, deviation);
                continue;
            }
            const Vec<T> count = set1<T>(static_cast<T>(rows));
            const Vec<T> centre =
                sum_rows<T>(rows, [&](std::size_t row) { return load(X.value + row * X.ld + j); }) / count;
            const Vec<T> variance = sum_rows<T>(rows, [&](std::size_t row) {
                                        const Vec<T> d = load(X.value + row * X.ld + j) - centre;
                                        return d * d;
                                    }) / count;
            store(mean + j, centre);
            store(deviation + j, root(variance + set1<T>(epsilon)));
            keep_padding_neutral(X.width, j, deviation);
            move(X.width, j, rows, centre, variance, running_mean, running_variance);
        }
    }

    static void keep_padding_neutral(std::size_t width, std::size_t j, T* deviation) {
        for (std::size_t lane = width - j; lane < Lanes<T>::count; ++lane) deviation[j + lane] = 1;
    }

    void move(std::size_t width, std::size_t j, std::size_t rows, Vec<T> mean, Vec<T> variance,
              T* running_mean, T* running_variance) const {
        const T momentum = static_cast<T>(this->info.numbers[0]);
        const T kept = static_cast<T>(1.0 - this->info.numbers[0]);
        const double count = static_cast<double>(rows);
        const T unbiased = static_cast<T>(count / (rows > 1 ? count - 1.0 : 1.0));
        for (std::size_t lane = 0; lane < Lanes<T>::count && j + lane < width; ++lane) {
            T& centre = running_mean[j + lane];
            T& spread = running_variance[j + lane];
            centre = centre * kept + mean[lane] * momentum;
            spread = spread * kept + variance[lane] * unbiased * momentum;
        }
    }

    void normalise(Workspace<T>& ws, const Tensor<T>& X, Range rows, const T* mean,
                   const T* deviation) const {
        Tensor<T>& Y = this->out(ws);
        T* Xhat = ws.extra[this->number][0].get();
        for (std::size_t row = rows.first; row < rows.last; ++row)
            for (std::size_t j = 0; j < this->owned[0]->ld; j += Lanes<T>::count) {
                const std::size_t at = row * X.ld + j;
                const Vec<T> normalised = (load(X.value + at) - load(mean + j)) / load(deviation + j);
                store(Xhat + at, normalised);
                store(Y.value + at, load(this->gamma() + j) * normalised + load(this->beta() + j));
            }
    }

    void means(Workspace<T>& ws, const Member& member, const Tensor<T>& Y) const {
        constexpr std::size_t L = Lanes<T>::count;
        const std::size_t rows = this->all_rows(ws, Y);
        const T* Xhat = ws.extra[this->number][0].get();
        const Vec<T> count = set1<T>(static_cast<T>(rows));
        const Range mine = member.share_of(vectors_of<T>(Y.width));
        for (std::size_t j = mine.first * L; j < mine.last * L && member.working(); j += L) {
            const Vec<T> gamma = load(this->gamma() + j);
            const auto slope = [&](std::size_t row) { return load(Y.gradient + row * Y.ld + j) * gamma; };
            store(ws.extra[this->number][3].get() + j, sum_rows<T>(rows, slope) / count);
            store(ws.extra[this->number][4].get() + j,
                  sum_rows<T>(rows, [&](std::size_t row) { return slope(row) * load(Xhat + row * Y.ld + j); }) /
                      count);
        }
    }

    void spread(Workspace<T>& ws, Range rows, bool add) const {
        Tensor<T>& X = this->in(ws);
        const Tensor<T>& Y = this->out(ws);
        const auto& extra = ws.extra[this->number];
        for (std::size_t row = rows.first; row < rows.last; ++row)
            for (std::size_t j = 0; j < this->owned[0]->ld; j += Lanes<T>::count) {
                const std::size_t at = row * X.ld + j;
                const Vec<T> deviation = load(extra[2].get() + j);
                Vec<T> dX = load(Y.gradient + at) * load(this->gamma() + j);
                if (ws.training)
                    dX = dX - load(extra[3].get() + j) - load(extra[0].get() + at) * load(extra[4].get() + j);
                give(X.gradient + at, dX / deviation, add);
            }
    }
};

template <class T>
struct LayerNormNode final : NormNode<T> {
    // extra: Xhat, one deviation a row
    void reserve(Workspace<T>& ws) const override {
        const Tensor<T>& X = this->in(ws);
        auto& extra = ws.extra[this->number];
        extra.push_back(allocate<T>(ws.capacity * X.rows_per_sample * X.ld));
        extra.push_back(allocate<T>(ws.capacity * X.rows_per_sample));
    }

    void forward(Workspace<T>& ws, const Member&, Range samples) const override {
        const Tensor<T>& X = this->in(ws);
        Tensor<T>& Y = this->out(ws);
        T* Xhat = ws.extra[this->number][0].get();
        T* deviations = ws.extra[this->number][1].get();
        const T epsilon = static_cast<T>(this->info.numbers[0]);
        const T width = static_cast<T>(X.width);
        const Range rows = this->rows_of(X, samples);
        for (std::size_t row = rows.first; row < rows.last; ++row) {
            const T* x = X.value + row * X.ld;
            const T mean = sum_columns<T>(X.width, [&](std::size_t j) { return load(x + j); }) / width;
            const Vec<T> centre = set1<T>(mean);
            const T variance = sum_columns<T>(X.width, [&](std::size_t j) {
                                   const Vec<T> d = load(x + j) - centre;
                                   return d * d;
                               }) / width;
            const T deviation = std::sqrt(variance + epsilon);
            deviations[row] = deviation;
            for (std::size_t j = 0; j < this->owned[0]->ld; j += Lanes<T>::count) {
                const Vec<T> normalised = (load(x + j) - centre) / set1<T>(deviation);
                store(Xhat + row * X.ld + j, normalised);
                store(Y.value + row * X.ld + j,
                      load(this->gamma() + j) * normalised + load(this->beta() + j));
            }
        }
    }

    void backward(Workspace<T>& ws, const Member&, Range samples) const override {
        const chainrule::GradientInfo target = this->info.gradients[0];
        if (!target.wanted) return;
        Tensor<T>& X = this->in(ws);
        const Tensor<T>& Y = this->out(ws);
        const T width = static_cast<T>(X.width);
        const Range rows = this->rows_of(X, samples);
        for (std::size_t row = rows.first; row < rows.last; ++row) {
            const T* dY = Y.gradient + row * X.ld;
            const T* Xhat = ws.extra[this->number][0].get() + row * X.ld;
            const auto slope = [&](std::size_t j) { return load(dY + j) * load(this->gamma() + j); };
            const Vec<T> mean = set1<T>(sum_columns<T>(X.width, slope) / width);
            const Vec<T> product = set1<T>(
                sum_columns<T>(X.width, [&](std::size_t j) { return slope(j) * load(Xhat + j); }) / width);
            const Vec<T> deviation = set1<T>(ws.extra[this->number][1][row]);
            for (std::size_t j = 0; j < this->owned[0]->ld; j += Lanes<T>::count) {
                const Vec<T> dX = (slope(j) - mean - load(Xhat + j) * product) / deviation;
                give(X.gradient + row * X.ld + j, dX, target.add);
            }
            for (std::size_t j = X.width; j < this->owned[0]->ld; ++j) X.gradient[row * X.ld + j] = 0;
        }
    }
};

}  // namespace CR_ISA
