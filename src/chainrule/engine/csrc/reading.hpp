// What Python hands over: a program and a pass as dicts, arrays as places in memory.
//
// Decisions
// a) The arrays of a pass come as addresses in a dict: native_call.py has checked type, shape and
//    layout, and keeps them alive during the call. One dict a pass is cheap.
// b) Text and lists are read here rather than by nanobind's casters: those may not throw, so where
//    memory ends within one, it ends the process.
// c) Whoever changes names or meanings raises the number of the interface, here and in native_call.py:
//    a binary that was built before is then refused, and does not misread what it is given.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "program.hpp"

namespace chainrule {

namespace nb = nanobind;

constexpr int kInterface = 2;

template <class Value>
void read(const nb::handle& from, Value& to) {
    to = nb::cast<Value>(from);
}

inline void read(const nb::handle& from, std::string& to) {
    Py_ssize_t size = 0;
    const char* const text = PyUnicode_AsUTF8AndSize(from.ptr(), &size);
    if (text == nullptr) throw nb::python_error();
    to.assign(text, static_cast<std::size_t>(size));
}

template <class Item>
void read(const nb::handle& from, std::vector<Item>& to) {
    for (const nb::handle item : nb::iter(from)) {
        Item value;
        read(item, value);
        to.push_back(std::move(value));
    }
}

template <class Value>
Value field(const nb::handle& record, const char* name) {
    Value value;
    try {
        read(record[name], value);
    } catch (const nb::cast_error&) {
        throw nb::value_error((std::string("the compiled engine cannot hold this ") + name).c_str());
    }
    return value;
}

inline NodeInfo read_node(const nb::handle& from) {
    NodeInfo node;
    node.op = field<std::string>(from, "op");
    node.function = field<std::string>(from, "function");
    node.inputs = field<std::vector<std::int64_t>>(from, "inputs");
    node.output = field<std::int64_t>(from, "output");
    node.parameters = field<std::vector<std::int64_t>>(from, "parameters");
    node.running = field<std::vector<std::int64_t>>(from, "running");
    node.numbers = field<std::vector<double>>(from, "numbers");
    node.integers = field<std::vector<std::int64_t>>(from, "integers");
    node.reached = field<bool>(from, "reached");
    for (const auto& pair : field<std::vector<std::vector<bool>>>(from, "gradients"))
        node.gradients.push_back({pair[0], pair[1]});
    const auto key = field<std::vector<std::uint32_t>>(from, "key");
    node.key[0] = key[0];
    node.key[1] = key[1];
    return node;
}

inline PenaltyInfo read_penalty(const nb::handle& from) {
    return {field<std::string>(from, "name"), field<std::vector<double>>(from, "numbers")};
}

inline Program read_program(const nb::dict& from) {
    Program program;
    for (auto tensor : field<nb::list>(from, "tensors"))
        program.tensors.push_back(
            {field<std::int64_t>(tensor, "rows"), field<std::int64_t>(tensor, "width")});
    for (auto p : field<nb::list>(from, "parameters"))
        program.parameters.push_back({field<std::string>(p, "name"), field<std::int64_t>(p, "rows"),
                                      field<std::int64_t>(p, "columns"),
                                      field<double>(p, "rate_factor"),
                                      field<double>(p, "decay_factor"), field<bool>(p, "penalised"),
                                      field<std::vector<double>>(p, "start")});
    for (auto node : field<nb::list>(from, "nodes")) program.nodes.push_back(read_node(node));
    for (auto penalty : field<nb::list>(from, "penalties"))
        program.penalties.push_back(read_penalty(penalty));
    for (auto clipping : field<nb::list>(from, "clippings"))
        program.clippings.push_back(read_penalty(clipping));
    program.output = field<std::int64_t>(from, "output");
    program.running_size = field<std::int64_t>(from, "running_size");
    program.targets = field<std::int64_t>(from, "targets");
    program.loss = field<std::string>(from, "loss");
    program.loss_numbers = field<std::vector<double>>(from, "loss_numbers");
    program.mean_reduction = field<bool>(from, "mean_reduction");
    program.optimizer = field<std::string>(from, "optimizer");
    program.optimizer_numbers = field<std::vector<double>>(from, "optimizer_numbers");
    return program;
}

// The memory of an array, held while this object lives.
class Buffer {
   public:
    Buffer(const nb::handle& array, int flags) {
        if (PyObject_GetBuffer(array.ptr(), &view_, flags) != 0) throw nb::python_error();
    }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer() { PyBuffer_Release(&view_); }

    const Py_buffer& operator*() const { return view_; }

    // True if the elements of each row stand side by side, and the rows a whole number of elements
    // apart, as the engine reads them.
    bool rows() const {
        Py_ssize_t wanted = view_.itemsize;
        for (int axis = view_.ndim - 1; axis > 0; --axis) {
            if (view_.shape[axis] != 1 && view_.strides[axis] != wanted) return false;
            wanted *= view_.shape[axis];
        }
        return view_.ndim > 0 && view_.strides[0] % view_.itemsize == 0 &&
               reinterpret_cast<std::uintptr_t>(view_.buf) % static_cast<std::size_t>(view_.itemsize) == 0;
    }

   private:
    Py_buffer view_;
};

// Where an array begins whose caller keeps it alive and has checked what it holds; null for None.
inline void* begin_of(const nb::handle& array, int flags = PyBUF_STRIDES) {
    return array.is_none() ? nullptr : (*Buffer(array, flags)).buf;
}

template <class P>
P* begin_of(const nb::dict& from, const char* name, int flags = PyBUF_STRIDES) {
    return static_cast<P*>(begin_of(from[name], flags));
}

inline TrainCall read_call(const nb::dict& from) {
    TrainCall call;
    call.X = begin_of<void>(from, "X");
    call.Y = begin_of<void>(from, "Y");
    call.weights = begin_of<void>(from, "weights");
    call.x_stride = field<std::int64_t>(from, "x_stride");
    call.y_stride = field<std::int64_t>(from, "y_stride");
    call.order = begin_of<std::int64_t>(from, "order");
    call.count = field<std::int64_t>(from, "count");
    call.batch = field<std::int64_t>(from, "batch");
    call.step = field<std::int64_t>(from, "step");
    call.first_row = field<std::int64_t>(from, "first_row");
    call.epoch = field<std::uint32_t>(from, "epoch");
    call.rates = begin_of<double>(from, "rates");
    call.decays = begin_of<double>(from, "decays");
    call.factors = begin_of<double>(from, "factors");
    call.optimizer_numbers = begin_of<double>(from, "optimizer_numbers");
    call.optimizer_width = field<std::int64_t>(from, "optimizer_width");
    call.pulse_seconds = field<double>(from, "pulse_seconds");
    call.tuned = field<bool>(from, "tuned");
    call.own_raw = begin_of<void>(from, "own_raw", PyBUF_WRITABLE);
    call.own_Y = begin_of<void>(from, "own_Y", PyBUF_WRITABLE);
    call.own_values = begin_of<void>(from, "own_values", PyBUF_WRITABLE);
    call.own_slopes = begin_of<void>(from, "own_slopes", PyBUF_WRITABLE);
    call.objectives = begin_of<double>(from, "objectives", PyBUF_WRITABLE);
    call.data = begin_of<double>(from, "data", PyBUF_WRITABLE);
    call.norms = begin_of<double>(from, "norms", PyBUF_WRITABLE);
    return call;
}

}  // namespace chainrule
