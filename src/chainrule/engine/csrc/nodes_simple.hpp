// Affine maps, activations, dropout, scale, sums.
#pragma once

#include "activations.hpp"
#include "node.hpp"
#include "parts.hpp"
#include "philox.hpp"

namespace CR_ISA {

template <class T>
struct AffineNode final : Node<T> {
    void forward(Workspace<T>& ws, const Member& member, Range samples) const override {
        const Tensor<T>& X = this->in(ws);
        Tensor<T>& Z = this->out(ws);
        const Range rows = this->rows_of(X, samples);
        const bool bias = this->owned.size() == 2;
        const bool picked = X.picks != nullptr;
        multiply<T>({rows.last - rows.first, X.width, Z.width,
                     X.value + (picked ? 0 : rows.first * X.ld), static_cast<std::ptrdiff_t>(X.ld),
                     this->owned[0]->w.get(), Z.value + rows.first * Z.ld,
                     static_cast<std::ptrdiff_t>(Z.ld), bias ? First::bias : First::zero,
                     bias ? this->owned[1]->w.get() : nullptr,
                     picked ? X.picks + rows.first : nullptr, member.down()},
                    [&] { return member.working(); });
    }

    void backward(Workspace<T>& ws, const Member& member, Range samples) const override {
        const chainrule::GradientInfo target = this->info.gradients[0];
        if (!target.wanted) return;
        const Tensor<T>& X = this->in(ws);
        const Tensor<T>& Z = this->out(ws);
        const Range rows = this->rows_of(X, samples);
        multiply<T>({rows.last - rows.first, Z.width, X.width, Z.gradient + rows.first * Z.ld,
                     static_cast<std::ptrdiff_t>(Z.ld), this->owned[0]->wt.get(),
                     X.gradient + rows.first * X.ld, static_cast<std::ptrdiff_t>(X.ld),
                     target.add ? First::add : First::zero, nullptr, nullptr, member.down()},
                    [&] { return member.working(); });
    }

    // The bias: the sum of dZ over all rows. (W has its own path.)
    void gradient(const Workspace<T>& ws, std::size_t, std::size_t, std::size_t,
                  T* to) const override {
        part_gradient(ws, 1, {0, this->all_rows(ws, this->out(ws))}, to);
    }

    void part_gradient(const Workspace<T>& ws, std::size_t, Range rows, T* to) const override {
        column_sums(this->out(ws), rows, this->owned[1]->ld, to);
    }
};

template <class T>
struct ActivateNode final : Node<T> {
    const ActivationTable<T>* function = nullptr;
    ActivationArgs<T> args{};

    ActivationArgs<T> arguments() const {
        ActivationArgs<T> filled = args;
        filled.learned = this->owned.empty() ? nullptr : this->owned[0]->w.get();
        return filled;
    }

    void forward(Workspace<T>& ws, const Member&, Range samples) const override {
        const Tensor<T>& Z = this->in(ws);
        Tensor<T>& H = this->out(ws);
        const Range rows = this->rows_of(Z, samples);
        const std::size_t at = rows.first * Z.ld;
        function->value(arguments(), Z.value + at, H.value + at, rows.last - rows.first, Z.width, Z.ld);
    }

    void backward(Workspace<T>& ws, const Member&, Range samples) const override {
        const chainrule::GradientInfo target = this->info.gradients[0];
        if (!target.wanted) return;
        Tensor<T>& Z = this->in(ws);
        const Tensor<T>& H = this->out(ws);
        const Range rows = this->rows_of(Z, samples);
        const std::size_t at = rows.first * Z.ld, count = rows.last - rows.first;
        // Another path's gradient is in place already: make this one beside it, then add.
        T* to = target.add ? ws.extra[this->number][0].get() : Z.gradient;
        function->backward(arguments(), H.gradient + at, Z.value + at, H.value + at, to + at, count,
                           Z.width, Z.ld);
        if (!target.add) return;
        for (std::size_t i = at; i < at + count * Z.ld; i += Lanes<T>::count)
            give(Z.gradient + i, load(to + i), true);
    }

    void reserve(Workspace<T>& ws) const override {
        const Tensor<T>& Z = this->in(ws);
        if (ws.learning && this->info.gradients[0].add)
            ws.extra[this->number].push_back(allocate<T>(ws.capacity * Z.rows_per_sample * Z.ld));
    }

    void gradient(const Workspace<T>& ws, std::size_t, std::size_t, std::size_t,
                  T* to) const override {
        const Tensor<T>& Z = this->in(ws);
        const Tensor<T>& H = this->out(ws);
        for (std::size_t j = 0; j < Z.ld; ++j) to[j] = 0;
        function->learned_gradient(arguments(), H.gradient, Z.value, H.value, to,
                                   this->all_rows(ws, Z), Z.width, Z.ld);
    }
};

template <class T>
struct DropoutNode final : Node<T> {
    std::size_t noise = 0;  // position among the noisy nodes

    void reserve(Workspace<T>& ws) const override {
        const Tensor<T>& X = this->in(ws);
        if (ws.learning)
            ws.extra[this->number].push_back(allocate<T>(ws.capacity * X.rows_per_sample * X.ld));
    }

