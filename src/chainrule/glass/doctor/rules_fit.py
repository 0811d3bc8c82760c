"""Faults of the fit: too much, too little, noise, batch norm, rare classes."""

from __future__ import annotations

import math

import numpy as np

from chainrule.checks import Integer, Real
from chainrule.frozen import frozen
from chainrule.glass.doctor.case import Case, middle, percent
from chainrule.glass.doctor.fault import FAULTS, Fault, Found
from chainrule.glass.doctor.rules_data import SHARE

__all__ = [
    "BatchNormBatch",
    "ClassImbalance",
    "DropoutTooStrong",
    "Overfitting",
    "Underfitting",
]


@FAULTS.register
@frozen
class BatchNormBatch(Fault):
    """Batch norm over so few rows that its moments are mostly noise.

    Source: Wu, He, "Group normalization" (ECCV 2018), figure 1.

    Example
    -------
    >>> from chainrule.glass.doctor import FAULTS
    >>> FAULTS.make("batch_norm_batch").rows
    4
    """

    name = "batch_norm_batch"
    rules = {"rows": Integer(1)}
    latex = r"\operatorname{Var}(\bar x_B) = \sigma^2 / |B|, \quad |B| \le 4"
    source = "Wu, He, Group normalization (ECCV 2018)"
    title = "batch too small for batch norm"
    tells = "The network has batch norm, and a batch has 4 rows or fewer."
    remedy = "use batches of 16 rows or more, or layer norm, which does not look at the batch"
    explains = (
        "underfitting",
        "overfitting",
        "learning_rate_too_high",
        "learning_rate_too_low",
        "dropout_too_strong",
        "class_imbalance",
        "vanishing_gradient",
        "exploding_gradient",
        "clipping_always",
    )

    rows: int = 4

    def look(self, case: Case) -> Found | None:
        normed = [node for node in case.plan.graph.nodes if node.op.running]
        batch = int(case.facts["batch"])
        if not normed or batch > self.rows:
            return None
        evidence = [
            (
                f"a batch has {batch} row{'s' * (batch > 1)}: the mean that {normed[0].name} "
                f"subtracts is off by {1 / math.sqrt(batch):.0%} of a deviation"
            )
        ]
        trained = float(case.found("network", "training_loss"))
        predicted = float(case.found("network", "prediction_loss"))
        if trained == trained and predicted == predicted:
            evidence.append(
                f"the same rows lose {trained:.3g} with the batch's moments and {predicted:.3g} "
                "with the running ones"
            )
        code = "cr.train(..., batch_size=32), or nn.LayerNorm() in place of nn.BatchNorm()"
        return Found(tuple(evidence), 0.95, normed[0].name, 0, code)


@FAULTS.register
@frozen
class DropoutTooStrong(Fault):
    """Dropout drops so much that little is learned.

    Source: Srivastava et al., "Dropout" (JMLR 2014), section 7.3: rates of 0.2 to 0.5.

    Example
    -------
    >>> from chainrule.glass.doctor import FAULTS
    >>> FAULTS.make("dropout_too_strong").rate
    0.6
    """

    name = "dropout_too_strong"
    rules = {"rate": SHARE, "certain": SHARE, "gap": Real(1)}
    latex = r"p \ge 0.75, \quad\text{or}\quad p \ge 0.6,\ J_{train\ mode} > 1.3\, J_{prediction}"
    source = "Srivastava et al., Dropout (JMLR 2014)"
    title = "dropout too strong"
    tells = (
        "A dropout drops 75 % or more; or 60 %, and the same rows lose 1.3 times as much with "
        "masks as without, or much is left to learn."
    )
    remedy = "drop 10 to 30 %, or nothing where the network is small"
    explains = (
        "underfitting",
        "class_imbalance",
        "learning_rate_too_low",
        "learning_rate_too_high",
        "saturated_units",
        "dead_relu",
        "not_finite",
        "clipping_always",
        "exploding_gradient",
    )

    rate: float = 0.6
    certain: float = 0.75
    gap: float = 1.3

    def look(self, case: Case) -> Found | None:
        strong = [
            (float(node.op.parameters()["rate"]), node)
            for node in case.plan.graph.nodes
            if node.op.noise and float(node.op.parameters().get("rate", 0.0)) >= self.rate
        ]
        if not strong:
            return None
        rate, node = max(strong, key=lambda pair: pair[0])
        trained = float(case.found("network", "training_loss"))
        predicted = float(case.found("network", "prediction_loss"))
        gap = trained / predicted if predicted > 0 else math.nan
        if not (rate >= self.certain or gap > self.gap or case.missed > 0.1):
            return None
        evidence = [f"{node.name} drops {rate:.0%} of its inputs"]
        evidence.append(f"the rows lose {trained:.3g} with its masks and {predicted:.3g} without")
        if case.missed > 0.1:
            evidence.append(
                f"the network explains {percent(case.learned)} of the target, a ridge regression "
                f"{percent(case.learnable)}"
            )
        return Found(tuple(evidence), 0.9, node.name, 0, "nn.Dropout(0.2)")


