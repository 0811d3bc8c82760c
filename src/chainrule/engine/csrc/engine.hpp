// The engine as the Python binding sees it: one interface, implemented once per instruction set.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "program.hpp"

namespace chainrule {

// Asked now and then by the calling thread during a long call; false stops at the next step.
struct Poll {
    bool (*ask)(void* context, std::int64_t steps_done) = nullptr;
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

    virtual void train(TrainCall& call, int threads, const Poll& poll) = 0;
    // The gradient of one batch at the present weights, penalties included; nothing is updated.
    virtual void gradient(TrainCall& call, bool training, void* flat, void* raw, int threads) = 0;
    // Raw outputs; may be called from several threads at once.
    virtual void predict(const void* X, std::int64_t x_stride, std::int64_t count, void* raw,
                         int threads) = 0;
    // True, once, if a category code was outside its embedding's table.
    virtual bool bad_code() = 0;
};

struct MathProbe {
    std::string name;
    void (*float32)(const float*, float*, std::size_t);
    void (*float64)(const double*, double*, std::size_t);
};

// What one instruction set offers.
struct Isa {
    const char* name;
    bool (*supported)();
    std::unique_ptr<Engine> (*make)(const Program&, bool double_precision);
    std::vector<std::string> (*activations)();
    std::vector<std::string> (*losses)();
    std::vector<std::string> (*optimizers)();
    double (*gemm_rate)(std::int64_t m, std::int64_t k, std::int64_t n, std::int64_t repeats);
};

}  // namespace chainrule
