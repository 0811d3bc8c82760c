"""A model that was trained on a table, applied to another table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from chainrule.errors import UsageError
from chainrule.tabular.encoder import Encoder
from chainrule.tabular.table import Table

__all__ = ["Predictions", "TableModel", "encoder_of", "predict_table"]


class TableModel(Protocol):
    """What is needed of a model: raw arrays in, predictions out, and the encoder's document."""

    @property
    def encoder(self) -> Mapping[str, Any] | None:
        """Return the encoder's document."""
        ...

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return one prediction for each row."""
        ...

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the probability of each class for each row."""
        ...


@dataclass(frozen=True)
class Predictions:
    """Predictions for the rows of a table, in the order of the rows.

    Parameters
    ----------
    values : (N,) array
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
        The encoder in the model's file is not valid.
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
    return Encoder.from_document(model.encoder)


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
        return Predictions(encoder.target.decode(model.predict(X)))
    P = model.predict_proba(X)
    labels = encoder.target.decode(np.argmax(P, axis=1))
    return Predictions(labels, P, encoder.target.classes)
