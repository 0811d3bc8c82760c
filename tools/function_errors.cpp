// The errors of the engine's own functions, in ulp, and a checksum of every bit that they gave.
//
//   function_errors STEP COUNT
//
// float32 at every STEP-th of the 2^32 patterns of bits, float64 at COUNT numbers that a fixed
// generator draws. A line for each function and type: name, type, worst error, what vmath.hpp
// states, where the worst was, checksum. Exits with 1 if an error is larger than stated.
//
// Decisions
// a) The truth comes from the C library, with 53 bits for float32 and 113 for float64: far more
//    than the hundredth of an ulp that is printed.
// b) All NaN count as one pattern of bits, because processors differ in their signs. Everything
//    else is the same on all sets that have a fused multiply-add, so checksums can be compared.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <type_traits>

#include "vmath.hpp"

using namespace CR_ISA;

namespace {

// ---- What is right -----------------------------------------------------------------------------

template <class T>
using Wide = std::conditional_t<sizeof(T) == 4, double, _Float128>;

#define CR_WIDE(name)                                            \
    inline double wide_##name(double x) { return std::name(x); } \
    inline _Float128 wide_##name(_Float128 x) { return name##f128(x); }
CR_WIDE(atan)
CR_WIDE(erfc)
CR_WIDE(exp)
CR_WIDE(expm1)
CR_WIDE(fabs)
CR_WIDE(log)
CR_WIDE(log1p)
CR_WIDE(logb)
CR_WIDE(sqrt)
CR_WIDE(tanh)
#undef CR_WIDE

// 2^exponent times the distance of neighbours of type T there.
template <class T>
double ulp_of(Wide<T> truth) {
    const int lowest = std::numeric_limits<T>::min_exponent - 1;
    const int exponent = truth == 0 ? lowest : static_cast<int>(wide_logb(truth));
    return std::ldexp(1.0, std::max(exponent, lowest) + 1 - std::numeric_limits<T>::digits);
}

template <class T>
double error_of(T found, Wide<T> truth) {
    const T nearest = static_cast<T>(truth);
    if (found == nearest || (found != found && truth != truth)) {
        if (!std::isfinite(nearest)) return 0;
    } else if (!std::isfinite(found) || !std::isfinite(nearest)) {
        return std::numeric_limits<double>::infinity();
    }
    return static_cast<double>(wide_fabs(Wide<T>(found) - truth) / Wide<T>(ulp_of<T>(truth)));
}

// ---- The functions -----------------------------------------------------------------------------

// The name, the error that is stated for each type, and the largest argument that is asked.
struct Facts {
    const char* name;
    double stated[2];
    double reach;
    bool positive = false;
};

struct Exp {
    static constexpr Facts facts{"exp", {1.1, 1.1}, 800};
    template <class T>
    static Vec<T> found(Vec<T> x) {
        return vexp<T>(x);
    }
    template <class W>
    static W right(W x) {
        return wide_exp(x);
    }
};

struct ExpBelow {
    static constexpr Facts facts{"exp of -|x|", {1.1, 1.1}, 800};
    template <class T>
    static Vec<T> found(Vec<T> x) {
        return vexp_below<T>(x);
    }
    template <class W>
    static W right(W x) {
        return wide_exp(-wide_fabs(x));
    }
};

struct Expm1 {
    static constexpr Facts facts{"expm1", {1.8, 2.3}, 800};
    template <class T>
    static Vec<T> found(Vec<T> x) {
        return vexpm1<T>(x);
    }
    template <class W>
    static W right(W x) {
        return wide_expm1(x);
    }
};

struct HyperbolicTangent {
    static constexpr Facts facts{"tanh", {2.6, 2.6}, 30};
    template <class T>
    static Vec<T> found(Vec<T> x) {
        return vtanh<T>(x);
    }
    template <class W>
    static W right(W x) {
        return wide_tanh(x);
    }
};

struct Logistic {
    static constexpr Facts facts{"logistic", {2.5, 2.2}, 800};
    template <class T>
    static Vec<T> found(Vec<T> x) {
        return vsigmoid<T>(x);
    }
    template <class W>
    static W right(W x) {
        const W tail = wide_exp(-wide_fabs(x));
        return x < 0 ? tail / (1 + tail) : x >= 0 ? 1 / (1 + tail) : x;
    }
};

struct Log {
    static constexpr Facts facts{"log", {0.9, 0.9}, 4};
    template <class T>
    static Vec<T> found(Vec<T> x) {
        return vlog<T>(x);
    }
    template <class W>
    static W right(W x) {
        return wide_log(x);
    }
};

struct Log1p {
    static constexpr Facts facts{"log1p", {0.9, 0.9}, 4};
    template <class T>
    static Vec<T> found(Vec<T> x) {
        return vlog1p<T>(x);
    }
    template <class W>
    static W right(W x) {
        return wide_log1p(x);
    }
};

struct Log1pUnit {
    static constexpr Facts facts{"log1p on [0, 1]", {1.3, 1.3}, 1, true};
    template <class T>
    static Vec<T> found(Vec<T> x) {
        return vlog1p_unit<T>(x);
    }
    template <class W>
    static W right(W x) {
        return wide_log1p(x);
    }
};

struct Softplus {
    static constexpr Facts facts{"softplus", {2.1, 2.0}, 800};
    template <class T>
    static Vec<T> found(Vec<T> x) {
        return vsoftplus<T>(x);
    }
    template <class W>
    static W right(W x) {
        const W smaller = wide_log1p(wide_exp(-wide_fabs(x)));
        return x > 0 ? x + smaller : smaller;
    }
};

struct NormalDistribution {
    static constexpr Facts facts{"normal distribution", {3.9, 3.8}, 45};
    template <class T>
    static Vec<T> found(Vec<T> x) {
        return vnormal<T>(x).cumulative;
    }
    template <class W>
    static W right(W x) {
        return wide_erfc(-x / wide_sqrt(W(2))) / 2;
    }
};

struct NormalDensity {
    static constexpr Facts facts{"normal density", {2.3, 2.3}, 45};
    template <class T>
    static Vec<T> found(Vec<T> x) {
        return vnormal<T>(x).density;
    }
    template <class W>
    static W right(W x) {
        return wide_exp(-x * x / 2) / wide_sqrt(8 * wide_atan(W(1)));
    }
};

// ---- The arguments -----------------------------------------------------------------------------

class Random {
   public:
    std::uint64_t next() {
        std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        return z ^ (z >> 31);
    }

