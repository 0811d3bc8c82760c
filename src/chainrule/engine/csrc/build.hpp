// From the program to a network of nodes, parameters and tensors.
#pragma once

#include <algorithm>
#include <stdexcept>

#include "losses.hpp"
#include "nodes_attend.hpp"
#include "nodes_column.hpp"
#include "nodes_norm.hpp"
#include "nodes_shape.hpp"
#include "nodes_simple.hpp"
#include "update.hpp"

namespace CR_ISA {

// Consecutive nodes that work sample by sample, or (together) one that needs all samples at once.
struct Segment {
    std::size_t begin, end;
    bool together;
};

template <class T>
struct Network {
    Program program;
    std::vector<std::unique_ptr<Parameter<T>>> parameters;
    std::vector<std::unique_ptr<Node<T>>> nodes;
    std::vector<Source<T>> sources;
    std::vector<Segment> segments;
    std::vector<std::size_t> consumers;  // of each tensor
    std::int64_t widest_reader = 0;      // of the input: columns of what it becomes
    Memory<T> running;
    const OptimizerEntry<T>* optimizer = nullptr;
    const LossTable<T>* loss = nullptr;  // null: the caller's own
    LossArgs<T> loss_args{};
    std::size_t noisy = 0;
    double l1 = 0, l2 = 0, l2_shared = 0, spectral = 0, max_norm = 0;
    std::vector<std::unique_ptr<TopSingular>> tops;  // of the matrices with a spectral penalty

    // `learns` false: for predictions only, without slots and transposes.
    Network(const Program& what, bool learns) : program(what), learns_(learns) {
        running = allocate<T>(static_cast<std::size_t>(program.running_size) + 64);
        optimizer = Optimizers::find<T>(program.optimizer);
        if (optimizer == nullptr) throw std::invalid_argument("optimizer " + program.optimizer);
        loss = find_loss<T>(program.loss.c_str());
        if (loss == nullptr && !program.loss.empty())
            throw std::invalid_argument("loss " + program.loss);
        for (std::size_t k = 0; k < program.loss_numbers.size(); ++k) {
            loss_args.numbers[k] = static_cast<T>(program.loss_numbers[k]);
            loss_args.rests[k] = static_cast<T>(1.0 - program.loss_numbers[k]);
        }
        read_penalties();
        count_consumers();
        for (std::size_t number = 0; number < program.nodes.size(); ++number) add_node(number);
        split();
    }

    // Whether products can read samples where they stand, so many elements apart: nobody else wants
    // them, and their rows do not fall on the same cache sets.
    bool reads_in_place(const Tensor<T>& X, std::int64_t stride) const {
        const bool forward = stride >= static_cast<std::int64_t>(X.width);
        const bool spread = stride * static_cast<std::int64_t>(sizeof(T)) % 1024 != 0;
        return only_products_read_ && X.rows_per_sample == 1 && forward && spread;
    }

    std::size_t raw_width() const {
        return static_cast<std::size_t>(program.tensors[program.output].width);
    }

    // Makes the tensors of a workspace for so many samples and so large a team, if it has not got
    // them. If memory runs out the workspace is left empty.
    void open(Workspace<T>& ws, std::size_t samples, int members) const {
        if (ws.capacity >= samples && ws.members >= members) return;
        samples = std::max(samples, ws.capacity);
        members = std::max(members, ws.members);
        close(ws);
        try {
            fill(ws, samples, members);
        } catch (...) {
            close(ws);
            throw;
        }
    }

    static void close(Workspace<T>& ws) {
        ws.capacity = 0;
        ws.members = 0;
        ws.owned.clear();
        ws.extra.clear();
        ws.tensors.clear();
    }

   private:
    void fill(Workspace<T>& ws, std::size_t samples, int members) const {
        ws.extra.resize(nodes.size());
        ws.capacity = samples;
        ws.members = members;
        ws.learning = learns_;
        for (const auto& info : program.tensors) {
            Tensor<T> tensor;
            tensor.rows_per_sample = static_cast<std::size_t>(info.rows_per_sample);
            tensor.width = static_cast<std::size_t>(info.width);
            tensor.ld = padded<T>(tensor.width);
            ws.tensors.push_back(tensor);
        }
        for (std::size_t t = 0; t < ws.tensors.size(); ++t) place(ws, t);
        for (const auto& node : nodes) node->reserve(ws);
        if (!learns_) return;
        ws.y_ld = padded<T>(static_cast<std::size_t>(program.targets));
        ws.Y = allocate<T>(samples * ws.y_ld);
        ws.factors = allocate<T>(samples);
        ws.losses = allocate<T>(samples);
    }

    void read_penalties() {
        for (const auto& penalty : program.penalties) {
            if (penalty.name == "l1") l1 += penalty.numbers[0];
            if (penalty.name == "l2") l2 += penalty.numbers[0];
            if (penalty.name == "l2_shared") l2_shared += penalty.numbers[0];
            if (penalty.name == "spectral") spectral += penalty.numbers[0];
            if (penalty.name == "max_norm")
                max_norm = max_norm > 0 ? std::min(max_norm, penalty.numbers[0]) : penalty.numbers[0];
        }
    }

    void count_consumers() {
        consumers.assign(program.tensors.size(), 0);
        for (const auto& node : program.nodes)
            for (const auto input : node.inputs) {
                ++consumers[input];
                if (input == 0) only_products_read_ &= node.op == "affine";
                if (input == 0) widest_reader = std::max(widest_reader, program.tensors[node.output].width);
            }
        ++consumers[program.output];
        only_products_read_ &= program.output != 0;
    }

