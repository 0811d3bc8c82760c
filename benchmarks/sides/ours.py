"""Chainrule, through its public surface: engine, `train`, `Model`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

import chainrule as cr
from benchmarks.fits import Fit
from benchmarks.runner import Calls, Runner, Side, cores
from benchmarks.work import (
    CLIP,
    DECAY,
    RATE,
    Layer,
    Work,
    data_of,
    layers_of,
    order_of,
    parameters_of,
)
from chainrule import MLPClassifier, nn
from chainrule.engine import Buffers, Clock, Rows
from chainrule.engine.native import NativeEngine, info, instruction_set, load_binary
from chainrule.plan import Plan, make_plan
from chainrule.storage.model import Model


def built(layer: Layer) -> nn.Layer:
    """Return a layer in Chainrule's words."""
    kind = layer[0]
    if kind == "dense":
        return nn.Dense(layer[2])
    if kind == "residual":
        return nn.Residual(*map(built, layer[1]))
    if kind == "dropout":
        return nn.Dropout(layer[1])
    return {"relu": nn.ReLU, "batch_norm": nn.BatchNorm, "layer_norm": nn.LayerNorm}[kind]()


def plan_of(work: Work) -> Plan:
    """Return the plan of the work."""
    extra = work.variant == "adamw_clip"
    return make_plan(
        nn.Sequential(*map(built, layers_of(work))),
        work.widths[:1],
        "squared_error" if work.regression else "softmax_cross_entropy",
        work.widths[-1],
        cr.AdamW(RATE, weight_decay=DECAY) if extra else cr.Adam(RATE),
        clip=CLIP if extra else None,
    )


def rows_of(work: Work) -> Rows:
    """Return the encoded rows."""
    X, y = data_of(work)
    if work.regression:
        return Rows(X, y[:, None])
    return Rows(X, np.eye(work.widths[-1], dtype=np.float32)[y])


class Training(Runner):
    """Many updates in one call of the engine."""

    def __init__(self, work: Work, seed: int = 0, rows: Rows | None = None) -> None:
        super().__init__()
        self.work = work
        self.plan = plan_of(work)
        self.engine = NativeEngine(self.plan, "float32", work.threads or None)
        self.rows = rows_of(work) if rows is None else rows
        self.buffers = self.first_buffers(seed)
        self.order = order_of(work, max(work.steps, work.check_steps + 1), seed).reshape(-1)
        self.units = float(work.steps)
        self.facts["threads"] = self.engine.threads_for(work.batch)

    def first_buffers(self, seed: int) -> Buffers:
        """Return the state with the first weights of the work."""
        buffers = self.engine.buffers(seed)
        tensors = dict(
            zip(self.plan.parameters.names(), parameters_of(self.work, seed), strict=True)
        )
        buffers.weights = self.plan.parameters.pack(tensors, np.float32)
        return buffers

    def pass_over(self, order: np.ndarray) -> float:
        """Train on the rows in this order and return the loss."""
        clock = Clock(0, 0, 0, 10**9)
        return self.engine.epoch(self.buffers, self.rows, order, self.work.batch, clock).objective

    def turn(self) -> None:
        self.pass_over(self.order[: self.work.steps * self.work.batch])

    def check(self) -> dict[str, float]:
        """Return the loss of the step after `check_steps` steps."""
        stop = self.work.check_steps * self.work.batch
        self.pass_over(self.order[:stop])
        return {"loss": self.pass_over(self.order[stop : stop + self.work.batch])}


class Many(Runner):
    """Networks side by side: one thread for each, as many at once as there are cores."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        single = Work(**{**work.document(), "threads": 1})
        rows = rows_of(work)
        self.trainings = [Training(single, seed, rows) for seed in range(work.networks)]
        self.units = float(work.steps * work.networks)
        self.threads = ThreadPoolExecutor(cores())

    def turn(self) -> None:
        list(self.threads.map(Training.turn, self.trainings))

    def check(self) -> dict[str, float]:
        """Return the mean of the networks' losses."""
        losses = [one["loss"] for one in self.threads.map(Training.check, self.trainings)]
        return {"loss": float(np.mean(losses))}


class Table(Runner):
    """One epoch of `train`, from arrays to a model."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work
        self.X, self.y = data_of(work)
        self.facts["engine"] = info(plan_of(work))["engine"]

    def turn(self) -> None:
        self.trained()

    def trained(self) -> Model:
        """Train once."""
        return cr.train(
            nn.Sequential(*map(built, layers_of(self.work))),
            self.X,
            self.y,
            loss="squared_error",
            optimizer=cr.Adam(RATE),
            batch_size=self.work.batch,
            epochs=1,
            metrics=(),
        ).model

    def check(self) -> dict[str, float]:
        """Return the mean squared error afterwards."""
        return {"epoch_loss": float(np.mean((self.trained().predict(self.X) - self.y) ** 2))}


def predictions(work: Work) -> Runner:
    """Return calls of `Model.raw`."""
    plan = plan_of(work)
    tensors = dict(zip(plan.parameters.names(), parameters_of(work), strict=True))
    model = Model(plan, plan.parameters.pack(tensors, np.float32))
    runner = Calls(work, model.raw)
    runner.facts["engine"] = model.engine.name
    return runner


class Product(Runner):
    """The binary's own product on every core at once, sustained."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work
        self.threads = ThreadPoolExecutor(cores())
        self.repeats = max(2, int(5e9 / work.flops))
        self.units = cores() * self.repeats * work.flops

    def turn(self) -> None:
        binary, _ = load_binary()
        assert binary is not None
        arguments = (instruction_set(), *self.work.widths, self.repeats)
        running = [self.threads.submit(binary.gemm_rate, *arguments) for _ in range(cores())]
        for one in running:
            one.result()


class Ours(Side):
    """Chainrule."""

    name = "chainrule"
    kinds = {
        "train": Training,
        "many": Many,
        "table": Table,
        "fit": lambda work: Fit(work, MLPClassifier),
        "predict": predictions,
        "product": Product,
    }

    def versions(self) -> dict[str, str]:
        """Return versions, instruction set and threads."""
        about = info()
        return {
            "chainrule": cr.__version__,
            "instruction set": str(about["instruction_set"]),
            "numpy": np.__version__,
        }


SIDE = Ours