    void forward(Workspace<T>& ws, const Member&, Range samples) const override {
        const Tensor<T>& X = this->in(ws);
        Tensor<T>& H = this->out(ws);
        const Range rows = this->rows_of(X, samples);
        if (!ws.training) {
            std::memcpy(H.value + rows.first * X.ld, X.value + rows.first * X.ld,
                        (rows.last - rows.first) * X.ld * sizeof(T));
            return;
        }
        T* mask = ws.extra[this->number][0].get();
        draw(ws, rows, X, mask);
        for (std::size_t i = rows.first * X.ld; i < rows.last * X.ld; i += Lanes<T>::count)
            store(H.value + i, load(X.value + i) * load(mask + i));
    }

    void backward(Workspace<T>& ws, const Member&, Range samples) const override {
        const chainrule::GradientInfo target = this->info.gradients[0];
        if (!target.wanted) return;
        Tensor<T>& X = this->in(ws);
        const Tensor<T>& H = this->out(ws);
        const Range rows = this->rows_of(X, samples);
        const T* mask = ws.extra[this->number][0].get();
        for (std::size_t i = rows.first * X.ld; i < rows.last * X.ld; i += Lanes<T>::count) {
            const Vec<T> dH = load(H.gradient + i);
            give(X.gradient + i, ws.training ? dH * load(mask + i) : dH, target.add);
        }
    }

   private:
    // The mask of the reference engine: word (row in the epoch) x width + column of the stream.
    void draw(const Workspace<T>& ws, Range rows, const Tensor<T>& X, T* mask) const {
        const double rate = this->info.numbers[0] * ws.moment.factors[noise];
        const auto threshold = static_cast<std::uint64_t>(std::nearbyint(rate * 4294967296.0));
        const T kept = static_cast<T>(1.0 / (1.0 - rate));
        const std::uint64_t start = ws.moment.first_row * X.rows_per_sample;
        PhiloxStream words(this->info.key[0], this->info.key[1], ws.moment.epoch, 0);
        if (X.width == X.ld)
            return words.mask(mask + rows.first * X.ld, (rows.last - rows.first) * X.width,
                              (start + rows.first) * X.width, threshold, kept);
        for (std::size_t row = rows.first; row < rows.last; ++row)
            words.mask(mask + row * X.ld, X.width, (start + row) * X.width, threshold, kept);
    }
};

template <class T>
struct ScaleNode final : Node<T> {
    void forward(Workspace<T>& ws, const Member&, Range samples) const override {
        const Tensor<T>& X = this->in(ws);
        Tensor<T>& Z = this->out(ws);
        const Range rows = this->rows_of(X, samples);
        const T* s = this->owned[0]->w.get();
        for (std::size_t row = rows.first; row < rows.last; ++row)
            for (std::size_t j = 0; j < this->owned[0]->ld; j += Lanes<T>::count)
                store(Z.value + row * X.ld + j, load(X.value + row * X.ld + j) * load(s + j));
    }

    void backward(Workspace<T>& ws, const Member&, Range samples) const override {
        const chainrule::GradientInfo target = this->info.gradients[0];
        if (!target.wanted) return;
        Tensor<T>& X = this->in(ws);
        const Tensor<T>& Z = this->out(ws);
        const Range rows = this->rows_of(X, samples);
        const T* s = this->owned[0]->w.get();
        for (std::size_t row = rows.first; row < rows.last; ++row)
            for (std::size_t j = 0; j < this->owned[0]->ld; j += Lanes<T>::count)
                give(X.gradient + row * X.ld + j, load(Z.gradient + row * X.ld + j) * load(s + j),
                     target.add);
    }

    void gradient(const Workspace<T>& ws, std::size_t, std::size_t, std::size_t,
                  T* to) const override {
        const Tensor<T>& X = this->in(ws);
        const Tensor<T>& Z = this->out(ws);
        const std::size_t rows = this->all_rows(ws, X);
        for (std::size_t j = 0; j < this->owned[0]->ld; j += Lanes<T>::count)
            store(to + j, sum_rows<T>(rows, [&](std::size_t row) {
                      return load(Z.gradient + row * X.ld + j) * load(X.value + row * X.ld + j);
                  }));
    }
};

template <class T>
struct AddNode final : Node<T> {
    void forward(Workspace<T>& ws, const Member&, Range samples) const override {
        Tensor<T>& Z = this->out(ws);
        const Range rows = this->rows_of(Z, samples);
        for (std::size_t i = rows.first * Z.ld; i < rows.last * Z.ld; i += Lanes<T>::count) {
            Vec<T> sum = load(this->in(ws, 0).value + i);
            for (std::size_t k = 1; k < this->info.inputs.size(); ++k)
                sum = sum + load(this->in(ws, k).value + i);
            store(Z.value + i, sum);
        }
    }

    void backward(Workspace<T>& ws, const Member&, Range samples) const override {
        const Tensor<T>& Z = this->out(ws);
        const Range rows = this->rows_of(Z, samples);
        for (std::size_t k = 0; k < this->info.inputs.size(); ++k) {
            if (!this->info.gradients[k].wanted) continue;
            T* to = this->in(ws, k).gradient;
            for (std::size_t i = rows.first * Z.ld; i < rows.last * Z.ld; i += Lanes<T>::count)
                give(to + i, load(Z.gradient + i), this->info.gradients[k].add);
        }
    }
};

}  // namespace CR_ISA
