"""What a learner's backward hands back: in any usual nest, and nothing at all is not right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.glass.marker.names import as_array, by_shape, flat_items

SOURCE = """
import numpy as np


def forward(params, X):
    kept, H = [], X
    depth = len(params) // 2
    for n in range(1, depth + 1):
        kept.append(H)
        Z = H @ params[f"W{n}"] + params[f"b{n}"]
        H = np.tanh(Z) if n < depth else Z
    return H, kept


def backward(params, X, y, cache):
    yhat, kept = forward(params, X)
    W, b, dZ = [], [], yhat - y
    for n in range(len(kept), 0, -1):
        W.insert(0, kept[n - 1].T @ dZ)
        b.insert(0, dZ.sum(axis=0))
        dZ = (dZ @ params[f"W{n}"].T) * (1 - kept[n - 1] ** 2)
    return RETURNED
"""
RETURNS = {
    "lists": "W, b",
    "biases first": "b, W",
    "pairs": "list(zip(W, b))",
    "pairs, bias first": "list(zip(b, W))",
    "one list": "W + b",
    "one list in turns": "[part for pair in zip(W, b) for part in pair]",
    "lists of numbers": "{f'dW{n}': g.tolist() for n, g in enumerate(W, 1)}"
    " | {f'db{n}': g.tolist() for n, g in enumerate(b, 1)}",
    "tuple of lists of numbers": "tuple(part.tolist() for pair in zip(W, b) for part in pair)",
    "with a cache": "{'dW': W, 'db': b}, {'dZ1': dZ}",
    "arrays of objects": "np.array([*W, None], object)[:-1], np.array([*b, None], object)[:-1]",
    "rows for biases": "[g for pair in zip(W, [g[None] for g in b]) for g in pair]",
}


def marked(returned: str, widths: tuple[int, ...] = (3, 4, 2)) -> Any:
    names: dict[str, Any] = {}
    exec(SOURCE.replace("RETURNED", returned), names)
    return cr.mark(names, widths, activation="tanh", loss="half_mse", reduction="sum")


@pytest.mark.parametrize("widths", [(4, 2), (3, 4, 2), (3, 4, 1), (2, 5, 4, 3)])
@pytest.mark.parametrize("form", RETURNS)
def test_right_gradients_are_right_in_any_nest(form: str, widths: tuple[int, ...]) -> None:
    verdict = marked(RETURNS[form], widths)
    assert verdict, str(verdict)
    assert [mark.status for mark in verdict.tensors] == ["right"] * (2 * len(widths) - 1)


@pytest.mark.parametrize("form", RETURNS)
def test_a_wrong_gradient_is_wrong_in_any_nest(form: str) -> None:
    names: dict[str, Any] = {}
    wrong = SOURCE.replace("dZ.sum(axis=0)", "dZ.mean(axis=0)")
    exec(wrong.replace("RETURNED", RETURNS[form]), names)
    verdict = cr.mark(names, (3, 4, 2), activation="tanh", loss="half_mse", reduction="sum")
    assert verdict.kinds == ("bias_averaged",)


@pytest.mark.parametrize(
    "nothing", ["None", "{}", "5", "'dW1'", "[]", "[None, None]", "{'dZ1': 1}"]
)
def test_a_backward_without_gradients_is_not_right(nothing: str) -> None:
    verdict = marked(nothing)
    assert not verdict
    assert verdict.kinds == ("gradient_missing",)
    assert "nothing that is named or shaped like dW1" in str(verdict).replace("\n", " ")


def test_a_class_without_gradients_is_not_right() -> None:
    class Net:
        def __init__(self, *widths: int) -> None:
            self.W1, self.b1 = np.zeros(widths), np.zeros(widths[1])

        def forward(self, X: Any) -> Any:
            return X @ self.W1 + self.b1

        def backward(self, X: Any, y: Any) -> None:
            pass

    assert cr.mark(Net, (3, 2), loss="mse").kinds == ("gradient_missing",)


def test_a_file_without_gradients_is_not_right(tmp_path: Any) -> None:
    file = tmp_path / "empty.py"
    constants = 'NETWORK = (3, 4, 2)\nACTIVATION = "tanh"\nLOSS = "mse"\n'
    file.write_text(constants + SOURCE.replace("RETURNED", "None"))
    assert cr.mark(file).kinds == ("gradient_missing",)


def test_a_forward_alone_can_be_right() -> None:
    names: dict[str, Any] = {}
    exec(SOURCE, names)
    assert cr.mark({"forward": names["forward"]}, (3, 4, 2), activation="tanh", loss="mse")


def test_sums_into_whole_numbers_are_named() -> None:
    names: dict[str, Any] = {}
    loop = """b.insert(0, dZ.sum(axis=0))
        W[0] = np.zeros(W[0].shape, dtype=int)
        for row in range(len(X)):
            W[0] += (np.outer(kept[n - 1][row], dZ[row]) * 1.0).astype(int)"""
    wrong = SOURCE.replace("b.insert(0, dZ.sum(axis=0))", loop)
    exec(wrong.replace("RETURNED", "W, b"), names)
    verdict = cr.mark(names, (3, 4, 2), activation="tanh", loss="half_mse", reduction="sum")
    assert verdict.kinds == ("integer_truncation",)
    assert verdict.findings[0].place == "dW1, dW2"


def test_names_by_shape_and_lists() -> None:
    shapes = ((5,), (2,), (3, 5), (5, 2))
    assert by_shape([np.ones(shape) for shape in shapes], 2) == ["b1", "b2", "W1", "W2"]
    assert as_array([1, 2.5]).tolist() == [1.0, 2.5]
    assert as_array([[[1.0]], [2.0]]) == [[[1.0]], [2.0]]
    assert dict(flat_items({"weights": [[[1.0, 2.0]], [[3.0], [4.0]]]})).keys() == {
        "weights1",
        "weights2",
    }


def test_a_bias_after_every_hidden_activation_is_named() -> None:
    names: dict[str, Any] = {}
    late = """Z = H @ params[f"W{n}"]
        H = np.tanh(Z) + params[f"b{n}"] if n < depth else Z + params[f"b{n}"]"""
    wrong = SOURCE.replace('Z = H @ params[f"W{n}"] + params[f"b{n}"]', "")
    wrong = wrong.replace("H = np.tanh(Z) if n < depth else Z", late)
    wrong = wrong.replace("kept[n - 1] ** 2", 'np.tanh(kept[n - 2] @ params[f"W{n - 1}"]) ** 2')
    wrong = wrong.replace("dZ = (dZ @", "if n == 1: break\n        dZ = (dZ @")
    exec(wrong.replace("RETURNED", "W, b"), names)
    verdict = cr.mark(names, (3, 4, 5, 2), activation="tanh", loss="half_mse", reduction="sum")
    assert verdict.kinds == ("bias_after_activation",)
