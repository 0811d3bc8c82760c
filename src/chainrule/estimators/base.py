"""What the two estimators share: parameters, fitting, prediction, and what they tell of themselves.

Decisions
---------
a) The fitted weights live in `coefs_` and `intercepts_`, as views of one flat vector. Prediction
   and continued training read them from there, so what a user writes into them counts.
b) The number type is that of X (`dtype="auto"`), as in scikit-learn.
c) An engine is not part of an estimator's state. It is kept beside it, so that prediction changes
   no attribute.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from chainrule.engine.protocol import Buffers
from chainrule.estimators import parameters
from chainrule.estimators.engines import engine_of
from chainrule.estimators.faults import unchanged_if_it_fails
from chainrule.estimators.fitting import Fit, flat_weights
from chainrule.estimators.intake import Validation, checked_inputs
from chainrule.estimators.judge import raw_outputs
from chainrule.estimators.outcome import model_of
from chainrule.estimators.progress import OptimizerState
from chainrule.maths.activation import Activation
from chainrule.maths.augmentation import Augmentation
from chainrule.maths.clipping import Clipping
from chainrule.maths.initialiser import Initialiser
from chainrule.maths.optimizer import Optimizer
from chainrule.maths.penalty import Penalty
from chainrule.maths.schedule import Schedule
from chainrule.nn.layer import Layer
from chainrule.plan.plan import Plan
from chainrule.storage.model import Model
from chainrule.tabular.encoder import Encoder
from chainrule.training.arguments import short_of_memory
from chainrule.training.events import Listener

__all__ = ["BasePerceptron"]


class BasePerceptron(BaseEstimator):
    """Base of `MLPClassifier` and `MLPRegressor`; not an estimator by itself."""

    has_classes: ClassVar[bool]
    """Targets are class labels."""

    hidden_layer_sizes: int | Sequence[int]
    activation: Activation | str | Sequence[Activation | str]
    solver: Optimizer | str
    alpha: float
    batch_size: int | str
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: int | np.random.RandomState | None
    tol: float
    verbose: bool | int
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    optimizer: Optimizer | str | None
    schedule: Schedule | str | None
    clip: Clipping | str | float | None
    weight_decay: float
    penalties: Penalty | str | Sequence[Penalty | str] | None
    dropout: float | Sequence[float]
    normalization: str | None
    residual: bool
    augment: Augmentation | str | Sequence[Augmentation | str] | None
    initialiser: Initialiser | str | None
    network: Layer | str | Callable[[int], Layer] | None
    scoring: str | Callable[..., float] | None
    max_time: float | None
    on_event: Listener | None
    checkpoint: str | os.PathLike[str] | None
    checkpoint_every: int
    resume: str | os.PathLike[str] | None
    dtype: str

    loss_: float
    best_loss_: float | None
    loss_curve_: list[float]
    validation_scores_: list[float] | None
    validation_loss_curve_: list[float] | None
    best_validation_score_: float | None
    t_: int
    coefs_: list[np.ndarray]
    intercepts_: list[np.ndarray]
    n_features_in_: int
    feature_names_in_: np.ndarray
    encoder_: Encoder | None
    n_iter_: int
    n_layers_: int
    n_outputs_: int
    out_activation_: str
    stop_reason_: str

    _plan: Plan
    _optimizer: OptimizerState

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, and with `deep` the fields of those that are records.

        Parameters
        ----------
        deep : bool
            Also list `optimizer__beta1` and its like.

        Returns
        -------
        dict of str to value
        """
        found: dict[str, Any] = super().get_params(deep=deep)
        if deep:
            for name, value in tuple(found.items()):
                found.update(parameters.deep_fields(name, value))
        return found

    def set_params(self, **params: Any) -> Any:
        """Set parameters, and fields of those that are records.

        `set_params(optimizer__beta1=0.95)` replaces the record in `optimizer` by one with another
        `beta1`. A parameter that is the name of a record becomes that record.

        Parameters
        ----------
        **params : parameters by name

        Returns
        -------
        self
        """
        own = {key: value for key, value in params.items() if "__" not in key}
        super().set_params(**own)
        nested: dict[str, dict[str, Any]] = {}
        for key, value in params.items():
            name, _, field = key.partition("__")
            if field:
                nested.setdefault(name, {})[field] = value
        for name, changes in nested.items():
            if name not in self.get_params(deep=False):
                super().set_params(**{name: None})  # says which names there are
            setattr(self, name, parameters.with_fields(name, getattr(self, name), changes))
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_plan")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: Validation | None,
        incremental: bool,
        classes: Any = None,
    ) -> None:
        with unchanged_if_it_fails(self):
            if incremental:
                self._meet_classes(y, classes)
            try:
                Fit(self, incremental).run(X, y, sample_weight, validation)
            except MemoryError as error:
                raise short_of_memory(error) from error

    def _meet_classes(self, y: Any, classes: Any) -> None:
        """Take the classes of a call of `partial_fit`."""

    def _raw(self, X: Any) -> np.ndarray:
        """Return the raw outputs of the network, `(N, raw_width)`."""
        check_is_fitted(self)
        X = checked_inputs(self, X)
        held = self._optimizer.buffers
        weights = flat_weights(self, self._plan, held.weights)
        engine = engine_of(self, self._plan, weights.dtype.name)
        return raw_outputs(engine, Buffers(weights, {}, held.running), X)

    def summary(self) -> str:
        """Return the fitted network as a table: layers, shapes, parameters, FLOPs, bytes.

        Example
        -------
        >>> from chainrule import MLPRegressor
        >>> X, y = [[0.0], [1.0]], [0.0, 1.0]
        >>> model = MLPRegressor(hidden_layer_sizes=3, solver="lbfgs").fit(X, y)
        >>> model.summary().splitlines()[3].split()[:2]
        ['dense_1', 'affine']
        """
        check_is_fitted(self)
        return str(self._plan)

    def to_model(self) -> Model:
        """Return the fitted network as a `Model`, which saves itself to one safetensors file.

        It knows the names of the columns. A model fitted on a data frame with words reads such
        frames, when it is loaded again (`cr.load`) too.

        Example
        -------
        >>> from chainrule import MLPRegressor
        >>> X, y = [[0.0], [1.0]], [0.0, 1.0]
        >>> model = MLPRegressor(hidden_layer_sizes=3, solver="lbfgs").fit(X, y)
        >>> model.to_model().input_shape
        (1,)
        """
        check_is_fitted(self)
        return model_of(self)

    def _many_labels(self) -> bool:
        return False
