"""PyTorch without compiling: modules, autograd, and the faster of the fused and foreach Adam."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch.nn import functional

from benchmarks.runner import (
    ONE_THREAD_BELOW,
    Calls,
    Products,
    Runner,
    Side,
    cores,
    fastest,
)
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

MOST_STEPS = 200
MOST_FLOPS = 2e10


def steps_of(work: Work) -> int:
    """Return the steps of a turn: as there is no call to share out, more would only cost time."""
    return max(1, min(work.steps, MOST_STEPS, int(MOST_FLOPS / work.flops)))


class Residual(torch.nn.Sequential):
    """X + f(X)."""

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return the sum."""
        return X + super().forward(X)


def built(layers: Iterable[Layer]) -> list[torch.nn.Module]:
    """Return layers in PyTorch's words."""
    makers = {
        "dense": torch.nn.Linear,
        "batch_norm": torch.nn.BatchNorm1d,
        "layer_norm": torch.nn.LayerNorm,
        "dropout": torch.nn.Dropout,
        "relu": torch.nn.ReLU,
        "residual": lambda inner: Residual(*built(inner)),
    }
    return [makers[kind](*arguments) for kind, *arguments in layers]


def module_of(work: Work) -> torch.nn.Sequential:
    """Return the network with the first weights of the work."""
    module = torch.nn.Sequential(*built(layers_of(work)))
    with torch.no_grad():
        pairs = zip(module.parameters(), parameters_of(work), strict=True)
        for parameter, value in pairs:
            parameter.copy_(torch.from_numpy(value.T if value.ndim == 2 else value))
    return module


def tensors_of(work: Work) -> tuple[torch.Tensor, torch.Tensor]:
    """Return X and y; y as a column for regression."""
    X, y = data_of(work)
    return torch.from_numpy(X), torch.from_numpy(y[:, None] if work.regression else y)


def loss_of(work: Work) -> object:
    """Return the loss function."""
    return functional.mse_loss if work.regression else functional.cross_entropy


class Training(Runner):
    """The usual loop."""

    def __init__(self, work: Work, threads: int, form: str) -> None:
        super().__init__()
        torch.set_num_threads(threads)
        self.work = work
        self.model = module_of(work)
        self.optimizer = self._optimizer(form)
        self.X, self.y = tensors_of(work)
        steps = steps_of(work)
        order = order_of(work, max(steps, work.check_steps + 1))
        self.batches = list(torch.from_numpy(order))
        self.steps = steps
        self.units = float(steps)

    def _optimizer(self, form: str) -> torch.optim.Optimizer:
        parameters = self.model.parameters()
        if self.work.variant == "adamw_clip":
            return torch.optim.AdamW(parameters, RATE, weight_decay=DECAY, **{form: True})
        return torch.optim.Adam(parameters, RATE, **{form: True})

    def run(self, batches: list[torch.Tensor]) -> torch.Tensor:
        """Train on the batches and return the last loss."""
        model, optimizer, X, y = self.model, self.optimizer, self.X, self.y
        loss = loss_of(self.work)
        clipped = self.work.variant == "adamw_clip"
        parameters = list(model.parameters())
        value = torch.zeros(())
        for index in batches:
            optimizer.zero_grad(set_to_none=True)
            value = loss(model(X.index_select(0, index)), y.index_select(0, index))
            value.backward()
            if clipped:
                torch.nn.utils.clip_grad_norm_(parameters, CLIP, foreach=True)
            optimizer.step()
        return value

    def turn(self) -> None:
        self.run(self.batches[: self.steps])

    def check(self) -> dict[str, float]:
        """Return the loss of the step after `check_steps` steps."""
        return {"loss": float(self.run(self.batches[: self.work.check_steps + 1]))}


class Tried(Runner):
    """A training whose number of threads is set again before each measurement."""

    def __init__(self, training: Training, threads: int) -> None:
        super().__init__()
        self.training = training
        self.threads = threads
        self.units = training.units

    def turn(self) -> None:
        torch.set_num_threads(self.threads)
        self.training.turn()

    def check(self) -> dict[str, float]:
        """Return what the training returns."""
        return self.training.check()


def training(work: Work) -> Runner:
    """Return the fastest of: one thread or all, fused or foreach."""
    counts = {1, cores()} if work.flops < ONE_THREAD_BELOW else {cores()}
    return fastest(
        {
            f"{form} optimizer, {threads} threads": (
                lambda threads=threads, form=form: Tried(Training(work, threads, form), threads)
            )
            for threads in sorted(counts)
            for form in ("fused", "foreach")
        }
    )[0]


