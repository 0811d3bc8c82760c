// Operations that move elements: concatenation, flattening, picked columns, embeddings.
#pragma once

#include "node.hpp"

namespace CR_ISA {

template <class T>
struct ConcatNode final : Node<T> {
    void forward(Workspace<T>& ws, const Member&, Range samples) const override {
        Tensor<T>& Z = this->out(ws);
        const Range rows = this->rows_of(Z, samples);
        std::size_t column = 0;
        for (std::size_t k = 0; k < this->info.inputs.size(); ++k) {
            const Tensor<T>& X = this->in(ws, k);
            for (std::size_t row = rows.first; row < rows.last; ++row)
                std::memcpy(Z.value + row * Z.ld + column, X.value + row * X.ld, X.width * sizeof(T));
            column += X.width;
        }
    }

    void backward(Workspace<T>& ws, const Member&, Range samples) const override {
        const Tensor<T>& Z = this->out(ws);
        const Range rows = this->rows_of(Z, samples);
        std::size_t column = 0;
        for (std::size_t k = 0; k < this->info.inputs.size(); ++k) {
            Tensor<T>& X = this->in(ws, k);
            const chainrule::GradientInfo target = this->info.gradients[k];
            for (std::size_t row = rows.first; target.wanted && row < rows.last; ++row) {
                const T* from = Z.gradient + row * Z.ld + column;
                T* to = X.gradient + row * X.ld;
                for (std::size_t j = 0; j < X.width; ++j) to[j] = target.add ? to[j] + from[j] : from[j];
            }
            column += X.width;
        }
    }
};

template <class T>
struct FlattenNode final : Node<T> {
    void forward(Workspace<T>& ws, const Member&, Range samples) const override {
        const Tensor<T>& X = this->in(ws);
        Tensor<T>& Z = this->out(ws);
        for (std::size_t sample = samples.first; sample < samples.last; ++sample)
            for (std::size_t t = 0; t < X.rows_per_sample; ++t)
                std::memcpy(Z.value + sample * Z.ld + t * X.width,
                            X.value + (sample * X.rows_per_sample + t) * X.ld, X.width * sizeof(T));
    }

    void backward(Workspace<T>& ws, const Member&, Range samples) const override {
        const chainrule::GradientInfo target = this->info.gradients[0];
        if (!target.wanted) return;
        Tensor<T>& X = this->in(ws);
        const Tensor<T>& Z = this->out(ws);
        for (std::size_t sample = samples.first; sample < samples.last; ++sample)
            for (std::size_t t = 0; t < X.rows_per_sample; ++t) {
                const T* from = Z.gradient + sample * Z.ld + t * X.width;
                T* to = X.gradient + (sample * X.rows_per_sample + t) * X.ld;
                for (std::size_t j = 0; j < X.width; ++j) to[j] = target.add ? to[j] + from[j] : from[j];
            }
    }
};

template <class T>
struct ColumnsNode final : Node<T> {
    void forward(Workspace<T>& ws, const Member&, Range samples) const override {
        const Tensor<T>& X = this->in(ws);
        Tensor<T>& Z = this->out(ws);
        const Range rows = this->rows_of(X, samples);
        for (std::size_t row = rows.first; row < rows.last; ++row)
            for (std::size_t j = 0; j < Z.width; ++j)
                Z.value[row * Z.ld + j] = X.value[row * X.ld + this->info.integers[j]];
    }

    void backward(Workspace<T>& ws, const Member&, Range samples) const override {
        const chainrule::GradientInfo target = this->info.gradients[0];
        if (!target.wanted) return;
        Tensor<T>& X = this->in(ws);
        const Tensor<T>& Z = this->out(ws);
        const Range rows = this->rows_of(X, samples);
        for (std::size_t row = rows.first; row < rows.last; ++row) {
            T* to = X.gradient + row * X.ld;
            if (!target.add) std::memset(to, 0, X.width * sizeof(T));
            for (std::size_t j = 0; j < Z.width; ++j)
                to[this->info.integers[j]] += Z.gradient[row * Z.ld + j];
        }
    }
};

// integers: the number of levels of each column.
template <class T>
struct EmbedNode final : Node<T> {
    void forward(Workspace<T>& ws, const Member&, Range samples) const override {
        Tensor<T>& Z = this->out(ws);
        const Parameter<T>& table = *this->owned[0];
        for (std::size_t sample = samples.first; sample < samples.last; ++sample)
            for (std::size_t t = 0; t < Z.rows_per_sample; ++t) {
                const std::int64_t row = looked_up(ws, sample, t);
                if (row < 0) ws.bad_code.store(true, std::memory_order_relaxed);
                std::memcpy(Z.value + (sample * Z.rows_per_sample + t) * Z.ld,
                            table.w.get() + (row < 0 ? 0 : row) * table.ld, Z.width * sizeof(T));
            }
    }

    void backward(Workspace<T>&, const Member&, Range) const override {}

    void gradient(const Workspace<T>& ws, std::size_t, std::size_t first, std::size_t last,
                  T* to) const override {
        const Tensor<T>& Z = this->out(ws);
        const std::size_t ld = this->owned[0]->ld;
        std::memset(to, 0, (last - first) * ld * sizeof(T));
        for (std::size_t sample = 0; sample < ws.samples; ++sample)
            for (std::size_t t = 0; t < Z.rows_per_sample; ++t) {
                const std::int64_t row = looked_up(ws, sample, t);
                if (row < static_cast<std::int64_t>(first) || row >= static_cast<std::int64_t>(last)) continue;
                const T* dZ = Z.gradient + (sample * Z.rows_per_sample + t) * Z.ld;
                T* sum = to + (row - first) * ld;
                for (std::size_t j = 0; j < Z.width; ++j) sum[j] += dZ[j];
            }
    }

   private:
    // The table's row for column t of a sample, or -1 if the code is not a whole number in range.
    std::int64_t looked_up(const Workspace<T>& ws, std::size_t sample, std::size_t t) const {
        const Tensor<T>& X = this->in(ws);
        const T code = X.value[sample * X.ld + t];
        const std::int64_t levels = this->info.integers[t];
        if (!(code >= 0) || !(code < static_cast<T>(levels))) return -1;
        const auto whole = static_cast<std::int64_t>(code);
        if (static_cast<T>(whole) != code) return -1;
        std::int64_t offset = 0;
        for (std::size_t column = 0; column < t; ++column) offset += this->info.integers[column];
        return offset + whole;
    }
};

}  // namespace CR_ISA
