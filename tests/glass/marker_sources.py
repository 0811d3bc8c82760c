"""Learners' programs in plain NumPy, written independently of the library, for the marker's proof.

A program is a list of tagged lines, so that a mutant is a change of its source text. Nothing here
uses the marker's own transformations: what a mutant computes, NumPy says.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random

__all__ = ["ACTIVATIONS", "Program", "Setting", "draw_setting", "write_program"]

ACTIVATIONS = {
    "sigmoid": ("1 / (1 + np.exp(-{z}))", "{h} * (1 - {h})", "sigmoid({z}) * (1 - sigmoid({z}))"),
    "tanh": ("np.tanh({z})", "1 - {h} ** 2", "1 - np.tanh({z}) ** 2"),
    "relu": ("np.maximum({z}, 0)", "({h} > 0)", "({z} > 0).astype(float)"),
    "leaky_relu": ("np.where({z} > 0, {z}, 0.01 * {z})", "", "np.where({z} > 0, 1.0, 0.01)"),
    "softplus": ("np.log1p(np.exp({z}))", "1 - np.exp(-{h})", "1 / (1 + np.exp(-{z}))"),
    "silu": ("{z} / (1 + np.exp(-{z}))", "", "silu_prime({z})"),
    "identity": ("{z} * 1.0", "", ""),
}
"""The value, the slope from the output (if there is a formula), and the slope from Z."""

HEAD = """import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def silu_prime(z):
    s = sigmoid(z)
    return s + z * s * (1 - s)


def softmax(z, axis):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)
"""


@dataclass(frozen=True)
class Setting:
    """What was drawn: the exercise and the style of the program."""

    widths: tuple[int, ...]
    hidden: tuple[str, ...]
    task: str
    """mse (linear output), mse_sigmoid, mse_softmax, bce or cce."""
    layout: str
    """rows, columns or torch."""
    reduction: str = "mean"
    from_output: bool = False
    longhand: bool = False
    share_late: bool = False
    """Whether 1/N stands in the products and sums instead of at the beginning."""
    with_loss: bool = False
    penalty: float = 0.0
    single: bool = False
    names: str = "d{r}{l}"
    cached: bool = True
    half: bool = False

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.widths) - 1

    @property
    def output(self) -> str:
        """Activation of the last layer."""
        named = {"mse": "identity", "mse_softmax": "softmax", "cce": "softmax"}
        return named.get(self.task, "sigmoid")

    @property
    def axis(self) -> int:
        """Axis of the classes."""
        return 0 if self.layout == "columns" else 1

    def stated(self) -> dict[str, object]:
        """Return what the exercise states."""
        loss = {"bce": "bce", "cce": "cce"}.get(self.task, "half_mse" if self.half else "mse")
        told: dict[str, object] = {
            "activation": self.hidden,
            "loss": loss,
            "reduction": self.reduction,
            "targets": "matrix",
        }
        if self.task in ("mse_sigmoid", "mse_softmax"):
            told["output"] = self.output
        if self.penalty:
            told["penalty"] = {"record": "penalty/l2", "strength": self.penalty}
        return told


@dataclass(frozen=True)
class Program:
    """Tagged lines of forward, backward and loss."""

    setting: Setting
    lines: dict[str, str] = field(default_factory=dict)

    def changed(self, **lines: str) -> Program:
        """Return the program with other lines."""
        return replace(self, lines={**self.lines, **lines})

    def source(self) -> str:
        """Return the program's text."""
        forward = [text for tag, text in self.lines.items() if tag.startswith("f_")]
        backward = [text for tag, text in self.lines.items() if tag.startswith("b_")]
        loss = [text for tag, text in self.lines.items() if tag.startswith("l_")]
        single = self.setting.single
        cast = ["params = {k: v.astype(np.float32) for k, v in params.items()}",
                "X = X.astype(np.float32)"] if single else []  # fmt: skip
        again = [] if self.setting.cached else forward
        parts = [HEAD, self.lines.get("top", ""), _function("forward(params, X)", cast + forward + [
            self.lines["return_forward"]])]  # fmt: skip
        unpack = ["H0 = X"] if not self.setting.cached else ["globals_ = cache"]
        if self.setting.cached:
            unpack = [f"{n} = cache['{n}']" for n in self._tensors()]
            head = "backward(params, X, y, cache)"
        else:
            unpack, head = [], "backward(params, X, y)"
        parts.append(_function(head, cast + unpack + again + backward + [self.lines["return"]]))
        if loss:
            parts.append(_function("loss(yhat, y)", loss))
        return "\n\n".join(parts)

    def _tensors(self) -> list[str]:
        depth = self.setting.depth
        return ["H0", *(f"{kind}{n}" for n in range(1, depth + 1) for kind in "ZH")]


def _function(head: str, lines: list[str]) -> str:
    body = "\n".join("    " + part for line in lines for part in line.split("\n") if part)
    return f"def {head}:\n{body}\n"


def draw_setting(random: Random, task: str | None = None) -> Setting:
    """Draw an exercise and a style."""
    depth = random.choice((2, 2, 3, 3, 4))
    task = task or random.choice(("mse", "mse_sigmoid", "mse_softmax", "bce", "bce", "cce", "cce"))
    many = task in ("mse_softmax", "cce")
    outputs = random.choice((2, 3, 4)) if many else random.choice((1, 1, 2, 3))
    widths = (
        random.choice((2, 3, 5)),
        *(random.choice((3, 4, 5, 6)) for _ in range(depth - 1)),
        outputs,
    )
    hidden = tuple(
        random.choice(("sigmoid", "tanh", "relu", "leaky_relu", "softplus", "silu"))
        for _ in range(depth - 1)
    )
    return Setting(
        widths,
        hidden if random.random() < 0.4 else (hidden[0],) * (depth - 1),
        task,
        random.choice(("rows", "rows", "columns", "columns", "torch")),
        random.choice(("mean", "mean", "sum")),
        from_output=random.random() < 0.5,
        longhand=random.random() < 0.4,
        share_late=random.random() < 0.4,
        cached=random.random() < 0.6,
        names=random.choice(("d{r}{l}", "{r}{l}", "{r}{l}_grad", "grad_{r}{l}", "dense_{l}.d{r}")),
    )


