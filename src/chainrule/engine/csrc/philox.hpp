// Philox4x32-10, the numbers of chainrule/streams.py, in plain loops that compilers vectorise.
//
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
#pragma once

#include <cstddef>
#include <cstdint>

#include "simd.hpp"

namespace CR_ISA {

class PhiloxStream {
   public:
    PhiloxStream(std::uint32_t key_low, std::uint32_t key_high, std::uint32_t epoch,
                 std::uint32_t position)
        : key_low_(key_low), key_high_(key_high), epoch_(epoch), position_(position) {}

    // mask[j] = kept where word start + j is at least the threshold, else 0; j < width.
    template <class T>
    void mask(T* mask, std::size_t width, std::uint64_t start, std::uint64_t threshold, T kept) {
        const auto last_dropped = static_cast<std::uint32_t>(threshold - 1);  // if there is one
        const T at_most = threshold == 0 ? kept : T(0);
        std::size_t j = 0;
        while (j < width) {
            const std::uint64_t word = start + j;
            fill(word / kWords);
            const std::size_t skipped = word % kWords;
            const std::size_t left = kWords - skipped;
            const std::size_t count = width - j < left ? width - j : left;
            for (std::size_t i = 0; i < count; ++i)
                mask[j + i] = words_[skipped + i] > last_dropped ? kept : at_most;
            j += count;
        }
    }

   private:
    static constexpr int kBlocks = 32;  // made at once
    static constexpr std::size_t kWords = 4 * kBlocks;

    void fill(std::uint64_t group) {
        if (group == group_) return;
        group_ = group;
        std::uint64_t a[kBlocks], b[kBlocks], c[kBlocks], d[kBlocks];
        for (int i = 0; i < kBlocks; ++i) {
            const std::uint64_t block = group * kBlocks + i;
            a[i] = block & 0xFFFFFFFFu;
            b[i] = block >> 32;
            c[i] = epoch_;
            d[i] = position_;
        }
        std::uint32_t low = key_low_, high = key_high_;
        for (int turn = 0; turn < 10; ++turn) {
            for (int i = 0; i < kBlocks; ++i) {
                const std::uint64_t left = a[i] * 0xD2511F53u, right = c[i] * 0xCD9E8D57u;
                a[i] = (right >> 32) ^ b[i] ^ low;
                b[i] = right & 0xFFFFFFFFu;
                c[i] = (left >> 32) ^ d[i] ^ high;
                d[i] = left & 0xFFFFFFFFu;
            }
            low += 0x9E3779B9u;
            high += 0xBB67AE85u;
        }
        for (int i = 0; i < kBlocks; ++i) {
            words_[4 * i] = static_cast<std::uint32_t>(a[i]);
            words_[4 * i + 1] = static_cast<std::uint32_t>(b[i]);
            words_[4 * i + 2] = static_cast<std::uint32_t>(c[i]);
            words_[4 * i + 3] = static_cast<std::uint32_t>(d[i]);
        }
    }

    std::uint32_t key_low_, key_high_, epoch_, position_;
    std::uint64_t group_ = ~std::uint64_t{0};
    std::uint32_t words_[kWords];
};

}  // namespace CR_ISA
