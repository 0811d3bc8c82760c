"""The settings that a recipe compares, and the runs of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chainrule.engine.native import default_threads
from chainrule.errors import ChainruleError
from chainrule.experiments.job import Job, written
from chainrule.experiments.recipes.task import Task
from chainrule.experiments.result import Result
from chainrule.experiments.runner import Processes, Threads
from chainrule.frozen import frozen
from chainrule.nn.combine import Sequential
from chainrule.nn.dense import Activation, Dense
from chainrule.nn.layer import Layer

__all__ = ["Arm", "mlp", "run_arms"]

_FEW = 24
"""Up to so many runs, threads are done before processes have started."""


@frozen
class Arm:
    """One setting.

    Parameters
    ----------
    settings : mapping
        What distinguishes it from the others, as labels.
    network : Layer
    arguments : mapping
        Of `chainrule.train`.
    """

    settings: Mapping[str, Any]
    network: Layer
    arguments: Mapping[str, Any]


def mlp(
    outputs: int,
    width: int = 64,
    depth: int = 1,
    activation: str = "relu",
    initialiser: Any = None,
    between: Sequence[Layer] = (),
) -> Sequential:
    """Return `depth` hidden layers of `width` units and the output layer.

    Example
    -------
    >>> from chainrule.experiments.recipes.arms import mlp
    >>> len(mlp(10, depth=2).layers)
    5
    """
    layers: list[Layer] = []
    for _ in range(depth):
        layers += [Dense(width, initialiser=initialiser), Activation(activation), *between]
    return Sequential(*layers, Dense(outputs, initialiser=initialiser))


def run_arms(
    task: Task,
    arms: Sequence[Arm],
    repeats: int,
    *,
    seed: int = 0,
    workers: int | None = None,
    training: int | None = None,
    tell: Callable[[int, int], object] | None = None,
) -> tuple[Result, ...]:
    """Train every arm on every repeat's split; in the order of the arms, then of the repeats.

    Within a repeat all arms see the same rows and draw from the same seed.

    Raises
    ------
    ChainruleError
        A run could not be made at all. One that diverged is a result.
    """
    count = default_threads() if workers is None else workers
    material = task.material(repeats, training)
    digests = material.digests()
    jobs = [
        _job(task, arm, repeat, seed + repeat, digests[repeat])
        for arm in arms
        for repeat in range(repeats)
    ]
    results: dict[int, Result] = {}

    def told(found: list[tuple[int, Result]]) -> None:
        results.update(found)
        if tell is not None:
            tell(len(results), len(jobs))

    portable = all(job.portable for job in jobs)
    alone = count == 1 or len(jobs) <= _FEW or not portable
    with (Threads if alone else Processes)(material, count) as runner:
        runner.run(jobs, told)
    ordered = tuple(results[place] for place in range(len(jobs)))
    for result in ordered:
        if result.failed:
            raise ChainruleError(
                "a run of the recipe could not be made", where=result.setting, got=result.fault
            )
    return ordered


def _job(task: Task, arm: Arm, repeat: int, seed: int, digest: str) -> Job:
    arguments = {
        "network": arm.network,
        "loss": task.facts.loss,
        "metrics": (task.facts.metric,),
        **arm.arguments,
    }
    return Job(
        settings=dict(arm.settings),
        arguments=arguments,
        repeat=repeat,
        split=repeat,
        seed=seed,
        score=task.facts.metric,
        digest=digest,
        document=written(arguments),
    )
