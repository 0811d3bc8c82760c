"""What happens between gradient and new weights: clipping, rate, decay, optimizer, projections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.glass.trace.book import Book, Dims
from chainrule.glass.trace.moment import Moment
from chainrule.glass.trace.pen import Pen
from chainrule.glass.trace.write_optimizer import optimizer_text
from chainrule.glass.trace.write_penalty import clipping_text, penalty_text, shown_numbers
from chainrule.plan.steps import ClipStep, ProjectStep, gradient_name

__all__ = ["write_update"]


def write_update(book: Book, moment: Moment, dims: Mapping[str, Dims]) -> None:
    """Write the records from the gradients to the weights after the step."""
    update = _Update(book, moment, dims)
    update.clip()
    update.rates()
    for name in moment.plan.parameters.names():
        update.move(name)


class _Update:
    def __init__(self, book: Book, moment: Moment, dims: Mapping[str, Dims]) -> None:
        self.book = book
        self.moment = moment
        self.plan = moment.plan
        self.dims = dims
        names = self.plan.parameters.names()
        self.gradients = {name: gradient_name(name) for name in names}
        self.factors = self.plan.tensor_factors()
        self.once, self.lines = optimizer_text(self.plan.optimizer)
        self.decay = 0.0

    def clip(self) -> None:
        """Write what each clipping does to the gradients."""
        flat: Any = np.asarray(self.moment.before.gradient)
        for place, step in enumerate(self.plan.steps_of(ClipStep), 1):
            flat, _ = step.clipping.clip(flat)
            self._clipped(place, step.clipping, self.moment.parameters(flat))

    def _clipped(self, place: int, clipping: Any, values: Mapping[str, Any]) -> None:
        before = dict(self.gradients)
        lines, last = clipping_text(clipping, list(before.values()))
        names = {"factor": f"clip_{place}.factor", "norm": f"clip_{place}.norm"}
        note = f"Clipping {clipping.name}: {shown_numbers(clipping)}."
        for local, code, formula, said in lines:
            pen = self._pen("", "clipping", lambda local: names.get(local, local))
            pen.put(local, code, formula, (), note=f"{said} {note}")
        for name, gradient in before.items():
            new = f"{gradient_name(name)}.clipped" + (f"_{place}" if place > 1 else "")
            local, code, formula, said = last
            known = {**names, "g": gradient, local: new}
            pen = self._pen(name, "clipping", lambda key, known=known: known.get(key, key))
            pen.put(local, code, formula, self.dims[name], values[name], note=said)
            self.gradients[name] = new

    def rates(self) -> None:
        """Write the number of the step, its rate, its decay, and the optimizer's corrections."""
        plan, moment, step = self.plan, self.moment, self.moment.buffers.step
        optimizer = plan.optimizer
        if not optimizer.stepwise:
            self._line_search()
            return
        note = "Updates are counted from 1."
        words = {"symbol": "t", "note": note}
        self.book.given("optimizer.step", "optimizer", float(step + 1), (), **words)
        factor = 1.0
        if plan.schedule is not None:
            factor = plan.schedule.factor(step, moment.clock.total_steps)
        parts = [float(optimizer.learning_rate), float(factor), float(moment.clock.rate_scale)]
        used = [parts[0], *(part for part in parts[1:] if part != 1.0)]
        note = f"Optimizer {optimizer.name}: {shown_numbers(optimizer)}."
        if plan.schedule is not None:
            note += f" The schedule {plan.schedule.name} multiplies the rate by {factor:g} here."
        pen = self._pen("", "optimizer", lambda local: f"optimizer.{local}")
        pen.put(
            "rate",
            " * ".join(repr(part) for part in used),
            r" \cdot ".join(f"{part:g}" for part in used),
            (),
            moment.rate,
            symbol=r"\eta",
            note=note,
        )
        self._decay(pen)
        for local, code, formula, said in self.once:
            pen.put(local, code, formula, (), note=said)

    def _decay(self, pen: Pen) -> None:
        step, total = self.moment.buffers.step, self.moment.clock.total_steps
        terms = [self.plan.optimizer.decay()]
        terms += [penalty.decay(step, total) for penalty in self.plan.penalties]
        used = [float(term) for term in terms if term]
        self.decay = sum(used)
        if used:
            code, note = " + ".join(repr(term) for term in used), "Decay apart from the gradient."
            formula = " + ".join(f"{term:g}" for term in used)
            pen.put("decay", code, formula, (), symbol=r"\lambda", note=note)

    def _line_search(self) -> None:
        moved = self.moment.after.weights - self.moment.buffers.weights
        gradient = np.asarray(self.moment.before.gradient)
        square = float(gradient @ gradient)
        length = float(-(moved @ gradient) / square) if square > 0.0 else 0.0
        note = "Found by the line search of SciPy's L-BFGS-B, which evaluates the whole data."
        words = {"note": note, "flags": ("line search",), "symbol": r"\alpha"}
        self.book.given("optimizer.length", "optimizer", length, (), **words)

    def move(self, name: str) -> None:
        """Write the update of one parameter."""
        book, moment, dims = self.book, self.moment, self.dims[name]
        layer = name.rpartition(".")[0]
        for slot in self.plan.optimizer.slots:
            before = moment.parameters(moment.buffers.slots[slot])[name]
            book.given(f"{name}.{slot}.before", "optimizer", before, dims, layer=layer)
        names = {"w": name, "g": self.gradients[name], "rate": "optimizer.rate"}
        rate, decay = self.factors[name]
        if rate != 1.0 and self.plan.optimizer.stepwise:
            names["rate"] = f"{name}.rate"
            pen = self._pen(name, "optimizer", lambda _: names["rate"])
            code, note = f"optimizer_rate * {rate!r}", "This parameter has a rate of its own."
            pen.put("rate", code, rf"\eta \cdot {rate:g}", (), note=note)
        if self.decay * decay:
            self._decayed(name, decay, names)
        projections = [step for step in self.plan.steps_of(ProjectStep) if step.parameter == name]
        names["new"] = f"{name}.stepped" if projections else f"{name}.after"
        self._optimized(name, names, bool(projections))
        for place, step in enumerate(projections):
            self._projected(name, step.penalty, names, place, place + 1 == len(projections))

    def _decayed(self, name: str, factor: float, names: dict[str, str]) -> None:
        known = dict(names)
        pen = self._pen(name, "update", lambda local: known.get(local, f"{name}.decayed"))
        own = "" if factor == 1.0 else f" * {factor!r}"
        latex = "" if factor == 1.0 else rf" \cdot {factor:g}"
        code = f"<w> * (1 - <rate> * (optimizer_decay{own}))"
        formula = rf"<w> \left(1 - <rate> \lambda{latex}\right)"
        note = "Decay shrinks the weight by itself, before the optimizer's step."
        pen.put("decayed", code, formula, self.dims[name], note=note)
        names["w"] = f"{name}.decayed"

    def _optimized(self, name: str, names: dict[str, str], projected: bool) -> None:
        moment, dims = self.moment, self.dims[name]
        known: dict[str, Any] = {
            slot: moment.parameters(value)[name] for slot, value in moment.after.slots.items()
        }
        if not projected:
            known["new"] = moment.parameters(moment.after.weights)[name]

        def rename(local: str) -> str:
            if local in names:
                return names[local]
            return (
                f"optimizer.{local}"
                if f"optimizer.{local}" in self.book.records
                else (f"{name}.{local}")
            )

        for local, code, formula, note in self.lines:
            role = "update" if local == "new" else "optimizer"
            pen = self._pen(name, role, rename)
            rate = formula.replace(r"\eta", "<rate>")
            pen.put(local, code, rate, dims, known.get(local), note=note)

    def _projected(
        self, name: str, penalty: Any, names: dict[str, str], place: int, last: bool
    ) -> None:
        key = penalty.name if place == 0 else f"{penalty.name}_{place + 1}"
        target = f"{name}.after" if last else f"{name}.{key}"
        source = names["new"]

        def rename(local: str) -> str:
            return {"W": source, "projected": target}.get(local, f"{name}.{key}.{local}")

        pen = self._pen(name, "update", rename)
        after = self.moment.parameters(self.moment.after.weights)[name] if last else None
        for local, code, formula, note in penalty_text(penalty, pen):
            whole = self.dims[name]
            dims = whole if local == "projected" else (("1", whole[-1]) if len(whole) == 2 else ())
            pen.put(local, code, formula, dims, after if local == "projected" else None, note=note)
        names["new"] = target

    def _pen(self, name: str, role: str, rename: Callable[[str], str]) -> Pen:
        return Pen(self.book, name.rpartition(".")[0], rename, {}, role, self.dims)
