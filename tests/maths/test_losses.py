"""Losses: numbers of PyTorch 2.13, stability, both forms equal, corners, valid targets."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from chainrule.errors import InvalidParameterError, TargetError
from chainrule.maths.loss import LOSSES, Loss
from chainrule.maths.losses_classification import BinaryCrossEntropy, SoftmaxCrossEntropy
from chainrule.maths.losses_likelihood import GaussianNLL, Poisson
from chainrule.maths.losses_regression import AbsoluteError, Huber, Pinball, SquaredError
from chainrule.maths.metric import METRICS

MEMBERS = [example for cls in LOSSES for example in cls.examples()]
OUTPUTWISE = [SquaredError, AbsoluteError, Huber, Pinball, Poisson, GaussianNLL]
RAW = np.array([[0.3, -1.2, 2.1], [1.5, 0.2, -0.7]])
NUMBERS = [[0.0, -1.0, 4.0], [2.0, 0.2, -3.0]]
COUNTS = [[0.0, 1.0, 4.0], [2.0, 0.0, 3.0]]
SHARES = [[1.0, 0.25, 0.0], [0.0, 1.0, 0.5]]

# Loss of each row and gradient: PyTorch 2.13 in float64, on RAW.
GOLDENS: list[tuple[Loss, object, list[float], list[list[float]]]] = [
    (
        SoftmaxCrossEntropy(),
        [2, 1],
        [0.18413828522873368, 1.6244972152579191],
        [
            [0.13749904804222726, 0.030680184609918816, -0.16817923265214596],
            [0.7228907207112739, -0.8029892957169069, 0.08009857500563294],
        ],
    ),
    (
        SoftmaxCrossEntropy(label_smoothing=0.1),
        [2, 1],
        [0.3541382852287337, 1.611163881924586],
        [
            [0.10416571470889394, -0.002653148723414517, -0.10151256598547931],
            [0.6895573873779406, -0.7363226290502403, 0.04676524167229961],
        ],
    ),
    (
        BinaryCrossEntropy(),
        SHARES,
        [3.3331572349863134, 3.052738196249802],
        [
            [-0.42555748318834097, -0.018524783499017622, 0.8909031788043871],
            [0.8175744761936437, -0.45016600268752205, -0.1681877721681661],
        ],
    ),
    (Huber(), NUMBERS, [1.465, 1.925], [[0.3, -0.2, -1.0], [-0.5, 0.0, 1.0]]),
    (
        Poisson(),
        COUNTS,
        [2.6172229320558564, 5.299677132289643],
        [
            [1.3498588075760032, -0.6988057880877978, 4.166169912567652],
            [2.4816890703380645, 1.2214027581601699, -2.5034146962085906],
        ],
    ),
]


def targets_of(loss: Loss, rows: int, columns: int) -> np.ndarray:
    return loss.sample_targets(np.random.default_rng(2).uniform(size=(rows, columns)))


@pytest.mark.parametrize(("loss", "y", "values", "gradient"), GOLDENS, ids=lambda item: str(item))
def test_the_numbers_of_pytorch(
    loss: Loss, y: object, values: list[float], gradient: list[list[float]]
) -> None:
    Y = loss.encode(y, 3)
    np.testing.assert_allclose(loss.value(RAW, Y), values, rtol=1e-14)
    np.testing.assert_allclose(loss.gradient(RAW, Y), gradient, rtol=1e-13, atol=1e-16)


def test_gaussian_likelihood_has_the_numbers_of_pytorch() -> None:
    loss, Y = GaussianNLL(), np.array([[0.0], [2.0]])
    np.testing.assert_allclose(
        loss.value(RAW[:, :2], Y), [0.4683437947278173, 1.1212798773394204], rtol=1e-14
    )
    np.testing.assert_allclose(
        loss.gradient(RAW[:, :2], Y),
        [[0.9960350768209641, 0.3505947384768554], [-0.4093653765389909, 0.3976586558652523]],
        rtol=1e-13,
    )


def test_the_three_factors_of_the_squared_error() -> None:
    raw, Y = np.array([[1.0, 5.0]]), np.array([[3.0, 4.0]])
    for loss, value, gradient in (
        (SquaredError(), 5.0, [[-4.0, 2.0]]),
        (SquaredError(scale=0.5), 2.5, [[-2.0, 1.0]]),
        (SquaredError(over_outputs="mean"), 2.5, [[-2.0, 1.0]]),
    ):
        assert loss.value(raw, Y) == value
        np.testing.assert_array_equal(loss.gradient(raw, Y), gradient)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_pinball_is_least_at_the_quantile(quantile: float) -> None:
    Y = np.arange(1.0, 100.0)[:, None]
    candidates = np.arange(0.5, 100.0, 0.5)
    totals = [
        np.sum(Pinball(quantile=quantile).value(np.full_like(Y, guess), Y)) for guess in candidates
    ]
    assert candidates[np.argmin(totals)] == pytest.approx(100.0 * quantile, abs=0.5)


def test_pinball_in_the_middle_is_half_of_the_absolute_error() -> None:
    Y = np.array(NUMBERS)
    np.testing.assert_allclose(2 * Pinball().value(RAW, Y), AbsoluteError().value(RAW, Y))
    np.testing.assert_allclose(2 * Pinball().gradient(RAW, Y), AbsoluteError().gradient(RAW, Y))


@pytest.mark.parametrize(
    "loss", [AbsoluteError(), Pinball(quantile=0.2), Huber(), SquaredError()], ids=str
)
def test_an_exact_prediction_is_left_alone(loss: Loss) -> None:
    Y = np.array(NUMBERS)
    np.testing.assert_array_equal(loss.value(Y, Y), [0.0, 0.0])
    np.testing.assert_array_equal(loss.gradient(Y, Y), np.zeros_like(Y))


def test_kink_distances() -> None:
    Y = np.array(NUMBERS)
    for loss in MEMBERS:
        distance = loss.kink_distance(RAW, Y)
        if loss.name in ("absolute_error", "pinball"):
            assert distance is not None
            np.testing.assert_allclose(distance, np.abs(RAW - Y))
        else:
            assert distance is None


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("loss", MEMBERS, ids=str)
def test_the_gradient_is_the_derivative_of_the_value(loss: Loss, columns: int) -> None:
    generator, Y = np.random.default_rng(4), targets_of(loss, 7, columns)
    raw, direction = (2.0 * generator.normal(size=(7, loss.raw_width(columns))) for _ in range(2))
    expected = np.sum(loss.gradient(raw, Y) * direction, axis=1)
    stepped = loss.value(raw + 1e-30j * direction, Y).imag / 1e-30
    np.testing.assert_allclose(stepped, expected, rtol=1e-11, atol=1e-13)
    rise = loss.value(raw + 1e-6 * direction, Y) - loss.value(raw - 1e-6 * direction, Y)
    np.testing.assert_allclose(rise / 2e-6, expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("loss", MEMBERS, ids=str)
def test_the_long_hand_chain_rule_equals_the_fused_form(loss: Loss, columns: int) -> None:
    Y = targets_of(loss, 7, columns)
    raw = np.random.default_rng(5).normal(size=(7, loss.raw_width(columns)))
    P = loss.link.value(raw)
    np.testing.assert_allclose(
        loss.prediction_value(P, Y), loss.value(raw, Y), rtol=1e-12, atol=1e-14
    )
    by_hand = loss.link.backward(loss.prediction_gradient(P, Y), raw, P)
    np.testing.assert_allclose(by_hand, loss.gradient(raw, Y), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("cls", OUTPUTWISE, ids=lambda cls: cls.name)
def test_the_mean_over_outputs_is_the_sum_divided(cls: type[Loss]) -> None:
    total, mean = cls(), cls(over_outputs="mean")
    Y = targets_of(total, 5, 4)
    raw = np.random.default_rng(6).normal(size=(5, total.raw_width(4)))
    np.testing.assert_allclose(4 * mean.value(raw, Y), total.value(raw, Y))
    np.testing.assert_allclose(4 * mean.gradient(raw, Y), total.gradient(raw, Y))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", MEMBERS, ids=str)
def test_extreme_outputs_give_no_warning_and_no_nan(loss: Loss, dtype: type) -> None:
    ends = np.array([-1e4, 1e4, -800.0, 800.0, -89.0, 89.0, 0.0, 88.72284, 709.783], dtype=dtype)
    raw = np.stack([np.roll(ends, turn) for turn in range(loss.raw_width(3))], axis=1)
    Y = targets_of(loss, len(ends), 3).astype(dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        value, gradient, P = loss.value(raw, Y), loss.gradient(raw, Y), loss.link.value(raw)
    assert value.dtype == gradient.dtype == P.dtype == dtype
    assert not np.any(np.isnan(value))
    assert not np.any(np.isnan(gradient))
    if not isinstance(loss, (Poisson, GaussianNLL)):
        assert np.all(np.isfinite(value))
        assert np.all(np.isfinite(gradient))


def test_a_likelihood_beyond_the_type_is_infinite() -> None:
    assert Poisson().value(np.array([[710.0]]), np.array([[3.0]])) == np.inf
    assert Poisson().gradient(np.array([[710.0]]), np.array([[3.0]])) == np.inf
    raw, Y = np.array([[1.0, -1e4], [-1.0, -1e4], [0.0, -1e4]]), np.zeros((3, 1))
    np.testing.assert_array_equal(GaussianNLL().value(raw, Y)[:2], [np.inf, np.inf])
    assert GaussianNLL().value(raw, Y)[2] == pytest.approx(-5e3 + 0.5 * math.log(2 * math.pi))
    np.testing.assert_array_equal(GaussianNLL().gradient(raw, Y)[:, 0], [np.inf, -np.inf, 0.0])
    np.testing.assert_array_equal(GaussianNLL().gradient(raw, Y)[:, 1], [-np.inf, -np.inf, 0.5])


@pytest.mark.parametrize("log_variance", [-709.5, -709.79, -710.0, -720.0])
def test_a_gaussian_at_the_end_of_the_type_is_infinite_and_silent(log_variance: float) -> None:
    raw, Y = np.array([[1.0, log_variance]]), np.zeros((1, 1))
    with np.errstate(over="raise"):
        assert GaussianNLL().value(raw, Y) == np.inf
        np.testing.assert_array_equal(GaussianNLL().gradient(raw, Y), [[np.inf, -np.inf]])


def test_a_gaussian_with_a_tiny_error_and_variance_does_not_overflow_on_the_way() -> None:
    raw, Y = np.array([[1e-160, -736.0]]), np.zeros((1, 1))
    expected = 1e-160 * math.exp(368.0) * math.exp(368.0)
    assert GaussianNLL().gradient(raw, Y)[0, 0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_sure_and_right_has_a_small_gradient_not_none(sign: float) -> None:
    raw, Y = np.array([[sign * 50.0]]), np.array([[float(sign > 0)]])
    small = math.exp(-50.0)
    np.testing.assert_allclose(BinaryCrossEntropy().value(raw, Y), small, rtol=1e-14)
    np.testing.assert_allclose(BinaryCrossEntropy().gradient(raw, Y), -sign * small, rtol=1e-14)
    raw, Y = np.array([[50.0, 0.0]]), np.array([[1.0, 0.0]])
    np.testing.assert_allclose(SoftmaxCrossEntropy().value(raw, Y), small, rtol=1e-14)
    np.testing.assert_allclose(
        SoftmaxCrossEntropy().gradient(raw, Y), [[-small, small]], rtol=1e-14
    )


def test_sure_and_wrong_costs_the_logit() -> None:
    np.testing.assert_array_equal(
        BinaryCrossEntropy().value(np.array([[-1e4], [1e4]]), np.array([[1.0], [0.0]])), [1e4, 1e4]
    )
    raw, Y = np.array([[1e4, 0.0, -1e4]]), np.array([[0.0, 0.0, 1.0]])
    np.testing.assert_array_equal(SoftmaxCrossEntropy().value(raw, Y), [2e4])
    np.testing.assert_array_equal(SoftmaxCrossEntropy().gradient(raw, Y), [[1.0, 0.0, -1.0]])


def test_probabilities_of_zero_and_one_are_allowed_where_they_are_right() -> None:
    P, Y = np.array([[1.0], [0.0]]), np.array([[1.0], [0.0]])
    np.testing.assert_array_equal(BinaryCrossEntropy().prediction_value(P, Y), [0.0, 0.0])
    np.testing.assert_array_equal(BinaryCrossEntropy().prediction_gradient(P, Y), [[-1.0], [1.0]])
    np.testing.assert_array_equal(BinaryCrossEntropy().prediction_value(P, 1 - Y), [np.inf] * 2)
    rows = np.eye(3)
    np.testing.assert_array_equal(SoftmaxCrossEntropy().prediction_value(rows, rows), np.zeros(3))


def test_the_binary_loss_is_the_two_class_loss_of_the_difference() -> None:
    raw, labels = np.array([[0.4, -1.1], [2.0, 0.3], [-0.2, 0.9]]), np.array([0, 1, 1])
    two = SoftmaxCrossEntropy()
    one = BinaryCrossEntropy()
    np.testing.assert_allclose(
        two.value(raw, two.encode(labels)),
        one.value(raw[:, 1:] - raw[:, :1], one.encode(labels)),
        rtol=1e-14,
    )


def test_full_targets_of_any_sum_keep_the_gradient_exact() -> None:
    loss, Y = SoftmaxCrossEntropy(), np.array([[0.2, 0.3, 0.6], [0.0, 0.0, 0.0]])
    P = loss.predict(RAW)
    expected = P * Y.sum(axis=1, keepdims=True) - Y
    np.testing.assert_allclose(loss.gradient(RAW, Y), expected, rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize(
    ("alias", "expected"),
    [
        ("mse", SquaredError()),
        ("mae", AbsoluteError()),
        ("quantile", Pinball()),
        ("categorical_cross_entropy", SoftmaxCrossEntropy()),
    ],
)
def test_aliases(alias: str, expected: Loss) -> None:
    assert LOSSES.make(alias) == expected


@pytest.mark.parametrize("loss", MEMBERS, ids=str)
def test_default_metrics_exist_and_serve_the_same_task(loss: Loss) -> None:
    assert loss.metrics
    for name in loss.metrics:
        assert METRICS[name].task == loss.task


@pytest.mark.parametrize(
    ("cls", "parameters"),
    [
        (SquaredError, {"scale": 0.0}),
        (SquaredError, {"over_outputs": "median"}),
        (Huber, {"delta": 0.0}),
        (Pinball, {"quantile": 1.0}),
        (SoftmaxCrossEntropy, {"label_smoothing": 1.0}),
    ],
)
def test_parameters_are_checked(cls: type[Loss], parameters: dict[str, object]) -> None:
    with pytest.raises(InvalidParameterError, match=next(iter(parameters))):
        cls(**parameters)


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("loss", MEMBERS, ids=str)
def test_encoding_keeps_encoded_targets_and_copies_them(loss: Loss, columns: int) -> None:
    Y = targets_of(loss, 6, columns)
    encoded = loss.encode(Y, columns)
    np.testing.assert_array_equal(encoded, Y)
    assert encoded.dtype == np.float64
    assert not np.shares_memory(encoded, Y)


def test_one_dimension_becomes_one_column() -> None:
    for y in (
        [1, 2, 3],
        (1.0, 2.0, 3.0),
        np.array([1, 2, 3], np.int8),
        np.array([1, 2, 3], object),
    ):
        np.testing.assert_array_equal(SquaredError().encode(y), [[1.0], [2.0], [3.0]])
    np.testing.assert_array_equal(BinaryCrossEntropy().encode([True, False]), [[1.0], [0.0]])


def test_class_numbers_become_one_hot_rows() -> None:
    loss = SoftmaxCrossEntropy()
    np.testing.assert_array_equal(loss.encode([0, 2]), [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    np.testing.assert_array_equal(loss.encode(np.array([0.0, 1.0]), 3), np.eye(3)[:2])
    np.testing.assert_array_equal(loss.encode([0, 0], 2), [[1.0, 0.0], [1.0, 0.0]])
    np.testing.assert_array_equal(loss.encode([[0.25, 0.75]]), [[0.25, 0.75]])


CLASSES, LABELS = SoftmaxCrossEntropy(), BinaryCrossEntropy()
BAD_TARGETS: Sequence[tuple[Loss, object, int | None, str]] = [
    (SquaredError(), [], None, "empty"),
    (SquaredError(), np.zeros((3, 0)), None, "empty"),
    (SquaredError(), np.zeros((2, 2, 2)), None, "dimensions"),
    (SquaredError(), 3.0, None, "dimensions"),
    (SquaredError(), [[1.0, 2.0], [3.0]], None, "not an array of numbers"),
    (SquaredError(), ["1", "2"], None, "not an array of numbers"),
    (SquaredError(), np.array(["1", 2], object), None, "not an array of numbers"),
    (SquaredError(), np.array([1 + 2j]), None, "not an array of numbers"),
    (SquaredError(), np.array(["2020-01-01"], "datetime64[D]"), None, "not an array of numbers"),
    (SquaredError(), [1.0, np.nan], None, r"not finite\n  where:    y, row 1\n.*\n  got:      nan"),
    (SquaredError(), [1.0, None], None, "y, row 1"),
    (SquaredError(), [[1.0, 2.0], [3.0, np.inf]], None, "y, row 1, column 1"),
    (SquaredError(), [[1.0, 2.0]], 3, r"3 columns\n  got:      2 columns"),
    (LABELS, [0, 1, 2], None, r"outside \[0, 1\]\n  where:    y, row 2\n.*\n  got:      2"),
    (LABELS, [0, -0.1], None, "y, row 1"),
    (Poisson(), [3.0, -1.0], None, r"negative\n  where:    y, row 1\n.*\n  got:      -1"),
    (
        CLASSES,
        [0, 1, 1.5],
        None,
        r"whole number.*\n  where:    y, row 2\n.*\n  got:      1.5",
    ),
    (CLASSES, [0, -1], None, "y, row 1"),
    (
        CLASSES,
        [0, 1, 3],
        3,
        r"large\n  where:    y, row 2\n  expected: .* 0 to 2\n  got:      3",
    ),
    (CLASSES, [0, 0], None, "one class only"),
    (CLASSES, [], None, "empty"),
    (CLASSES, ["cat", "dog"], None, "not an array of numbers"),
    (
        CLASSES,
        [[0.5, 0.4], [0.5, 0.5]],
        None,
        r"to 1\n  where:    y, row 0\n.*\n  got:      0.9",
    ),
    (CLASSES, [[1.5, -0.5]], None, "y, row 0, column 0"),
    (CLASSES, [[0], [2]], None, "one-dimensional"),
    (CLASSES, [[1.0, 0.0]], 3, "3 columns"),
]


@pytest.mark.parametrize(("loss", "y", "width", "message"), BAD_TARGETS)
def test_bad_targets_are_named(loss: Loss, y: object, width: int | None, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        loss.encode(y, width)
