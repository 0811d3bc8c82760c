"""Faults of the data: scales, labels, leaks."""

from __future__ import annotations

from chainrule.checks import Real
from chainrule.frozen import frozen
from chainrule.glass.doctor.case import Case
from chainrule.glass.doctor.fault import FAULTS, Fault, Found

__all__ = [
    "ConstantTarget",
    "LeakingColumn",
    "NotFinite",
    "RandomLabels",
    "UnscaledInputs",
    "UnscaledTarget",
]

POSITIVE = Real(0, closed="neither")
SHARE = Real(0, 1)
_CONSEQUENCES = (
    "learning_rate_too_high",
    "learning_rate_too_low",
    "vanishing_gradient",
    "exploding_gradient",
    "dead_relu",
    "saturated_units",
    "clipping_always",
    "clipping_never",
    "overfitting",
    "underfitting",
    "class_imbalance",
    "dropout_too_strong",
    "not_finite",
)


@FAULTS.register
@frozen
class ConstantTarget(Fault):
    """Every row has the same target, so there is nothing to learn.

    Source: the variance that R squared divides by is zero.

    Example
    -------
    >>> from chainrule.glass.doctor import FAULTS
    >>> FAULTS.make("constant_target").title
    'constant labels or target'
    """

    name = "constant_target"
    latex = r"\operatorname{Var}(y) = 0"
    source = "definition"
    title = "constant labels or target"
    tells = "The targets' variance over the rows is zero."
    remedy = "look at how the target column is made: a filter or a join may have left one value"
    explains = (*_CONSEQUENCES, "random_labels", "unscaled_target", "leaking_column")
    needs = "rows"

    def look(self, case: Case) -> Found | None:
        if not case.found("targets", "constant", default=0):
            return None
        value = case.found("targets", "peak")
        sentence = f"all rows have one target, of size {value:g}: deviation 0"
        return Found((sentence,), 1.0, "y", 0, "assert numpy.unique(y).size > 1")


@FAULTS.register
@frozen
class NotFinite(Fault):
    """A number left the range of the floating-point type: inf or NaN.

    Source: IEEE 754; float32 ends at 3.4e38, and a square of 2e19 is beyond it.

    Example
    -------
    >>> from chainrule.glass.doctor import FAULTS
    >>> FAULTS.make("not_finite").outlier
    1000000.0
    """

    name = "not_finite"
    rules = {"outlier": POSITIVE}
    latex = r"\|x\|_\infty > 10^6\, q_{0.98}(|x|) \quad\text{or}\quad J \notin \mathbb{R}"
    source = "IEEE 754"
    title = "numbers that are not finite"
    tells = (
        "The run ended at a loss, gradient or weight that is inf or NaN; or single cells are a "
        "million times larger than their column."
    )
    remedy = "find the cell or the step that overflows; sentinels such as 1e30 stand for missing"
    explains = (*(name for name in _CONSEQUENCES if name != "not_finite"), "random_labels")

    outlier: float = 1e6

    def look(self, case: Case) -> Found | None:
        evidence: list[str] = []
        confidence, layer = 0.0, ""
        for part, name in (("inputs", "X"), ("targets", "y")):
            peak = case.found(part, "peak")
            typical = case.found(part, "peak_typical" if name == "X" else "typical")
            if peak > self.outlier * max(typical, 1.0):
                place = f" ({case.called(case.found('inputs', 'peak_at'))})" if name == "X" else ""
                evidence.append(
                    f"a cell of {name}{place} is {peak:.3g}, where 98 % are below {typical:.3g}"
                )
                confidence, layer = 0.97, name
        if case.diverged and case.facts["fault"]:
            evidence.append(str(case.facts["fault"]))
            confidence = max(confidence, 0.6)
        if not evidence:
            return None
        code = "X = numpy.where(abs(X) > 1e6, numpy.nan, X)  # then fill in or drop"
        return Found(tuple(evidence), confidence, layer, None, code)


@FAULTS.register
@frozen
class UnscaledInputs(Fault):
    """Columns of X are far from deviation 1, so first layers saturate or a few columns rule.

    Source: LeCun, Bottou, Orr, Mueller, "Efficient BackProp" (1998), section 4.3.

    Example
    -------
    >>> from chainrule.glass.doctor import FAULTS
    >>> FAULTS.make("unscaled_inputs").largest
    20.0
    """

    name = "unscaled_inputs"
    rules = {"largest": POSITIVE, "ratio": POSITIVE, "smallest": POSITIVE}
    latex = r"\max_j q_{0.98}(|x_j|) > 20 \quad\text{or}\quad \max_j s_j / s_{med} > 100"
    source = "LeCun, Bottou, Orr, Mueller, Efficient BackProp (1998)"
    title = "unscaled inputs"
    tells = (
        "A column's usual size is above 20, or one column's deviation is a hundred times the "
        "median column's, or all columns' deviations are under 0.01."
    )
    remedy = "standardise the columns: subtract the training mean, divide by the deviation"
    explains = (*_CONSEQUENCES, "batch_norm_batch")
    needs = "rows"

    largest: float = 20.0
    ratio: float = 100.0
    smallest: float = 0.01

    def look(self, case: Case) -> Found | None:
        if case.inputs_normed:
            return None
        large, wide = case.found("inputs", "largest"), case.found("inputs", "widest")
        median = case.found("inputs", "median")
        evidence: list[str] = []
        if large > self.largest:
            place = case.called(case.found("inputs", "largest_at"))
            evidence.append(f"{place} of X is usually as large as {large:.3g}; about 2 fits")
        if wide > self.ratio * median and wide > 3.0:
            evidence.append(f"deviations differ: {wide:.3g} at most, {median:.3g} in the middle")
        if wide < self.smallest:
            evidence.append(f"no column of X has a deviation above {wide:.3g}")
        if not evidence:
            return None
        confidence = 0.97 if large > 3 * self.largest or wide < self.smallest else 0.85
        code = "X = (X - X_train.mean(axis=0)) / X_train.std(axis=0)"
        return Found(tuple(evidence), confidence, "X", 0, code)


