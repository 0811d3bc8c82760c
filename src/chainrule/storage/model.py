"""A trained network that predicts, and its file."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import ArrayLike

from chainrule._version import __version__
from chainrule.checks import shown
from chainrule.engine.select import engine_for
from chainrule.errors import (
    DataError,
    DivergenceError,
    FileFormatError,
    InvalidParameterError,
    ShapeError,
    UsageError,
)
from chainrule.files import atomic_write, readable_file
from chainrule.maths.loss import Loss
from chainrule.nn.layer import Layer
from chainrule.ops.shapes import sizes
from chainrule.plan import Layout, Plan
from chainrule.storage import document as documents
from chainrule.storage.container import (
    BytesSource,
    FileSource,
    Source,
    read_container,
    write_container,
)
from chainrule.storage.strict_json import read_json, write_json
from chainrule.storage.weights import filled, require_tensors
from chainrule.training.names import require_names

__all__ = ["Model"]


class Model:
    """A trained network: its description, its weights, and what is needed to use it.

    Parameters
    ----------
    plan : Plan
        Network, loss and optimizer that it was trained with.
    weights : (P,) array
        All parameters, flat, in the plan's order.
    state : (R,) array
        Running moments (batch norm), flat; empty if the network has none.
    encoder : dict, optional
        The document of the table encoder that makes the features.
    classes : sequence, optional
        Class labels, in the order of the network's outputs.
    record : dict, optional
        The training record: data, settings, scores; kept in the file, not used.
    dtype : str
        `"float32"` or `"float64"`.
    feature_names : sequence of str, optional
        Names of the columns of the data frame that it was trained on.

    Example
    -------
    >>> from chainrule import nn
    >>> from chainrule.plan import make_plan
    >>> plan = make_plan(nn.Dense(1), (2,), "squared_error", 1)
    >>> model = Model(plan, [1.0, 10.0, 0.5], dtype="float64")
    >>> model.predict([[3.0, 4.0]])
    array([43.5])
    """

    def __init__(
        self,
        plan: Plan,
        weights: ArrayLike,
        state: ArrayLike = (),
        *,
        encoder: Mapping[str, Any] | None = None,
        classes: Sequence[Any] | None = None,
        record: Mapping[str, Any] | None = None,
        dtype: str = "float32",
        feature_names: Sequence[str] | None = None,
    ) -> None:
        self.plan = plan
        with np.errstate(over="ignore"):  # factors of the training, which prediction never reads
            self.engine = engine_for(plan, dtype)
        self.dtype = dtype
        self.weights = _vector(weights, plan.parameters, dtype, "weights")
        self.state = _vector(state, plan.running, dtype, "state")
        self.encoder = None if encoder is None else dict(encoder)
        self.classes = None if classes is None else [documents.plain(label) for label in classes]
        self.record = {} if record is None else dict(record)
        self.feature_names = None if feature_names is None else tuple(feature_names)

    @property
    def network(self) -> Layer:
        """Description of the network."""
        return self.plan.network

    @property
    def loss(self) -> Loss:
        """Loss that it was trained with; it owns the link from raw outputs to predictions."""
        return self.plan.loss

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample: `(d,)` or `(T, d)`."""
        return sizes(self.plan.graph.input.shape[1:])

    def __repr__(self) -> str:
        return (
            f"<Model of {self.weights.size:,} parameters, inputs {self.input_shape}, "
            f"{self.loss.name}, {self.dtype}>"
        )

    def __reduce__(self) -> tuple[object, ...]:
        # The engine may hold what cannot be copied, and is made anew.
        described: dict[str, Any] = {"encoder": self.encoder, "classes": self.classes}
        described.update(record=self.record, dtype=self.dtype, feature_names=self.feature_names)
        return (_rebuild, (type(self), self.plan, self.weights, self.state, described))

    def described(
        self,
        *,
        encoder: Mapping[str, Any] | None = None,
        classes: Sequence[Any] | None = None,
        record: Mapping[str, Any] | None = None,
    ) -> Model:
        """Return the same network with another encoder, other labels, or another record."""
        return type(self)(
            self.plan,
            self.weights,
            self.state,
            encoder=self.encoder if encoder is None else encoder,
            classes=self.classes if classes is None else classes,
            record=self.record if record is None else record,
            dtype=self.dtype,
            feature_names=self.feature_names,
        )

    def raw(self, X: ArrayLike) -> np.ndarray:
        """Return the raw outputs `(N, raw_width)`, before the link.

        Raises
        ------
        ShapeError
            X is not `(N, *input_shape)`.
        DataError
            X holds a value that is not a finite number; names the row and the column. X is a data
            frame whose columns are not those of training, in their order.
        """
        return self.engine.raw(self.weights, self.state, self._inputs(X))

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class, `(N, classes)`.

        A loss with one raw output for two classes gives both columns, `[1 - p, p]`.

        Raises
        ------
        UsageError
            The model is of a regression.
        """
        if self.loss.task == "regression":
            raise UsageError(
                "the model is of a regression, which has no class probabilities",
                where="predict_proba",
                expected="a classification loss",
                got=f"the loss {self.loss.name}",
                do="use predict",
            )
        P = self._predictions(X)
        return np.concatenate([1 - P, P], axis=1) if P.shape[1] == 1 else P

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return one prediction for each row.

        Regression: the means, `(N,)` for one target or `(N, K)`. Classification: the label of the
        likeliest class, `(N,)`, or its position if the model knows no labels. A loss with
        several independent outputs (binary cross-entropy): 0 or 1 for each, `(N, K)`.
        """
        if self.loss.task == "regression":
            means = self._predictions(X)[:, : self.plan.targets]
            return means[:, 0] if means.shape[1] == 1 else means
        P = self.predict_proba(X)
        if self.loss.link.elementwise and self.plan.targets > 1:
            return (P > 0.5).astype(np.int64)
        positions = np.argmax(P, axis=1)
        return positions if self.classes is None else np.asarray(self.classes)[positions]

    def save(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Write the model to one safetensors file, whole or not at all.

        Raises
        ------
        OutputExistsError
            The file exists and `overwrite` is false.
        DivergenceError
            A weight is not finite.
        """
        content = self.to_bytes()
        atomic_write(path, content, overwrite=overwrite)

    def to_bytes(self) -> bytes:
        """Return the content of the model's file."""
        tensors = {
            **self.plan.parameters.views(self.weights),
            **self.plan.running.views(self.state),
        }
        for name, tensor in tensors.items():
            if not np.all(np.isfinite(tensor)):
                raise DivergenceError(
                    "the weights are not finite, so they are not saved", where=name
                )
        text = write_json(self._document())
        read_json(text, "the model's own document")  # what could not be read back is not written
        return write_container(text, tensors)

    def _document(self) -> dict[str, Any]:
        document = {
            "format": documents.FORMAT,
            "version": documents.VERSION,
            "library": __version__,
            "dtype": self.dtype,
            "plan": documents.plan_document(self.plan),
            "encoder": self.encoder,
            "classes": self.classes,
            "record": documents.plain(self.record),
        }
        names = self.feature_names
        return document if names is None else {**document, "feature_names": list(names)}

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Model:
        """Read a model file, validating it wholly before anything is used.

        Raises
        ------
        FileFormatError
            The file is missing, damaged, hostile, or newer than this library.
        """
        path = readable_file(path, "model file", FileFormatError)
        try:
            with path.open("rb", buffering=0) as file:
                return cls._read(FileSource(cast(BinaryIO, file)), str(path))
        except OSError as error:
            what = f"the model file cannot be read: {error.strerror or error}"
            raise FileFormatError(what, where=str(path)) from None

    @classmethod
    def from_bytes(cls, content: bytes, where: str = "the model") -> Model:
        """Read the content of a model's file; `where` names it in messages."""
        return cls._read(BytesSource(content), where)

    @classmethod
    def _read(cls, source: Source, where: str) -> Model:
        container = read_container(source, where)
        document = container.document
        documents.require_document(document, where)
        plan = documents.read_plan(document["plan"], where)
        dtype = document["dtype"]
        if dtype not in ("float32", "float64"):
            raise FileFormatError("the number type is unknown", where=where, got=shown(dtype))
        if not isinstance(document["record"], dict):
            raise FileFormatError("the training record is not an object", where=where)
        require_tensors(container, plan, np.dtype(dtype))
        return cls(
            plan,
            filled(container, plan.parameters, dtype),
            filled(container, plan.running, dtype),
            encoder=documents.read_encoder(document["encoder"], plan, where),
            classes=documents.read_classes(document["classes"], plan, where),
            record=document["record"],
            dtype=dtype,
            feature_names=documents.read_names(document.get("feature_names"), plan, where),
        )

    def _predictions(self, X: ArrayLike) -> np.ndarray:
        with np.errstate(over="ignore", invalid="ignore"):  # told of below
            P = self.loss.predict(self.raw(X))
        bad = ~np.isfinite(P).all(axis=1)
        if bad.any():
            raise DataError(
                "the network's output is not a finite number",
                where=f"row {int(np.argmax(bad))}",
                do="look for inputs far outside what training saw",
            )
        return P

    def _inputs(self, X: ArrayLike) -> np.ndarray:
        if type(X) is np.ndarray and X.dtype == self.dtype and X.shape[1:] == self.input_shape:
            # The usual case, in a microsecond: a sum of squares is finite only if every number is.
            if math.isfinite(np.vdot(X, X)):
                return X
        require_names(self.feature_names, X)
        do = "" if self.encoder is None else _READ
        try:
            array = _cast(X, self.dtype)
        except Exception as error:  # objects of the user's raise what they like
            raise DataError("the inputs are not numbers", got=str(error), do=do) from error
        if array.shape[1:] != self.input_shape or array.ndim != 1 + len(self.input_shape):
            wanted = ", ".join(str(size) for size in self.input_shape)
            raise ShapeError(
                "the inputs do not fit the network",
                expected=f"(N, {wanted})",
                got=str(array.shape),
                do=self._advice(array.shape),
            )
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            place = ", column ".join(str(index) for index in bad[0])
            raise DataError(
                "an input is not a finite number",
                where=f"row {place}",
                got=shown(float(array[tuple(bad[0])])),
            )
        return array

    def _advice(self, shape: tuple[int, ...]) -> str:
        """Return what to do about inputs of a wrong shape."""
        if shape == self.input_shape:
            return "X.reshape(1, -1) for one row" if len(shape) == 1 else "X[None] for one sample"
        if self.encoder is not None:
            return _READ
        if self.feature_names is not None:
            return "pass the columns " + shown(list(self.feature_names))
        return "pass the columns of training, in the same order"


def _cast(X: object, dtype: str) -> np.ndarray:
    given = np.asarray(X)
    if given.dtype.kind in "cmM":  # a cast would drop what makes them what they are
        raise TypeError(f"an array of {given.dtype}")
    masked = sys.modules.get("numpy.ma")  # who has a masked array has imported it
    if masked is not None and masked.is_masked(X):
        raise TypeError("masked values")
    with np.errstate(over="ignore"):
        return given.astype(dtype)


_READ = (
    "pass a data frame with the columns of its table to cr.load(path).predict; of a file: "
    "chainrule.tabular, predict_table(model, read_table(path))"
)


def _rebuild(
    cls: type[Model],
    plan: Plan,
    weights: np.ndarray,
    state: np.ndarray,
    described: dict[str, Any],
) -> Model:
    return cls(plan, weights, state, **described)


def _vector(values: ArrayLike, layout: Layout, dtype: str, what: str) -> np.ndarray:
    """Return a read-only copy of a flat vector, after looking at its length.

    It is a whole array, not a view: the engine need not look at one again that nobody can write to.
    Where the values are such an array already, they are taken as they are.
    """
    vector = _kept(values, dtype)
    if vector is None:
        vector = np.array(np.reshape(values, -1), dtype=dtype)
    if vector.size != layout.size:
        raise InvalidParameterError(
            f"the {what} do not fit the plan",
            expected=f"{layout.size} numbers",
            got=f"{vector.size}",
        )
    vector.flags.writeable = False
    return vector


def _kept(values: object, dtype: str) -> np.ndarray | None:
    """Return the values if they are a flat array of their own that nobody can write to."""
    if not isinstance(values, np.ndarray) or type(values) is not np.ndarray:
        return None
    whole = values.ndim == 1 and values.dtype == dtype and values.flags.owndata
    return values if whole and not values.flags.writeable else None
