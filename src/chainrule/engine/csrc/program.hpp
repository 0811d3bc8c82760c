// The plan as the engine sees it: numbers only, the same for every instruction set.
//
// Decisions
// a) Python turns a Plan into this list once; the engine interprets it. Generating code per network
//    would win little (a step is a few large kernels) and cost a compiler on the user's machine.
// b) Tensors are numbered. A tensor is `rows_per_sample x width` for each sample; attention is the
//    only reader of the sequence structure, everything else sees rows.
// c) Parameters keep the order of the Plan's flat vector, which is how they come in and go out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace chainrule {

struct TensorInfo {
    std::int64_t rows_per_sample = 1;
    std::int64_t width = 1;
};

struct ParameterInfo {
    std::string name;
    std::int64_t rows = 1;  // 1 for vectors
    std::int64_t columns = 1;
    double rate_factor = 1.0;
    double decay_factor = 1.0;
    bool penalised = false;
    std::vector<double> start;  // of power iteration, where a spectral penalty needs it
};

// One input's gradient: where it goes, whether a gradient is there already, whether it is wanted.
struct GradientInfo {
    bool wanted = false;
    bool add = false;
};

struct NodeInfo {
    std::string op;        // "affine", "activate", ...
    std::string function;  // the activation's name, for "activate"
    std::vector<std::int64_t> inputs;
    std::int64_t output = 0;
    std::vector<std::int64_t> parameters;  // in the order of the operation's trainable tensors
    std::vector<std::int64_t> running;     // offsets into the flat vector of moments
    std::vector<GradientInfo> gradients;   // one for each input
    bool reached = true;                   // false: no path to the output, no backward step
    std::vector<double> numbers;           // attributes: rate, momentum, epsilon, heads, ...
    std::vector<std::int64_t> integers;    // attributes: picked columns, levels, ...
    std::uint32_t key[2] = {0, 0};         // stream of the noise
};

struct PenaltyInfo {
    std::string name;
    std::vector<double> numbers;
};

struct Program {
    std::vector<TensorInfo> tensors;  // tensor 0 is the input
    std::vector<ParameterInfo> parameters;
    std::vector<NodeInfo> nodes;
    std::int64_t output = 0;
    std::int64_t running_size = 0;
    std::int64_t targets = 1;
    std::string loss;  // "": the caller's own, see TrainCall
    std::vector<double> loss_numbers;
    bool mean_reduction = true;
    std::string optimizer;
    std::vector<double> optimizer_numbers;
    std::vector<PenaltyInfo> penalties;  // objective penalties and projections
    std::vector<PenaltyInfo> clippings;
};

// One pass over rows, as many steps as batches.
struct TrainCall {
    const void* X = nullptr;  // rows x sample size, in the engine's type, row-major
    const void* Y = nullptr;
    const void* weights = nullptr;  // or null
    std::int64_t x_stride = 0;      // elements between samples
    std::int64_t y_stride = 0;
    const std::int64_t* order = nullptr;
    std::int64_t count = 0;
    std::int64_t batch = 0;
    std::int64_t step = 0;       // updates done before this call
    std::int64_t first_row = 0;  // position in the epoch
    std::uint32_t epoch = 0;
    const double* rates = nullptr;    // one a step
    const double* decays = nullptr;   // one a step: coefficient of decoupled decay
    const double* factors = nullptr;  // one a step and noisy node, step-major
    // Where an optimizer's numbers change with the step: one row a step, or null.
    const double* optimizer_numbers = nullptr;
    std::int64_t optimizer_width = 0;
    double pulse_seconds = 0.05;  // least time between two questions to Python
    bool tuned = false;           // the team may be smaller where that is faster
    // Where the program names no loss: what the caller's own reads, and what it leaves for each row
    // of the batch, its loss and the slopes by its raw outputs. In the engine's type, without gaps.
    void* own_raw = nullptr;
    void* own_Y = nullptr;
    void* own_values = nullptr;
    void* own_slopes = nullptr;
    // Results.
    double* objectives = nullptr;  // one a step
    double* data = nullptr;
    double* norms = nullptr;
    std::int64_t done = 0;   // steps whose objective and gradient were finite
    bool finite = true;      // false: the step after those was not
    bool intact = true;      // false: the weights are those after the step that was not finite
    bool bad_code = false;   // a category code was outside its embedding's table
};

}  // namespace chainrule