@FAULTS.register
@frozen
class ClassImbalance(Fault):
    """A rare class is given up, because the loss hardly counts it.

    Source: He, Garcia, "Learning from imbalanced data" (IEEE TKDE 2009).

    Example
    -------
    >>> from chainrule.glass.doctor import FAULTS
    >>> FAULTS.make("class_imbalance").share
    0.15
    """

    name = "class_imbalance"
    rules = {"share": SHARE, "recall": SHARE}
    latex = r"\min_k P(y = k) < 0.15 / (K / 2) \quad\text{and}\quad recall_k < 0.5"
    source = "He, Garcia (IEEE TKDE 2009)"
    title = "class imbalance ignored"
    tells = "A class that is rare finds less than half of its rows, and no weights speak for it."
    remedy = 'weight the classes: class_weight="balanced"'
    needs = "rows"
    explains = ("underfitting",)

    share: float = 0.15
    recall: float = 0.5

    def look(self, case: Case) -> Found | None:
        shares = case.found("targets", "shares", default=0.0)
        if not isinstance(shares, list) or case.facts["weighted"] or len(shares) < 2:
            return None
        part = "validation" if case.facts["validation_rows"] >= 100 else "train"
        recalls = case.found("network", part, "recall", default=0.0)
        if not isinstance(recalls, list) or len(recalls) != len(shares):
            return None
        limit = self.share * 2 / len(shares)
        rare = [
            (recalls[k], shares[k], k)
            for k in range(len(shares))
            if 0 < shares[k] < limit and recalls[k] < self.recall
        ]
        if not rare or max(shares) < 5 * min(share for _, share, _ in rare):
            return None
        recall, share, k = min(rare)
        evidence = (
            f"class number {k} has {share:.1%} of the rows, and {recall:.0%} of its rows are found",
            f"the most frequent class has {max(shares):.1%}",
        )
        code = 'cr.train(..., class_weight="balanced")'
        return Found(evidence, 0.85, "y", None, code)


