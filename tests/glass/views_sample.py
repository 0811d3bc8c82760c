"""A small trace written out by hand, so that the views are tested on words chosen to hurt them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

from chainrule.glass.trace.record import Check, Explanation, Record, Term

Terms = Callable[[tuple[int, ...]], list[list[tuple[str, tuple[int, ...]]]]]
HOSTILE = "</script><script>alert(\"1\")</script><img src=x onerror='x'> & é 中 %_#{}\\"


@dataclass
class SampleTrace:
    """Looks like a trace: two affine maps, a ReLU, half the squared error, one step of SGD."""

    records: tuple[Record, ...]
    terms: dict[str, Terms]
    title: str = "A step by hand"
    loss_before: float = 1.25
    loss_after: float = 1.0
    settings: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(
            convention="rows", reduction="mean", digits=6, seed=0
        )
    )

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __getitem__(self, name: str) -> Record:
        return next(record for record in self.records if record.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(record.name for record in self.records)

    def explain(self, path: str) -> Explanation:
        name, _, rest = path.partition("[")
        index = tuple(int(part) for part in rest.rstrip("]").split(",")) if rest else ()
        value = float(self[name].value[index])
        terms = []
        for factors in self.terms.get(name, lambda index: [])(index):
            paths = [(f"{n}[{', '.join(map(str, i))}]" if i else n) for n, i in factors]
            numbers = [float(self[n].value[i]) for n, i in factors]
            text = " * ".join(f"{number:.6g}" for number in numbers)
            product = float(np.prod(numbers))
            terms.append(Term(text, tuple(zip(paths, numbers, strict=True)), product))
        total = float(sum(term.product for term in terms)) if terms else value
        return Explanation(path, index, value, rf"{name[-1]}_{{{index}}}", tuple(terms), total)


def _record(
    name: str, role: str, value: object, latex: str, code: str = "", **more: object
) -> Record:
    array = np.asarray(value, dtype=np.float64)
    parents = more.pop("parents", ())
    layer = name.split(".")[0] if "." in name else ""
    symbolic = "(" + " x ".join(f"n_{k}" for k in range(array.ndim)) + ")" if array.ndim else ""
    return Record(name, role, layer, array.shape, symbolic, latex, code, parents, array, **more)


def sample(rows: int = 3, label: str = "dense_1") -> SampleTrace:
    """Return the trace; `label` is the name of the first layer."""
    draw = np.random.default_rng(0)
    X, y = draw.normal(size=(rows, 2)), draw.normal(size=(rows, 1))
    W, b, V = draw.normal(size=(2, 4)), draw.normal(size=4), draw.normal(size=(4, 1))
    Z = X @ W + b
    P = (H := np.maximum(Z, 0)) @ V
    dP = (P - y) / rows
    dV, dZ = H.T @ dP, (dP @ V.T) * (Z > 0)
    dW, rate = X.T @ dZ, 0.5
    one, two = label, "dense_2"
    words = {"dimension": "(N x 2)(2 x 4) -> (N x 4) : (3 x 2)(2 x 4) -> (3 x 4)", "note": "Rows."}
    good = Check("complex step", 3e-16, True)
    records = (
        _record("X", "input", X, "X"),
        _record("y", "input", y, "Y"),
        _record(f"{one}.W", "parameter", W, "W^{(1)}"),
        _record(f"{one}.b", "parameter", b, "b^{(1)}"),
        _record(f"{two}.W", "parameter", V, "W^{(2)}"),
        _record(f"{one}.Z", "forward", Z, "Z^{(1)} = X W^{(1)} + b^{(1)}", "X @ W + b",
                parents=("X", f"{one}.W", f"{one}.b"), **words),
        _record("relu_1.H", "forward", H, r"H = \max(0, Z^{(1)})", "np.maximum(0, Z)",
                parents=(f"{one}.Z",), flags=("kink",)),
        _record(f"{two}.Z", "forward", P, "Z^{(2)} = H W^{(2)}", "H @ W",
                parents=("relu_1.H", f"{two}.W")),
        _record("loss.J", "loss", 0.5 * np.mean((P - y) ** 2),
                r"J = \frac{1}{2N} \sum_i (p_i - y_i)^2", "0.5 * np.mean((P - y)**2)",
                parents=(f"{two}.Z", "y")),
        _record(f"{two}.dZ", "backward", dP, r"dZ^{(2)} = \frac{1}{N}(P - Y)", "(P - y) / 3",
                parents=(f"{two}.Z", "y"), check=good),
        _record(f"{two}.dW", "backward", dV, r"dW^{(2)} = H^\top dZ^{(2)}", "H.T @ dZ",
                parents=("relu_1.H", f"{two}.dZ"), check=good),
        _record(f"{one}.dZ", "backward", dZ, r"dZ^{(1)} = dH \odot f'(Z^{(1)})",
                "(dZ @ W.T) * (Z > 0)", parents=(f"{two}.dZ", f"{two}.W", f"{one}.Z")),
        _record(f"{one}.dW", "backward", dW, r"dW^{(1)} = X^\top dZ^{(1)}", "X.T @ dZ",
                parents=("X", f"{one}.dZ"), check=good, note="X has d_in columns: it is turned."),
        _record("optimizer.rate", "optimizer", rate, r"\eta = 0.5"),
        _record(f"{one}.W.after", "after", W - rate * dW,
                r"W^{(1)} \leftarrow W^{(1)} - \eta\,dW^{(1)}", "W - rate * dW",
                parents=(f"{one}.W", "optimizer.rate", f"{one}.dW")),
    )  # fmt: skip
    return SampleTrace(records, _terms(one, two, rows))


def _terms(one: str, two: str, rows: int) -> dict[str, Terms]:
    every = range(rows)
    return {
        f"{one}.Z": lambda at: [
            *([("X", (at[0], k)), (f"{one}.W", (k, at[1]))] for k in range(2)),
            [(f"{one}.b", (at[1],))],
        ],
        "relu_1.H": lambda at: [[(f"{one}.Z", at)]],
        f"{two}.Z": lambda at: [
            [("relu_1.H", (at[0], k)), (f"{two}.W", (k, at[1]))] for k in range(4)
        ],
        f"{two}.dW": lambda at: [
            [("relu_1.H", (i, at[0])), (f"{two}.dZ", (i, at[1]))] for i in every
        ],
        f"{one}.dW": lambda at: [[("X", (i, at[0])), (f"{one}.dZ", (i, at[1]))] for i in every],
    }  # fmt: skip
