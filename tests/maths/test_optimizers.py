"""Optimizers: steps by hand, ten steps of PyTorch 2.13, purity, dtypes, rates per weight."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chainrule.errors import InvalidParameterError, UsageError
from chainrule.maths.optimizer import OPTIMIZERS, Optimizer
from chainrule.maths.optimizers import (
    LBFGS,
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    AMSGrad,
    Momentum,
    NAdam,
    Nesterov,
    RMSProp,
)

MEMBERS = [example for cls in OPTIMIZERS if cls.stepwise for example in cls.examples()]
Slots = dict[str, np.ndarray]


def first_slots(optimizer: Optimizer, count: int, dtype: type = np.float64) -> Slots:
    return {name: np.full(count, optimizer.initial_slot(name), dtype) for name in optimizer.slots}


def steps_by_hand(optimizer: Optimizer, gradients: list[float], rate: float) -> list[float]:
    """Return the weight after each of the gradients, starting at 1."""
    weights, slots = np.array([1.0]), first_slots(optimizer, 1)
    path = []
    for step, gradient in enumerate(gradients, start=1):
        weights, slots = optimizer.update(weights, np.array([gradient]), slots, step, rate)
        path.append(float(weights[0]))
    return path


# Three steps with gradients 1, 2, -1 from the weight 1, each line as it is done on paper.
ROOT = math.sqrt
BY_HAND = [
    (SGD(), 0.1, [0.9, 0.7, 0.8]),
    # v: -0.1, -0.05 - 0.2 = -0.25, -0.125 + 0.1 = -0.025
    (Momentum(momentum=0.5), 0.1, [0.9, 0.65, 0.625]),
    # the same v; w + v/2 - rate g: 1 - 0.05 - 0.1, 0.85 - 0.125 - 0.2, 0.525 - 0.0125 + 0.1
    (Nesterov(momentum=0.5), 0.1, [0.85, 0.525, 0.6125]),
    # s: 1, 5, 6
    (
        AdaGrad(epsilon=1e-300),
        0.1,
        [0.9, 0.9 - 0.2 / ROOT(5), 0.9 - 0.2 / ROOT(5) + 0.1 / ROOT(6)],
    ),
    # s: 0.5, 2.25, 1.625
    (
        RMSProp(smoothing=0.5, epsilon=1e-300),
        0.15,
        [
            1 - 0.15 / ROOT(0.5),
            1 - 0.15 / ROOT(0.5) - 0.2,
            1 - 0.15 / ROOT(0.5) - 0.2 + 0.15 / ROOT(1.625),
        ],
    ),
    # m: 0.5, 1.25, 0.125, over 0.5, 0.75, 0.875: 1, 5/3, 1/7
    # s: 0.25, 1.1875, 1.140625, over 0.25, 0.4375, 0.578125: 1, 19/7, 73/37
    (
        Adam(beta1=0.5, beta2=0.75, epsilon=1e-300),
        0.1,
        [
            0.9,
            0.9 - (1 / 6) / ROOT(19 / 7),
            0.9 - (1 / 6) / ROOT(19 / 7) - (1 / 70) / ROOT(73 / 37),
        ],
    ),
    # The largest s is 1.1875 in the third step too: over 0.578125 it is 76/37.
    (
        AMSGrad(beta1=0.5, beta2=0.75, epsilon=1e-300),
        0.1,
        [
            0.9,
            0.9 - (1 / 6) / ROOT(19 / 7),
            0.9 - (1 / 6) / ROOT(19 / 7) - (1 / 70) / ROOT(76 / 37),
        ],
    ),
    # With psi = 0 every mu is 1/4. m as for Adam; the products are 1/4, 1/16, 1/64, 1/256.
    # (1/4) m / (15/16, 63/64, 255/256) + (3/4) g / (3/4, 15/16, 63/64):
    # 2/15 + 1, 20/63 + 8/5, 8/255 - 16/21
    (
        NAdam(beta1=0.5, beta2=0.75, epsilon=1e-300, momentum_decay=0.0),
        0.1,
        [
            1 - 0.1 * (17 / 15),
            1 - 0.1 * (17 / 15) - 0.1 * (20 / 63 + 8 / 5) / ROOT(19 / 7),
            1
            - 0.1 * (17 / 15)
            - 0.1 * (20 / 63 + 8 / 5) / ROOT(19 / 7)
            - 0.1 * (8 / 255 - 16 / 21) / ROOT(73 / 37),
        ],
    ),
]


@pytest.mark.parametrize(
    ("optimizer", "rate", "path"), BY_HAND, ids=lambda v: getattr(v, "name", "")
)
def test_three_steps_by_hand(optimizer: Optimizer, rate: float, path: list[float]) -> None:
    assert steps_by_hand(optimizer, [1.0, 2.0, -1.0], rate) == pytest.approx(path, rel=1e-14)


# The weights after the stated number of steps of PyTorch 2.13.0 in float64, with the gradients of
# `bowl` below. Momentum and Nesterov agree with it because the rate is constant.
PYTORCH = [
    (
        SGD(0.05),
        10,
        [0.31879972363578396, -1.1603097140926202, -0.0062909534968139825, 0.005766641374151776],
    ),
    (
        Momentum(0.02, momentum=0.8),
        10,
        [0.2398644940721221, -1.1370118834142662, -0.0449847560468196, 0.012140530470366596],
    ),
    (
        Nesterov(0.02, momentum=0.8),
        10,
        [0.23070569266769153, -1.1243152298935275, 0.00751600570227561, 0.0064733412423506565],
    ),
    (
        AdaGrad(0.1),
        10,
        [0.18816908000507254, -0.9301754819172765, 1.5223061369059023, -0.03516796151181967],
    ),
    (
        AdaGrad(0.1, initial_squares=0.25),
        10,
        [0.2169036418593991, -1.0281597827801785, 1.5223679078303822, -0.027079556493446753],
    ),
    (
        RMSProp(0.01, smoothing=0.95),
        10,
        [0.32195231107605005, -1.095899034163361, 1.7698738933701015, -0.0041487650162500556],
    ),
    (
        Adam(0.1, beta1=0.8, beta2=0.95),
        10,
        [-0.10205180451105997, -0.6294189320854459, 1.0346968546959254, -0.042395442657360914],
    ),
    (
        AMSGrad(0.1, beta1=0.8, beta2=0.6),
        10,
        [-0.0547200103243416, -0.6754015535992252, 1.0452023002744784, -0.03503837900377308],
    ),
    (
        AdamW(0.1, weight_decay=0.3),
        10,
        [-0.14606751800397322, -0.3860205890474313, 0.6411308500830106, -0.05424179023061097],
    ),
    (
        NAdam(0.1, beta1=0.8, beta2=0.95),
        10,
        [0.06996005994565246, -0.7133452381354987, 1.15380951253229, -0.08856763956546498],
    ),
    (
        NAdam(0.01, momentum_decay=0.4),
        600,
        [
            -5.433573127728599e-05,
            -0.07969727155476179,
            0.0027791425141530613,
            0.0004279613535956952,
        ],
    ),
]


def bowl(step: int, weights: np.ndarray) -> np.ndarray:
    """Return the gradient of an ill-scaled quadratic, plus a wobble that stands for batches."""
    return np.array([1.0, 0.1, 10.0, 0.5]) * weights + 0.3 * np.cos(np.arange(4) + step)


def descended(optimizer: Optimizer, steps: int) -> np.ndarray:
    weights, slots = np.array([0.5, -1.25, 2.0, 0.03]), first_slots(optimizer, 4)
    rate = optimizer.learning_rate
    for step in range(1, steps + 1):
        gradient = bowl(step, weights)
        weights = weights * (1.0 - rate * optimizer.decay())
        weights, slots = optimizer.update(weights, gradient, slots, step, rate)
    return weights


@pytest.mark.parametrize(("optimizer", "steps", "expected"), PYTORCH, ids=lambda v: repr(v)[:40])
def test_equal_to_pytorch(optimizer: Optimizer, steps: int, expected: list[float]) -> None:
    assert descended(optimizer, steps) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("member", MEMBERS, ids=repr)
def test_every_optimizer_goes_downhill(member: Optimizer) -> None:
    weights, slots = np.array([1.0, -1.0]), first_slots(member, 2)
    for step in range(1, 201):
        weights, slots = member.update(weights, 2.0 * weights, slots, step, member.learning_rate)
    assert np.all(np.abs(weights) < 0.99)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rate", [0.1, 1, np.float64(0.1), np.float32(0.1), np.full(3, 0.1)])
@pytest.mark.parametrize("member", MEMBERS, ids=repr)
def test_the_dtype_stays(member: Optimizer, rate: object, dtype: type) -> None:
    weights, gradient = np.ones(3, dtype), np.full(3, 0.5, dtype)
    slots = first_slots(member, 3, dtype)
    for step in (1, 2):
        weights, slots = member.update(weights, gradient, slots, step, rate)
        assert weights.dtype == dtype
        assert set(slots) == set(member.slots)
        assert all(slot.dtype == dtype and slot.shape == (3,) for slot in slots.values())


@pytest.mark.parametrize(
    "member",
    [
        Momentum(momentum=np.float64(0.5)),
        Nesterov(momentum=np.float64(0.5)),
        AdaGrad(epsilon=np.float64(1e-6)),
        RMSProp(smoothing=np.float64(0.5), epsilon=np.float64(1e-6)),
        *(
            cls(beta1=np.float64(0.5), beta2=np.float64(0.5), epsilon=np.float64(1e-6))
            for cls in (Adam, AdamW, AMSGrad, NAdam)
        ),
    ],
    ids=lambda member: member.name,
)
def test_numpy_parameters_do_not_promote(member: Optimizer) -> None:
    one = np.ones(2, np.float32)
    weights, slots = member.update(one, one, first_slots(member, 2, np.float32), 1, 0.1)
    assert {weights.dtype, *(slot.dtype for slot in slots.values())} == {np.dtype(np.float32)}


@pytest.mark.parametrize("member", MEMBERS, ids=repr)
def test_nothing_is_written_in_place(member: Optimizer) -> None:
    weights, gradient = np.array([1.0, 2.0]), np.array([0.5, -0.5])
    slots = first_slots(member, 2)
    for array in (weights, gradient, *slots.values()):
        array.flags.writeable = False
    first = member.update(weights, gradient, slots, 1, 0.1)
    again = member.update(weights, gradient, slots, 1, 0.1)
    assert first[0].tobytes() == again[0].tobytes()
    assert all(new is not weights for new in (first[0], again[0]))


@pytest.mark.parametrize("member", MEMBERS, ids=repr)
def test_a_rate_for_each_weight(member: Optimizer) -> None:
    weights, gradient = np.array([1.0, 1.0, 1.0]), np.array([0.5, 0.5, 0.5])
    rates = np.array([0.0, 0.1, 0.3])
    new, _ = member.update(weights, gradient, first_slots(member, 3), 1, rates)
    alone = [
        float(member.update(np.ones(1), np.full(1, 0.5), first_slots(member, 1), 1, rate)[0][0])
        for rate in rates
    ]
    assert new.tolist() == alone
    assert new[0] == 1.0


@pytest.mark.parametrize("member", MEMBERS, ids=repr)
def test_a_gradient_of_zeros_at_first_moves_nothing(member: Optimizer) -> None:
    weights, slots = member.update(np.ones(2), np.zeros(2), first_slots(member, 2), 1, 0.1)
    assert weights.tolist() == [1.0, 1.0]
    assert all(np.all(np.isfinite(slot)) for slot in slots.values())


def test_the_first_step_of_adam_has_the_length_of_the_rate() -> None:
    weights, _ = Adam().update(
        np.zeros(3), np.array([1e-4, -1.0, 1e4]), first_slots(Adam(), 3), 1, 0.1
    )
    assert weights == pytest.approx([-0.1, 0.1, -0.1], rel=1e-3)


def test_momentum_zero_is_gradient_descent() -> None:
    path = steps_by_hand(SGD(), [1.0, 2.0, -1.0], 0.1)
    assert steps_by_hand(Momentum(momentum=0.0), [1.0, 2.0, -1.0], 0.1) == path
    assert steps_by_hand(Nesterov(momentum=0.0), [1.0, 2.0, -1.0], 0.1) == path


def test_the_worked_example_of_note_004() -> None:
    """Delta w = 0.1 x 0.072 x 0.5; with momentum the change before it is added."""
    gradient = np.array([-0.072 * 0.5])
    weights, slots = Momentum(momentum=0.9).update(
        np.array([0.4]), gradient, {"velocity": np.array([0.0])}, 1, 0.1
    )
    assert weights[0] == pytest.approx(0.4036, rel=1e-12)
    weights, _ = Momentum(momentum=0.9).update(weights, gradient, slots, 2, 0.1)
    assert weights[0] == pytest.approx(0.4036 + 0.0036 + 0.9 * 0.0036, rel=1e-12)


def test_nadam_product_settles() -> None:
    """Cutting the product off changes nothing that float64 can see."""
    optimizer = NAdam(beta1=0.9, momentum_decay=1.0)
    full = math.prod(optimizer.momentum_at(step) for step in range(1, 5001))
    assert 1.0 - optimizer.momentum_product(5000) == 1.0 - full == 1.0
    short = math.prod(optimizer.momentum_at(step) for step in range(1, 101))
    assert optimizer.momentum_product(100) == short


def test_only_adamw_decays() -> None:
    assert {member.name for member in MEMBERS if member.decay()} == {"adamw"}
    assert AdamW(weight_decay=0.3).decay() == 0.3


def test_adagrad_starts_where_it_is_told() -> None:
    assert AdaGrad(initial_squares=0.25).initial_slot("squares") == 0.25


def test_the_learning_rate_comes_first() -> None:
    for cls in OPTIMIZERS:
        if cls.stepwise:
            assert cls(0.125).learning_rate == 0.125  # pyright: ignore[reportCallIssue]


def test_lbfgs_says_what_it_is() -> None:
    assert not LBFGS.stepwise
    with pytest.raises(UsageError, match="whole data"):
        LBFGS().update(np.ones(1), np.ones(1), {}, 1, 1.0)
    with pytest.raises(InvalidParameterError):
        LBFGS(0.1)


def test_lbfgs_options_are_understood_by_scipy() -> None:
    from scipy import optimize

    options = LBFGS(memory=3, tolerance=1e-9, objective_tolerance=0.0).scipy_options(100)
    result = optimize.minimize(
        optimize.rosen, [-1.2, 1.0], jac=optimize.rosen_der, method="L-BFGS-B", options=options
    )
    assert result.success
    assert result.x == pytest.approx([1.0, 1.0], rel=1e-6)
