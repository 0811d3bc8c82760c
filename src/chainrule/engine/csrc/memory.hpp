// Memory of the engine: zeroed, on a cache line's boundary, freed with its owner.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <new>

#include "simd.hpp"

namespace CR_ISA {

// The block that the system gave stands just before the memory that is used.
struct Freed {
    void operator()(void* memory) const { std::free(static_cast<void**>(memory)[-1]); }
};

template <class T>
using Memory = std::unique_ptr<T[], Freed>;

// Zeroed memory on a cache line's boundary. Large blocks come from the system as zeros that cost
// nothing until they are first written to, by the thread that works with them.
template <class T>
Memory<T> allocate(std::size_t count) {
    constexpr std::size_t line = 64;
    if (count > std::numeric_limits<std::size_t>::max() / 2 / sizeof(T)) throw std::bad_alloc();
    void* const block = std::calloc(count * sizeof(T) + 3 * line, 1);
    if (block == nullptr) throw std::bad_alloc();
    const auto at = (reinterpret_cast<std::uintptr_t>(block) + 2 * line - 1) / line * line;
    auto* const memory = reinterpret_cast<void**>(at);
    memory[-1] = block;
    return Memory<T>(reinterpret_cast<T*>(memory));
}

}  // namespace CR_ISA
