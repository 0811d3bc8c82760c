// A network with its weights, its training and its predictions: what the binding calls an engine.
#pragma once

#include "engine.hpp"
#include "predictor.hpp"
#include "trainer.hpp"

namespace CR_ISA {

template <class T>
class Executor final : public chainrule::Engine {
   public:
    Executor(const Program& program, bool learns)
        : net_(program, learns), trainer_(net_), predictor_(net_) {}

    void import_vector(int which, const void* flat) override {
        const T* from = static_cast<const T*>(flat);
        for (auto& p : net_.parameters) {
            p->import(from, kept(*p, which));
            if (which < 0) p->transpose(p->whole());
            from += p->rows * p->columns;
        }
    }

    void export_vector(int which, void* flat) const override {
        T* to = static_cast<T*>(flat);
        for (const auto& p : net_.parameters) {
            p->export_to(kept(*p, which), to);
            to += p->rows * p->columns;
        }
    }

    void import_running(const void* flat) override {
        std::memcpy(net_.running.get(), flat, running_bytes());
    }

    void export_running(void* flat) const override {
        std::memcpy(flat, net_.running.get(), running_bytes());
    }

    bool holds(const void* weights, const void* running) const override {
        const T* flat = static_cast<const T*>(weights);
        for (const auto& p : net_.parameters) {
            if (!p->equal(flat, p->w.get())) return false;
            flat += p->rows * p->columns;
        }
        return running_bytes() == 0 || std::memcmp(net_.running.get(), running, running_bytes()) == 0;
    }

    bool finite() const override {
        for (const auto& p : net_.parameters)
            if (!p->finite()) return false;
        for (std::int64_t i = 0; i < net_.program.running_size; ++i)
            if (!std::isfinite(net_.running[i])) return false;
        return true;
    }

    void train(chainrule::TrainCall& call, int threads, const chainrule::Poll& poll) override {
        trainer_.train(call, threads, poll);
    }

    void gradient(chainrule::TrainCall& call, bool training, void* flat, void* raw, int threads,
                  const chainrule::Poll& poll) override {
        trainer_.gradient(call, training, static_cast<T*>(flat), static_cast<T*>(raw), threads, poll);
    }

    bool predict(const void* X, std::int64_t x_stride, std::int64_t count, void* raw, int threads,
                 const chainrule::Poll& poll) override {
        return predictor_.predict(static_cast<const T*>(X), x_stride, static_cast<std::size_t>(count),
                                  static_cast<T*>(raw), threads, poll);
    }

   private:
    static T* kept(const Parameter<T>& p, int which) {
        return which < 0 ? p.w.get() : p.slots[static_cast<std::size_t>(which)].get();
    }

    std::size_t running_bytes() const {
        return static_cast<std::size_t>(net_.program.running_size) * sizeof(T);
    }

    Network<T> net_;
    Trainer<T> trainer_;
    Predictor<T> predictor_;
};

}  // namespace CR_ISA
