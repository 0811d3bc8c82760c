// The gradient of a batch in parts: each from its own samples, added up afterwards.
//
// Decisions
// a) Threads share the forward and backward passes by samples, so a weight's gradient over the whole
//    batch needs the tensors that all of them wrote. Cores that do not share a cache pay for each
//    line of these: a step of 20-100-1 took 92 us instead of 35 us on two such cores. So where the
//    tensors are much larger than the weights, the batch is cut into parts; who worked on a part's
//    samples makes its gradient, and only gradients travel.
// b) Into how many parts depends on the network and on the number of samples, never on threads:
//    the parts are added up in their order, so any team gets the same bits.
// c) Where weights are the larger, parts would cost more than they save: the gradient is one product.
//    All parts together take half the memory of the tensors at most.
#pragma once

#include <algorithm>

#include "workspace.hpp"

namespace CR_ISA {

constexpr std::size_t kMostParts = 8;
constexpr std::size_t kPartSamples = 128;  // about so many samples in a part, and half of it at least

// How a network's batches are cut.
struct Cut {
    std::size_t tensors = 0;  // numbers of one sample that its affine maps read and write
    std::size_t weights = 0;

    void count(std::size_t rows_per_sample, std::size_t inputs, std::size_t outputs) {
        tensors += rows_per_sample * (inputs + outputs);
        weights += inputs * outputs;
    }

    // The parts of a batch of so many samples; 0: it is not cut. More samples, no fewer parts.
    std::size_t parts(std::size_t samples) const {
        if (weights == 0 || samples < kPartSamples) return 0;
        const std::size_t wanted = std::clamp<std::size_t>(samples / kPartSamples, 2, kMostParts);
        const std::size_t parts = std::min(wanted, samples * tensors / (2 * weights));
        return parts < 2 ? 0 : parts;
    }

    static Range samples_of(std::size_t samples, std::size_t part, std::size_t parts) {
        return share(samples, static_cast<int>(part), static_cast<int>(parts));
    }
};

// to = the sum of the parts' gradients at a place, in the order of the parts.
template <class T>
void add_parts(const Parameter<T>& p, std::size_t parts, std::size_t at, std::size_t count, T* to) {
    for (std::size_t i = 0; i < count; i += Lanes<T>::count) {
        Vec<T> sum = load(p.parts[0].get() + at + i);
        for (std::size_t part = 1; part < parts; ++part)
            sum = sum + load(p.parts[part].get() + at + i);
        store(to + i, sum);
    }
}

// Sums of the columns of some rows: the gradient of a bias.
template <class T>
void column_sums(const Tensor<T>& Z, Range rows, std::size_t ld, T* to) {
    for (std::size_t j = 0; j < ld; j += Lanes<T>::count)
        store(to + j, sum_rows<T>(rows.last - rows.first, [&](std::size_t row) {
                  return load(Z.gradient + (rows.first + row) * Z.ld + j);
              }));
}

}  // namespace CR_ISA
