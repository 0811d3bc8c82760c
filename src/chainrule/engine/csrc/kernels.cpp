// Everything of one instruction set. The build compiles this file once per set, with its flags and
// CR_ISA naming the namespace, so the linker keeps the sets apart.
#include <chrono>

#include "executor.hpp"

namespace CR_ISA {

template <class... A>
std::vector<std::string> names_of(List<A...>) {
    return {A::name...};
}

static bool supported() {
#if defined(__AVX512F__)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512cd");
#elif defined(__AVX2__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi2");
#elif defined(__x86_64__)
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
#else
    return true;
#endif
}

static std::unique_ptr<chainrule::Engine> make(const Program& program, bool double_precision,
                                               bool learns) {
    if (double_precision) return std::make_unique<Executor<double>>(program, learns);
    return std::make_unique<Executor<float>>(program, learns);
}

// Best rate of `multiply` on one thread for C (m x n) = A (m x k) B, in FLOP per second.
static double gemm_rate(std::int64_t m, std::int64_t k, std::int64_t n, std::int64_t repeats) {
    const std::size_t lda = padded<float>(k), ldc = padded<float>(n);
    auto A = allocate<float>(m * lda), B = allocate<float>(panel_elements<float>(k, n) + 64),
         C = allocate<float>(m * ldc);
    const Product<float> product{static_cast<std::size_t>(m), static_cast<std::size_t>(k),
                                 static_cast<std::size_t>(n), A.get(),
                                 static_cast<std::ptrdiff_t>(lda), B.get(), C.get(),
                                 static_cast<std::ptrdiff_t>(ldc), First::zero, nullptr, nullptr, false};
    double best = 0;
    for (std::int64_t turn = 0; turn < repeats; ++turn) {
        const auto began = std::chrono::steady_clock::now();
        multiply(product, [] { return true; });
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
        best = std::max(best, 2.0 * m * k * n / took.count());
    }
    return best;
}

template <class T, class Function>
static void on_array(const T* from, T* to, std::size_t count, const Function& function) {
    for (std::size_t at = 0; at < count; at += Lanes<T>::count)
        store_part(to + at, function(load_part(from + at, count - at)), count - at);
}

#define CR_PROBE(name, result)                                                       \
    chainrule::MathProbe {                                                           \
        name, [](const float* from, float* to, std::size_t count) {                  \
            using T = float;                                                         \
            on_array(from, to, count, [](Vec<T> x) CR_INLINE_BODY { return result; }); \
        },                                                                           \
        [](const double* from, double* to, std::size_t count) {                      \
            using T = double;                                                        \
            on_array(from, to, count, [](Vec<T> x) CR_INLINE_BODY { return result; }); \
        }                                                                            \
    }

static std::vector<chainrule::MathProbe> functions() {
    return {CR_PROBE("exp", vexp<T>(x)),
            CR_PROBE("expm1", vexpm1<T>(x)),
            CR_PROBE("tanh", vtanh<T>(x)),
            CR_PROBE("sigmoid", vsigmoid<T>(x)),
            CR_PROBE("log", vlog<T>(x)),
            CR_PROBE("log1p", vlog1p<T>(x)),
            CR_PROBE("softplus", vsoftplus<T>(x)),
            CR_PROBE("normal_cumulative", vnormal<T>(x).cumulative),
            CR_PROBE("normal_density", vnormal<T>(x).density)};
}

#define CR_TEXT(name) #name
#define CR_NAME(name) CR_TEXT(name)

extern const chainrule::Isa isa{CR_NAME(CR_ISA),
                                supported,
                                make,
                                [] { return names_of(Activations{}); },
                                [] { return names_of(Losses{}); },
                                Optimizers::names,
                                functions,
                                gemm_rate};

}  // namespace CR_ISA
