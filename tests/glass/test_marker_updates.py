"""The marker on update rules: right ones in several forms, and each mistake."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.glass.marker import mark

ADAM = """
import numpy as np

def update(params, grads, state, lr=0.001, b1=0.9, b2=0.999, eps=1e-8):
    state["t"] = state.get("t", 0) + 1
    t = state["t"]
    for name in params:
        g = grads["d" + name]
        m = state["m" + name] = b1 * state.get("m" + name, 0) + (1 - b1) * g
        v = state["v" + name] = b2 * state.get("v" + name, 0) + (1 - b2) * g**2
        mh, vh = m / (1 - b1**t), v / (1 - b2**t)
        params[name] = params[name] - lr * mh / (np.sqrt(vh) + eps)
    return params, state
"""
MOMENTUM = """
def update(params, grads, state):
    for name in params:
        state[name] = 0.9 * state.get(name, 0) - LR * grads[name]
        params[name] += state[name]
"""
SGD = """
def update(params, grads, lr):
    return {name: params[name] - lr * grads[name] for name in params}
"""
RMSPROP = """
import numpy as np

def update(params, grads, state):
    for n in params:
        state[n] = 0.9 * state.get(n, 0) + 0.1 * grads[n] ** 2
        params[n] = params[n] - 0.01 * grads[n] / (np.sqrt(state[n]) + 1e-8)
    return params
"""


def marked(source: str, optimizer: str, rate: float) -> Any:
    """Mark an update rule alone."""
    names: dict[str, Any] = {"LR": rate}
    exec(source, names)
    document = {"record": f"optimizer/{optimizer}", "learning_rate": rate}
    return mark(names, (3, 4, 2), optimizer=document)


@pytest.mark.parametrize(
    ("source", "optimizer", "rate"),
    [(ADAM, "adam", 0.001), (MOMENTUM, "momentum", 0.05), (SGD, "sgd", 0.3),
     (RMSPROP, "rmsprop", 0.01), (ADAM.replace("eps=1e-8", "eps=1e-7"), "adam", 0.001)],
)  # fmt: skip
def test_right_rules_are_right(source: str, optimizer: str, rate: float) -> None:
    verdict = marked(source, optimizer, rate)
    assert verdict.right, str(verdict)


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("m / (1 - b1**t), v / (1 - b2**t)", "m, v", "bias_correction_missing"),
        ("m / (1 - b1**t), v /", "m, v /", "bias_correction_missing"),
        ("v / (1 - b2**t)", "v", "bias_correction_missing"),
        ('t = state["t"]', "t = 1", "step_not_counted"),
        ("np.sqrt(vh)", "vh", "root_missing"),
        ("(np.sqrt(vh) + eps)", "np.sqrt(vh + eps)", "epsilon_in_root"),
        ("b1=0.9, b2=0.999", "b1=0.999, b2=0.9", "betas_swapped"),
        ("- lr * mh", "+ lr * mh", "step_uphill"),
        ("return params, state", "return params, {'t': t}", "state_not_kept"),
        ("lr * mh / (np.sqrt(vh) + eps)", "np.sin(mh)", "other_update"),
    ],
)
def test_mistakes_of_adam(old: str, new: str, kind: str) -> None:
    assert old in ADAM
    assert marked(ADAM.replace(old, new), "adam", 0.001).kinds == (kind,)


@pytest.mark.parametrize(
    ("source", "optimizer", "old", "new", "kind"),
    [
        (SGD, "sgd", "lr *", "", "rate_missing"),
        (SGD, "sgd", "- lr", "+ lr", "step_uphill"),
        (MOMENTUM, "momentum", "0.9 * state.get(name, 0)", "0", "state_not_kept"),
        (MOMENTUM, "momentum", "- LR *", "- 0.1 * LR *", "momentum_damped"),
        (RMSPROP, "rmsprop", "np.sqrt(state[n])", "state[n]", "root_missing"),
    ],
)
def test_mistakes_of_others(source: str, optimizer: str, old: str, new: str, kind: str) -> None:
    assert old in source
    verdict = marked(source.replace(old, new), optimizer, 0.01)
    assert verdict.kinds == (kind,)
    assert not verdict.right


def test_a_rule_that_fails_is_an_answer() -> None:
    verdict = marked("def update(params, grads, state):\n    return 1 / 0\n", "adam", 0.01)
    assert "ZeroDivisionError" in verdict.findings[0].says


def test_gradients_and_rule_are_marked_together() -> None:
    def backward(params: Any, X: Any, y: Any) -> Any:
        error = (X @ params["W1"] + params["b1"] - y) / len(X)
        return {"W1": X.T @ error, "b1": error.mean(axis=0)}

    names: dict[str, Any] = {"backward": backward, "np": np}
    exec(SGD.replace("- lr", "+ lr"), names)
    verdict = mark(names, (3, 2), loss="half_mse", optimizer="sgd", reduction="mean")
    assert verdict.kinds == ("bias_averaged", "step_uphill")
