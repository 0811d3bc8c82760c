// The table of activations: functions on spans of rows, by the name in the Python registry.
//
// Decisions
// a) A new activation is one Python record, one struct and its place in `Activations`; the table
//    and every function in it follow from the struct.
// b) Rows are padded to whole vectors (ld is a multiple of a vector and at least the width), so an
//    element-wise function runs over rows * ld numbers without a tail. Padding of z and of learned
//    parameters is finite; padding of dh is 0 and that of dz comes out 0.
// c) h may stand in z's place where `needs` is output, and dz always in dh's. What `needs` does not
//    name is not read and may be null.
// d) Gradients of learned parameters are added row by row, from the first row to the last.
#pragma once

#include "activations_elementwise.hpp"
#include "activations_rows.hpp"

namespace CR_ISA {

template <class... A>
struct List {};

using Activations = List<Identity, Sigmoid, Tanh, Softplus, Relu, LeakyRelu, Prelu, Elu, Selu, Gelu,
                         GeluTanh, Silu, SwishBeta, Mish, Softmax, LogSoftmax>;

// The numbers of the Python record in the order of its fields, and the learned parameter (one
// number per column, padded as a row) or null.
template <class T>
struct ActivationArgs {
    T numbers[4];
    const T* learned;
};

template <class T>
struct ActivationTable {
    const char* name;
    Needs needs;
    int learned;
    bool rowwise;
    void (*value)(const ActivationArgs<T>&, const T* z, T* h, std::size_t rows, std::size_t width,
                  std::size_t ld);
    void (*backward)(const ActivationArgs<T>&, const T* dh, const T* z, const T* h, T* dz,
                     std::size_t rows, std::size_t width, std::size_t ld);
    // Adds to dlearned; null where nothing is learned.
    void (*learned_gradient)(const ActivationArgs<T>&, const T* dh, const T* z, const T* h,
                             T* dlearned, std::size_t rows, std::size_t width, std::size_t ld);
};

template <class A, class T>
struct Spans {
    static constexpr std::size_t lanes = Lanes<T>::count;
    static constexpr bool reads_z = A::needs != Needs::output, reads_h = A::needs != Needs::z;

    // Calls body(offset, parameters) for each vector of the rows.
    template <class Body>
    static CR_INLINE void each(const ActivationArgs<T>& args, std::size_t rows, std::size_t ld,
                               Body body) {
        Parameters<T> p{{args.numbers[0], args.numbers[1], args.numbers[2], args.numbers[3]}, {}};
        if constexpr (A::learned == 0) {
            for (std::size_t at = 0; at < rows * ld; at += lanes) body(at, p);
        } else {
            for (std::size_t row = 0; row < rows; ++row)
                for (std::size_t column = 0; column < ld; column += lanes) {
                    p.learned = load(args.learned + column);
                    body(row * ld + column, p);
                }
        }
    }

    static void value(const ActivationArgs<T>& args, const T* z, T* h, std::size_t rows,
                      std::size_t width, std::size_t ld) {
        if constexpr (A::rowwise) {
            for (std::size_t row = 0; row < rows; ++row, z += ld, h += ld) {
                A::template value_row<T>(z, h, width);
                zero_beyond(h, width, ld);
            }
        } else {
            each(args, rows, ld, [&](std::size_t at, const Parameters<T>& p) {
                store(h + at, A::template value<T>(load(z + at), p));
            });
        }
    }

    static void backward(const ActivationArgs<T>& args, const T* dh, const T* z, const T* h, T* dz,
                         std::size_t rows, std::size_t width, std::size_t ld) {
        if constexpr (A::rowwise) {
            for (std::size_t row = 0; row < rows; ++row) {
                const std::size_t at = row * ld;
                A::template backward_row<T>(dh + at, reads_z ? z + at : z, h + at, dz + at, width);
                zero_beyond(dz + at, width, ld);
            }
        } else {
            each(args, rows, ld, [&](std::size_t at, const Parameters<T>& p) {
                const Vec<T> slope = A::template slope<T>(read_z(z, at), read_h(h, at), p);
                store(dz + at, load(dh + at) * slope);
            });
        }
    }

    static void learned_gradient(const ActivationArgs<T>& args, const T* dh, const T* z, const T* h,
                                 T* dlearned, std::size_t rows, std::size_t, std::size_t ld) {
        Parameters<T> p{{args.numbers[0], args.numbers[1], args.numbers[2], args.numbers[3]}, {}};
        for (std::size_t column = 0; column < ld; column += lanes) {
            p.learned = load(args.learned + column);
            Vec<T> sum = load(dlearned + column);
            for (std::size_t at = column; at < rows * ld; at += ld) {
                const Vec<T> slope = A::template learned_slope<T>(read_z(z, at), read_h(h, at), p);
                sum = fma(load(dh + at), slope, sum);
            }
            store(dlearned + column, sum);
        }
    }

    static constexpr ActivationTable<T> entry() {
        ActivationTable<T> table{A::name,    A::needs, A::learned, A::rowwise,
                                 value,      backward, nullptr};
        if constexpr (A::learned > 0) table.learned_gradient = learned_gradient;
        return table;
    }

  private:
    static CR_INLINE Vec<T> read_z(const T* z, std::size_t at) {
        if constexpr (reads_z) return load(z + at);
        else return Vec<T>{};
    }
    static CR_INLINE Vec<T> read_h(const T* h, std::size_t at) {
        if constexpr (reads_h) return load(h + at);
        else return Vec<T>{};
    }
};

// The entry of that name, or null.
template <class T, class... A>
const ActivationTable<T>* find_in(List<A...>, const char* name) {
    static constexpr ActivationTable<T> tables[] = {Spans<A, T>::entry()...};
    for (const ActivationTable<T>& table : tables)
        if (std::strcmp(table.name, name) == 0) return &table;
    return nullptr;
}

template <class T>
const ActivationTable<T>* find_activation(const char* name) {
    return find_in<T>(Activations{}, name);
}

}  // namespace CR_ISA
