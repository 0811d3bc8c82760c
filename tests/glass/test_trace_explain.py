"""One number as the sum of its terms, and Jacobians through the printed formulas."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import UnknownNameError, UsageError
from chainrule.glass.trace import Trace
from chainrule.glass.trace.explain import split_path
from chainrule.maths.activation import ACTIVATIONS
from chainrule.streams import Stream
from tests.glass.trace_cases import ALL, traces

X = np.array([[0.5, -1.0], [1.5, 0.3], [-0.7, 0.9]])


def step(*layers: nn.Layer, convention: str = "rows", loss: str = "squared_error") -> Trace:
    network = nn.Sequential(nn.Dense(3), *layers, nn.Dense(2))
    return cr.trace(
        network,
        X,
        [0, 1, 1] if loss.startswith("soft") else np.eye(2)[[0, 1, 1]],
        loss=loss,
        convention=convention,
    )


def number_at(found: Trace, path: str) -> float:
    name, index = split_path(path)
    return float(found[name].value[index or ()])


def test_a_weights_gradient_is_a_sum_over_the_rows() -> None:
    found = step()
    explained = found.explain("dense_1.dW[0, 1]")
    assert len(explained.terms) == 3
    for row, term in enumerate(explained.terms):
        paths = [path for path, _ in term.factors]
        assert paths == [f"X[{row}, 0]", f"dense_1.dZ[{row}, 1]"]
        assert term.product == X[row, 0] * found["dense_1.dZ"].value[row, 1]
    assert explained.total == pytest.approx(explained.value, rel=1e-14)
    assert explained.value == found["dense_1.dW"].value[0, 1]
    assert str(explained).startswith("dense_1.dW[0, 1] = ")
    assert explained.to_document()["terms"][0]["factors"][0][0] == "X[0, 0]"


def test_in_columns_the_same_number_stands_at_the_transposed_place() -> None:
    rows, columns = step(), step(convention="columns")
    one, two = rows.explain("dense_1.dW[0, 1]"), columns.explain("dense_1.dW[1, 0]")
    assert two.value == pytest.approx(one.value, rel=1e-13)
    assert [path for path, _ in two.terms[2].factors] == ["dense_1.dZ[1, 2]", "X[0, 2]"]


def test_an_affine_output_has_its_bias_as_a_last_term() -> None:
    explained = step().explain("dense_1.Z[2, 1]")
    assert len(explained.terms) == 3
    assert explained.terms[-1].factors == (("dense_1.b[1]", 0.0),)


def test_an_element_wise_formula_stands_with_numbers() -> None:
    found = cr.trace(
        nn.Dense(1, "sigmoid"), [[1.0]], [0.5], loss="mse", state={"dense_1.W": [[2.0]]}
    )
    assert found.explain("sigmoid_1.H[0, 0]").terms[0].text == "1 / (1 + exp(-2))"
    assert found.explain("objective").terms[0].factors[0][0] == "loss.J"
    given = found.explain("X[0, 0]")
    assert given.terms[0].factors == ()


@pytest.mark.parametrize("number", range(len(ALL)), ids=[name for name, *_ in ALL])
def test_every_record_is_explained_by_its_terms(number: int) -> None:
    """At one random place of each record the terms add up, and their factors are the parents'."""
    found = traces()[number]
    draw = iter(Stream(number, "places").uniform(10_000))
    for record in found:
        index = tuple(int(next(draw) * size) for size in record.shape)
        explained = found.explain(record.name + (str(list(index)) if index else ""))
        assert explained.index == index
        finite = record.value[np.isfinite(record.value)]
        size = max(
            [1e-300, *np.abs(finite).reshape(-1), *(abs(t.product) for t in explained.terms)]
        )
        same = explained.total == explained.value
        assert same or abs(explained.total - explained.value) <= 1e-12 * size, record.name
        for term in explained.terms:
            for path, value in term.factors:
                assert split_path(path)[0] in record.parents
                assert number_at(found, path) == value


def test_paths_that_are_none_are_refused() -> None:
    found = step()
    with pytest.raises(UnknownNameError, match="did you mean"):
        found.explain("dense_1.dw[0, 1]")
    for path in ("dense_1.dW", "dense_1.dW[0]", "dense_1.dW[0, 9]", "dense_1.dW[0, x]", "a[b]c"):
        with pytest.raises(UsageError):
            found.explain(path)
    assert found.explain("dense_1.dW[-1, -1]").path == "dense_1.dW[1, 2]"


# Jacobians.


@pytest.mark.parametrize("convention", ["rows", "columns"])
def test_the_jacobian_of_softmax(convention: str) -> None:
    found = step(convention=convention, loss="softmax_cross_entropy")
    matrix, P = found.jacobian("loss.P", "dense_2.Z"), found["loss.P"].value
    assert matrix.shape == P.shape * 2
    for row in range(3):
        p = P[:, row] if convention == "columns" else P[row]
        block = matrix[:, row, :, row] if convention == "columns" else matrix[row, :, row, :]
        np.testing.assert_allclose(block, np.diag(p) - np.outer(p, p), rtol=1e-14, atol=1e-16)
    assert np.all(matrix[0, :, 1] == 0.0) if convention == "rows" else True


