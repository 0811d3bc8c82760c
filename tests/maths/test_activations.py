"""Activations: values by 40 digits, tails, corners, saturation, gains, dtypes, learned slopes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, optimize

from chainrule.errors import InvalidParameterError
from chainrule.maths.activation import ACTIVATIONS, Activation
from chainrule.maths.activations import (
    ELU,
    GELU,
    SELU,
    GELUTanh,
    Identity,
    LeakyReLU,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    SwishBeta,
    Tanh,
)
from chainrule.maths.arrays import erf
from chainrule.maths.links import Exponential, GaussianLink

MEMBERS = [example for cls in ACTIVATIONS for example in cls.examples()]
ELEMENTWISE = [member for member in MEMBERS if member.elementwise]
ROWWISE = [member for member in MEMBERS if not member.elementwise]
EXTREMES = (-1e4, -800.0, -709.5, -89.0, -50.0, -0.0, 0.0, 50.0, 89.0, 709.9, 800.0, 1e4)
POINTS = [-3.0, -0.5, 0.75, 2.0]

# Values and slopes at POINTS, from the textbook formulas in 40 digits (mpmath).
GOLDENS = {
    Sigmoid(): (
        [0.04742587317756678, 0.37754066879814546, 0.679178699175393, 0.8807970779778824],
        [0.04517665973091213, 0.2350037122015945, 0.21789499376181404, 0.10499358540350652],
    ),
    Tanh(): (
        [-0.9950547536867305, -0.46211715726000974, 0.6351489523872873, 0.9640275800758169],
        [0.00986603716544019, 0.7864477329659274, 0.5965858082813315, 0.07065082485316447],
    ),
    Softplus(): (
        [0.04858735157374206, 0.4740769841801067, 1.1368710061148999, 2.1269280110429727],
        [0.04742587317756678, 0.37754066879814546, 0.679178699175393, 0.8807970779778824],
    ),
    ELU(): (
        [-0.950212931632136, -0.3934693402873666, 0.75, 2.0],
        [0.049787068367863944, 0.6065306597126334, 1.0, 1.0],
    ),
    SELU(): (
        [-1.670568728767112, -0.6917581878028713, 0.7880257405166103, 2.101401974710961],
        [0.08753061208026489, 1.0663411530445055, 1.0507009873554805, 1.0507009873554805],
    ),
    GELU(): (
        [-0.0040496940948902835, -0.15426876936299344, 0.5800294857173488, 1.9544997361036416],
        [-0.011945647204183927, 0.13250487534383715, 0.9992257217392351, 1.085231801078197],
    ),
    GELUTanh(): (
        [-0.003637392081773019, -0.15428599017485609, 0.5799605551656203, 1.954597694087775],
        [-0.011584166630969726, 0.1326300964653577, 0.9989382561374143, 1.0860992566236183],
    ),
    SiLU(): (
        [-0.14227761953270035, -0.18877033439907273, 0.5093840243815447, 1.7615941559557649],
        [-0.08810410601516962, 0.2600388126973482, 0.8425999444967535, 1.0907842487848955],
    ),
    Mish(): (
        [-0.14564746127562458, -0.22074377465173, 0.6100183352182934, 1.9439589595339946],
        [-0.09339311453232084, 0.2895106779135122, 0.985758355716688, 1.0693179342794896],
    ),
    ReLU(): ([0.0, 0.0, 0.75, 2.0], [0.0, 0.0, 1.0, 1.0]),
    LeakyReLU(): ([-0.03, -0.005, 0.75, 2.0], [0.01, 0.01, 1.0, 1.0]),
    PReLU(): ([-0.75, -0.125, 0.75, 2.0], [0.25, 0.25, 1.0, 1.0]),
    Identity(): (POINTS, [1.0, 1.0, 1.0, 1.0]),
}


def learned_of(member: Activation, width: int) -> dict[str, np.ndarray]:
    """Return learned parameters that differ from unit to unit."""
    spread = np.linspace(-0.3, 0.7, width)
    return {learned.name: learned.initial + spread for learned in member.learned}


@pytest.mark.parametrize("member", GOLDENS, ids=str)
def test_values_and_slopes_have_the_digits_of_the_formula(member: Activation) -> None:
    values, slopes = GOLDENS[member]
    Z = np.array(POINTS)
    H = member.value(Z)
    np.testing.assert_allclose(H, values, rtol=5e-16 if member != GELU() else 5e-15)
    np.testing.assert_allclose(member.slope(Z, H), slopes, rtol=5e-14)


@pytest.mark.parametrize(
    ("member", "z", "value", "slope"),
    [
        (Softplus(), -50.0, 1.9287498479639178e-22, 1.9287498479639178e-22),
        (Softplus(), -700.0, 9.85967654375977e-305, 9.85967654375977e-305),
        (GELU(), -30.0, -1.472014178144456e-196, -4.416031690708495e-195),
        (GELU(), -37.0, -2.1184613523340935e-298, -7.838298669418516e-297),
        (GELUTanh(), -9.0, -1.3364595947346586e-28, -2.515735285067425e-27),
        (SiLU(), -40.0, -1.6993417021166355e-16, -1.6568581595637197e-16),
        (Mish(), -40.0, -1.6993417021166355e-16, -1.6568581595637197e-16),
        (ELU(), -1e-12, -9.999999999995e-13, 0.999999999999),
    ],
    ids=str,
)
def test_tails_keep_their_digits(member: Activation, z: float, value: float, slope: float) -> None:
    Z = np.array([z])
    H = member.value(Z)
    np.testing.assert_allclose(H, value, rtol=1e-12)
    np.testing.assert_allclose(member.slope(Z, H), slope, rtol=1e-12)


def test_log_softmax_keeps_the_digits_of_a_sure_class() -> None:
    H = LogSoftmax().value(np.array([[0.0, -50.0, -60.0]]))
    np.testing.assert_allclose(H[0, 0], -np.exp(-50.0) - np.exp(-60.0), rtol=1e-15)
    np.testing.assert_array_equal(H[0, 1:], [-50.0, -60.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_extremes_are_finite_and_silent(member: Activation, dtype: type) -> None:
    Z = np.array([EXTREMES, EXTREMES[::-1]], dtype=dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        H = member.value(Z)
        dZ = member.backward(np.ones_like(Z), Z, H)
        learned = member.learned_gradients(np.ones_like(Z), Z, H)
    assert H.dtype == dZ.dtype == dtype
    assert np.all(np.isfinite(H))
    assert np.all(np.isfinite(dZ))
    assert all(np.all(np.isfinite(gradient)) for gradient in learned.values())


@pytest.mark.parametrize("shape", [(6, 5), (2, 3, 5), (0, 5)])
@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_backward_is_the_derivative(member: Activation, shape: tuple[int, ...]) -> None:
    generator = np.random.default_rng(3)
    Z, dH, direction = (3.0 * generator.normal(size=shape) for _ in range(3))
    learned = learned_of(member, 5)
    H = member.value(Z, **learned)
    before = Z.copy(), dH.copy(), H.copy()
    dZ = member.backward(dH, Z, H, **learned)
    stepped = member.value(Z + 1e-30j * direction, **learned).imag / 1e-30
    np.testing.assert_allclose(np.sum(dZ * direction), np.sum(dH * stepped), rtol=1e-11)
    for kept, now in zip(before, (Z, dH, H), strict=True):
        np.testing.assert_array_equal(kept, now)


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_float32_stays_float32_whatever_type_the_parameters_have(member: Activation) -> None:
    parameters = {key: np.float64(value) for key, value in member.parameters().items()}
    member = type(member)(**parameters)
    learned = {key: value.astype(np.float32) for key, value in learned_of(member, 4).items()}
    Z = np.linspace(-3, 3, 8, dtype=np.float32).reshape(2, 4)
    H = member.value(Z, **learned)
    assert H.dtype == np.float32
    assert member.backward(Z, Z, H, **learned).dtype == np.float32
    for gradient in member.learned_gradients(Z, Z, H, **learned).values():
        assert gradient.dtype == np.float32
    wide = member.value(Z.astype(np.float64), **learned)
    np.testing.assert_allclose(H, wide, rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_the_numpy_text_gives_the_same_numbers(member: Activation) -> None:
    Z = np.random.default_rng(5).normal(size=(4, 3)) * 2.0
    names = {"np": np, "erf": erf, **member.parameters(), **learned_of(member, 3)}
    learned = {learned.name: names[learned.name] for learned in member.learned}
    H = member.value(Z, **learned)
    np.testing.assert_allclose(eval(member.numpy, names, {"Z": Z}), H, rtol=1e-12, atol=1e-15)
    if member.elementwise:
        typed = eval(member.slope_numpy, names, {"Z": Z, "H": H})
        np.testing.assert_allclose(typed, member.slope(Z, H, **learned), rtol=1e-11, atol=1e-14)
    else:
        typed = eval(member.slope_numpy, names, {"Z": Z[0], "H": H[0]})
        np.testing.assert_allclose(typed, member.jacobian(Z[0], H[0]), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("member", ELEMENTWISE, ids=str)
def test_saturation_is_one_percent_of_the_largest_slope(member: Activation) -> None:
    def slope(z: float | np.ndarray) -> np.ndarray:
        Z = np.asarray(z, dtype=np.float64)
        return np.abs(member.slope(Z, member.value(Z)))

    grid = np.linspace(-30.0, 30.0, 60001)
    start = grid[np.argmax(slope(grid))]
    peak = optimize.minimize_scalar(
        lambda z: -slope(z), bounds=(start - 1e-3, start + 1e-3), options={"xatol": 1e-12}
    )
    largest = max(float(slope(grid).max()), -float(peak.fun))
    for end, side in zip(member.saturates, (-1, 1), strict=True):
        if end is None:
            assert slope(side * 30.0) >= 0.01 * largest
        else:
            beyond = side * np.geomspace(1e-6, 30.0, 4001) + end
            assert np.all(slope(beyond) < 0.01 * largest)
            assert slope(end - side * 1e-6) > 0.01 * largest


@pytest.mark.parametrize("member", ELEMENTWISE, ids=str)
def test_gain_keeps_the_second_moment(member: Activation) -> None:
    def weighted(z: float) -> float:
        return float(member.value(np.asarray(z)) ** 2) * math.exp(-z * z / 2.0)

    moment = sum(integrate.quad(weighted, *ends, epsabs=1e-13)[0] for ends in ((-12, 0), (0, 12)))
    assert member.gain() ** 2 * moment / math.sqrt(2.0 * math.pi) == pytest.approx(1.0, abs=1e-12)


def test_gains_of_the_rectifiers_are_the_published_ones() -> None:
    assert ReLU().gain() == pytest.approx(math.sqrt(2.0))
    assert LeakyReLU(alpha=0.5).gain() == pytest.approx(math.sqrt(2.0 / 1.25))
    assert SELU().gain() == Identity().gain() == 1.0


@pytest.mark.parametrize("member", [ReLU(), LeakyReLU(), PReLU(), ELU(alpha=0.5), SELU()], ids=str)
def test_a_corner_states_its_slope_and_has_two_derivatives(member: Activation) -> None:
    (kink,) = member.kinks()
    at = np.array([kink.at])
    assert member.slope(at, member.value(at))[0] == kink.slope
    step = 1e-7
    left = (member.value(at) - member.value(at - step))[0] / step
    right = (member.value(at + step) - member.value(at))[0] / step
    assert left == pytest.approx(kink.slope, abs=1e-6)
    assert abs(right - left) > 0.1
    assert not member.analytic


@pytest.mark.parametrize("member", ELEMENTWISE, ids=str)
def test_elsewhere_there_is_no_corner(member: Activation) -> None:
    known = {kink.at for kink in member.kinks()}
    for z in (-1.0, 0.0, 1.0):
        Z = np.array([z - 1e-7, z + 1e-7])
        left, right = member.slope(Z, member.value(Z))
        assert (abs(right - left) > 1e-5) == (z in known)


def test_elu_with_alpha_one_has_no_corner_and_is_not_analytic_either() -> None:
    assert ELU().kinks() == ()
    assert not ELU.analytic
    assert [member.name for member in MEMBERS if not member.analytic and not member.kinks()] == [
        "elu"
    ]


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_nan_is_not_swallowed(member: Activation) -> None:
    assert np.any(np.isnan(member.value(np.array([[np.nan, 1.0]]))))


@pytest.mark.parametrize(
    ("alias", "expected"),
    [("logistic", Sigmoid()), ("swish", SiLU()), ("linear", Identity()), ("relu", ReLU())],
)
def test_aliases(alias: str, expected: Activation) -> None:
    assert ACTIVATIONS.make(alias) == expected


@pytest.mark.parametrize(
    ("cls", "parameter", "value"),
    [
        (LeakyReLU, "alpha", 1.0),
        (LeakyReLU, "alpha", -0.1),
        (ELU, "alpha", 0),
        (Softplus, "beta", 0),
    ],
)
def test_parameters_are_checked(cls: type[Activation], parameter: str, value: float) -> None:
    with pytest.raises(InvalidParameterError, match=parameter):
        cls(**{parameter: value})


@pytest.mark.parametrize("member", [PReLU(), SwishBeta()], ids=str)
def test_learned_gradients_are_derivatives_summed_over_everything_but_units(
    member: Activation,
) -> None:
    generator = np.random.default_rng(7)
    Z, dH = generator.normal(size=(2, 3, 4)), generator.normal(size=(2, 3, 4))
    (name,) = (learned.name for learned in member.learned)
    start = learned_of(member, 4)[name]
    gradient = member.learned_gradients(dH, Z, member.value(Z, **{name: start}), **{name: start})
    assert set(gradient) == {name}
    assert gradient[name].shape == (4,)
    for unit in range(4):
        stepped = start + 1e-30j * (np.arange(4) == unit)
        derivative = np.sum(dH * member.value(Z, **{name: stepped}).imag) / 1e-30
        assert gradient[name][unit] == pytest.approx(derivative, rel=1e-12)


def test_learned_activations_start_as_their_fixed_kin() -> None:
    Z = np.linspace(-4, 4, 12).reshape(3, 4)
    np.testing.assert_array_equal(SwishBeta().value(Z), SiLU().value(Z))
    np.testing.assert_array_equal(PReLU().value(Z), LeakyReLU(alpha=0.25).value(Z))
    ones = np.ones(4)
    np.testing.assert_array_equal(SwishBeta().value(Z, beta=ones), SwishBeta().value(Z))


@pytest.mark.parametrize("member", ROWWISE, ids=str)
def test_backward_of_a_row_is_the_jacobian_applied_from_the_left(member: Activation) -> None:
    generator = np.random.default_rng(11)
    Z, dH = generator.normal(size=(3, 4)), generator.normal(size=(3, 4))
    H = member.value(Z)
    dZ = member.backward(dH, Z, H)
    for row in range(3):
        np.testing.assert_allclose(dZ[row], dH[row] @ member.jacobian(Z[row], H[row]), rtol=1e-13)


def test_softmax_is_not_element_wise() -> None:
    H = Softmax().value(np.array([[1.0, 2.0, 3.0]]))
    jacobian = Softmax().jacobian(np.array([1.0, 2.0, 3.0]), H[0])
    assert np.all(jacobian != 0.0)
    np.testing.assert_allclose(jacobian.sum(axis=0), 0.0, atol=1e-16)
    assert not Softmax.elementwise


def test_softmax_allows_masked_scores() -> None:
    H = Softmax().value(np.array([[0.0, -np.inf, 0.0]]))
    np.testing.assert_array_equal(H, [[0.5, 0.0, 0.5]])


def test_gelu_tanh_is_near_gelu_and_has_its_own_slope() -> None:
    Z = np.linspace(-10, 10, 20001)
    assert 4e-4 < np.max(np.abs(GELU().value(Z) - GELUTanh().value(Z))) < 5e-4
    difference = GELU().slope(Z, GELU().value(Z)) - GELUTanh().slope(Z, GELUTanh().value(Z))
    assert np.max(np.abs(difference)) > 1e-4


def test_links_stay_out_of_the_registry() -> None:
    assert Exponential.name not in ACTIVATIONS
    assert GaussianLink.name not in ACTIVATIONS


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_exponential_link_is_infinite_only_where_the_type_ends(dtype: type) -> None:
    limit = math.log(float(np.finfo(dtype).max))
    Z = np.array([limit * (1 - 1e-5), limit * (1 + 1e-5), 1e4, -1e4], dtype=dtype)
    with np.errstate(over="raise"):
        P = Exponential().value(Z)
    assert P.dtype == dtype
    np.testing.assert_array_equal(np.isinf(P), [False, True, True, False])
    assert P[3] == 0.0


def test_the_gaussian_link_and_its_backward() -> None:
    raw, dP = np.array([[1.0, -2.0, 0.5, -0.25]]), np.array([[1.0, 2.0, 3.0, 4.0]])
    P = GaussianLink().value(raw)
    np.testing.assert_allclose(P, [[1.0, -2.0, math.exp(0.5), math.exp(-0.25)]])
    np.testing.assert_allclose(eval(GaussianLink.numpy, {"np": np, "Z": raw}), P)
    expected = [[1.0, 2.0, 3.0 * math.exp(0.5), 4.0 * math.exp(-0.25)]]
    np.testing.assert_allclose(GaussianLink().backward(dP, raw, P), expected)
