// One operation of a plan: forward and backward for some samples, gradients for its parameters.
#pragma once

#include <vector>

#include "workspace.hpp"

namespace CR_ISA {

template <class T>
struct Node {
    chainrule::NodeInfo info;
    std::size_t number = 0;            // position in the program
    std::vector<Parameter<T>*> owned;  // its parameters, in order
    T* running = nullptr;              // all running moments

    virtual ~Node() = default;

    // Memory that the node keeps between forward and backward.
    virtual void reserve(Workspace<T>&) const {}
    virtual void forward(Workspace<T>&, const Member&, Range samples) const = 0;
    virtual void backward(Workspace<T>&, const Member&, Range samples) const = 0;

    // The gradient of rows [first, last) of parameter `which`, written row by row to `to` with the
    // parameter's ld. Matrices in panels have their own path (see update.hpp).
    virtual void gradient(const Workspace<T>&, std::size_t /*which*/, std::size_t /*first*/,
                          std::size_t /*last*/, T* /*to*/) const {}
    // The whole gradient of one of an affine map's vectors, from some rows of the batch.
    virtual void part_gradient(const Workspace<T>&, std::size_t /*which*/, Range /*rows*/,
                               T* /*to*/) const {}

   protected:
    Tensor<T>& in(Workspace<T>& ws, std::size_t k = 0) const { return ws.tensors[info.inputs[k]]; }
    const Tensor<T>& in(const Workspace<T>& ws, std::size_t k = 0) const {
        return ws.tensors[info.inputs[k]];
    }
    Tensor<T>& out(Workspace<T>& ws) const { return ws.tensors[info.output]; }
    const Tensor<T>& out(const Workspace<T>& ws) const { return ws.tensors[info.output]; }

    static Range rows_of(const Tensor<T>& tensor, Range samples) {
        return {samples.first * tensor.rows_per_sample, samples.last * tensor.rows_per_sample};
    }

    static std::size_t all_rows(const Workspace<T>& ws, const Tensor<T>& tensor) {
        return ws.samples * tensor.rows_per_sample;
    }
};

// Writes a gradient, or adds it where another path has left one.
template <class T>
CR_INLINE void give(T* to, Vec<T> value, bool add) {
    store(to, add ? load(to) + value : value);
}

}  // namespace CR_ISA