class Stack(torch.nn.Module):
    """Several networks as batched products."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        each = [parameters_of(work, seed) for seed in range(work.networks)]
        stacked = [np.stack(tensors) for tensors in zip(*each, strict=True)]
        self.tensors = torch.nn.ParameterList(
            torch.nn.Parameter(torch.from_numpy(one if one.ndim == 3 else one[:, None]))
            for one in stacked
        )

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return `(networks, batch, outputs)`."""
        tensors = list(self.tensors)
        for position in range(0, len(tensors), 2):
            X = torch.baddbmm(tensors[position + 1], X, tensors[position])
            if position + 2 < len(tensors):
                X = torch.relu(X)
        return X


class Many(Runner):
    """Networks as one stack: their losses are summed, which keeps their gradients apart."""

    def __init__(self, work: Work, threads: int) -> None:
        super().__init__()
        self.threads = threads
        torch.set_num_threads(threads)
        self.model = Stack(work)
        self.optimizer = torch.optim.Adam(self.model.parameters(), RATE, fused=True)
        self.X, self.y = tensors_of(work)
        steps = steps_of(work)
        orders = [
            order_of(work, max(steps, work.check_steps + 1), seed) for seed in range(work.networks)
        ]
        self.batches = list(torch.from_numpy(np.stack(orders, axis=1)))
        self.steps = steps
        self.networks, self.check_steps = work.networks, work.check_steps
        self.units = float(steps * work.networks)

    def run(self, batches: list[torch.Tensor]) -> torch.Tensor:
        """Train on the batches and return the last losses' sum."""
        torch.set_num_threads(self.threads)
        value = torch.zeros(())
        for index in batches:
            self.optimizer.zero_grad(set_to_none=True)
            errors = self.model(self.X[index]) - self.y[index]
            value = (errors * errors).mean(dim=(1, 2)).sum()
            value.backward()
            self.optimizer.step()
        return value

    def turn(self) -> None:
        self.run(self.batches[: self.steps])

    def check(self) -> dict[str, float]:
        """Return the mean of the networks' losses."""
        return {"loss": float(self.run(self.batches[: self.check_steps + 1])) / self.networks}


def many(work: Work) -> Runner:
    """Return the faster of one thread and all."""
    return fastest(
        {
            f"{threads} threads": lambda threads=threads: Many(work, threads)
            for threads in sorted({1, cores()})
        }
    )[0]


class Table(Runner):
    """One epoch of the usual loop, from arrays to a model."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        torch.set_num_threads(cores())
        self.work = work
        self.X, self.y = data_of(work)

    def trained(self) -> torch.nn.Module:
        """Train once."""
        model = torch.nn.Sequential(*built(layers_of(self.work)))
        optimizer = torch.optim.Adam(model.parameters(), RATE, fused=True)
        X, y = torch.from_numpy(self.X), torch.from_numpy(self.y)[:, None]
        for index in torch.randperm(len(X)).split(self.work.batch):
            optimizer.zero_grad(set_to_none=True)
            loss = functional.mse_loss(model(X.index_select(0, index)), y.index_select(0, index))
            loss.backward()
            optimizer.step()
        return model

    def turn(self) -> None:
        self.trained()

    def check(self) -> dict[str, float]:
        """Return the mean squared error afterwards."""
        model = self.trained()
        with torch.inference_mode():
            found = model(torch.from_numpy(self.X)).numpy()[:, 0]
        return {"epoch_loss": float(np.mean((found - self.y) ** 2))}


class Predictions(Calls):
    """Calls of the module, from a NumPy array to a NumPy array."""

    def __init__(self, work: Work, threads: int) -> None:
        model = module_of(work).eval()
        super().__init__(work, lambda X: model(torch.from_numpy(X)).numpy())
        self.threads = threads

    def turn(self) -> None:
        torch.set_num_threads(self.threads)
        with torch.inference_mode():
            super().turn()

    def check(self) -> dict[str, float]:
        with torch.inference_mode():
            return super().check()


def predictions(work: Work) -> Runner:
    """Return the faster of one thread and all."""
    counts = {1, cores()} if work.flops < ONE_THREAD_BELOW else {cores()}
    return fastest(
        {
            f"{threads} threads": lambda threads=threads: Predictions(work, threads)
            for threads in sorted(counts)
        }
    )[0]


def product(work: Work) -> Runner:
    """Return PyTorch's product."""
    torch.set_num_threads(cores())
    m, k, n = work.widths
    A, B, C = torch.ones(m, k), torch.ones(k, n), torch.ones(m, n)
    return Products(work, lambda: torch.mm(A, B, out=C))


class TorchEager(Side):
    """PyTorch, eager."""

    name = "torch"
    kinds = {
        "train": training,
        "many": many,
        "table": Table,
        "predict": predictions,
        "product": product,
    }

    def versions(self) -> dict[str, str]:
        """Return the version."""
        return {"torch": torch.__version__}


SIDE = TorchEager
