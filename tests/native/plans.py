"""Generated plans: layers, sizes, losses, optimizers and more, drawn from the registries."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from chainrule.checks import AnyOf, Boolean, Integer, NoneValue, OneOf, Real, Rule
from chainrule.engine import Rows
from chainrule.errors import InvalidParameterError, ShapeError
from chainrule.maths.activation import ACTIVATIONS
from chainrule.maths.clipping import CLIPPINGS
from chainrule.maths.loss import LOSSES
from chainrule.maths.optimizer import OPTIMIZERS
from chainrule.maths.penalty import PENALTIES
from chainrule.maths.schedule import SCHEDULES
from chainrule.nn import (
    LAYERS,
    Columns,
    Concat,
    Dense,
    Embedding,
    Flatten,
    Layer,
    Sequential,
    build_graph,
)
from chainrule.ops.shapes import sizes
from chainrule.plan import Plan, make_plan
from chainrule.plan.plan import Group
from chainrule.registry import Record, Registry
from tests.native.own_losses import OWN

__all__ = ["Case", "cases"]

WIDEST = 300
DEEPEST = 8
MOST_FEATURES = 600
"""What a chain of concatenations may grow to."""
MOST_PARAMETERS = 300_000

SMALL_OR_ANY = st.one_of(st.integers(1, 9), st.integers(1, WIDEST))


@dataclass(frozen=True, repr=False)
class Case:
    """A plan, its data (exact in float32), and how they are used."""

    plan: Plan
    rows: Rows
    batch: int
    seed: int

    def __repr__(self) -> str:
        plan = self.plan
        parts = [
            str(plan.network),
            f"samples {len(self.rows)} x {plan.sample_shape}",
            f"batch {self.batch}",
            f"{plan.loss} ({plan.reduction}), {plan.targets} targets",
            f"{plan.optimizer}, {plan.schedule}, {plan.penalties}, {plan.clippings}, {plan.groups}",
            f"weighted {self.rows.weights is not None}, seed {self.seed}",
        ]
        return "\n  ".join(parts)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))  # Hypothesis would print every number

    def rows_as(self, dtype: str) -> Rows:
        """Return the data in a type."""
        weights = None if self.rows.weights is None else self.rows.weights.astype(dtype)
        return Rows(self.rows.X.astype(dtype), self.rows.Y.astype(dtype), weights)

    def frozen(self, names: list[str]) -> Case:
        """Return the case with some parameters at the learning rate 0."""
        groups = (*self.plan.groups, *(Group(name, rate_factor=0.0) for name in names))
        return replace(self, plan=replace(self.plan, groups=groups))


def one_of(registry: Registry[Any]) -> st.SearchStrategy[Any]:
    """Return an example of a registry's member."""
    return st.sampled_from([example for member in registry for example in member.examples()])


def schedules() -> st.SearchStrategy[Any]:
    """Return a schedule of the step."""
    return one_of(SCHEDULES).filter(lambda schedule: not schedule.needs_score)


def between(rule: Real) -> st.SearchStrategy[float]:
    """Return numbers that a rule accepts, of everyday size."""
    low = -2.0 if rule.low is None else float(rule.low)
    high = low + 2.0 if rule.high is None else float(rule.high)
    margin = 0.05 * (high - low)
    numbers = st.floats(low + margin, high - margin)
    return st.one_of(st.just(low), numbers) if rule.accepts(low) else numbers


@st.composite
def value_for(draw: Any, rule: Rule) -> Any:
    """Return a value for a layer's field: whatever its rule says, of a size that tests can bear."""
    if isinstance(rule, AnyOf):
        plain = [part for part in rule.rules if not isinstance(part, NoneValue)]
        choices: list[Rule | None] = [*(part for part in plain if _drawable(part))]
        choices += [None] if len(plain) < len(rule.rules) or not choices else []
        chosen = draw(st.sampled_from(choices))
        return None if chosen is None else draw(value_for(chosen))
    if isinstance(rule, Boolean):
        return draw(st.booleans())
    if isinstance(rule, Integer):
        low = 1 if rule.low is None else int(rule.low)
        return draw(st.one_of(st.integers(low, 9), st.integers(low, WIDEST)))
    if isinstance(rule, Real):
        return draw(between(rule))
    if isinstance(rule, OneOf):
        return draw(st.sampled_from(rule.names))
    registry = getattr(rule, "registry", None)
    return draw(schedules() if registry is SCHEDULES else one_of(registry))


