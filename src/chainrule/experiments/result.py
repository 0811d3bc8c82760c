"""One finished run of a sweep, as plain values: what it was told, how it went, how it ended."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field, fields
from typing import Any

from chainrule.errors import FileFormatError
from chainrule.frozen import frozen
from chainrule.maths.augmentation import Augmentation
from chainrule.training.document import cell, number

__all__ = ["Result", "label_of", "setting_text"]

_NUMBERS = ("score", "test_score", "seconds")


@frozen
class Result:
    """One finished run.

    A run that diverged is a result too: its scores are NaN and `stop_reason` is "diverged".

    Parameters
    ----------
    settings : mapping of axis to value
        Numbers, words, truth values, None, or the text of a record.
    repeat : int
        Counted from 0. Repeats with one number have the same split and seed in every setting.
    seed : int
        Of first weights, orders and dropout.
    split : int
        Number of the split: the repeat, or with folds `repeat * folds + fold`.
    score : float
        The sweep's score of the returned weights on the validation rows; NaN if there is none.
    test_score : float
        The same on the test rows; NaN without test rows.
    history : sequence of dict
        A row for each epoch, as in `chainrule.Run.history`: `epoch`, `step`, `train_loss`,
        `validation_loss`, metrics, `learning_rate`, `gradient_norm`, `seconds`.
    stop_reason : str
        One of `chainrule.training.REASONS`, or "failed" for a run that could not be made.
    fault : str
        What was not finite, or why the run failed; empty for others.
    seconds : float
        Time of the call of training alone.
    best_epoch : int
        Epoch of the best monitored score, counted from 1; 0 if there is none.
    epochs : int
        Epochs planned; in successive halving, those of the rung.
    key : str
        Digest of everything that the run's numbers depend on.
    recording : dict, optional
        What `chainrule.training.Recording.to_document` gives, where `record=True`.
    """

    settings: Mapping[str, Any]
    repeat: int
    seed: int
    split: int
    score: float
    test_score: float = math.nan
    history: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    stop_reason: str = "epochs"
    fault: str = ""
    seconds: float = 0.0
    best_epoch: int = 0
    epochs: int = 0
    key: str = field(default="", repr=False)
    recording: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def setting(self) -> str:
        """The settings in words: `batch_size=32, learning_rate=0.01`."""
        return setting_text(self.settings)

    @property
    def diverged(self) -> bool:
        """Whether numbers stopped being finite."""
        return self.stop_reason == "diverged"

    @property
    def failed(self) -> bool:
        """Whether the run could not be made at all."""
        return self.stop_reason == "failed"

    def to_document(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        document = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        document["settings"] = dict(self.settings)
        columns = list(self.history[0]) if self.history else []
        rows = [_cells([row[name] for name in columns]) for row in self.history]
        document["history"] = {"columns": columns, "rows": rows}
        return {**document, **{name: cell(float(document[name])) for name in _NUMBERS}}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Result:
        """Return the result that `to_document` wrote.

        Raises
        ------
        FileFormatError
            The document is not one.
        """
        try:
            values = dict(document)
            names, rows = values["history"]["columns"], values["history"]["rows"]
            values["history"] = [dict(zip(names, _numbers(row), strict=True)) for row in rows]
            values.update({name: float(number(values[name])) for name in _NUMBERS})
            return cls(**values)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FileFormatError(
                "this is not the result of a run", got=f"{type(error).__name__}: {error}"
            ) from None


def _cells(values: list[Any]) -> list[Any]:
    finite = math.isfinite  # a sweep has thousands of rows, so no call for a cell that is as it is
    return [cell(v) if isinstance(v, float) and not finite(v) else v for v in values]


def _numbers(cells: list[Any]) -> list[Any]:
    return [number(cell) for cell in cells] if str in map(type, cells) else cells


def label_of(value: Any) -> Any:
    """Return a value of an axis as a table shows it: plain values as they are, others as text.

    Example
    -------
    >>> from chainrule.experiments.result import label_of
    >>> import chainrule as cr
    >>> label_of(0.1), label_of((64, 32)), label_of(cr.Adam(0.5, beta1=0.8))
    (0.1, '64,32', 'adam(learning_rate=0.5, beta1=0.8)')
    >>> label_of((cr.Shift(3, shape=(8, 8)), cr.Noise()))
    'shift=3,noise'
    """
    if hasattr(value, "item") and not getattr(value, "shape", None):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (tuple, list)):
        return ",".join(str(label_of(item)) for item in value) or "none"
    if isinstance(value, Augmentation):
        return _augmentation_text(value)
    if hasattr(value, "parameters") and getattr(value, "name", ""):
        return _record_text(value)
    return " ".join(repr(value).split())


def _augmentation_text(member: Augmentation) -> str:
    """Return an augmentation as the command line says it, without the pictures' shape."""
    strength, *others = (name for name in member.rules if name != "shape")
    plain = type(member)()
    if any(getattr(member, name) != getattr(plain, name) for name in others):
        return _record_text(member)
    value = getattr(member, strength)
    same = value == getattr(plain, strength)
    return member.name if same else f"{member.name}={str(value).removesuffix('.0')}"


def _record_text(record: Any) -> str:
    """Return a record's name with the fields that are not at their default."""
    plain = {entry.name: entry.default for entry in fields(record)}
    changed = [
        f"{name}={label_of(value)}"
        for name, value in record.parameters().items()
        if plain.get(name) is not value and plain.get(name) != value
    ]
    return f"{record.name}({', '.join(changed)})" if changed else str(record.name)


def setting_text(settings: Mapping[str, Any]) -> str:
    """Return settings in one line.

    Example
    -------
    >>> from chainrule.experiments.result import setting_text
    >>> setting_text({"batch_size": 32, "learning_rate": 0.001})
    'batch_size=32, learning_rate=0.001'
    """
    if set(settings) == {"setting"}:
        return str(settings["setting"])
    words = (f"{name}={_short(value)}" for name, value in settings.items())
    return ", ".join(words) or "the only setting"


def _short(value: Any) -> str:
    """Return a value as shortly as it can be said without becoming another."""
    if not isinstance(value, float):
        return str(value)
    short = f"{value:g}"
    return short if float(short) == value or math.isnan(value) else repr(value)
