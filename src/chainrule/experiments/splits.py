"""Which rows a repeat trains on and which it is scored on, the same for every setting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.checks import AnyOf, Integer, NoneValue, Real, check_parameters
from chainrule.errors import ChainruleError, DataError, UsageError
from chainrule.experiments.material import Material, Part, SplitPlan
from chainrule.frozen import frozen
from chainrule.maths.loss import Loss
from chainrule.streams import Stream
from chainrule.training.data import check_inputs, check_weights
from chainrule.training.names import column_names, require_names
from chainrule.training.split import split_rows
from chainrule.training.targets import Targets, fit_targets, target_array

__all__ = ["Scheme", "fold_rows", "material_of"]

_RULES = {
    "repeats": Integer(1),
    "folds": AnyOf(NoneValue(), Integer(2)),
    "validation_share": AnyOf(NoneValue(), Real(0, 1, closed="neither")),
    "seed": Integer(),
}
_DEFAULT_SHARE = 0.2


@frozen
class Scheme:
    """How rows are held back, how often, and from which seed on.

    Parameters
    ----------
    repeats : int
    seed : int
        Repeat r has the seed `seed + r`, for its split and for its weights.
    validation_share : float, optional
    folds : int, optional
    fixed : bool
        The validation rows are given, so a repeat changes the seed alone.
    """

    repeats: int = 1
    seed: int = 0
    validation_share: float | None = None
    folds: int | None = None
    fixed: bool = False

    def __post_init__(self) -> None:
        check_parameters(_RULES, {name: getattr(self, name) for name in _RULES}, lambda name: name)
        ways = [self.validation_share is not None, self.folds is not None, self.fixed]
        if sum(ways) > 1:
            raise UsageError(
                "the validation rows are told twice",
                expected="one of validation, validation_share and folds",
            )

    @property
    def share(self) -> float:
        """Share of the rows that one split holds back."""
        if self.folds is not None:
            return 1 / self.folds
        return _DEFAULT_SHARE if self.validation_share is None else self.validation_share

    @property
    def splits(self) -> int:
        """Number of splits, each of which is one run of each setting."""
        return self.repeats * (self.folds or 1)

    def repeat_of(self, split: int) -> int:
        """Return the repeat that a split belongs to."""
        return split // (self.folds or 1)

    def seed_of(self, split: int) -> int:
        """Return the seed of the runs on a split."""
        return self.seed + self.repeat_of(split)

    def document(self) -> dict[str, Any]:
        """Return the scheme as JSON values, without the number of repeats, which may grow."""
        way: Any = "given" if self.fixed else {"folds": self.folds} if self.folds else self.share
        return {"validation": way, "seed": self.seed}


def fold_rows(
    rows: int, folds: int, seed: int, codes: np.ndarray | None = None
) -> list[np.ndarray]:
    """Return the held rows of each fold, in rising order; together every row once.

    The classes are dealt out one after the other, so each fold has its share of each. A class of
    one row stays in training always.

    Parameters
    ----------
    rows : int
    folds : int
    seed : int
    codes : (N,) int, optional

    Raises
    ------
    DataError
        There are fewer rows than folds.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.experiments.splits import fold_rows
    >>> held = fold_rows(6, 3, seed=0, codes=np.array([0, 0, 0, 1, 1, 1]))
    >>> sorted(np.concatenate(held).tolist()), [int(np.sum(rows > 2)) for rows in held]
    ([0, 1, 2, 3, 4, 5], [1, 1, 1])
    """
    order = Stream(seed, "folds").permutation(rows)
    if codes is not None:
        alone = np.bincount(codes)[codes] == 1
        order = order[np.argsort(codes[order], kind="stable")]
        order = order[~alone[order]]
    if len(order) < folds:
        raise DataError(
            "there are fewer rows than folds", expected=f"at least {folds}", got=f"{len(order)}"
        )
    return [np.sort(order[fold::folds]) for fold in range(folds)]


def material_of(
    X: Any,
    y: Any,
    loss: Loss,
    scheme: Scheme,
    *,
    dtype: str = "float32",
    sample_weight: Any = None,
    validation: Sequence[Any] | None = None,
    test: Sequence[Any] | float | None = None,
) -> Material:
    """Check the data of a sweep once, and cut it into splits.

    Parameters
    ----------
    X, y, sample_weight, validation
        As for `chainrule.train`.
    loss : Loss
        Says whether the rows of a class are held back in proportion.
    scheme : Scheme
    dtype : str
    test : (X, y), or float, optional
        Rows that only the test score sees: given, or a share that is held back once.

    Raises
    ------
    DataError, TargetError
        The data cannot be used.
    """
    arrays = {"X": check_inputs(X, dtype), "y": _plain(target_array(y))}
    if len(arrays["X"]) != len(arrays["y"]):
        raise DataError(
            "X and y have different numbers of rows",
            expected=f"{len(arrays['X']):,} targets, one for each row of X",
            got=f"{len(arrays['y']):,}",
        )
    rows = np.arange(len(arrays["X"]))
    if sample_weight is not None:
        arrays["w"] = check_weights(sample_weight, len(rows))
        rows = rows[arrays["w"] > 0]
    targets, _ = fit_targets(target_array(arrays["y"][rows]), loss)
    codes = None if targets.classes is None else targets.codes(target_array(arrays["y"][rows]))
    held: Part | None = None
    if test is not None and not isinstance(test, (tuple, list)):
        share: Any = test
        check_parameters({"test": Real(0, 1, closed="neither")}, {"test": share}, str)
        kept, aside = split_rows(len(rows), float(share), scheme.seed, codes)
        arrays["test"] = rows[aside]
        held = Part("X", "y", "w" if "w" in arrays else None, "test")
        rows, codes = rows[kept], None if codes is None else codes[kept]
    elif test is not None:
        held = _given(arrays, "test", test, X, dtype, targets)
    if validation is not None:
        given = _given(arrays, "validation", validation, X, dtype, targets)
        arrays["all"] = rows
        part = Part("X", "y", "w" if "w" in arrays else None, "all")
        return Material(arrays, [SplitPlan(part, given, held)] * scheme.splits)
    return Material(arrays, _cut(arrays, rows, codes, scheme, held))


def _cut(
    arrays: dict[str, np.ndarray],
    rows: np.ndarray,
    codes: np.ndarray | None,
    scheme: Scheme,
    test: Part | None,
) -> list[SplitPlan]:
    weights = "w" if "w" in arrays else None
    splits: list[SplitPlan] = []
    for repeat in range(scheme.repeats):
        seed = scheme.seed + repeat
        if scheme.folds is None:
            pairs = [split_rows(len(rows), scheme.share, seed, codes)]
        else:
            held = fold_rows(len(rows), scheme.folds, seed, codes)
            pairs = [(np.setdiff1d(np.arange(len(rows)), part), part) for part in held]
        for training, validation in pairs:
            names = [f"{part}_{len(splits)}" for part in ("training", "validation")]
            arrays.update(zip(names, (rows[training], rows[validation]), strict=True))
            parts = [Part("X", "y", weights, name) for name in names]
            splits.append(SplitPlan(parts[0], parts[1], test))
    return splits


def _given(
    arrays: dict[str, np.ndarray],
    name: str,
    rows: Sequence[Any],
    X: Any,
    dtype: str,
    targets: Targets,
) -> Part:
    if not isinstance(rows, (tuple, list)) or len(rows) not in (2, 3):
        raise UsageError(f"{name} is not understood", where=name, expected="(X, y)")
    require_names(column_names(X), rows[0], f"{name} X")
    arrays[f"{name}_X"] = check_inputs(rows[0], dtype, f"{name} X")
    arrays[f"{name}_y"] = _plain(target_array(rows[1]))
    if len(arrays[f"{name}_X"]) != len(arrays[f"{name}_y"]):
        raise DataError(f"{name} X and y have different numbers of rows", where=name)
    try:
        targets.encode(target_array(arrays[f"{name}_y"]))
    except ChainruleError as error:
        error.where = f"{name} {error.where}".strip()
        raise
    if arrays[f"{name}_X"].shape[1:] != arrays["X"].shape[1:]:
        raise DataError(
            f"the {name} rows are not like the others",
            where=f"{name} X",
            expected=f"samples of shape {arrays['X'].shape[1:]}",
            got=f"{arrays[f'{name}_X'].shape[1:]}",
        )
    weighted = len(rows) == 3 and rows[2] is not None
    if weighted:
        arrays[f"{name}_w"] = check_weights(rows[2], len(arrays[f"{name}_X"]))
    return Part(f"{name}_X", f"{name}_y", f"{name}_w" if weighted else None)


def _plain(target: np.ndarray) -> np.ndarray:
    """Return targets as an array that a file can hold without pickling."""
    if target.dtype.kind != "O":
        return target
    kinds = {type(value) for value in target.ravel().tolist()}
    array = np.array(target.tolist())
    if array.dtype.kind == "O" or (array.dtype.kind == "U" and kinds - {str, np.str_}):
        raise DataError(
            "the labels are of mixed kinds",
            where="y",
            expected="all words, all numbers, or all truth values",
            got=", ".join(sorted(kind.__name__ for kind in kinds)),
        )
    return array
