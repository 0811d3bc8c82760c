// The largest singular value of a matrix and its two vectors, for the spectral penalty.
//
// Decisions
// a) The algorithm of chainrule/maths/power_iteration.py, from the same start: plain iterations, and
//    squarings of the Gram matrix where those do not settle. In float64 for both engine types.
// b) The squarings are products X^T X, which the tiles of gemm.hpp do without packing.
// c) Memory is taken once, when the engine is made.
#pragma once

#include <algorithm>
#include <vector>

#include "gemm.hpp"
#include "memory.hpp"

namespace CR_ISA {

class TopSingular {
   public:
    // `start` has one number for each element of the shorter side.
    TopSingular(std::size_t rows, std::size_t columns, const std::vector<double>& start)
        : flat_(rows < columns),
          long_(std::max(rows, columns)),
          short_(std::min(rows, columns)),
          ld_(padded<double>(short_)),
          tall_(allocate<double>(long_ * ld_ + kSpare)),
          start_(allocate<double>(ld_)),
          left_(allocate<double>(long_ + kSpare)),
          right_(allocate<double>(ld_)),
          image_(allocate<double>(ld_)),
          power_(allocate<double>(short_ * ld_ + kSpare)),
          square_(allocate<double>(short_ * ld_ + kSpare)) {
        std::copy_n(start.begin(), std::min(start.size(), short_), start_.get());
    }

    double value() const { return value_; }
    // One number for each row, and one for each column.
    const double* u() const { return flat_ ? right_.get() : left_.get(); }
    const double* v() const { return flat_ ? left_.get() : right_.get(); }

    // `element(row, column)` reads the matrix; `working()` false leaves a result of no use.
    template <class Element, class Working>
    void compute(const Element& element, const Working& working) {
        const double largest = read(element);
        if (largest == 0 || !std::isfinite(largest)) {
            const double filler = largest == 0 ? 0.0 : NAN;
            std::fill_n(left_.get(), long_, filler);
            std::fill_n(right_.get(), short_, filler);
            value_ = largest;
            return;
        }
        if (!settles()) squared(working);
        forward(right_.get());
        unit(left_.get(), long_);
        backward(right_.get());
        value_ = largest * unit(right_.get(), short_);
    }

   private:
    static constexpr std::size_t kSpare = 64;
    static constexpr int kPlain = 64, kSquarings = 60;
    static constexpr double kSettled = 1e-14, kTied = 1e-12;

    template <class Element>
    double read(const Element& element) {
        double largest = 0;
        for (std::size_t i = 0; i < long_; ++i)
            for (std::size_t j = 0; j < short_; ++j) {
                const double w = flat_ ? element(j, i) : element(i, j);
                tall_[i * ld_ + j] = w;
                if (!(std::fabs(w) <= largest) && !std::isnan(largest)) largest = std::fabs(w);
            }
        if (largest > 0 && std::isfinite(largest))
            for (std::size_t i = 0; i < long_ * ld_; ++i) tall_[i] /= largest;
        return largest;
    }

    // left = tall x
    void forward(const double* x) {
        for (std::size_t i = 0; i < long_; ++i) {
            Vec<double> sum{};
            for (std::size_t j = 0; j < ld_; j += Lanes<double>::count)
                sum = fma(load(tall_.get() + i * ld_ + j), load(x + j), sum);
            left_[i] = lane_sum<double>(sum);
        }
    }

    // to = tall^T left
    void backward(double* to) const {
        std::fill_n(to, ld_, 0.0);
        for (std::size_t i = 0; i < long_; ++i)
            for (std::size_t j = 0; j < ld_; j += Lanes<double>::count)
                store(to + j,
                      fma(set1<double>(left_[i]), load(tall_.get() + i * ld_ + j), load(to + j)));
    }

    // Makes a vector one of length 1 and returns the length it had.
    static double unit(double* vector, std::size_t count) {
        double squares = 0;
        for (std::size_t i = 0; i < count; ++i) squares += vector[i] * vector[i];
        const double length = std::sqrt(squares);
        if (length > 0)
            for (std::size_t i = 0; i < count; ++i) vector[i] /= length;
        return length;
    }

    bool settles() {
        std::copy_n(start_.get(), ld_, right_.get());
        unit(right_.get(), short_);
        for (int turn = 0; turn < kPlain; ++turn) {
            forward(right_.get());
            backward(image_.get());
            if (unit(image_.get(), short_) == 0) return false;
            double change = 0;
            for (std::size_t j = 0; j < short_; ++j) {
                const double moved = image_[j] - right_[j];
                change += moved * moved;
            }
            std::swap(image_, right_);
            if (std::sqrt(change) <= kSettled) return true;
        }
        return false;
    }

    template <class Working>
    void squared(const Working& working) {
        gram(tall_.get(), long_, power_.get(), working);
        over_trace(power_.get());
        for (int turn = 0; turn < kSquarings; ++turn) {
            gram(power_.get(), short_, square_.get(), working);
            over_trace(square_.get());
            double change = 0, largest = 0;
            for (std::size_t i = 0; i < short_ * ld_; ++i) {
                change = std::max(change, std::fabs(square_[i] - power_[i]));
                largest = std::max(largest, std::fabs(square_[i]));
            }
            std::swap(power_, square_);
            if (change <= kTied * largest || !working()) break;
        }
        take_heaviest_column();
    }

    // to = X^T X for X of so many rows, short_ columns and the stride ld_.
    template <class Working>
    void gram(const double* X, std::size_t rows, double* to, const Working& working) const {
        constexpr std::size_t L = Lanes<double>::count;
        const std::size_t vectors = vectors_of<double>(short_);
        const Heights heights(short_);
        const auto stride = static_cast<std::ptrdiff_t>(ld_);
        std::size_t i = 0;
        for (std::size_t tile = 0; tile < heights.tiles && working(); ++tile) {
            const int height = heights.of(tile);
            for (std::size_t v = 0; v < vectors; v += 2) {
                const auto& tiles = kTiles<double, Along::columns>.tile[vectors - v >= 2 ? 1 : 0];
                tiles[height - 1](rows, X + i, stride, nullptr, X + v * L, stride, to + i * ld_ + v * L,
                                  stride, First::zero, nullptr, false);
            }
            i += static_cast<std::size_t>(height);
        }
    }

    void over_trace(double* matrix) const {
        double trace = 0;
        for (std::size_t i = 0; i < short_; ++i) trace += matrix[i * ld_ + i];
        for (std::size_t i = 0; i < short_ * ld_; ++i) matrix[i] /= trace;
    }

    void take_heaviest_column() {
        std::fill_n(image_.get(), ld_, 0.0);
        for (std::size_t i = 0; i < short_; ++i)
            for (std::size_t j = 0; j < short_; ++j)
                image_[j] += power_[i * ld_ + j] * power_[i * ld_ + j];
        const std::size_t best = std::max_element(image_.get(), image_.get() + short_) - image_.get();
        for (std::size_t i = 0; i < short_; ++i) right_[i] = power_[i * ld_ + best];
        unit(right_.get(), short_);
    }

    bool flat_;
    std::size_t long_, short_, ld_;
    Memory<double> tall_, start_, left_, right_, image_, power_, square_;
    double value_ = 0;
};

}  // namespace CR_ISA
