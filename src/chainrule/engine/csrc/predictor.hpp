// Predictions: blocks of samples forward, each by one thread in a workspace of its own.
//
// Decisions
// a) Blocks are independent, so nothing is shared and the team does not meet. A row's bits depend on
//    neither its block nor its neighbours.
// b) X is read where it stands if only products read it: they take it element by element, so it needs
//    neither padding nor a copy.
// c) Few samples are cut into smaller blocks, so that each thread has one: a large network's batch
//    of 200 samples is worth a team.
// d) Workspaces are kept for the next call in slots that are taken and filled by one atomic
//    exchange. A fork in the middle of a call leaves no lock behind in the child.
// e) Ctrl-C is heard as in training: between blocks, and within those that take long.
#pragma once

#include <array>
#include <optional>

#include "batch.hpp"

namespace CR_ISA {

constexpr std::size_t kPredictionBlock = 256;
constexpr std::size_t kLeastBlock = 32;  // below that the weights are read for too few samples

template <class T>
class Predictor {
   public:
    explicit Predictor(const Network<T>& net) : net_(net) {}
    Predictor(const Predictor&) = delete;
    Predictor& operator=(const Predictor&) = delete;
    ~Predictor() {
        for (auto& slot : slots_) delete slot.load();
    }

    bool predict(const T* X, std::int64_t x_stride, std::size_t count, T* raw, int threads,
                 const chainrule::Poll& poll) {
        const std::size_t members = static_cast<std::size_t>(std::max(threads, 1));
        const std::size_t each = (count + members - 1) / members;
        const std::size_t size = std::clamp((each + 15) / 16 * 16, kLeastBlock, kPredictionBlock);
        const std::size_t blocks = (count + size - 1) / size;
        const std::size_t most = std::min(count, size), width = net_.raw_width();
        const chainrule::Team team(static_cast<int>(std::min<std::size_t>(threads, blocks)));
        // Taken before the team starts: a worker has nobody to tell that memory ran out.
        std::unique_ptr<Workspace<T>> chain;
        for (int member = 0; member < team.size(); ++member) {
            auto ws = take(most);
            ws->next = std::move(chain);
            chain = std::move(ws);
        }
        std::optional<Watch> watch;
        if (poll.go_on != nullptr) watch.emplace(poll, kPulse);
        team.run([&](int number) {
            Workspace<T>* ws = chain.get();
            for (int k = 0; k < number; ++k) ws = ws->next.get();
            Barrier alone(1);
            const Member member{0, 1, &alone, watch ? &*watch : nullptr, number == 0};
            const Range mine = share(blocks, number, team.size());
            for (std::size_t block = mine.first; block < mine.last && member.working(); ++block) {
                const std::size_t first = block * size;
                ws->samples = std::min(size, count - first);
                one_block(*ws, X + static_cast<std::int64_t>(first) * x_stride, x_stride,
                          raw + first * width, member);
                if (watch && member.asks && !watch->between_steps(block + 1)) watch->abandon();
            }
        });
        return give_back(std::move(chain));
    }

   private:
    static constexpr double kPulse = 0.05;  // least seconds between two questions to Python

    void one_block(Workspace<T>& ws, const T* X, std::int64_t x_stride, T* raw,
                   const Member& member) const {
        const Tensor<T> own = ws.tensors[0];
        if (net_.reads_in_place(own, x_stride)) {
            ws.tensors[0].value = const_cast<T*>(X);
            ws.tensors[0].ld = static_cast<std::size_t>(x_stride);
        } else {
            for (std::size_t i = 0; i < ws.samples; ++i)
                load_sample(ws, i, X + static_cast<std::int64_t>(i) * x_stride);
        }
        forward(net_, ws, member, {0, ws.samples});
        copy_raw(net_, ws, raw);
        ws.tensors[0] = own;
    }

    std::unique_ptr<Workspace<T>> take(std::size_t samples) {
        std::unique_ptr<Workspace<T>> ws;
        for (auto& slot : slots_) {
            if (slot.load(std::memory_order_relaxed) == nullptr) continue;
            ws.reset(slot.exchange(nullptr, std::memory_order_acquire));
            if (ws) break;
        }
        if (!ws) ws = std::make_unique<Workspace<T>>();
        net_.open(*ws, samples, 1);
        return ws;
    }

    // Returns false if a bad code was seen in one of the chain.
    bool give_back(std::unique_ptr<Workspace<T>> chain) {
        bool good = true;
        while (chain) {
            auto rest = std::move(chain->next);
            good &= !chain->bad_code.exchange(false, std::memory_order_relaxed);
            for (auto& slot : slots_) {
                Workspace<T>* empty = nullptr;
                if (slot.compare_exchange_strong(empty, chain.get(), std::memory_order_release,
                                                 std::memory_order_relaxed)) {
                    chain.release();
                    break;
                }
            }
            chain = std::move(rest);
        }
        return good;
    }

    const Network<T>& net_;
    std::array<std::atomic<Workspace<T>*>, 64> slots_{};
};

}  // namespace CR_ISA