@FAULTS.register
@frozen
class UnscaledTarget(Fault):
    """The target's size is far from 1, where the outputs of a new network are.

    Source: the gradient of a squared error grows with the target; outputs start near deviation 1.

    Example
    -------
    >>> from chainrule.glass.doctor import FAULTS
    >>> FAULTS.make("unscaled_target").largest
    12.0
    """

    name = "unscaled_target"
    rules = {"largest": POSITIVE, "smallest": POSITIVE}
    latex = r"\max(|\bar y|, s_y) > 12 \quad\text{or}\quad s_y < 0.02"
    source = "LeCun, Bottou, Orr, Mueller, Efficient BackProp (1998)"
    title = "unscaled target"
    tells = "The target's mean or deviation is above 12, or its deviation is under 0.02."
    remedy = "standardise the target for training, and undo it in predictions"
    explains = _CONSEQUENCES
    needs = "rows"

    largest: float = 12.0
    smallest: float = 0.02

    def look(self, case: Case) -> Found | None:
        if case.plan.loss.task != "regression" or case.plan.loss.link.name != "identity":
            return None
        mean, deviation = case.found("targets", "mean"), case.found("targets", "deviation")
        if case.found("targets", "constant", default=0):
            return None
        if not (max(mean, deviation) > self.largest or deviation < self.smallest):
            return None
        sentence = f"the target has mean {mean:.3g} (absolute) and deviation {deviation:.3g}"
        code = "y = (y - y_train.mean()) / y_train.std()"
        return Found((sentence,), 0.95, "y", 0, code)


@FAULTS.register
@frozen
class RandomLabels(Fault):
    """The targets have nothing to do with the rows beside them: shuffled, misaligned, or noise.

    Source: Zhang, Bengio, Hardt, Recht, Vinyals, "Understanding deep learning requires rethinking
    generalization" (ICLR 2017): networks fit random labels as well.

    Example
    -------
    >>> from chainrule.glass.doctor import FAULTS
    >>> FAULTS.make("random_labels").surprise
    3.0
    """

    name = "random_labels"
    rules = {"surprise": POSITIVE, "explained": SHARE}
    latex = r"R^2_{held} - \overline{R^2_{shuffled}} < 3\, s_{shuffled}"
    source = "Zhang, Bengio, Hardt, Recht, Vinyals (ICLR 2017)"
    title = "shuffled or random labels"
    tells = (
        "Ridge regressions (linear, and with a kernel) do no better on held rows than on shuffled "
        "targets, and neither does the network on validation rows. Not judged where a class has "
        "fewer than 50 rows in 1000."
    )
    remedy = "check that rows of X and y belong together: sorts, joins and shuffles of only one"
    explains = _CONSEQUENCES
    needs = "rows"

    surprise: float = 3.0
    explained: float = 0.05

    def look(self, case: Case) -> Found | None:
        surprise = case.found("signal", "surprise")
        best = case.learnable
        if not (surprise < self.surprise and best < self.explained):
            return None
        validation = case.found("network", "validation", "explained")
        shares = case.found("targets", "shares", default=0.0)
        few = isinstance(shares, list) and min(shares) * min(case.facts["rows"], 1000) < 50
        if validation > self.explained or few:
            return None
        evidence = [
            (
                f"ridge regressions explain {best:.1%} of held rows' targets, "
                f"{surprise:.1f} deviations from what shuffled targets give"
            ),
        ]
        if validation == validation:
            evidence.append(f"the network explains {validation:.1%} of the validation targets")
        confidence = 0.9 if validation == validation else 0.8
        code = "X, y = X[order], y[order]  # the same order for both"
        return Found(tuple(evidence), confidence, "y", None, code)


@FAULTS.register
@frozen
class LeakingColumn(Fault):
    """One column of X gives the target away, and the others know far less.

    Source: Kaufman, Rosset, Perlich, "Leakage in data mining" (KDD 2011).

    Example
    -------
    >>> from chainrule.glass.doctor import FAULTS
    >>> FAULTS.make("leaking_column").share
    0.95
    """

    name = "leaking_column"
    rules = {"share": SHARE, "gap": SHARE}
    latex = r"\eta^2_j > 0.95 \quad\text{and}\quad \eta^2_j - R^2_{-j} > 0.12"
    source = "Kaufman, Rosset, Perlich, Leakage in data mining (KDD 2011)"
    title = "leaking column"
    tells = "One column alone explains 95 % of the target, all others together clearly less."
    remedy = "ask whether this column is known when predictions are made; if not, leave it out"
    needs = "rows"

    share: float = 0.95
    gap: float = 0.12

    def look(self, case: Case) -> Found | None:
        share, others = case.found("signal", "column_share"), case.found("signal", "others")
        if not (share > self.share and share - others > self.gap):
            return None
        column = case.found("signal", "column")
        sentence = (
            f"{case.called(column)} of X alone explains {share:.1%} of the target, "
            f"the other columns together {max(others, 0.0):.1%}"
        )
        code = f"X = numpy.delete(X, {column}, axis=1)"
        return Found((sentence,), 0.9, f"X[:, {column}]", None, code)
