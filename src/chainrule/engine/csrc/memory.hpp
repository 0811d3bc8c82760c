// Memory of the engine: zeroed, on a cache line's boundary, freed with its owner.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "simd.hpp"

namespace CR_ISA {

// The block that the system gave stands just before the memory that is used.
struct Freed {
    void operator()(void* memory) const { std::free(static_cast<void**>(memory)[-1]); }
};

template <class T>
using Memory = std::unique_ptr<T[], Freed>;

// Products walk down columns of wide matrices, each row of which lies in another small page: where
// Linux leaves it to the program, large blocks ask for large pages.
inline void prefer_large_pages([[maybe_unused]] void* block, [[maybe_unused]] std::size_t bytes) {
#if defined(__linux__)
    constexpr std::size_t page = 4096, large = std::size_t{2} << 20;
    if (bytes < 2 * large) return;
    const auto from = (reinterpret_cast<std::uintptr_t>(block) + page - 1) / page * page;
    madvise(reinterpret_cast<void*>(from), bytes - page, MADV_HUGEPAGE);  // a wish: may be refused
#endif
}

// Zeroed memory on a cache line's boundary. Large blocks come from the system as zeros that cost
// nothing until they are first written to, by the thread that works with them.
template <class T>
Memory<T> allocate(std::size_t count) {
    constexpr std::size_t line = 64;
    if (count > std::numeric_limits<std::size_t>::max() / 2 / sizeof(T)) throw std::bad_alloc();
    void* const block = std::calloc(count * sizeof(T) + 3 * line, 1);
    if (block == nullptr) throw std::bad_alloc();
    prefer_large_pages(block, count * sizeof(T));
    const auto at = (reinterpret_cast<std::uintptr_t>(block) + 2 * line - 1) / line * line;
    auto* const memory = reinterpret_cast<void**>(at);
    memory[-1] = block;
    return Memory<T>(reinterpret_cast<T*>(memory));
}

}  // namespace CR_ISA