   private:
    std::uint64_t state_ = 1;
};

// The float32 of each pattern of bits in turn, `step` apart.
class EachFloat {
   public:
    EachFloat(std::uint64_t step, const Facts& facts) : step_(step), facts_(facts) {}

    bool next(float& x) {
        while (at_ >> 32 == 0) {
            const auto pattern = static_cast<std::uint32_t>(at_);
            std::memcpy(&x, &pattern, sizeof x);
            at_ += step_;
            if (!facts_.positive || (x >= 0 && x <= facts_.reach)) return true;
        }
        return false;
    }

   private:
    const std::uint64_t step_;
    const Facts& facts_;
    std::uint64_t at_ = 0;
};

// A third of the numbers even over [-reach, reach], a third of any size below, a third any pattern
// of bits. Only exact arithmetic, so that every machine asks the same.
class SomeDoubles {
   public:
    SomeDoubles(std::uint64_t count, const Facts& facts) : left_(count), facts_(facts) {}

    bool next(double& x) {
        if (left_ == 0) return false;
        do x = draw(left_ % 3);
        while (facts_.positive && !(x >= 0 && x <= facts_.reach));
        --left_;
        return true;
    }

   private:
    double draw(std::uint64_t kind) {
        const std::uint64_t any = random_.next();
        const double unit = static_cast<double>(any >> 11) * 0x1p-52 - 1;
        if (kind == 0) return unit * facts_.reach;
        if (kind == 1) return std::ldexp(unit * facts_.reach, -static_cast<int>(any % 64));
        double x;
        std::memcpy(&x, &any, sizeof x);
        return x;
    }

    std::uint64_t left_;
    const Facts& facts_;
    Random random_;
};

// ---- Measuring ---------------------------------------------------------------------------------

std::uint64_t pattern_of(float x) {
    std::uint32_t pattern;
    std::memcpy(&pattern, &x, sizeof pattern);
    return x != x ? 0 : pattern;
}

std::uint64_t pattern_of(double x) {
    std::uint64_t pattern;
    std::memcpy(&pattern, &x, sizeof pattern);
    return x != x ? 0 : pattern;
}

template <class Function, class T, class Arguments>
bool measure(Arguments arguments) {
    constexpr int lanes = Lanes<T>::count;
    double worst = -1;
    T place = 0;
    std::uint64_t checksum = 0;
    for (bool more = true; more;) {
        T x[lanes] = {}, found[lanes];
        int used = 0;
        while (used < lanes && (more = arguments.next(x[used]))) ++used;
        store(found, Function::template found<T>(load(x)));
        for (int lane = 0; lane < used; ++lane) {
            checksum = (checksum ^ pattern_of(found[lane])) * 0x9E3779B97F4A7C15u;
            checksum ^= checksum >> 29;
            const double error = error_of<T>(found[lane], Function::right(Wide<T>(x[lane])));
            if (error > worst) worst = error, place = x[lane];
        }
    }
    const double stated = Function::facts.stated[sizeof(T) / 8];
    std::printf("%-20s float%zu %6.2f %4.1f %24a %016llx\n", Function::facts.name, 8 * sizeof(T),
                worst, stated, static_cast<double>(place),
                static_cast<unsigned long long>(checksum));
    std::fflush(stdout);
    const bool good = worst <= stated + 0.05;
    if (!good)
        std::fprintf(stderr, "%s, float%zu: %.2f ulp, %.1f are stated\n", Function::facts.name,
                     8 * sizeof(T), worst, stated);
    return good;
}

template <class... Functions>
bool measure_all(std::uint64_t step, std::uint64_t count) {
    bool good = true;
    ((good &= measure<Functions, float>(EachFloat(step, Functions::facts)),
      good &= measure<Functions, double>(SomeDoubles(count, Functions::facts))),
     ...);
    return good;
}

}  // namespace

int main(int count, char** given) {
    if (count != 3) {
        std::fprintf(stderr, "usage: function_errors STEP COUNT\n");
        return 2;
    }
    const auto step = std::strtoull(given[1], nullptr, 10), draws = std::strtoull(given[2], nullptr, 10);
    return measure_all<Exp, ExpBelow, Expm1, HyperbolicTangent, Logistic, Log, Log1p, Log1pUnit,
                       Softplus, NormalDistribution, NormalDensity>(step, draws)
               ? 0
               : 1;
}