def test_the_jacobian_of_batch_norm_couples_the_rows() -> None:
    found = step(nn.BatchNorm(), nn.Tanh())
    matrix = found.jacobian("batch_norm_1.Xhat", "dense_1.Z")
    N, j = 3, 1
    hat, s = found["batch_norm_1.Xhat"].value[:, j], found["batch_norm_1.deviation"].value[j]
    expected = (np.eye(N) - 1 / N - np.outer(hat, hat) / N) / s
    np.testing.assert_allclose(matrix[:, j, :, j], expected, rtol=1e-12, atol=1e-15)
    assert np.all(matrix[:, 0, :, 1] == 0.0)


@pytest.mark.parametrize("name", ACTIVATIONS.names())
def test_the_jacobian_of_an_activation_is_its_derivative(name: str) -> None:
    found = step(nn.Activation(name))
    node = f"{name}_1"
    back = np.einsum(
        "ij,ijkl->kl", found[f"{node}.dH"].value, found.jacobian(f"{node}.H", "dense_1.Z")
    )
    np.testing.assert_allclose(back, found["dense_1.dZ"].value, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("number", range(3, len(ALL), 6))
def test_the_jacobian_of_the_objective_is_the_gradient(number: int) -> None:
    """Forward formulas alone, differentiated by a complex step, give what backward printed."""
    found, plan = traces()[number], ALL[number][1]
    for name in plan.parameters.names():
        owner, _, local = name.rpartition(".")
        gradient = found[f"{owner}.d{local}"].value
        if "kink" in found[f"{owner}.d{local}"].flags or not plan.parameters.size:
            continue
        size = max(np.abs(gradient).max(), 1e-6)
        derivative = found.jacobian("objective", name) if _reaches(found, name) else 0 * gradient
        assert np.abs(derivative - gradient).max() <= 1e-9 * size, name


def _reaches(found: Trace, name: str) -> bool:
    try:
        found.jacobian("objective", name)
    except UsageError:
        return False
    return True


def test_at_a_kink_the_jacobian_is_the_slope_that_is_used() -> None:
    found = cr.trace(
        nn.Dense(1, "relu"), [[0.0], [1.0]], [1.0, 1.0], loss="mse", state={"dense_1.W": [[1.0]]}
    )
    assert found.jacobian("relu_1.H", "dense_1.Z")[0, 0, 0, 0] == 0.0
    assert found.jacobian("relu_1.H", "dense_1.Z")[1, 0, 1, 0] == 1.0


def test_jacobians_that_are_none_are_refused() -> None:
    found = step()
    with pytest.raises(UsageError, match="does not depend"):
        found.jacobian("dense_1.Z", "dense_2.Z")
    wide = cr.trace(nn.Dense(40), np.ones((40, 8)), np.ones((40, 40)), loss="mse")
    with pytest.raises(UsageError, match="too large"):
        wide.jacobian("dense_1.Z", "dense_1.Z")
    assert np.array_equal(found.jacobian("dense_1.b", "dense_1.b"), np.eye(3))


def test_no_product_is_minus_zero() -> None:
    network = nn.Sequential(nn.Dense(3), nn.ReLU(), nn.Dense(2))
    found = cr.trace(network, X, [0, 1, 1], loss="softmax_cross_entropy")
    off = np.argwhere((found["relu_1.H"].value == 0).any(axis=0))[0, 0]
    lines = [str(found.explain(f"dense_2.dW[{off}, {column}]")) for column in (0, 1)]
    assert all("= 0\n" in f"{line}\n" for line in lines)
    assert not any("= -0\n" in f"{line}\n" for line in lines)


@pytest.mark.parametrize(
    ("last", "loss", "letter"),
    [
        (nn.Identity(), "squared_error", "Z"),
        (nn.Activation("sigmoid"), "squared_error", "H^{(1)}"),
        (nn.ReLU(), "softmax_cross_entropy", "H^{(1)}"),
    ],
)
def test_the_loss_is_derived_by_what_it_sees(last: nn.Layer, loss: str, letter: str) -> None:
    target = [0, 1, 1] if loss.startswith("soft") else np.eye(2)[[0, 1, 1]]
    found = cr.trace(nn.Sequential(nn.Dense(2), last), X, target, loss=loss)
    symbols = {name: found[name].latex.partition(" = ")[0] for name in found.names}
    assert symbols["loss.slope"] == rf"\partial J_i / \partial {letter}"
    if loss.startswith("soft"):
        assert symbols["loss.jacobian"] == rf"\partial P_i / \partial {letter}_i"
        assert letter in symbols["loss.slope.long_hand"]
        assert found["loss.slope.long_hand"].latex.endswith(rf"{letter}_i")
