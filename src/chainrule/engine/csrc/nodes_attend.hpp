// Scaled dot-product attention, sample by sample and head by head.
//
// Sequences are short here (a table's columns), so each head's matrices are copied into a small
// scratch of their own, where rows are contiguous and padded, and the products run on that. Each
// member of the team has one, whose padding nobody ever writes. One long sequence may take seconds:
// whether to go on is asked within it, and never within a short one.
#pragma once

#include <algorithm>
#include <limits>
#include <utility>

#include "node.hpp"
#include "vmath.hpp"

namespace CR_ISA {

template <class T>
struct AttendNode final : Node<T> {
    std::size_t heads() const { return static_cast<std::size_t>(this->info.numbers[0]); }
    bool causal() const { return this->info.numbers[1] != 0; }

    struct Shape {
        std::size_t length, width, ld_length, ld_width;
    };

    Shape shape(const Workspace<T>& ws) const {
        const Tensor<T>& Q = this->in(ws);
        const std::size_t width = Q.width / heads();
        return {Q.rows_per_sample, width, vectors_of<T>(Q.rows_per_sample) * Lanes<T>::count,
                vectors_of<T>(width) * Lanes<T>::count};
    }

    // extra: the weights A of every sample and head, then a scratch for each member of the team.
    void reserve(Workspace<T>& ws) const override {
        const Shape s = shape(ws);
        auto& extra = ws.extra[this->number];
        extra.push_back(allocate<T>(ws.capacity * heads() * s.length * s.ld_length));
        for (int member = 0; member < ws.members; ++member)
            extra.push_back(allocate<T>(Head::elements(s)));
    }

    void forward(Workspace<T>& ws, const Member& member, Range samples) const override {
        const Shape s = shape(ws);
        const Head h = scratch(ws, member, s);
        Pause pause(s, member);
        for (std::size_t sample = samples.first; sample < samples.last; ++sample)
            for (std::size_t head = 0; head < heads() && !pause.ended; ++head) {
                T* A = weights(ws, s, sample, head);
                copy_in(this->in(ws, 0), s, sample, head, h.q);
                copy_transposed(this->in(ws, 1), s, sample, head, h.turned);
                copy_in(this->in(ws, 2), s, sample, head, h.k);
                product(pause, h.q, s.ld_width, h.turned, s.ld_length, A, s.ld_length, s.length,
                        s.width, s.ld_length);
                soften(s, A);
                product(pause, A, s.ld_length, h.k, s.ld_width, h.d, s.ld_width, s.length, s.length,
                        s.ld_width);
                copy_out(this->out(ws).value, this->out(ws), s, sample, head, h.d, false);
            }
    }

    void backward(Workspace<T>& ws, const Member& member, Range samples) const override {
        const Shape s = shape(ws);
        const Head h = scratch(ws, member, s);
        Pause pause(s, member);
        for (std::size_t sample = samples.first; sample < samples.last; ++sample)
            for (std::size_t head = 0; head < heads() && !pause.ended; ++head)
                one_head(pause, ws, s, sample, head, h);
    }

   private:
    static constexpr std::size_t kLong = 1 << 17;   // multiplications of a product
    static constexpr std::size_t kRowsAtOnce = 64;  // of a long one, between two questions

    // Whether to go on. What is left undone then is not looked at by anyone.
    struct Pause {
        const Member& member;
        const bool wanted;
        bool ended = false;

        Pause(const Shape& s, const Member& who)
            : member(who), wanted(s.length * s.ld_length * s.ld_width >= kLong) {}

        bool go_on() {
            ended = ended || !member.working();
            return !ended;
        }
    };

    // One head of one sample: rows of Q, K (or V), dZ, d; K or V turned; A turned; dS and dS turned.
    struct Head {
        T *q, *k, *dz, *d, *turned, *at, *ds, *dst;

        Head(const Shape& s, T* memory) {
            for (T** part : {&q, &k, &dz, &d})
                *part = std::exchange(memory, memory + s.length * s.ld_width);
            turned = std::exchange(memory, memory + s.width * s.ld_length);
            for (T** part : {&at, &ds, &dst})
                *part = std::exchange(memory, memory + s.length * s.ld_length);
        }
        static std::size_t elements(const Shape& s) {
            return 4 * s.length * s.ld_width + (s.width + 3 * s.length) * s.ld_length;
        }
    };

    Head scratch(const Workspace<T>& ws, const Member& member, const Shape& s) const {
        return Head(s, ws.extra[this->number][1 + static_cast<std::size_t>(member.number)].get());
    }

    void one_head(Pause& pause, Workspace<T>& ws, const Shape& s, std::size_t sample,
                  std::size_t head, const Head& h) const {
        const T* A = weights(ws, s, sample, head);
        copy_in(this->in(ws, 0), s, sample, head, h.q);
        copy_in(this->in(ws, 1), s, sample, head, h.k);
        copy_transposed(this->in(ws, 2), s, sample, head, h.turned);
        Tensor<T> dZ = this->out(ws);
        dZ.value = dZ.gradient;
        copy_in(dZ, s, sample, head, h.dz);
        product(pause, h.dz, s.ld_width, h.turned, s.ld_length, h.ds, s.ld_length, s.length, s.width,
                s.ld_length);
        harden(s, A, h.ds);
        flip(A, h.at, s);
        flip(h.ds, h.dst, s);
        product(pause, h.ds, s.ld_length, h.k, s.ld_width, h.d, s.ld_width, s.length, s.length,
                s.ld_width);
        give_head(ws, 0, s, sample, head, h.d);
        product(pause, h.dst, s.ld_length, h.q, s.ld_width, h.d, s.ld_width, s.length, s.length,
                s.ld_width);
        give_head(ws, 1, s, sample, head, h.d);
        product(pause, h.at, s.ld_length, h.dz, s.ld_width, h.d, s.ld_width, s.length, s.length,
                s.ld_width);
        give_head(ws, 2, s, sample, head, h.d);
    }

