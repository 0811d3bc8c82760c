"""One training step written into the book, in the order in which it happens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.glass.trace import write_activate as write_activate
from chainrule.glass.trace import write_attend as write_attend
from chainrule.glass.trace import write_normalise as write_normalise
from chainrule.glass.trace import write_ops as write_ops
from chainrule.glass.trace.book import Book, Dims
from chainrule.glass.trace.moment import Moment
from chainrule.glass.trace.pen import Pen, node_names, writer_of
from chainrule.glass.trace.update import write_update
from chainrule.glass.trace.write_loss import write_loss, write_loss_backward
from chainrule.glass.trace.write_penalty import Line, penalty_text
from chainrule.maths.losses_classification import SoftmaxCrossEntropy
from chainrule.nn.graph import Node
from chainrule.plan.steps import GradientTarget, PenaltyStep, gradient_name

__all__ = ["write_step"]

_AFTER = ".after"


def write_step(moment: Moment, columns: bool) -> Book:
    """Write the records of a step.

    Raises
    ------
    UsageError
        A member has no written formula.
    """
    step = _Step(moment, columns)
    step.inputs()
    step.forward("")
    step.objective("")
    step.backward()
    step.penalties()
    write_update(step.book, moment, step.dims)
    step.forward(_AFTER)
    step.objective(_AFTER)
    step.checks()
    return step.book


class _Step:
    def __init__(self, moment: Moment, columns: bool) -> None:
        self.moment = moment
        self.plan = moment.plan
        self.book = Book(columns)
        shapes = self.plan.graph.shapes()
        self.dims: dict[str, Dims] = {
            name: tuple(dim.symbol for dim in shape) for name, shape in shapes.items()
        }
        self.dims.update({gradient_name(name): dims for name, dims in list(self.dims.items())})
        for name, dims in list(self.dims.items()):
            self.dims[name + _AFTER] = dims
        self.raw = self.plan.graph.output.name
        noise = {tensor.name for node in self.plan.graph.nodes for tensor in node.noise.values()}
        running = {tensor.name for tensor in self.plan.graph.running}
        self.shared = frozenset({self.plan.graph.input.name, *noise, *running})
        smooth = isinstance(self.plan.loss, SoftmaxCrossEntropy) and self.plan.loss.label_smoothing
        self.targets = "loss.targets" if smooth else "Y"
        self.penalty_lines: dict[tuple[str, str], tuple[Line, ...]] = {}

    # Inputs.

    def inputs(self) -> None:
        """Write X, Y, row weights, parameters and running moments."""
        moment, plan, book = self.moment, self.plan, self.book
        book.given("X", "input", moment.rows.X, self.dims["X"], note="The samples of this step.")
        width = moment.rows.Y.shape[1]
        last = self.dims[self.raw][-1] if width == plan.raw_width else "K"
        book.given("Y", "input", moment.rows.Y, ("N", last), note="The targets.")
        if moment.rows.weights is not None:
            book.given("sample_weight", "input", moment.rows.weights, ("N",))
        for name, value in moment.parameters(moment.buffers.weights).items():
            book.given(name, "parameter", value, self.dims[name], layer=_owner(name))
        note = "A running moment before the step; training moves it and does not read it."
        for name, value in plan.running.views(moment.buffers.running).items():
            book.given(name, "input", value, self.dims[name], layer=_owner(name), note=note)
        self._factors()

    def _factors(self) -> None:
        rows, plan = self.moment.rows, self.plan
        count, weighted = len(rows), rows.weights is not None
        total = "np.sum(<sample_weight>)" if weighted else str(count)
        latex = r"\sum_i <sample_weight>" if weighted else str(count)
        if plan.reduction == "sum":
            code = "1 * <sample_weight>" if weighted else f"np.ones({count})"
            formula, share, share_latex = "<sample_weight>" if weighted else "1", "1.0", "1"
        elif not weighted or np.any(rows.weights):
            code = f"<sample_weight> / {total}" if weighted else f"np.full({count}, 1 / {total})"
            formula = rf"\frac{{{'<sample_weight>' if weighted else '1'}}}{{{latex}}}"
            share, share_latex = f"1 / {total}", rf"\frac{{1}}{{{latex}}}"
        else:
            code, formula, share, share_latex = f"np.zeros({count})", "0", "0.0", "0"
        pen = self._pen("", "loss", self._loss_names(""))
        note = "How much each sample counts: this is where mean or sum is decided."
        pen.put("factors", code, formula, ("N",), note=note, role="loss")
        if any(penalty.shared for penalty in plan.penalties):
            pen.put("share", share, share_latex, (), role="loss")
        if self.targets != "Y":
            loss: Any = plan.loss
            epsilon, K = float(loss.label_smoothing), rows.Y.shape[1]
            value, note = (
                loss.smoothed(rows.Y),
                "A share of each target is spread over all classes.",
            )
            code, formula = f"(1 - {epsilon!r}) * <Y> + {epsilon!r} / {K}", ""
            formula = rf"(1 - {epsilon:g})\, <Y> + \frac{{{epsilon:g}}}{{{K}}}"
            self.book.write(
                self.targets,
                "loss",
                code,
                formula,
                str,
                value=value,
                dims=("N", self.dims[self.raw][-1]),
                note=note,
            )

    # Forward and loss, before and after.

    def forward(self, suffix: str) -> None:
        """Write every intermediate of the forward pass."""
        found = self.moment.later if suffix else self.moment.before
        tensors = {f"{name}{suffix}": value for name, value in found.tensors.items()}
        for node in self.plan.graph.nodes:
            if not suffix:
                for local, tensor in node.noise.items():
                    mask, note = found.tensors[tensor.name], "Drawn for this step; 0 drops."
                    dims = self.dims[tensor.name]
                    words = {"layer": node.name, "note": note, "flags": ("dropout mask",)}
                    self.book.given(f"{node.name}.{local}", "forward", mask, dims, **words)
            rename = node_names(node, {}, suffix, self.shared)
            role = "after" if suffix else "forward"
            pen = Pen(self.book, node.name, rename, tensors, role, self.dims, bool(suffix))
            writer_of(node.op).forward(node.op, pen)

    def objective(self, suffix: str) -> None:
        """Write the loss of each row, the data term, the penalties and their sum."""
        found = self.moment.later if suffix else self.moment.before
        names = ("loss.values", "loss.J")
        tensors = {f"{name}{suffix}": found.tensors[name] for name in names}
        role = "after" if suffix else "loss"
        pen = self._pen(suffix, role, self._loss_names(suffix), tensors)
        outputs = self.dims[self.raw]
        write_loss(self.plan.loss, pen, found.tensors[self.raw], self.moment.rows.Y, outputs)
        terms = ["loss.J" + suffix, *self._penalty_values(suffix)]
        code = " + ".join(f"<{name}>" for name in terms)
        note = "" if suffix else "What the step is to lower; its derivative is what follows."
        self.book.write(
            "objective" + suffix, role, code, code, str, value=found.objective, note=note
        )

    def _penalty_values(self, suffix: str) -> list[str]:
        weights = self.moment.after.weights if suffix else self.moment.buffers.weights
        values = self.moment.parameters(weights)
        written: list[str] = []
        for key, step in self._penalty_steps():
            pen = self._penalty_pen(key, step.parameter, suffix)
            share = self._share() if step.penalty.shared else 1.0
            known = {"value": step.penalty.value(values[step.parameter]) * share}
            lines = penalty_text(step.penalty, pen)
            self.penalty_lines.setdefault((key, step.parameter), lines)
            for local, code, formula, note in lines:
                if local != "gradient":
                    pen.put(local, code, formula, (), known.get(local), note=note)
            written.append(f"{step.parameter}.{key}{suffix}")
        return written

    def _penalty_steps(self) -> list[tuple[str, PenaltyStep]]:
        """Return the penalty steps, each with a key of its own for its tensor."""
        seen: Counter[tuple[str, str]] = Counter()
        steps: list[tuple[str, PenaltyStep]] = []
        for step in self.plan.steps_of(PenaltyStep):
            name = step.penalty.name
            seen[name, step.parameter] += 1
            times = seen[name, step.parameter]
            steps.append((name if times == 1 else f"{name}_{times}", step))
        return steps

    def _penalty_pen(self, key: str, parameter: str, suffix: str) -> Pen:
        def rename(local: str) -> str:
            fixed = {
                "W": parameter + suffix,
                "value": f"{parameter}.{key}{suffix}",
                "gradient": f"{gradient_name(parameter)}.{key}",
                "share": "loss.share",
            }
            return fixed.get(local, f"{parameter}.{key}.{local}{suffix}")

        role = "after" if suffix else "penalty"
        return Pen(self.book, _owner(parameter), rename, {}, role, self.dims, bool(suffix))

    def _share(self) -> float:
        return float(self.book.records["loss.share"].value)

    # Backward.

    def backward(self) -> None:
        """Write the gradient of every tensor, from the loss to the first layer."""
        moment, before = self.moment, self.moment.before
        tensors = {gradient_name(self.raw): before.tensors[gradient_name(self.raw)]}
        pen = self._pen("", "backward", self._loss_names(""), tensors)
        outputs = self.dims[self.raw]
        write_loss_backward(self.plan.loss, pen, before.tensors[self.raw], moment.rows.Y, outputs)
        arrivals = Counter(
            target.name for step in self.plan.backward_steps() for target in step.targets
        )
        penalised = {gradient_name(step.parameter) for _, step in self._penalty_steps()}
        parts: dict[str, list[str]] = {}
        values: dict[str, Any] = {}
        for step in self.plan.backward_steps():
            node = step.node
            names: dict[str, str] = {f"d{node.op.output}": step.output_gradient}
            found = self._gradients(node, step.output_gradient, values)
            for target in step.targets:
                name = self._part_name(target, node, arrivals, penalised)
                names[f"d{target.local}"] = name
                self.dims[name] = self.dims[target.name]
                values[name] = found[target.local]
                parts.setdefault(target.name, []).append(name)
            self._write_backward(node, names, values)
            for target in step.targets:
                self._sum_of_parts(target.name, parts[target.name], arrivals, values)

    def _gradients(self, node: Node, name: str, values: dict[str, Any]) -> dict[str, Any]:
        tensors = self.moment.before.tensors
        locals_ = (*node.op.inputs(), *node.op.trainable(), *node.op.running, *node.op.noise)
        local = {each: tensors[node.tensor(each)] for each in locals_}
        prefix = f"{node.name}."
        results = {
            key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)
        }
        dOutput = values.get(name, tensors[name])
        with np.errstate(all="ignore"):
            return node.op.backward({**results, **local}, dOutput, True)

    def _part_name(
        self, target: GradientTarget, node: Node, arrivals: Counter[str], penalised: set[str]
    ) -> str:
        if arrivals[target.name] > 1:
            return f"{target.name}.via_{node.name}_{target.local}"
        return f"{target.name}.data" if target.name in penalised else target.name

    def _write_backward(self, node: Node, names: dict[str, str], values: dict[str, Any]) -> None:
        rename = node_names(node, names, "", self.shared)
        pen = Pen(self.book, node.name, rename, values, "backward", self.dims)
        writer_of(node.op).backward(node.op, pen)

    def _sum_of_parts(
        self, name: str, parts: list[str], arrivals: Counter[str], values: dict[str, Any]
    ) -> None:
        if arrivals[name] < 2 or len(parts) < arrivals[name] or name in self.book.records:
            return
        total = values[parts[0]]
        for part in parts[1:]:
            total = total + values[part]
        values[name] = total
        code = " + ".join(f"<{part}>" for part in parts)
        note = "It reaches the loss along several paths; the gradients of the paths add up."
        words: dict[str, Any] = {"note": note, "layer": _owner(name), "dims": self.dims[name]}
        self.book.write(name, "backward", code, code, str, value=total, **words)

    def penalties(self) -> None:
        """Write the penalties' gradients, and the whole gradient of each parameter."""
        values = self.moment.parameters(self.moment.buffers.weights)
        gradients = self.moment.parameters(np.asarray(self.moment.before.gradient))
        parts: dict[str, list[str]] = {}
        for key, step in self._penalty_steps():
            pen = self._penalty_pen(key, step.parameter, "")
            share = self._share() if step.penalty.shared else 1.0
            value = step.penalty.gradient(values[step.parameter]) * share
            flags = ("kink",) if _on_kink(step.penalty.name, values[step.parameter]) else ()
            dims = self.dims[step.parameter]
            for local, code, formula, note in self.penalty_lines[key, step.parameter]:
                if local == "gradient":
                    pen.put(local, code, formula, dims, value, note=note, flags=flags)
            parts.setdefault(step.parameter, []).append(pen.rename("gradient"))
        for name in self.plan.parameters.names():
            self._whole_gradient(name, parts.get(name, []), gradients[name])

    def _whole_gradient(self, name: str, parts: list[str], value: Any) -> None:
        gradient = gradient_name(name)
        if gradient in self.book.records:
            return
        data = f"{gradient}.data"
        terms = [data, *parts] if data in self.book.records else parts
        shape = self.book.records[name].value.shape
        code = " + ".join(f"<{term}>" for term in terms) or f"np.zeros({tuple(shape)})"
        note = "The gradient of the whole objective: data term and penalties."
        if not terms:
            note = "The loss does not depend on this parameter."
        words: dict[str, Any] = {"note": note, "layer": _owner(name), "dims": self.dims[name]}
        formula = " + ".join(f"<{term}>" for term in terms) or "0"
        self.book.write(gradient, "backward", code, formula, str, value=value, **words)

    def checks(self) -> None:
        """Put the independent check beside each gradient."""
        for name, check in self.moment.checks().items():
            record = self.book.records.get(name)
            if record is not None:
                flags = ("kink",) if check.corners and "kink" not in record.flags else ()
                self.book.change(name, check=check, flags=(*record.flags, *flags))

    # Names.

    def _loss_names(self, suffix: str) -> Callable[[str], str]:
        fixed = {
            "Z": self.raw + suffix,
            "Y": self.targets,
            "dZ": gradient_name(self.raw),
            "factors": "loss.factors",
            "sample_weight": "sample_weight",
        }
        return lambda local: fixed.get(local, f"loss.{local}{suffix}")

    def _pen(self, suffix: str, role: str, names: Callable[[str], str], tensors: Any = None) -> Pen:
        return Pen(self.book, "", names, tensors or {}, role, self.dims, bool(suffix))


def _owner(name: str) -> str:
    return name.rpartition(".")[0].split(".")[0]


def _on_kink(penalty: str, W: np.ndarray) -> bool:
    return penalty == "l1" and bool(np.any(W == 0.0))
