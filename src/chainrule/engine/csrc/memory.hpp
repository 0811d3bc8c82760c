// Memory of the engine: zeroed, on a cache line's boundary, freed with its owner.
#pragma once

#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>

#include "simd.hpp"

namespace CR_ISA {

struct Freed {
    void operator()(void* memory) const { std::free(memory); }
};

template <class T>
using Memory = std::unique_ptr<T[], Freed>;

// Zeroed memory on a cache line's boundary.
template <class T>
Memory<T> allocate(std::size_t count) {
    if (count > std::numeric_limits<std::size_t>::max() / 2 / sizeof(T)) throw std::bad_alloc();
    const std::size_t bytes = (count * sizeof(T) + 127) / 64 * 64;
    void* memory = std::aligned_alloc(64, bytes);
    if (memory == nullptr) throw std::bad_alloc();
    std::memset(memory, 0, bytes);
    return Memory<T>(static_cast<T*>(memory));
}

}  // namespace CR_ISA
