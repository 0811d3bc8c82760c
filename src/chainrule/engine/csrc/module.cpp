// The Python binding: programs in, vectors in and out, long calls without the GIL.
//
// Decisions
// a) The arrays of a pass come as addresses in a dict: native.py has checked type, shape and layout,
//    and keeps them alive during the call. One dict a pass is cheap.
// b) A prediction may be one row, so its two arrays come as buffers, checked here: that costs a
//    tenth of asking NumPy for their addresses.
// c) The GIL is released for whatever takes longer than releasing it.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <cstdlib>

#include "engine.hpp"
#include "gil.hpp"
#include "pool.hpp"

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
using chainrule::Gil;
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
void* begin_of(const nb::handle& array, int flags = PyBUF_STRIDES) {
    return array.is_none() ? nullptr : (*Buffer(array, flags)).buf;
}

template <class P>
P* begin_of(const nb::dict& from, const char* name, int flags = PyBUF_STRIDES) {
    return static_cast<P*>(begin_of(from[name], flags));
}

struct PyEngine {
    std::unique_ptr<chainrule::Engine> engine;

    PyEngine(const nb::dict& program, const std::string& set, bool double_precision, bool learns)
        : engine(find_set(set).make(read_program(program), double_precision, learns)) {}
};

// What a long call asks of Python, with the GIL for that moment.
struct Caller {
    nb::object callback, loss;  // or None
    bool failed = false;        // Python's error is set

    static bool alive(void* context) {
        const Gil::Held locked;
        return static_cast<Caller*>(context)->no_signal();
    }

    static bool go_on(void* context, std::int64_t done) {
        const Gil::Held locked;
        auto* caller = static_cast<Caller*>(context);
        return caller->no_signal() && caller->called_back(done);
    }

    static bool judge(void* context, std::int64_t rows) {
        const Gil::Held locked;
        auto* caller = static_cast<Caller*>(context);
        if (caller->failed) return false;
        PyObject* answer =
            PyObject_CallFunction(caller->loss.ptr(), "L", static_cast<long long>(rows));
        caller->failed = answer == nullptr;
        Py_XDECREF(answer);
        return !caller->failed;
    }

    chainrule::Poll poll() { return {go_on, alive, judge, this}; }

   private:
    bool no_signal() {
        failed = failed || PyErr_CheckSignals() != 0;
        return !failed;
    }

    bool called_back(std::int64_t done) {
        if (callback.is_none()) return true;
        PyObject* answer = PyObject_CallFunction(callback.ptr(), "L", static_cast<long long>(done));
        const int truth = answer == nullptr ? -1 : PyObject_IsTrue(answer);
        Py_XDECREF(answer);
        failed = truth < 0;
        return truth > 0;
    }
};

chainrule::TrainCall read_call(const nb::dict& from) {
    chainrule::TrainCall call;
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

// Weights and slots to their addresses, and `state` into `fields`, in one call that no signal and no
// other thread can divide.
void export_state(const PyEngine& self, const nb::list& vectors, const nb::handle& running,
                  const nb::dict& fields, const nb::dict& state) {
    int which = -1;
    for (const nb::handle vector : vectors)
        self.engine->export_vector(which++, begin_of(vector, PyBUF_WRITABLE));
    self.engine->export_running(begin_of(running, PyBUF_WRITABLE));
    if (PyDict_Update(fields.ptr(), state.ptr()) != 0) throw nb::python_error();
}

nb::object train(PyEngine& self, const nb::dict& from, int threads, const nb::object& callback) {
    chainrule::TrainCall call = read_call(from);
    Caller caller{callback, from["own_loss"]};
    {
        const Gil::Released unlocked;
        self.engine->train(call, threads, caller.poll());
    }
    if (caller.failed) throw nb::python_error();
    return nb::make_tuple(call.done, call.finite, call.intact, call.bad_code);
}

// Returns whether all category codes were good.
bool gradient(PyEngine& self, const nb::dict& from, bool training, const nb::handle& flat,
              const nb::handle& raw, int threads) {
    chainrule::TrainCall call = read_call(from);
    Caller caller{nb::none(), from["own_loss"]};
    void* const to = begin_of(flat, PyBUF_WRITABLE);
    void* const outputs = begin_of(raw, PyBUF_WRITABLE);
    {
        const Gil::Released unlocked;
        self.engine->gradient(call, training, to, outputs, threads, caller.poll());
    }
    if (caller.failed) throw nb::python_error();
    return !call.bad_code;
}

// Returns whether all category codes were good, or None if X must be laid out in rows first.
nb::object predict(PyEngine& self, const nb::handle& X, const nb::handle& raw, int threads,
                   bool release) {
    const Buffer from(X, PyBUF_STRIDES), to(raw, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE);
    if (!from.rows()) return nb::none();
    const Py_buffer& view = *from;
    const auto stride = static_cast<std::int64_t>(view.strides[0] / view.itemsize);
    const auto run = [&] {
        return self.engine->predict(view.buf, stride, view.shape[0], (*to).buf, threads);
    };
    if (!release) return nb::bool_(run());
    bool good;
    {
        const Gil::Released unlocked;
        good = run();
    }
    return nb::bool_(good);
}

}  // namespace

