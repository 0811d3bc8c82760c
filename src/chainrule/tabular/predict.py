"""A model that was trained on a table, applied to another table."""

from __future__ import annotations

import codecs
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from chainrule.checks import shown
from chainrule.errors import FileFormatError, InvalidParameterError, UsageError
from chainrule.frozen import frozen
from chainrule.tabular.dialect import AS_FOUND, SPOKEN, Dialect
from chainrule.tabular.encoder import Encoder
from chainrule.tabular.reading import ASCII, UTF8, Reading
from chainrule.tabular.table import EXACT, Table
from chainrule.tabular.target import TargetCode

__all__ = [
    "Predictions",
    "TableModel",
    "as_in_training",
    "encoder_of",
    "of_one_type",
    "predict_table",
    "unlike_training",
]


class TableModel(Protocol):
    """What is needed of a model: raw arrays in, predictions out, encoder's document and labels."""

    @property
    def encoder(self) -> Mapping[str, Any] | None:
        """Return the encoder's document."""
        ...

    @property
    def classes(self) -> Sequence[Any] | None:
        """Return the labels of the network's outputs; None for quantities."""
        ...

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return one prediction for each row."""
        ...

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the probability of each class for each row."""
        ...


@frozen
class Predictions:
    """Predictions for the rows of a table, in the order of the rows.

    Parameters
    ----------
    values : (N,) array, or (N, K) for several targets
        Numbers in the units of the target, or labels.
    probabilities : (N, classes) array or None
        For classification.
    classes : tuple or None
    """

    values: np.ndarray
    probabilities: np.ndarray | None = None
    classes: tuple[Any, ...] | None = None


def encoder_of(model: TableModel) -> Encoder:
    """Return the encoder that belongs to a model.

    Raises
    ------
    UsageError
        The model was trained on arrays, not on a table.
    FileFormatError
        The encoder in the model's file is not valid, or tells other classes than the network.
    """
    if model.encoder is None:
        raise UsageError(
            "the model was trained on arrays, so it cannot read a table",
            do="use model.predict(X) in Python, or train with: chainrule train",
        )
    if "pixels" in model.encoder:
        raise UsageError(
            "the model was trained on pictures, so it cannot read a table",
            do="name pictures: a folder, an idx file or a .npy file",
        )
    encoder = Encoder.from_document(model.encoder)
    made, told = encoder.target.classes, model.classes
    if (None if made is None else list(made)) != (None if told is None else list(told)):
        raise FileFormatError(
            "the encoder in the model file does not fit the network",
            where="encoder.target.classes",
            expected="no classes" if told is None else shown(list(told)),
            got="none" if made is None else shown(list(made)),
        )
    return encoder


def predict_table(model: TableModel, table: Table) -> Predictions:
    """Return the predictions of a model for a table.

    Raises
    ------
    DataError
        A column is missing, of another kind than in training, or a number is far outside it.
    """
    encoder = encoder_of(model)
    X = encoder.encode(table)
    if encoder.target.classes is None:
        outputs = model.predict(X)
        several = np.issubdtype(outputs.dtype, np.integer)  # 0 or 1 for each of several labels
        return Predictions(outputs if several else _in_units(encoder.target, outputs))
    P = model.predict_proba(X)
    labels = encoder.target.decode(np.argmax(P, axis=1))
    return Predictions(labels, P, encoder.target.classes)


def of_one_type(values: np.ndarray) -> np.ndarray:
    """Return labels that are all numbers, or all truth values, in NumPy's type for them.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.tabular.predict import of_one_type
    >>> of_one_type(np.array([1, 0], dtype=object)).dtype.name
    'int64'
    """
    types = set(map(type, values.ravel())) if values.dtype == object else set()
    return np.array(values.tolist()) if types in ({int}, {float}, {bool}) else values


_EXACT_PLACES = 22
"""Powers of ten up to this one are exact as float64."""
_FINEST = 2.0**-27
"""Of the target's spread: an eighth of what float32 tells apart at one standard deviation."""


def _in_units(target: TargetCode, outputs: np.ndarray) -> np.ndarray:
    """Return predictions in the target's units, without digits that float32 does not hold."""
    values = target.decode(outputs)
    if outputs.dtype != np.float32:
        return values
    if (target.mean, target.scale) == (0.0, 1.0):
        return np.array([float(str(value)) for value in outputs.ravel()]).reshape(outputs.shape)
    step = target.scale * _FINEST
    places = max(math.ceil(-math.log10(step)), 0) if step > 0 else math.inf
    if places > _EXACT_PLACES:
        return values
    sure = np.abs(values) < EXACT / 10.0**places  # of others, rounding would change the last bit
    return np.where(sure, np.round(values, int(places)), values)


def as_in_training(
    record: Mapping[str, Any], columns: Iterable[str], stated: Dialect = AS_FOUND
) -> Dialect:
    """Return a dialect whose first guess is how a model's own table was read.

    Parameters
    ----------
    record : mapping
        The model's. It is trusted as far as it makes sense.
    columns : iterable of str
        Names that the table is going to have.
    stated : Dialect
        What is known of the table; it wins.

    Example
    -------
    >>> from chainrule.tabular.predict import as_in_training
    >>> as_in_training({"reading": {"delimiter": ";", "ways": {}}}, ["x"]).guess is None
    True
    """
    known = _stated_in(record)
    found = Reading.from_document(record.get("reading"))
    if found is None and known == AS_FOUND:
        return stated
    guess = Reading(known.delimiter or "", known.encoding or UTF8, known.decimal)
    if found is not None:
        same = codecs.lookup(guess.encoding) == codecs.lookup(found.encoding)
        guess = replace(found, encoding=guess.encoding if same else found.encoding)
    return replace(stated, guess=replace(guess, columns=tuple(columns)))


def _stated_in(record: Mapping[str, Any]) -> Dialect:
    settings = record.get("settings")
    if not isinstance(settings, Mapping):
        return AS_FOUND
    with suppress(InvalidParameterError):
        return Dialect(settings.get("delimiter"), settings.get("encoding"), settings.get("decimal"))
    return AS_FOUND


def unlike_training(reading: Reading | None, dialect: Dialect) -> list[str]:
    """Return what is written in another way than in training, or was guessed from it."""
    guess = dialect.guess
    if reading is None or guess is None:
        return []
    notes: list[str] = []
    if reading.delimiter and guess.delimiter not in ("", reading.delimiter):
        signs = _spoken(reading.delimiter), _spoken(guess.delimiter)
        notes.append("the fields are delimited by {}; in training by {}".format(*signs))
    same = codecs.lookup(reading.encoding) == codecs.lookup(guess.encoding)
    if reading.encoding != ASCII and not same:
        notes.append(f"the text is {reading.encoding}; in training it was {guess.encoding}")
    elif same and dialect.encoding is None and reading.encoding != UTF8:
        notes.append(f"the text is not UTF-8, and read as {guess.encoding}, as in training")
    for name, way in reading.ways.items():
        before = guess.ways.get(name, way)
        if way != before:
            notes.append(f"{name}: {way}; in training {before}")
    return notes


def _spoken(delimiter: str) -> str:
    words = (word for word, sign in SPOKEN.items() if sign == delimiter and word.isalpha())
    return next(words, repr(delimiter))
