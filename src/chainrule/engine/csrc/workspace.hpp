// The tensors of one batch, and the team of threads that works on it.
//
// Decisions
// a) Where the cores of a team share no cache, a line that one of them has read costs the other, who
//    writes it each step, about 10 ns. And a processor fetches ahead of where it works, up to 40 KB. So
//    members work away from each other: of two neighbours the first goes through its samples downwards,
//    the second upwards, and behind a large tensor there is room that nobody uses. A step of 64-100-10
//    takes 60 instead of 82 us on such cores, and nothing else where they share a cache.
#pragma once

#include <atomic>
#include <vector>

#include "parameter.hpp"
#include "pool.hpp"
#include "program.hpp"
#include "watch.hpp"

namespace CR_ISA {

using chainrule::Barrier;
using chainrule::Program;
using chainrule::Watch;

// The samples of one thread.
struct Range {
    std::size_t first, last;
};

CR_INLINE Range share(std::size_t count, int part, int parts) {
    return {count * part / parts, count * (part + 1) / parts};
}

// One member of the team that runs a step together.
struct Member {
    int number, count;
    Barrier* barrier;
    Watch* watch = nullptr;
    bool asks = number == 0;  // the caller's own thread

    // Whoever asks goes on asking while others work longer.
    void meet() const {
        const bool there = barrier->wait([&] {
            if (asks && watch != nullptr) watch->within_step();
        });
        if (!there && watch != nullptr) watch->abandon();
    }
    // Asked before each block of work; false: leave out what can be left out, but keep meeting.
    bool working() const {
        if (watch == nullptr) return true;
        if (asks) watch->within_step();
        return !watch->abandoned();
    }
    // Whether it goes through its samples from the last to the first.
    bool down() const { return count > 1 && number % 2 == 0; }
    Range share_of(std::size_t items) const { return share(items, number, count); }
};

template <class T>
struct Tensor {
    std::size_t rows_per_sample = 1, width = 1, ld = 1;
    T* value = nullptr;
    T* gradient = nullptr;
    // Of the batch's input, where it is read out of the table: the numbers of its rows.
    const std::int64_t* picks = nullptr;
};

// Where in the run a batch stands, for random numbers and schedules.
struct Moment {
    std::uint32_t epoch = 0;
    std::uint64_t first_row = 0;
    const double* factors = nullptr;  // one for each noisy node
};

constexpr std::size_t kLargeBytes = 1 << 14;  // of a tensor
constexpr std::size_t kApartBytes = 1 << 16;  // room behind it that is never touched

template <class T>
struct Workspace {
    std::size_t capacity = 0;  // samples
    int members = 0;           // of the largest team that it has room for
    std::size_t samples = 0;   // of the present batch
    bool training = false;
    bool learning = false;  // false: prediction, no gradients
    std::vector<Tensor<T>> tensors;
    std::vector<std::vector<Memory<T>>> extra;  // what each node keeps for its backward pass
    std::vector<Memory<T>> owned;
    Memory<T> Y, factors, losses;
    std::size_t y_ld = 0;
    Moment moment;
    std::atomic<bool> bad_code{false};
    std::unique_ptr<Workspace> next;  // in a chain of spare ones

    T* own(std::size_t count) {
        const bool apart = learning && count * sizeof(T) >= kLargeBytes;
        owned.push_back(allocate<T>(apart ? count + kApartBytes / sizeof(T) : count));
        return owned.back().get();
    }
};

// Sum of rows [0, rows) of one vector of columns, in blocks of 16 rows, each in four chains: a fixed
// order that loses less than one long chain, and does not wait for each addition.
template <class T, class Term>
CR_INLINE Vec<T> sum_rows(std::size_t rows, const Term& term) {
    Vec<T> total{};
    for (std::size_t start = 0; start < rows; start += 16) {
        const std::size_t stop = start + 16 < rows ? start + 16 : rows;
        Vec<T> a{}, b{}, c{}, d{};
        std::size_t row = start;
        for (; row + 4 <= stop; row += 4) {
            a = a + term(row);
            b = b + term(row + 1);
            c = c + term(row + 2);
            d = d + term(row + 3);
        }
        if (row < stop) a = a + term(row);
        if (row + 1 < stop) b = b + term(row + 1);
        if (row + 2 < stop) c = c + term(row + 2);
        total = total + ((a + b) + (c + d));
    }
    return total;
}

}  // namespace CR_ISA
