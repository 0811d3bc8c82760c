"""One call of `fit` or `partial_fit`: plan, first state, training, fitted attributes."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from chainrule.engine.protocol import Buffers
from chainrule.engine.reference import ReferenceEngine
from chainrule.errors import InvalidParameterError, TargetError, UsageError
from chainrule.estimators import network, parameters
from chainrule.estimators.checkpoint_writer import Saver
from chainrule.estimators.checkpoints import Saved, identity, place_of, require_savable
from chainrule.estimators.engines import engine_of
from chainrule.estimators.faults import as_data_errors, of_validation
from chainrule.estimators.intake import Intake, Validation, checked_pair, split_rows, weights_of
from chainrule.estimators.judge import Judge, Judged
from chainrule.estimators.located import Suspects
from chainrule.estimators.loop import Loop, NonFiniteError, Settings
from chainrule.estimators.losses import constant_terms, output_name, outputs_in_loss
from chainrule.estimators.method import (
    choose_optimizer,
    choose_penalties,
    follows_solver_rate,
)
from chainrule.estimators.plain_objective import rows_as_given
from chainrule.estimators.progress import OptimizerState, Progress
from chainrule.estimators.rows import Changes, Source
from chainrule.estimators.scoring import require_scoring, scorer_for
from chainrule.estimators.whole import WholeFit
from chainrule.maths.loss import Loss
from chainrule.plan.plan import Plan, make_plan
from chainrule.training.augmentation import choose_augmentations, refuse_whole
from chainrule.training.lbfgs import require_plain

__all__ = ["Fit", "flat_weights", "publish"]


def flat_weights(estimator: Any, plan: Plan, flat: np.ndarray) -> np.ndarray:
    """Return the flat weights `flat` with what `coefs_` and `intercepts_` hold now.

    Raises
    ------
    InvalidParameterError
        They do not fit the network.
    """
    flat = flat.copy()
    matrices, biases = network.affine_slots(plan)
    named = (("coefs_", matrices), ("intercepts_", biases))
    for name, slots in named:
        tensors = getattr(estimator, name)
        shapes = [np.shape(tensor) for tensor in tensors]
        if shapes != [slot.shape for slot in slots]:
            raise InvalidParameterError(
                "the fitted weights do not fit the network, so training cannot go on from them",
                where=name,
                expected=str([slot.shape for slot in slots]),
                got=str(shapes),
                do="keep the layers as they were, or fit with warm_start=False",
            )
        for slot, tensor in zip(slots, tensors, strict=True):
            flat[slot.start : slot.stop] = np.reshape(tensor, -1)
    return flat


def publish(estimator: Any, plan: Plan, state: OptimizerState) -> None:
    """Set the attributes that describe the fitted network."""
    views = plan.parameters.views(state.buffers.weights)
    matrices, biases = network.affine_slots(plan)
    estimator._plan, estimator._optimizer = plan, state  # noqa: SLF001 - the estimator's own
    estimator.coefs_ = [views[slot.name] for slot in matrices]
    estimator.intercepts_ = [views[slot.name] for slot in biases]
    estimator.n_outputs_ = plan.targets
    estimator.out_activation_ = output_name(plan.loss)
    built = estimator.network is None
    sizes = network.hidden_sizes(estimator.hidden_layer_sizes) if built else matrices[1:]
    estimator.n_layers_ = len(sizes) + 2


class Fit:
    """What one call does with an estimator.

    Parameters
    ----------
    estimator : BasePerceptron
    incremental : bool
        `partial_fit`: one epoch, on top of what was learned.
    """

    def __init__(self, estimator: Any, incremental: bool) -> None:
        parameters.check(estimator)
        if incremental and estimator.early_stopping:
            raise UsageError(
                "partial_fit does not support early_stopping=True",
                where="early_stopping",
                do="set early_stopping=False, and decide yourself when to stop calling it",
            )
        require_scoring(estimator.scoring)
        self.estimator, self.incremental = estimator, incremental
        goes_on = incremental or estimator.warm_start
        self.first = not (goes_on and hasattr(estimator, "coefs_"))
        self.optimizer = choose_optimizer(estimator)
        self.augment = choose_augmentations(estimator.augment)
        if self.augment and not self.optimizer.stepwise:
            refuse_whole(self.optimizer)
        require_savable(estimator, self.optimizer.stepwise, incremental)
        self.saved = None if estimator.resume is None else Saved.read(estimator.resume)
        if self.saved is not None:
            self.saved.require_parameters(estimator)

    def run(self, X: Any, y: Any, sample_weight: Any, validation: Validation | None) -> None:
        """Train the estimator."""
        estimator, numeric = self.estimator, not self.estimator.has_classes
        X, y = checked_pair(estimator, X, y, numeric, reset=self.first)
        with as_data_errors(Suspects(y=y, checked="y", classes=not numeric).place):
            loss, Y = estimator._read_targets(y, self.first, self.incremental)  # noqa: SLF001
        kept = None if self.first else getattr(estimator, "_random_state", None)
        self.random_state = check_random_state(estimator.random_state) if kept is None else kept
        self.previous = None if self.first else getattr(estimator, "_optimizer", None)
        self.plan, self.factors = self._planned(loss, X.shape[1], Y.shape[1])
        for member in self.augment:
            member.require((X.shape[1],), self.plan.loss)
        self.state = self._state(X.dtype)
        self.progress = Progress() if self.first else Progress.of(estimator)
        if self.saved is not None:
            self.state, self.progress = self.saved.state(self.state)
            self.random_state = self.saved.generator(estimator.random_state)
        self.intake = self._intake(X, y, Y, sample_weight, validation)
        weights = self.state.buffers.weights
        engine = engine_of(estimator, self.plan, weights.dtype.name)
        if self.optimizer.stepwise:
            reason = self._stepwise(engine)
        else:
            reason = self._whole(engine, X.dtype)
        self._finish(reason)

    def _planned(self, loss: Loss, features: int, targets: int) -> tuple[Plan, dict[str, float]]:
        estimator = self.estimator
        description = network.describe(estimator, loss.raw_width(targets))
        method = (estimator.schedule, choose_penalties(estimator), estimator.clip)
        arguments = (description.network, (features,), loss, targets, self.optimizer, *method)
        if getattr(estimator, "_planned", None) == arguments and hasattr(estimator, "_plan"):
            return estimator._plan, description.factors  # noqa: SLF001 - the estimator's own
        plan = make_plan(*arguments)
        if not self.optimizer.stepwise:
            require_plain(plan)
        estimator._planned = arguments  # noqa: SLF001 - the estimator's own
        return plan, description.factors

    def _state(self, given: np.dtype[Any]) -> OptimizerState:
        """Return where training starts: afresh, or from what the estimator holds."""
        estimator, plan, before = self.estimator, self.plan, self.previous
        dtype = given if self.optimizer.stepwise else np.dtype(np.float64)
        size, running = plan.parameters.size, plan.initial_running()
        slots = {
            name: np.full(size, self.optimizer.initial_slot(name), dtype)
            for name in self.optimizer.slots
        }
        if self.first:
            drawn = network.needs_seed(plan, self.factors)
            random_state = self.random_state
            if self.augment and not drawn:  # a copy: the same weights and orders as without it
                seed = int(copy.deepcopy(random_state).randint(2**31 - 1))
            else:
                seed = int(random_state.randint(2**31 - 1)) if drawn else 0
            weights = network.first_weights(plan, self.factors, random_state, seed).astype(given)
            return OptimizerState(
                self.optimizer, Buffers(weights.astype(dtype), slots, running.astype(dtype)), seed
            )
        if before is None or before.buffers.weights.size != size:
            flat = flat_weights(estimator, plan, np.zeros(size))
            buffers = Buffers(flat.astype(dtype), slots, running.astype(dtype))
            return OptimizerState(self.optimizer, buffers)
        flat = flat_weights(estimator, plan, before.buffers.weights).astype(dtype)
        same = before.optimizer.slots == self.optimizer.slots
        if same and type(before.optimizer) is type(self.optimizer):
            slots = {name: slot.astype(dtype) for name, slot in before.buffers.slots.items()}
        step = before.buffers.step if same else 0
        buffers = Buffers(flat, slots, before.buffers.running.astype(dtype), step)
        return OptimizerState(
            self.optimizer,
            buffers,
            before.seed,
            before.epochs,
            before.scale if follows_solver_rate(estimator) else 1.0,
            before.order,
            before.split,
        )

    def _intake(
        self, X: Any, y: Any, Y: np.ndarray, sample_weight: Any, validation: Validation | None
    ) -> Intake:
        estimator = self.estimator
        classes = getattr(estimator, "classes_", None)
        class_weight = getattr(estimator, "class_weight", None)
        if self.incremental and isinstance(class_weight, str):
            raise UsageError(
                "class_weight='balanced' needs all rows at once, which partial_fit does not have",
                where="class_weight",
                do="pass a weight for each class as a dict",
            )
        several = classes is not None and estimator._many_labels()  # noqa: SLF001
        weights = weights_of(sample_weight, X.shape[0], Y, class_weight, classes, several)
        if not self.optimizer.stepwise:
            target = np.dtype(bool) if estimator.has_classes else y.dtype
            self.given = rows_as_given(X, Y, weights, target, sample_weight)
        if weights is not None and not weights.all():
            kept = weights > 0
            X, y, Y, weights = X[kept], y[kept], Y[kept], weights[kept]
        kind = X.dtype if self.optimizer.stepwise else np.dtype(np.float64)
        typed = None if weights is None else weights.astype(kind)
        rows = Source(X, Y.astype(kind), typed)
        if validation is not None:
            return self._given(rows, validation)
        if not (estimator.early_stopping and self.optimizer.stepwise):
            return Intake(rows)
        train, held = self._split(Y)
        return Intake(rows.take(train), rows.take(held), y[held])

    def _split(self, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows to train on and those held back: the same ones when training goes on."""
        estimator, split = self.estimator, self.state.split
        if split is None or len(split[0]) + len(split[1]) != len(Y):
            share = float(estimator.validation_fraction)
            strata = estimator._strata(Y, share)  # noqa: SLF001 - the estimator's own
            split = split_rows(self.random_state, len(Y), share, strata)
        self.state.split = split
        return split

    def _given(self, rows: Source, validation: Validation) -> Intake:
        with of_validation():
            return self._checked(rows, validation)

    def _checked(self, rows: Source, validation: Validation) -> Intake:
        estimator = self.estimator
        numeric = not estimator.has_classes
        X, y = checked_pair(estimator, validation.X, validation.y, numeric, reset=False)
        with as_data_errors(Suspects(y=y, checked="y", classes=not numeric).place):
            Y = estimator._encode_more(y, self.plan.loss)  # noqa: SLF001 - the estimator's own
        if Y.shape[1] != self.plan.targets:
            raise TargetError(
                "y_val has not as many columns as y",
                where="y",
                expected=f"{self.plan.targets}",
                got=f"{Y.shape[1]}",
                do="pass y_val as y is: the same columns, in the same order",
            )
        weights = weights_of(validation.weights, X.shape[0], Y)
        if weights is not None and not weights.all():
            X, y, Y, weights = X[weights > 0], y[weights > 0], Y[weights > 0], weights[weights > 0]
        typed = None if weights is None else weights.astype(rows.X.dtype)
        return Intake(rows, Source(X.astype(rows.X.dtype), Y.astype(rows.X.dtype), typed), y)

    def _judge(self, engine: ReferenceEngine) -> Judge | None:
        intake, estimator = self.intake, self.estimator
        if intake.held is None:
            return None
        held, scoring, loss = intake.held, estimator.scoring, self.plan.loss
        if scoring == "loss":
            return Judge(engine, held, lambda judged: -judged.loss)
        if scoring is None:
            score, Y, weights = estimator._score_of_raw, held.Y, held.weights  # noqa: SLF001
            return Judge(engine, held, lambda judged: score(loss, judged.raw, Y, weights))
        return Judge(engine, held, self._scorer(held, scoring))

    def _scorer(self, held: Source, scoring: Any) -> Any:
        """Return the score that a scorer of scikit-learn gives to the estimator as it stands."""
        proxy = copy.copy(self.estimator)
        proxy.__dict__.pop("feature_names_in_", None)  # the rows are an array by now
        proxy.encoder_, proxy.n_features_in_ = None, held.X.shape[1]
        score, labels, plan = scorer_for(proxy, scoring), self.intake.labels, self.plan
        extra = {} if held.weights is None else {"sample_weight": held.weights}

        def of_state(judged: Judged) -> float:
            publish(proxy, plan, OptimizerState(self.optimizer, judged.buffers))
            return score(proxy, held.X, labels, **extra)

        return of_state

    def _settings(self, rows: int) -> Settings:
        estimator = self.estimator
        if estimator.batch_size == "auto":
            batch = min(200, rows)
        else:
            if estimator.batch_size > rows:
                warnings.warn(
                    "Got `batch_size` less than 1 or larger than sample size. It is going to be"
                    " clipped",
                    stacklevel=6,
                )
            batch = min(int(estimator.batch_size), rows)
        train = self.intake.train
        loss, tol = self.plan.loss, float(estimator.tol)
        return Settings(
            max_iter=int(estimator.max_iter),
            batch=batch,
            shuffle=bool(estimator.shuffle),
            tol=tol,
            gain=tol * outputs_in_loss(loss, train.Y.shape[1]),
            patience=estimator.n_iter_no_change,
            rate=estimator.learning_rate if follows_solver_rate(estimator) else "constant",
            power=float(estimator.power_t),
            by_score=bool(estimator.early_stopping),
            constants=constant_terms(loss, train.Y),
            verbose=bool(estimator.verbose),
            seconds=estimator.max_time,
            single=self.incremental,
        )

    def _stepwise(self, engine: ReferenceEngine) -> str:
        estimator, state = self.estimator, self.state
        settings = self._settings(len(self.intake.train))
        loop = Loop(
            engine,
            self.intake.train,
            state,
            self.progress,
            settings,
            self.random_state,
            self._judge(engine),
            estimator.on_event,
            Changes(self.augment, state.seed) if self.augment else None,
        )
        self._keep(loop, engine.name)
        reason = loop.run()
        if loop.best is not None:
            kept, last = loop.best, state.buffers
            state.buffers = Buffers(kept.weights, last.slots, kept.running, last.step)
        self.iterations = loop.epochs
        if reason == "epochs" and not self.incremental and estimator.schedule is None:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({settings.max_iter}) reached and the"
                " optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=5,
            )
        return reason

    def _keep(self, loop: Loop, engine: str) -> None:
        """Let the loop go on from a checkpoint, and write others, as the estimator says."""
        estimator, intake = self.estimator, self.intake
        if estimator.checkpoint is None and self.saved is None:
            return
        run = identity(estimator, engine, intake.train, intake.held)
        if self.saved is not None:
            loop.ended = self.saved.go_on(loop, run)
        path, overwrite = place_of(estimator)
        loop.saver = Saver(path, int(estimator.checkpoint_every), run, overwrite)

    def _whole(self, engine: ReferenceEngine, dtype: np.dtype[Any]) -> str:
        train = self.intake.train
        told = (self.state, self.progress, self._judge(engine), self.given)
        fit = WholeFit(self.estimator, engine, train, *told)
        reason = fit.run()
        self.iterations = fit.iterations
        found = self.state.buffers
        self.state.buffers = Buffers(
            found.weights.astype(dtype), {}, found.running.astype(dtype), found.step
        )
        return reason

    def _finish(self, reason: str) -> None:
        estimator, state = self.estimator, self.state
        if not np.isfinite(state.buffers.weights).all():
            raise NonFiniteError(
                "Solver produced non-finite parameter weights. The input data may contain large"
                " values and need to be preprocessed.",
                where="the weights at the end",
                do="scale inputs and targets, or lower learning_rate_init",
            )
        if not (self.incremental or estimator.warm_start):
            state.order = state.split = None
        estimator._random_state = self.random_state  # noqa: SLF001 - the estimator's own
        publish(estimator, self.plan, state)
        self.progress.publish(estimator, bool(estimator.early_stopping) and self.optimizer.stepwise)
        estimator.loss_ = self.progress.losses[-1] if self.progress.losses else np.inf
        estimator.n_iter_ = self.iterations
        estimator.stop_reason_ = reason