def slope(setting: Setting, layer: int) -> str:
    """Return the slope's expression."""
    name = [*setting.hidden, setting.output][layer - 1]
    _, by_output, by_z = ACTIVATIONS[name]
    text = by_output if setting.from_output and by_output else by_z
    return text.format(z=f"Z{layer}", h=f"H{layer}")


def write_program(setting: Setting) -> Program:
    """Write a right program."""
    lines: dict[str, str] = {"f_in": "H0 = X"}
    for layer in range(1, setting.depth + 1):
        lines[f"f_Z{layer}"] = f"Z{layer} = " + {
            "rows": 'H{p} @ params["W{l}"] + params["b{l}"]',
            "columns": 'params["W{l}"] @ H{p} + params["b{l}"]',
            "torch": 'H{p} @ params["W{l}"].T + params["b{l}"]',
        }[setting.layout].format(l=layer, p=layer - 1)
        lines[f"f_H{layer}"] = f"H{layer} = " + _value(setting, layer)
    tensors = ", ".join(f"{k}{n}={k}{n}" for n in range(1, setting.depth + 1) for k in "ZH")
    depth = setting.depth
    cache = f", dict(H0=H0, {tensors})" if setting.cached else ""
    lines["return_forward"] = f"return H{depth}{cache}"
    rows = "X.shape[1]" if setting.layout == "columns" else "X.shape[0]"
    lines["b_N"] = f"N = {rows}"
    lines |= _beginning(setting)
    for layer in range(depth, 0, -1):
        if layer < depth:
            lines[f"b_dH{layer}"] = f"dH{layer} = " + {
                "rows": 'dZ{u} @ params["W{u}"].T',
                "columns": 'params["W{u}"].T @ dZ{u}',
                "torch": 'dZ{u} @ params["W{u}"]',
            }[setting.layout].format(u=layer + 1)
            lines[f"b_dZ{layer}"] = f"dZ{layer} = dH{layer} * ({slope(setting, layer)})"
        lines |= _sums(setting, layer)
    names = [
        (setting.names.format(r=r, l=n), f"d{r}{n}") for n in range(1, depth + 1) for r in "Wb"
    ]
    lines["return"] = "return {" + ", ".join(f"'{name}': {value}" for name, value in names) + "}"
    if setting.with_loss:
        lines |= _loss(setting)
    return Program(setting, lines)


def _value(setting: Setting, layer: int) -> str:
    name = [*setting.hidden, setting.output][layer - 1]
    if name == "softmax":
        return f"softmax(Z{layer}, {setting.axis})"
    return ACTIVATIONS[name][0].format(z=f"Z{layer}")


def _share(setting: Setting, late: bool) -> str:
    return " / N" if setting.reduction == "mean" and setting.share_late == late else ""


def _beginning(setting: Setting) -> dict[str, str]:
    """Return how the way back begins."""
    last, share, axis = setting.depth, _share(setting, False), setting.axis
    two = "" if setting.half else "2 * "
    P, dP = f"H{last}", f"dP = {two}(H{last} - y){share}"
    if setting.task == "mse":
        return {"b_dZ": f"dZ{last} = {two}({P} - y){share}"}
    if setting.task == "mse_sigmoid":
        return {"b_dP": dP, "b_dZ": f"dZ{last} = dP * ({slope(setting, last)})"}
    jacobian = f"dZ{last} = {P} * (dP - (dP * {P}).sum(axis={axis}, keepdims=True))"
    if setting.task == "mse_softmax":
        return {"b_dP": dP, "b_dZ": jacobian}
    if not setting.longhand:
        return {"b_dZ": f"dZ{last} = ({P} - y){share}"}
    if setting.task == "bce":
        return {
            "b_dP": f"dP = (-y / {P} + (1 - y) / (1 - {P})){share}",
            "b_dZ": f"dZ{last} = dP * {P} * (1 - {P})",
        }
    return {"b_dP": f"dP = -y / {P}{share}", "b_dZ": jacobian}


def _sums(setting: Setting, layer: int) -> dict[str, str]:
    share = _share(setting, True)
    decay = f' + {setting.penalty} * params["W{layer}"]' if setting.penalty else ""
    product = {
        "rows": "H{p}.T @ dZ{l}",
        "columns": "dZ{l} @ H{p}.T",
        "torch": "dZ{l}.T @ H{p}",
    }[setting.layout].format(l=layer, p=layer - 1)
    total = "sum(axis=1, keepdims=True)" if setting.layout == "columns" else "sum(axis=0)"
    return {
        f"b_dW{layer}": f"dW{layer} = {product}{share}{decay}",
        f"b_db{layer}": f"db{layer} = dZ{layer}.{total}{share}",
    }


def _loss(setting: Setting) -> dict[str, str]:
    rows = "y.shape[1]" if setting.layout == "columns" else "y.shape[0]"
    share = f" / {rows}" if setting.reduction == "mean" else ""
    if setting.task == "bce":
        total = "-np.sum(y * np.log(yhat) + (1 - y) * np.log(1 - yhat))"
    elif setting.task == "cce":
        total = "-np.sum(y * np.log(yhat))"
    else:
        total = ("0.5 * " if setting.half else "") + "np.sum((yhat - y) ** 2)"
    return {"l_return": f"return {total}{share}"}