def _drawable(rule: Rule) -> bool:
    """Say whether values of a rule are drawn at random; labels are not, for they must be unique."""
    registry = getattr(rule, "registry", None)
    known = isinstance(rule, (Boolean, Integer, Real, OneOf))
    return known or registry in (ACTIVATIONS, SCHEDULES)


@st.composite
def inner_layers(
    draw: Any, shape: tuple[int, ...], depth: int, least: int, side_by_side: bool
) -> tuple[Layer, ...]:
    """Return a few layers for a connection: each reads the one before, or all the same input."""
    chain: list[Layer] = []
    for _ in range(draw(st.integers(least, least + 2))):
        reads = shape if side_by_side else output_shape(chain, shape)
        chain.append(draw(layers(reads, depth - 1)))
    return tuple(chain)


def output_shape(chain: list[Layer], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a sample behind some layers; `shape` itself if they do not fit."""
    try:
        return sizes(build_graph(Sequential(*chain), shape).output.shape[1:]) if chain else shape
    except (ShapeError, InvalidParameterError):
        return shape


@st.composite
def layers(draw: Any, shape: tuple[int, ...], depth: int = 1) -> Layer:
    """Return a layer of the registry with drawn fields."""
    nested = [member for member in LAYERS if "layers" in member.rules]
    flat = [member for member in LAYERS if "layers" not in member.rules]
    member = draw(st.sampled_from(flat if depth < 0 else [*flat, *nested]))
    drawn = {
        field.name: draw(field_value(member, field.name, shape, depth))
        for field in fields(member)
        if field.name in member.rules and field.name != "label"
    }
    return member.from_fields(drawn)


def field_value(
    member: type[Layer], name: str, shape: tuple[int, ...], depth: int
) -> st.SearchStrategy[Any]:
    """Return values of a field; those that must fit the input are drawn to fit it."""
    width = shape[-1]
    if name == "layers":
        least = max(member.rules[name].least, 1)  # type: ignore[attr-defined]
        return inner_layers(shape, depth, least, side_by_side=member is Concat)
    if name == "heads":
        return st.sampled_from([heads for heads in (1, 2, 3, 4) if width % heads == 0])
    if name == "picked":
        return st.lists(st.integers(0, width - 1), min_size=1, max_size=20, unique=True).map(tuple)
    if name == "levels":
        return st.one_of(
            st.integers(1, 30),
            st.lists(st.integers(1, 30), min_size=width, max_size=width).map(tuple),
        )
    if name == "epsilon":
        return st.sampled_from([1e-5, 1e-3, 0.1])
    if name in ("initialiser", "bias_initialiser"):
        return st.just(member.__dataclass_fields__[name].default)  # type: ignore[attr-defined]
    return value_for(member.rules[name])


def codes(chain: list[Layer], sample_shape: tuple[int, ...]) -> dict[int, int] | None:
    """Return the number of levels of each column of X that is looked up, or None if not X is."""
    graph = build_graph(Sequential(*chain, Flatten()), sample_shape)
    sources = {node.output.name: node for node in graph.nodes}
    found: dict[int, int] = {}
    for node in graph.nodes:
        if node.op.differentiable():
            continue
        (name,) = node.inputs.values()
        picked: tuple[int, ...] = tuple(range(sample_shape[-1]))
        if name != graph.input.name:
            maker = sources[name]
            if maker.op.name != "columns" or set(maker.inputs.values()) != {graph.input.name}:
                return None
            picked = maker.op.parameters()["picked"]
        for column, levels in zip(picked, node.op.parameters()["levels"], strict=True):
            found[column] = min(levels, found.get(column, levels))
    return found


def acceptable(chain: list[Layer], sample_shape: tuple[int, ...]) -> bool:
    """Say whether layers build on each other, look up codes in X only, and are not too large."""
    try:
        graph = build_graph(Sequential(*chain), sample_shape)
        looked_up = codes(chain, sample_shape)
    except (ShapeError, InvalidParameterError):
        return False
    widths = [int(np.prod(sizes(node.output.shape[1:]))) for node in graph.nodes]
    parameters = sum(int(np.prod(sizes(entry.shape))) for entry in graph.parameters)
    small = max(widths, default=1) <= MOST_FEATURES and parameters <= MOST_PARAMETERS
    return small and looked_up is not None


@st.composite
def table_fronts(draw: Any, width: int) -> Layer:
    """Return what turns a table's numbers and categories into features."""
    split = draw(st.integers(1, width - 1))
    levels = draw(st.lists(st.integers(1, 30), min_size=width - split, max_size=width - split))
    embedding = Embedding(tuple(levels), draw(st.integers(1, 12)))
    categories: list[Layer] = [Columns(*range(split, width)), embedding]
    if draw(st.booleans()):
        categories.append(draw(layers((width - split, embedding.width), depth=0)))
    return Concat(Columns(*range(split)), Sequential(*categories, Flatten()))


@st.composite
def networks(draw: Any) -> tuple[list[Layer], tuple[int, ...]]:
    """Return up to eight layers that fit each other, and the shape of a sample."""
    width = draw(SMALL_OR_ANY)
    sequence = (draw(st.integers(1, 6)), min(width, 48))
    sample_shape = draw(st.sampled_from([(width,), (width,), sequence]))
    chain: list[Layer] = []
    if sample_shape == (width,) and 2 <= width <= 40 and draw(st.integers(0, 2)) == 0:
        front = draw(table_fronts(width))
        chain = [front] if acceptable([front], sample_shape) else []
    for _ in range(draw(st.integers(0, DEEPEST))):
        layer = draw(layers(output_shape(chain, sample_shape)))
        if acceptable([*chain, layer], sample_shape):
            chain.append(layer)
    return chain, sample_shape


@st.composite
def optimizers(draw: Any, rows: int, reduction: str) -> Any:
    """Return a stepwise optimizer whose learning rate does not throw the weights about."""
    optimizer = draw(one_of(OPTIMIZERS).filter(lambda record: record.stepwise))
    rate = 10.0 ** draw(st.floats(-4.0, -2.0))
    return replace(optimizer, learning_rate=rate / rows if reduction == "sum" else rate)


def _chosen(registry: Registry[Any], most: int) -> st.SearchStrategy[tuple[Record, ...]]:
    return st.lists(one_of(registry), max_size=most).map(tuple)


@st.composite
def cases(draw: Any) -> Case:
    """Return a plan with its data."""
    chain, sample_shape = draw(networks())
    loss = draw(st.one_of(one_of(LOSSES), one_of(LOSSES), st.sampled_from([*OWN.values()])))
    targets = draw(st.one_of(st.integers(1, 3), st.integers(1, 40)))
    reduction = draw(st.sampled_from(["mean", "sum"]))
    count, batch = draw(SMALL_OR_ANY), draw(SMALL_OR_ANY)
    groups = draw(st.sampled_from([(), (Group("*.b", 0.5, 2.0), Group("*_1.*", 1.5, 0.0))]))
    plan = make_plan(
        Sequential(*chain, Flatten(), Dense(loss.raw_width(targets))),
        sample_shape,
        loss,
        targets,
        optimizer=draw(optimizers(min(count, batch), reduction)),
        schedule=draw(st.one_of(st.none(), schedules())),
        penalties=draw(_chosen(PENALTIES, 2)),
        clip=draw(_chosen(CLIPPINGS, 2)),
        reduction=reduction,
        groups=groups,
    )
    seed = draw(st.integers(0, 2**32))
    weighted = draw(st.sampled_from([None, "any", "some zero"]))
    return Case(plan, data(plan, chain, count, seed, weighted), batch, seed)


def data(plan: Plan, chain: list[Layer], count: int, seed: int, weighted: str | None) -> Rows:
    """Return inputs (whole numbers where they are looked up), targets and weights."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(count, *plan.sample_shape))
    for column, levels in (codes(chain, plan.sample_shape) or {}).items():
        X[..., column] = random.integers(0, levels, X.shape[:-1])
    Y = np.asarray(plan.loss.sample_targets(random.uniform(0.02, 0.98, (count, plan.targets))))
    weights = None if weighted is None else random.uniform(0.5, 2.0, count)
    if weights is not None and weighted == "some zero":
        weights[random.uniform(size=count) < 0.3] = 0.0
    exact = [None if array is None else array.astype(np.float32) for array in (X, Y, weights)]
    return Rows(*(None if array is None else array.astype(np.float64) for array in exact))  # type: ignore[arg-type]
