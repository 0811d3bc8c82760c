// The engine as the Python binding sees it: one interface, implemented once per instruction set.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "program.hpp"

namespace chainrule {

// What the calling thread asks now and then during a long call.
struct Poll {
    // Between two steps. False stops here.
    bool (*go_on)(void* context, std::int64_t steps_done) = nullptr;
    // Within a step. False breaks the call off.
    bool (*alive)(void* context) = nullptr;
    // Within each step of a program without a loss: the caller's own, of so many rows. False breaks
    // the call off.
    bool (*judge)(void* context, std::int64_t rows) = nullptr;
    void* context = nullptr;
};

class Engine {
   public:
    virtual ~Engine() = default;

    // Flat vectors in the Plan's order; `which` is -1 for the weights, else the optimizer slot.
    virtual void import_vector(int which, const void* flat) = 0;
    virtual void export_vector(int which, void* flat) const = 0;
    virtual void import_running(const void* flat) = 0;
    virtual void export_running(void* flat) const = 0;

    // True if weights and running moments have these bits.
    virtual bool holds(const void* weights, const void* running) const = 0;
    // True if weights and running moments are all finite.
    virtual bool finite() const = 0;

    virtual void train(TrainCall& call, int threads, const Poll& poll) = 0;
    // The gradient of one batch at the present weights, penalties included; nothing is updated but
    // the running moments.
    virtual void gradient(TrainCall& call, bool training, void* flat, void* raw, int threads,
                          const Poll& poll) = 0;
    // Raw outputs. May be called from several threads at once, as long as nobody trains or imports.
    // False: a category code was outside its embedding's table. A poll without functions asks nobody.
    virtual bool predict(const void* X, std::int64_t x_stride, std::int64_t count, void* raw,
                         int threads, const Poll& poll) = 0;
};

// A function of vmath.hpp on arrays, for whoever measures its error.
struct MathProbe {
    const char* name;
    void (*float32)(const float*, float*, std::size_t);
    void (*float64)(const double*, double*, std::size_t);
};

// What one instruction set offers.
struct Isa {
    const char* name;
    bool (*supported)();
    // `learns` false: for predictions only, without slots and transposes.
    std::unique_ptr<Engine> (*make)(const Program&, bool double_precision, bool learns);
    std::vector<std::string> (*activations)();
    std::vector<std::string> (*losses)();
    std::vector<std::string> (*optimizers)();
    std::vector<MathProbe> (*functions)();
    double (*gemm_rate)(std::int64_t m, std::int64_t k, std::int64_t n, std::int64_t repeats);
};

}  // namespace chainrule
