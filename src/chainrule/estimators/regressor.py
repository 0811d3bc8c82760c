"""`MLPRegressor`: scikit-learn's contract for numbers, and more."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if

from chainrule.estimators.base import BasePerceptron
from chainrule.estimators.intake import Validation
from chainrule.estimators.judge import coefficient_of_determination
from chainrule.estimators.losses import deviations, regressor_loss
from chainrule.estimators.method import require_stepwise
from chainrule.estimators.parameters import store
from chainrule.maths.activation import Activation
from chainrule.maths.augmentation import Augmentation
from chainrule.maths.clipping import Clipping
from chainrule.maths.initialiser import Initialiser
from chainrule.maths.loss import Loss
from chainrule.maths.losses_likelihood import Poisson
from chainrule.maths.optimizer import Optimizer
from chainrule.maths.penalty import Penalty
from chainrule.maths.schedule import Schedule
from chainrule.nn.layer import Layer
from chainrule.training.events import Listener

__all__ = ["MLPRegressor"]


class MLPRegressor(RegressorMixin, BasePerceptron):
    r"""Multilayer perceptron for numbers: scikit-learn's `MLPRegressor`, and what was asked of it.

    Every parameter and fitted attribute of scikit-learn 1.9 is here with the same meaning, and the
    same `random_state` gives the same first weights, batches and, in float64, trained weights up to
    rounding. The loss of a batch of rows is

    .. math:: J = \frac{\sum_i w_i J_i}{\sum_i w_i} + \frac{\alpha}{2 \sum_i w_i} \sum_l \|W_l\|^2

    with :math:`J_i` = :math:`\tfrac12 \sum_k (p_{ik} - y_{ik})^2`, or the `loss` of row i,
    :math:`w_i` = `sample_weight` and :math:`\alpha` = `alpha`. With several outputs K the reported
    loss is K times scikit-learn's, whose gradient is not the derivative of its loss; the weights
    that sgd and adam reach are the same.

    Parameters
    ----------
    loss : Loss, str or callable
        "squared_error" is half of the square, and "poisson" predicts exp(z) for targets from 0, as
        in scikit-learn. Any other regression loss of the registry by name, or a record of one:
        "huber", `cr.Pinball(quantile=0.9)`, "gaussian_nll". Or a function of raw outputs and
        targets `(N, K)` that returns values `(N,)` and slopes `(N, K)`.
    hidden_layer_sizes : int or sequence of int
        Units of each hidden layer; `()` for a linear model.
    activation : Activation, str, or one for each hidden layer
        "identity", "logistic", "tanh", "relu", any name of the registry, or a record.
    solver : str or Optimizer
        "lbfgs", "sgd" (with momentum), "adam", or the name of any other optimizer of the registry,
        with `learning_rate_init`, `momentum`, `beta_1`, `beta_2`, `epsilon` as far as it has them.
    alpha : float
        Strength of the L2 penalty, divided by the weight (number of rows) of each batch.
    batch_size : int or "auto"
        Rows of one update; "auto" is min(200, N). Not read by "lbfgs".
    learning_rate : {"constant", "invscaling", "adaptive"}
        For `solver="sgd"`: constant; divided by `(t_ + 1) ** power_t` after each epoch; or divided
        by 5 whenever patience ends. Use `schedule` with any solver.
    learning_rate_init : float
    power_t : float
    max_iter : int
        The most epochs, or iterations of "lbfgs".
    shuffle : bool
        Draw a new order of the rows for each epoch.
    random_state : int, RandomState or None
        Of first weights, split, orders and dropout.
    tol : float
        What an epoch must gain on the best one so far. For "lbfgs", the limit of the gradient.
    verbose : bool or int
        Write a line for each epoch to the standard output.
    warm_start : bool
        Let `fit` go on from the last call, with the optimizer's state, generator and split.
    momentum : float
        In [0, 1). With `nesterovs_momentum`, for `solver="sgd"`.
    nesterovs_momentum : bool
    early_stopping : bool
        Let patience watch the score of held-out rows, and keep the weights with the best one. The
        rows are `X_val` of `fit`, or a share of the training rows.
    validation_fraction : float
    beta_1, beta_2, epsilon : float
        Of `solver="adam"`.
    n_iter_no_change : int or infinity
        Epochs in a row without a gain that are allowed.
    max_fun : int
        The most evaluations of "lbfgs".
    optimizer : Optimizer or str, optional
        In place of `solver`, with its own numbers: `cr.AdamW(1e-3, weight_decay=0.1)`. A grid
        reaches its fields: `optimizer__beta1`.
    schedule : Schedule or str, optional
        Factor on the learning rate over `max_iter` epochs: "cosine", `cr.warmup_cosine(200)`.
    clip : float, Clipping or str, optional
        A number limits the norm of each batch's gradient.
    weight_decay : float
        Decoupled: the weights shrink by this times the rate in each update, whatever the batch.
    penalties : Penalty, or several, optional
        More terms of the objective: `cr.L1(1e-4)`.
    dropout : float, or one for each hidden layer
        Share of a hidden layer's outputs that is dropped in training.
    normalization : {None, "batch", "layer"}
        Normalise before each activation.
    residual : bool
        Add each hidden layer's input to its output, projected where the widths differ.
    augment : Augmentation, str, or several, optional
        Change the training rows anew in each epoch: `cr.Noise(0.1)`, "mixup". A row changes as its
        position in the epoch draws it, so the same `random_state` still gives the same bits. The
        rows that are scored stay as they were given. Not with "lbfgs".
    initialiser : Initialiser or str, optional
        First weights; by default scikit-learn's, or the activation's own where it has none.
    network : Layer, or function that returns one, optional
        The whole network, in place of everything that describes one above. Its last width must be
        what the loss needs: one for two classes, else the number of classes or outputs. A function
        is told that width: `lambda width: nn.Sequential(nn.Dense(9, "silu"), nn.Dense(width))`.
    scoring : str or callable, optional
        Score of the validation rows: "loss", a scorer of scikit-learn, or
        `scorer(estimator, X, y)`. By default R^2.
    max_time : float, optional
        Seconds after which training ends, within an epoch too.
    on_event : function, optional
        Told of the course: `chainrule.training.events`. What it raises ends training.
    checkpoint : path, optional
        File that holds the state after every `checkpoint_every` epochs, and at the end.
    checkpoint_every : int
    resume : path, optional
        Checkpoint to go on from, with the same parameters and data, to the same bits. New ones
        replace it, unless `checkpoint` names another file.
    dtype : {"auto", "float32", "float64"}
        "auto" is the type of X.

    Attributes
    ----------
    loss_ : float
        Loss of the last epoch.
    best_loss_ : float or None
        Least loss; None with `early_stopping`.
    loss_curve_ : list of float
        Loss of each epoch, penalties included, over the batches before each update.
    validation_scores_, validation_loss_curve_ : list of float or None
        Of the validation rows after each epoch.
    best_validation_score_ : float or None
    t_ : int
        Rows seen.
    coefs_, intercepts_ : list of array
        Weights `(d_in, d_out)` and biases of each affine map, in order. What is written into them
        counts.
    n_features_in_ : int
    feature_names_in_ : array of str
        Only if X has names.
    encoder_ : chainrule.tabular.Encoder or None
        Rules that make numbers of a data frame which holds more than numbers.
    n_iter_ : int
        Epochs of the last call.
    n_layers_, n_outputs_ : int
    out_activation_ : str
    stop_reason_ : str
        "patience", "epochs", "max_seconds", "interrupted", "diverged", "converged", "evaluations".

    Raises
    ------
    InvalidParameterError, UnknownNameError, UsageError, ShapeError
        A parameter is not what it should be; said by `fit`.
    DataError, TargetError, ValueError
        The data cannot be used.
    NonFiniteError
        Training diverged, and no validation rows had chosen weights before.

    Source: scikit-learn 1.9, `sklearn.neural_network`, for the parameters that it has.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule import MLPRegressor
    >>> X = np.linspace(-1, 1, 40).reshape(-1, 1)
    >>> model = MLPRegressor(
    ...     hidden_layer_sizes=(8,), activation="tanh", solver="lbfgs", random_state=0
    ... )
    >>> bool(model.fit(X, X.ravel() ** 2).score(X, X.ravel() ** 2) > 0.99)
    True
    """

    has_classes = False
    loss: Loss | str | Callable[..., Any]

    def __init__(
        self,
        loss: Loss | str | Callable[..., Any] = "squared_error",
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: Activation | str | Sequence[Activation | str] = "relu",
        *,
        solver: Optimizer | str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        optimizer: Optimizer | str | None = None,
        schedule: Schedule | str | None = None,
        clip: Clipping | str | float | None = None,
        weight_decay: float = 0.0,
        penalties: Penalty | str | Sequence[Penalty | str] | None = None,
        dropout: float | Sequence[float] = 0.0,
        normalization: str | None = None,
        residual: bool = False,
        augment: Augmentation | str | Sequence[Augmentation | str] | None = None,
        initialiser: Initialiser | str | None = None,
        network: Layer | str | Callable[[int], Layer] | None = None,
        scoring: str | Callable[..., float] | None = None,
        max_time: float | None = None,
        on_event: Listener | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: int = 1,
        resume: str | os.PathLike[str] | None = None,
        dtype: str = "auto",
    ) -> None:
        store(self, locals())

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> MLPRegressor:
        """Train on rows X and their targets y.

        Parameters
        ----------
        X : array-like or sparse matrix, (N, d)
        y : array-like, (N,) or (N, K)
        sample_weight : array-like, (N,), optional
            Weights from 0; a row of weight 0 is left out.
        X_val, y_val : like X and y, optional
            Rows that are scored after each epoch and never trained on: they give
            `validation_loss_curve_` and `validation_scores_`, and choose the weights that are kept.
        sample_weight_val : array-like, optional

        Returns
        -------
        self
        """
        validation = Validation.of(X_val, y_val, sample_weight_val)
        self._fit(X, y, sample_weight, validation, incremental=False)
        return self

    @available_if(require_stepwise)
    def partial_fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> MLPRegressor:
        """Do one epoch over the rows, on top of what was learned, the optimizer's state included.

        Parameters
        ----------
        X : array-like or sparse matrix, (N, d)
        y : array-like, (N,) or (N, K)
        sample_weight : array-like, (N,), optional

        Returns
        -------
        self
        """
        self._fit(X, y, sample_weight, None, incremental=True)
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Return the predicted means, `(N,)`, or `(N, K)` for several outputs.

        Parameters
        ----------
        X : array-like or sparse matrix, (N, d)
        return_std : bool
            Also return the standard deviations, which a likelihood ("gaussian_nll", "poisson")
            predicts.

        Returns
        -------
        array, or with `return_std` two arrays

        Raises
        ------
        UsageError
            `return_std` with a loss that predicts no spread.
        """
        raw = self._raw(X)
        P = self._plan.loss.predict(raw)
        means = _narrowed(P[:, : self._plan.targets])
        if not return_std:
            return means
        return means, _narrowed(deviations(self._plan.loss, P, self._plan.targets))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss == "poisson" or isinstance(self.loss, Poisson)
        return tags

    def _read_targets(
        self, y: np.ndarray, first: bool, incremental: bool
    ) -> tuple[Loss, np.ndarray]:
        loss = regressor_loss(self.loss)
        return loss, self._encode_more(y, loss)

    def _encode_more(self, y: np.ndarray, loss: Loss) -> np.ndarray:
        return loss.encode(y)

    def _strata(self, Y: np.ndarray, share: float) -> np.ndarray | None:
        return None

    _score_of_raw = staticmethod(coefficient_of_determination)


def _narrowed(columns: np.ndarray) -> np.ndarray:
    return columns[:, 0] if columns.shape[1] == 1 else columns