@FAULTS.register
@frozen
class Overfitting(Fault):
    """The network learns its training rows by heart, at the cost of others.

    Source: Prechelt, "Early stopping - but when?" (1998).

    Example
    -------
    >>> from chainrule.glass.doctor import FAULTS
    >>> FAULTS.make("overfitting").rise
    1.4
    """

    name = "overfitting"
    rules = {"rise": Real(1), "gap": SHARE}
    latex = r"J_{val} > 1.4 \min_t J_{val} \quad\text{while}\quad J_{train} \text{ falls}"
    source = "Prechelt, Early stopping - but when? (1998)"
    title = "overfitting"
    tells = (
        "The validation loss ends 40 % above its least while the training loss still fell, and "
        "20 points more of the training targets are explained than of the validation targets; or "
        "40 points more, whatever the losses."
    )
    remedy = "stop early, take more rows or fewer units, add dropout or weight decay"
    needs = "validation"

    rise: float = 1.4
    gap: float = 0.2

    def look(self, case: Case) -> Found | None:
        held, train = case.column("validation_loss"), case.column("train_loss")
        if len(held) < 3 or not np.isfinite(held).any() or case.diverged:
            return None
        best = int(np.nanargmin(held))
        end = middle(held[-max(len(held) // 10, 1) :])
        rise = end / held[best] if held[best] > 0 else 1.0
        fell = middle(train[-max(len(train) // 10, 1) :]) < 0.8 * train[best]
        last, held_out = case.learned_last, float(case.found("network", "held", "explained"))
        gap = last - held_out
        grown = (rise > self.rise and fell and gap > self.gap) or gap > 2 * self.gap
        if not grown or not last > self.gap:
            return None
        evidence = (
            f"the validation loss is {end:.3g} at the end, {held[best]:.3g} after epoch {best + 1}",
            f"the training loss fell from {train[best]:.3g} to {train[-1]:.3g} meanwhile",
            (
                f"{percent(last)} of the training targets are explained, and of the validation's "
                f"{percent(held_out)}"
            ),
        )
        code = "cr.train(..., stopping=cr.Stopping(patience=5), penalties=cr.L2(1e-3))"
        return Found(evidence, 0.85, "", best, code)


@FAULTS.register
@frozen
class Underfitting(Fault):
    """The network explains less than a ridge regression does: it is too small or held too tight.

    Source: Goodfellow, Bengio, Courville, "Deep learning" (2016), section 5.2.

    Example
    -------
    >>> from chainrule.glass.doctor import FAULTS
    >>> FAULTS.make("underfitting").missed
    0.12
    """

    name = "underfitting"
    rules = {"missed": SHARE, "falls": SHARE}
    latex = r"R^2_{train} < R^2_{ridge,\ held} - 0.12"
    source = "Goodfellow, Bengio, Courville, Deep learning (2016), section 5.2"
    title = "underfitting"
    tells = (
        "On its own training rows the network explains less than a ridge regression on new ones."
    )
    remedy = (
        "more units or layers, less weight decay; more epochs where the training loss still falls"
    )
    needs = "rows"

    missed: float = 0.12
    falls: float = 0.1

    def look(self, case: Case) -> Found | None:
        if case.diverged or not case.missed > self.missed:
            return None
        evidence = [
            (
                f"the network explains {percent(case.learned)} of its training targets, a ridge "
                f"regression {percent(case.learnable)} of targets that it has not seen"
            )
        ]
        widths = [case.plan.parameters.places[f"{node.name}.W"].shape[1] for node in case.hidden]
        if widths:
            evidence.append(f"its narrowest hidden layer has {min(widths)} units")
        else:
            evidence.append("it has no hidden layer")
        decays = [penalty.name for penalty in case.plan.penalties]
        if decays:
            evidence.append(f"penalties hold its weights back: {', '.join(decays)}")
        code = 'nn.Sequential(nn.Dense(64, "relu"), nn.Dense(64, "relu"), nn.Dense(...))'
        fallen = self._still_falls(case)
        if fallen > self.falls:
            evidence.append(f"its training loss fell by {fallen:.0%} in the run's last quarter")
            code = case.epochs_code(2)
        return Found(tuple(evidence), 0.75, "", None, code)

    @staticmethod
    def _still_falls(case: Case) -> float:
        """Return how much lower the training loss is in the last quarter than in the one before."""
        loss = case.column("train_loss")
        quarter = len(loss) // 4
        if quarter < 2:
            return 0.0
        before = middle(loss[-2 * quarter : -quarter])
        return 1.0 - middle(loss[-quarter:]) / before if before > 0 else 0.0