// A function of vmath.hpp on an array of either type, into another of the same.
void evaluate(const std::string& set, const std::string& name, const nb::handle& X,
              const nb::handle& to) {
    const Buffer from(X, PyBUF_C_CONTIGUOUS), result(to, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE);
    const auto count = static_cast<std::size_t>((*from).len / (*from).itemsize);
    if ((*from).len != (*result).len || (*from).itemsize != (*result).itemsize)
        throw nb::value_error("the arrays differ in size");
    for (const auto& probe : find_set(set).functions()) {
        if (name != probe.name) continue;
        if ((*from).itemsize == sizeof(float))
            return probe.float32(static_cast<const float*>((*from).buf),
                                 static_cast<float*>((*result).buf), count);
        return probe.float64(static_cast<const double*>((*from).buf),
                             static_cast<double*>((*result).buf), count);
    }
    throw nb::value_error(("no function '" + name + "'").c_str());
}

NB_MODULE(_engine, m) {
    // A process may end while another thread still trains; its engine is then no news.
    nb::set_leak_warnings(false);
    Gil::watch_end();
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
    m.def("functions", [] {
        std::vector<std::string> names;
        for (const auto& probe : find_set("").functions()) names.push_back(probe.name);
        return names;
    });
    m.def("evaluate", &evaluate);
    m.def("gemm_rate", [](const std::string& set, std::int64_t rows, std::int64_t depth,
                          std::int64_t columns, std::int64_t repeats) {
        const Gil::Released unlocked;
        return find_set(set).gemm_rate(rows, depth, columns, repeats);
    });

    // Seconds that a meeting of so many threads takes, which tells whether their cores share a cache.
    m.def("meeting_seconds", [](int threads, int repeats) {
        const Gil::Released unlocked;
        const chainrule::Team team(threads);
        chainrule::Barrier barrier(team.size());
        const auto began = std::chrono::steady_clock::now();
        team.run([&](int) {
            for (int k = 0; k < repeats; ++k) barrier.wait();
        });
        const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - began;
        return taken.count() / repeats;
    });

    // Who threw the module out of sys.modules and imports it again gets the type that is there.
    if (const nb::handle known = nb::type<PyEngine>(); known.is_valid()) {
        m.attr("Engine") = known;
        return;
    }
    nb::class_<PyEngine>(m, "Engine")
        .def(nb::init<const nb::dict&, const std::string&, bool, bool>(), nb::arg("program"),
             nb::arg("instruction_set"), nb::arg("double_precision"), nb::arg("learns"))
        .def("import_vector", [](PyEngine& self, int which, const nb::handle& flat) {
            self.engine->import_vector(which, begin_of(flat));
        })
        .def("import_running", [](PyEngine& self, const nb::handle& flat) {
            self.engine->import_running(begin_of(flat));
        })
        .def("export_running", [](const PyEngine& self, const nb::handle& flat) {
            self.engine->export_running(begin_of(flat, PyBUF_WRITABLE));
        })
        .def("export_state", &export_state)
        .def("holds", [](const PyEngine& self, const nb::handle& weights, const nb::handle& running) {
            const Buffer first(weights, PyBUF_C_CONTIGUOUS), second(running, PyBUF_C_CONTIGUOUS);
            return self.engine->holds((*first).buf, (*second).buf);
        })
        .def("finite", [](const PyEngine& self) { return self.engine->finite(); })
        .def("train", &train, nb::arg("call"), nb::arg("threads"), nb::arg("poll").none())
        .def("gradient", &gradient)
        .def("predict", &predict);
}
