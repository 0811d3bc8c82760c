"""PyTorch with torch.compile.

Decisions
---------
a) The whole step is one compiled function: gather, forward, `torch.func.grad_and_value`, Adam. That
   was two to three times faster on small networks than compiling the loss alone beside a fused
   Adam, and no slower on wide ones.
b) The number of threads is fixed before compiling, because the generated code holds it: one for
   small steps, where it is faster, else all.
c) No cache on disk, so that the compile time that is shown is a real one.
"""

from __future__ import annotations

import os
import time
from typing import Any

os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"

import torch
from torch.nn import functional

from benchmarks.functional import forward
from benchmarks.runner import ONE_THREAD_BELOW, Runner, Side, cores
from benchmarks.sides.torch_eager import Predictions, loss_of, module_of, steps_of, tensors_of
from benchmarks.work import (
    CLIP,
    DECAY,
    RATE,
    Work,
    layers_of,
    order_of,
    parameters_of,
)

BETA1, BETA2, EPSILON, MOMENTUM = 0.9, 0.999, 1e-8, 0.1


class Maths:
    """PyTorch's functions."""

    @staticmethod
    def dense(X: Any, W: Any, b: Any) -> Any:
        """Return X W + b."""
        return torch.addmm(b, X, W)

    relu = staticmethod(torch.relu)

    @staticmethod
    def moments(X: Any, axis: int) -> tuple[Any, Any]:
        """Return mean and biased variance."""
        variance, mean = torch.var_mean(X, axis, correction=0, keepdim=True)
        return mean, variance

    @staticmethod
    def scaled(X: Any, mean: Any, variance: Any, gamma: Any, beta: Any) -> Any:
        """Return the normalised X."""
        return (X - mean) * torch.rsqrt(variance + 1e-5) * gamma + beta

    @staticmethod
    def dropout(X: Any, rate: float) -> Any:
        """Return X with entries dropped."""
        return functional.dropout(X, rate)


class Training(Runner):
    """One compiled function for each step."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        torch._dynamo.reset()  # noqa: SLF001 - the documented way to forget earlier networks
        self.threads = 1 if work.flops < ONE_THREAD_BELOW else cores()
        torch.set_num_threads(self.threads)
        self.work = work
        self.X, self.y = tensors_of(work)
        self.weights = [torch.from_numpy(one) for one in parameters_of(work)]
        self.slots = [[torch.zeros_like(w) for w in self.weights] for _ in range(2)]
        self.running = self._first_running()
        self.time = torch.zeros(())
        self.steps = steps_of(work)
        order = order_of(work, max(self.steps, self.work.check_steps + 1))
        self.batches = list(torch.from_numpy(order))
        self.units = float(self.steps)
        self.step = torch.compile(self._step)
        self.started = False

    def _first_running(self) -> list[torch.Tensor]:
        widths = [layer[1] for layer in layers_of(self.work) if layer[0] == "batch_norm"]
        return [first(width) for width in widths for first in (torch.zeros, torch.ones)]

    def _loss(self, weights: list[torch.Tensor], index: torch.Tensor) -> Any:
        moments: list[Any] = []
        X, y = self.X.index_select(0, index), self.y.index_select(0, index)
        output = forward(layers_of(self.work), iter(weights), moments, X, Maths())
        return loss_of(self.work)(output, y), moments

    def _step(self, index: torch.Tensor) -> torch.Tensor:
        differentiate = torch.func.grad_and_value(self._loss, has_aux=True)
        gradients, (value, moments) = differentiate(self.weights, index)
        extra = self.work.variant == "adamw_clip"
        if extra:
            norm = torch.sqrt(sum((g * g).sum() for g in gradients))
            factor = torch.clamp(CLIP / (norm + 1e-6), max=1.0)
            gradients = [g * factor for g in gradients]
        self.time.add_(1)
        first, second = 1 - BETA1**self.time, torch.sqrt(1 - BETA2**self.time)
        for W, g, m, s in zip(self.weights, gradients, *self.slots, strict=True):
            if extra:
                W.mul_(1 - RATE * DECAY)
            m.lerp_(g, 1 - BETA1)
            s.mul_(BETA2).addcmul_(g, g, value=1 - BETA2)
            W.sub_(RATE / first * m / (torch.sqrt(s) / second + EPSILON))
        for old, new in zip(self.running, moments, strict=True):
            old.lerp_(new, MOMENTUM)
        return value

    def run(self, batches: list[torch.Tensor]) -> torch.Tensor:
        """Train on the batches and return the last loss."""
        torch.set_num_threads(self.threads)
        start = time.perf_counter()
        value = self.step(batches[0])
        if not self.started:
            self.facts["compile_seconds"] = round(time.perf_counter() - start, 2)
            self.facts["threads"] = self.threads
            self.started = True
        for index in batches[1:]:
            value = self.step(index)
        return value

    def turn(self) -> None:
        self.run(self.batches[: self.steps])

    def check(self) -> dict[str, float]:
        """Return the loss of the step after `check_steps` steps."""
        return {"loss": float(self.run(self.batches[: self.work.check_steps + 1]))}


def predictions(work: Work) -> Runner:
    """Return calls of a compiled module."""
    torch._dynamo.reset()  # noqa: SLF001 - as above
    threads = 1 if work.flops < ONE_THREAD_BELOW else cores()
    torch.set_num_threads(threads)
    runner = Predictions(work, threads)
    model = torch.compile(module_of(work).eval())
    runner.function = lambda X: model(torch.from_numpy(X)).numpy()
    start = time.perf_counter()
    with torch.inference_mode():
        runner.function(runner.X)
    runner.facts["compile_seconds"] = round(time.perf_counter() - start, 2)
    return runner


class TorchCompiled(Side):
    """PyTorch, compiled."""

    name = "torch.compile"
    kinds = {"train": Training, "predict": predictions}

    def versions(self) -> dict[str, str]:
        """Return the version."""
        return {"torch": torch.__version__}


SIDE = TorchCompiled