    T* weights(const Workspace<T>& ws, const Shape& s, std::size_t sample, std::size_t head) const {
        return ws.extra[this->number][0].get() + (sample * heads() + head) * s.length * s.ld_length;
    }

    static void copy_in(const Tensor<T>& X, const Shape& s, std::size_t sample, std::size_t head, T* to) {
        for (std::size_t t = 0; t < s.length; ++t)
            std::memcpy(to + t * s.ld_width, X.value + (sample * s.length + t) * X.ld + head * s.width,
                        s.width * sizeof(T));
    }

    static void copy_transposed(const Tensor<T>& X, const Shape& s, std::size_t sample,
                                std::size_t head, T* to) {
        for (std::size_t t = 0; t < s.length; ++t)
            for (std::size_t j = 0; j < s.width; ++j)
                to[j * s.ld_length + t] = X.value[(sample * s.length + t) * X.ld + head * s.width + j];
    }

    static void flip(const T* from, T* to, const Shape& s) {
        for (std::size_t t = 0; t < s.length; ++t)
            for (std::size_t u = 0; u < s.length; ++u) to[u * s.ld_length + t] = from[t * s.ld_length + u];
    }

    static void copy_out(T* to, const Tensor<T>& X, const Shape& s, std::size_t sample,
                         std::size_t head, const T* from, bool add) {
        for (std::size_t t = 0; t < s.length; ++t)
            for (std::size_t j = 0; j < s.width; ++j) {
                T& place = to[(sample * s.length + t) * X.ld + head * s.width + j];
                const T value = from[t * s.ld_width + j];
                place = add ? place + value : value;
            }
    }

    void give_head(Workspace<T>& ws, std::size_t k, const Shape& s, std::size_t sample,
                   std::size_t head, const T* from) const {
        const chainrule::GradientInfo target = this->info.gradients[k];
        if (target.wanted)
            copy_out(this->in(ws, k).gradient, this->in(ws, k), s, sample, head, from, target.add);
    }

    // C (rows x columns) = A (rows x K) B (K x columns); columns is a multiple of the lanes.
    static void small_product(const T* A, std::size_t lda, const T* B, std::size_t ldb, T* C,
                              std::size_t ldc, std::size_t rows, std::size_t K, std::size_t columns) {
        for (std::size_t i = 0; i < rows; ++i)
            for (std::size_t j = 0; j < columns; j += Lanes<T>::count) {
                Vec<T> sum{};
                for (std::size_t k = 0; k < K; ++k)
                    sum = fma(set1<T>(A[i * lda + k]), load(B + k * ldb + j), sum);
                store(C + i * ldc + j, sum);
            }
    }

    // The same, a few rows at a time where it takes long.
    static void product(Pause& pause, const T* A, std::size_t lda, const T* B, std::size_t ldb, T* C,
                        std::size_t ldc, std::size_t rows, std::size_t K, std::size_t columns) {
        if (!pause.wanted) return small_product(A, lda, B, ldb, C, ldc, rows, K, columns);
        for (std::size_t at = 0; at < rows && pause.go_on(); at += kRowsAtOnce)
            small_product(A + at * lda, lda, B, ldb, C + at * ldc, ldc,
                          std::min(kRowsAtOnce, rows - at), K, columns);
    }

    // Scores to weights: softmax of scores / sqrt(d_k), row by row; the padding becomes 0.
    void soften(const Shape& s, T* A) const {
        const T scale = static_cast<T>(std::sqrt(static_cast<double>(s.width)));
        for (std::size_t t = 0; t < s.length; ++t) {
            T* row = A + t * s.ld_length;
            const std::size_t seen = causal() ? t + 1 : s.length;
            T largest = -std::numeric_limits<T>::infinity();
            for (std::size_t u = 0; u < seen; ++u) {
                row[u] = row[u] / scale;
                largest = row[u] > largest ? row[u] : largest;
            }
            for (std::size_t u = seen; u < s.ld_length; ++u) row[u] = -std::numeric_limits<T>::infinity();
            T sum = 0;
            for (std::size_t u = 0; u < s.ld_length; u += Lanes<T>::count)
                store(row + u, vexp<T>(load(row + u) - set1<T>(largest)));
            for (std::size_t u = 0; u < seen; ++u) sum += row[u];
            for (std::size_t u = 0; u < seen; ++u) row[u] = row[u] / sum;
            for (std::size_t u = seen; u < s.ld_length; ++u) row[u] = 0;
        }
    }

    // dA to the gradient of the unscaled scores, in place.
    static void harden(const Shape& s, const T* A, T* dA) {
        const T scale = static_cast<T>(std::sqrt(static_cast<double>(s.width)));
        for (std::size_t t = 0; t < s.length; ++t) {
            const T* a = A + t * s.ld_length;
            T* d = dA + t * s.ld_length;
            T mean = 0;
            for (std::size_t u = 0; u < s.length; ++u) mean += d[u] * a[u];
            for (std::size_t u = 0; u < s.length; ++u) d[u] = a[u] * (d[u] - mean) / scale;
        }
    }
};

}  // namespace CR_ISA
