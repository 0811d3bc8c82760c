// The Python binding: programs in, vectors in and out, long calls without the GIL.
//
// Decisions
// a) A prediction may be one row, so its two arrays come as buffers, checked here: that costs a
//    tenth of asking NumPy for their addresses.
// b) The GIL is released for whatever takes longer than releasing it.
#include <nanobind/nanobind.h>

#include <chrono>
#include <cstdlib>
#include <cstring>

#include "engine.hpp"
#include "gil.hpp"
#include "pool.hpp"
#include "reading.hpp"

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
using chainrule::begin_of;
using chainrule::Buffer;
using chainrule::Gil;

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

const chainrule::Isa& find_set(const nb::handle& name) {
    std::string text;
    chainrule::read(name, text);
    return find_set(text);
}

nb::list list_of(const std::vector<std::string>& names) {
    nb::list list;
    for (const auto& name : names) list.append(nb::str(name.c_str(), name.size()));
    return list;
}

struct PyEngine {
    std::unique_ptr<chainrule::Engine> engine;

    PyEngine(const nb::dict& program, const nb::str& set, bool double_precision, bool learns)
        : engine(find_set(set).make(chainrule::read_program(program), double_precision, learns)) {}
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

// Does a long call without the lock.
template <class Work>
void unlocked(Caller& caller, const Work& work) {
    bool orphaned = false;
    try {
        const Gil::Released released;
        work();
    } catch (const chainrule::Orphaned&) {
        orphaned = true;
    }
    if (caller.failed) throw nb::python_error();
    if (orphaned) nb::module_::import_("chainrule.engine.native_call").attr("refuse_orphan")();
}

nb::object train(PyEngine& self, const nb::dict& from, int threads, const nb::object& callback) {
    chainrule::TrainCall call = chainrule::read_call(from);
    Caller caller{callback, from["own_loss"]};
    unlocked(caller, [&] { self.engine->train(call, threads, caller.poll()); });
    return nb::make_tuple(call.done, call.finite, call.intact, call.bad_code);
}

// Returns whether all category codes were good.
bool gradient(PyEngine& self, const nb::dict& from, bool training, const nb::handle& flat,
              const nb::handle& raw, int threads) {
    chainrule::TrainCall call = chainrule::read_call(from);
    Caller caller{nb::none(), from["own_loss"]};
    void* const to = begin_of(flat, PyBUF_WRITABLE);
    void* const outputs = begin_of(raw, PyBUF_WRITABLE);
    unlocked(caller, [&] {
        self.engine->gradient(call, training, to, outputs, threads, caller.poll());
    });
    return !call.bad_code;
}

// Returns whether all category codes were good, or None if X must be laid out in rows first. What
// takes so long that the lock is released hears Ctrl-C.
nb::object predict(PyEngine& self, const nb::handle& X, const nb::handle& raw, int threads,
                   bool release) {
    const Buffer from(X, PyBUF_STRIDES), to(raw, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE);
    if (!from.rows()) return nb::none();
    const Py_buffer& view = *from;
    const auto stride = static_cast<std::int64_t>(view.strides[0] / view.itemsize);
    bool good = true;
    const auto run = [&](const chainrule::Poll& poll) {
        good = self.engine->predict(view.buf, stride, view.shape[0], (*to).buf, threads, poll);
    };
    Caller caller{nb::none(), nb::none()};
    if (release)
        unlocked(caller, [&] { run(caller.poll()); });
    else
        run({});
    return nb::bool_(good);
}

}  // namespace

// A function of vmath.hpp on an array of either type, into another of the same.
void evaluate(const nb::str& set, const nb::str& name, const nb::handle& X, const nb::handle& to) {
    const Buffer from(X, PyBUF_C_CONTIGUOUS), result(to, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE);
    const auto count = static_cast<std::size_t>((*from).len / (*from).itemsize);
    if ((*from).len != (*result).len || (*from).itemsize != (*result).itemsize)
        throw nb::value_error("the arrays differ in size");
    for (const auto& probe : find_set(set).functions()) {
        if (std::strcmp(name.c_str(), probe.name) != 0) continue;
        if ((*from).itemsize == sizeof(float))
            return probe.float32(static_cast<const float*>((*from).buf),
                                 static_cast<float*>((*result).buf), count);
        return probe.float64(static_cast<const double*>((*from).buf),
                             static_cast<double*>((*result).buf), count);
    }
    throw nb::value_error((std::string("no function '") + name.c_str() + "'").c_str());
}

// nanobind keeps a table of its instances, and ends the process where that table cannot grow. So it
// grows now, for more engines than most programs have at once, and not where memory is short.
void make_room_for_engines() {
    constexpr int most = 1000;
    std::vector<nb::object> instances;
    instances.reserve(most);
    for (int k = 0; k < most; ++k) instances.push_back(nb::inst_alloc(nb::type<PyEngine>()));
}

NB_MODULE(_engine, m) {
    // The lock, the end of the process and nanobind's tables are those of the main interpreter.
    if (PyInterpreterState_Get() != PyInterpreterState_Main())
        throw nb::import_error("it cannot run in a sub-interpreter");
    // A process may end while another thread still trains; its engine is then no news.
    nb::set_leak_warnings(false);
    Gil::watch_end();
    m.attr("VERSION") = CHAINRULE_VERSION;
    m.attr("INTERFACE") = chainrule::kInterface;

    m.def("instruction_sets", [] {
        std::vector<std::string> names;
        for (const auto* set : all_sets())
            if (set->supported()) names.push_back(set->name);
        return list_of(names);
    });
    m.def("activations", [] { return list_of(find_set("").activations()); });
    m.def("losses", [] { return list_of(find_set("").losses()); });
    m.def("optimizers", [] { return list_of(find_set("").optimizers()); });
    m.def("functions", [] {
        std::vector<std::string> names;
        for (const auto& probe : find_set("").functions()) names.push_back(probe.name);
        return list_of(names);
    });
    m.def("evaluate", &evaluate);
    m.def("gemm_rate", [](const nb::str& name, std::int64_t rows, std::int64_t depth,
                          std::int64_t columns, std::int64_t repeats) {
        const chainrule::Isa& set = find_set(name);
        const Gil::Released released;
        return set.gemm_rate(rows, depth, columns, repeats);
    });

    // Seconds that a meeting of so many threads takes, which tells whether their cores share a cache.
    m.def("meeting_seconds", [](int threads, int repeats) {
        const Gil::Released unlocked;
        const chainrule::Team team(threads);
        chainrule::Barrier barrier(team.size());
        const auto began = std::chrono::steady_clock::now();
        team.run([&](int) {
            for (int k = 0; k < repeats; ++k) barrier.wait([] {});
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
        .def(nb::init<const nb::dict&, const nb::str&, bool, bool>(), nb::arg("program"),
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
    make_room_for_engines();
}