    // An activation that needs only its output may write it over its input, and its gradient over
    // the output's gradient, if nobody else reads the input.
    const chainrule::NodeInfo* maker(std::size_t tensor) const {
        for (const auto& node : program.nodes)
            if (static_cast<std::size_t>(node.output) == tensor) return &node;
        return nullptr;
    }

    bool over_input(const chainrule::NodeInfo& node) const {
        if (node.op != "activate" || node.inputs[0] == 0 || consumers[node.inputs[0]] != 1) return false;
        const auto* function = find_activation<T>(node.function.c_str());
        const auto* before = maker(static_cast<std::size_t>(node.inputs[0]));
        return function->needs == Needs::output && function->learned == 0 && before != nullptr &&
               before->op == "affine";
    }

    bool shares_gradient(const chainrule::NodeInfo& node) const {
        if (node.op != "activate" && node.op != "dropout") return false;
        if (node.op == "activate" && find_activation<T>(node.function.c_str())->learned != 0) return false;
        return node.inputs[0] != 0 && consumers[node.inputs[0]] == 1 && node.gradients[0].wanted &&
               !node.gradients[0].add;
    }

    void place(Workspace<T>& ws, std::size_t t) const {
        Tensor<T>& tensor = ws.tensors[t];
        const std::size_t count = ws.capacity * tensor.rows_per_sample * tensor.ld;
        const auto* node = maker(t);
        tensor.value = node != nullptr && over_input(*node) ? ws.tensors[node->inputs[0]].value
                                                            : ws.own(count);
        if (!learns_) return;
        // A gradient shared with the input was made with the input, whose number is lower.
        tensor.gradient = node != nullptr && shares_gradient(*node)
                              ? ws.tensors[node->inputs[0]].gradient
                              : ws.own(count);
    }

    void add_node(std::size_t number) {
        const chainrule::NodeInfo& info = program.nodes[number];
        std::unique_ptr<Node<T>> node = make(info);
        node->info = info;
        node->number = number;
        node->running = running.get();
        for (std::size_t which = 0; which < info.parameters.size(); ++which) {
            const bool column = to_one_number(info) && which == 0;
            const bool matrix = info.op == "affine" && which == 0 && !column;
            const bool transposed = learns_ && matrix && info.gradients[0].wanted;
            parameters.push_back(std::make_unique<Parameter<T>>(
                program.parameters[info.parameters[which]], matrix ? Storage::panels : Storage::rows,
                transposed, column, learns_ ? optimizer->slots : 0));
            node->owned.push_back(parameters.back().get());
            if (learns_ && spectral > 0) watch_top(*parameters.back());
            if (info.reached)
                sources.push_back({parameters.back().get(), node.get(), which,
                                   static_cast<std::size_t>(info.inputs[0]),
                                   static_cast<std::size_t>(info.output), info.op == "affine"});
        }
        nodes.push_back(std::move(node));
    }

    bool to_one_number(const chainrule::NodeInfo& info) const {
        return info.op == "affine" && program.tensors[info.output].width == 1;
    }

    void watch_top(Parameter<T>& p) {
        if (!p.info.penalised) return;
        tops.push_back(std::make_unique<TopSingular>(p.rows, p.columns, p.info.start));
        p.top = tops.back().get();
    }

    std::unique_ptr<Node<T>> make(const chainrule::NodeInfo& info) {
        if (to_one_number(info)) return std::make_unique<ColumnNode<T>>();
        if (info.op == "affine") return std::make_unique<AffineNode<T>>();
        if (info.op == "activate") return activation(info);
        if (info.op == "batch_norm") return std::make_unique<BatchNormNode<T>>();
        if (info.op == "layer_norm") return std::make_unique<LayerNormNode<T>>();
        if (info.op == "add") return std::make_unique<AddNode<T>>();
        if (info.op == "concat") return std::make_unique<ConcatNode<T>>();
        if (info.op == "scale") return std::make_unique<ScaleNode<T>>();
        if (info.op == "embed") return std::make_unique<EmbedNode<T>>();
        if (info.op == "attend") return std::make_unique<AttendNode<T>>();
        if (info.op == "flatten") return std::make_unique<FlattenNode<T>>();
        if (info.op == "columns") return std::make_unique<ColumnsNode<T>>();
        if (info.op == "dropout") {
            auto node = std::make_unique<DropoutNode<T>>();
            node->noise = noisy++;
            return node;
        }
        throw std::invalid_argument("operation " + info.op);
    }

    std::unique_ptr<Node<T>> activation(const chainrule::NodeInfo& info) {
        auto node = std::make_unique<ActivateNode<T>>();
        node->function = find_activation<T>(info.function.c_str());
        if (node->function == nullptr) throw std::invalid_argument("activation " + info.function);
        for (std::size_t k = 0; k < info.numbers.size() && k < 4; ++k)
            node->args.numbers[k] = static_cast<T>(info.numbers[k]);
        return node;
    }

    void split() {
        for (std::size_t k = 0; k < nodes.size(); ++k) {
            const bool together = program.nodes[k].op == "batch_norm";
            if (together || segments.empty() || segments.back().together)
                segments.push_back({k, k + 1, together});
            else
                segments.back().end = k + 1;
        }
    }

    bool learns_;
    bool only_products_read_ = true;
};

}  // namespace CR_ISA
