// The Python binding: programs in, vectors in and out, long calls without the GIL.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdlib>

#include "engine.hpp"

#if defined(__x86_64__)
namespace v2 {
extern const chainrule::Isa isa;
}
namespace v3 {
extern const chainrule::Isa isa;
}
namespace v4 {
extern const chainrule::Isa isa;
}
#else
namespace base {
extern const chainrule::Isa isa;
}
#endif

namespace nb = nanobind;
using chainrule::Program;

namespace {

// Best first.
std::vector<const chainrule::Isa*> all_sets() {
#if defined(__x86_64__)
    return {&v4::isa, &v3::isa, &v2::isa};
#else
    return {&base::isa};
#endif
}

const chainrule::Isa& find_set(const std::string& name) {
    for (const auto* set : all_sets())
        if ((name.empty() || name == set->name) && set->supported()) return *set;
    throw nb::value_error(("this processor cannot run the instruction set '" + name + "'").c_str());
}

template <class Value>
Value field(const nb::handle& record, const char* name) {
    return nb::cast<Value>(record[name]);
}

chainrule::NodeInfo read_node(const nb::handle& from) {
    chainrule::NodeInfo node;
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

chainrule::PenaltyInfo read_penalty(const nb::handle& from) {
    return {field<std::string>(from, "name"), field<std::vector<double>>(from, "numbers")};
}

Program read_program(const nb::dict& from) {
    Program program;
    for (auto tensor : field<nb::list>(from, "tensors"))
        program.tensors.push_back(
            {field<std::int64_t>(tensor, "rows"), field<std::int64_t>(tensor, "width")});
    for (auto p : field<nb::list>(from, "parameters"))
        program.parameters.push_back({field<std::string>(p, "name"), field<std::int64_t>(p, "rows"),
                                      field<std::int64_t>(p, "columns"),
                                      field<double>(p, "rate_factor"),
                                      field<double>(p, "decay_factor"), field<bool>(p, "penalised")});
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

// Arrays come as integers (addresses): native.py has checked type, shape and layout, and keeps them
// alive during the call. Building an ndarray view for each would cost more than a small step.
template <class P>
P* address(std::uintptr_t at) {
    return reinterpret_cast<P*>(at);
}

struct PyEngine {
    std::unique_ptr<chainrule::Engine> engine;

    PyEngine(const nb::dict& program, const std::string& set, bool double_precision)
        : engine(find_set(set).make(read_program(program), double_precision)) {}
};

struct PollContext {
    nb::handle callback;
    bool failed = false;
    nb::python_error* error = nullptr;
};

// Runs with the GIL for a moment: signals first, then the caller's own function.
bool ask(void* context, std::int64_t done) {
    nb::gil_scoped_acquire locked;
    auto* poll = static_cast<PollContext*>(context);
    if (PyErr_CheckSignals() != 0) {
        poll->failed = true;
        return false;
    }
    if (poll->callback.is_none()) return true;
    try {
        return nb::cast<bool>(poll->callback(done));
    } catch (nb::python_error& error) {
        error.restore();
        poll->failed = true;
        return false;
    }
}

chainrule::TrainCall read_call(const nb::dict& from) {
    chainrule::TrainCall call;
    call.X = address<void>(field<std::uintptr_t>(from, "X"));
    call.Y = address<void>(field<std::uintptr_t>(from, "Y"));
    call.weights = address<void>(field<std::uintptr_t>(from, "weights"));
    call.x_stride = field<std::int64_t>(from, "x_stride");
    call.y_stride = field<std::int64_t>(from, "y_stride");
    call.order = address<std::int64_t>(field<std::uintptr_t>(from, "order"));
    call.count = field<std::int64_t>(from, "count");
    call.batch = field<std::int64_t>(from, "batch");
    call.step = field<std::int64_t>(from, "step");
    call.first_row = field<std::int64_t>(from, "first_row");
    call.epoch = field<std::uint32_t>(from, "epoch");
    call.rates = address<double>(field<std::uintptr_t>(from, "rates"));
    call.decays = address<double>(field<std::uintptr_t>(from, "decays"));
    call.factors = address<double>(field<std::uintptr_t>(from, "factors"));
    call.optimizer_numbers = address<double>(field<std::uintptr_t>(from, "optimizer_numbers"));
    call.optimizer_width = field<std::int64_t>(from, "optimizer_width");
    call.objectives = address<double>(field<std::uintptr_t>(from, "objectives"));
    call.data = address<double>(field<std::uintptr_t>(from, "data"));
    call.norms = address<double>(field<std::uintptr_t>(from, "norms"));
    return call;
}

}  // namespace

NB_MODULE(_engine, m) {
    m.attr("VERSION") = CHAINRULE_VERSION;

    m.def("instruction_sets", [] {
        std::vector<std::string> names;
        for (const auto* set : all_sets())
            if (set->supported()) names.push_back(set->name);
        return names;
    });
    m.def("activations", [] { return find_set("").activations(); });
    m.def("losses", [] { return find_set("").losses(); });
    m.def("optimizers", [] { return find_set("").optimizers(); });
    m.def("gemm_rate", [](const std::string& set, std::int64_t rows, std::int64_t depth,
                          std::int64_t columns, std::int64_t repeats) {
        nb::gil_scoped_release unlocked;
        return find_set(set).gemm_rate(rows, depth, columns, repeats);
    });

    nb::class_<PyEngine>(m, "Engine")
        .def(nb::init<const nb::dict&, const std::string&, bool>())
        .def("import_vector", [](PyEngine& self, int which, std::uintptr_t flat) {
            self.engine->import_vector(which, address<void>(flat));
        })
        .def("export_vector", [](const PyEngine& self, int which, std::uintptr_t flat) {
            self.engine->export_vector(which, address<void>(flat));
        })
        .def("import_running", [](PyEngine& self, std::uintptr_t flat) {
            self.engine->import_running(address<void>(flat));
        })
        .def("export_running", [](const PyEngine& self, std::uintptr_t flat) {
            self.engine->export_running(address<void>(flat));
        })
        .def("train", [](PyEngine& self, const nb::dict& from, int threads, const nb::object& poll) {
            chainrule::TrainCall call = read_call(from);
            PollContext context{poll};
            {
                nb::gil_scoped_release unlocked;
                self.engine->train(call, threads, {ask, &context});
            }
            if (context.failed) throw nb::python_error();
            return nb::make_tuple(call.done, call.finite);
        }, nb::arg("call"), nb::arg("threads"), nb::arg("poll").none())
        .def("gradient", [](PyEngine& self, const nb::dict& from, bool training, std::uintptr_t flat,
                            std::uintptr_t raw, int threads) {
            chainrule::TrainCall call = read_call(from);
            nb::gil_scoped_release unlocked;
            self.engine->gradient(call, training, address<void>(flat), address<void>(raw), threads);
        })
        .def("predict", [](PyEngine& self, std::uintptr_t X, std::int64_t stride, std::int64_t count,
                           std::uintptr_t raw, int threads) {
            nb::gil_scoped_release unlocked;
            self.engine->predict(address<void>(X), stride, count, address<void>(raw), threads);
        })
        .def("bad_code", [](PyEngine& self) { return self.engine->bad_code(); });
}
