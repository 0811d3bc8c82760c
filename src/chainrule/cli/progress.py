"""The progress of a training run: a live bar on a terminal, one line an epoch elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rich.progress import BarColumn, Progress, TaskID, TextColumn

from chainrule.cli.screen import Screen
from chainrule.cli.words import amount, duration
from chainrule.training.events import EpochEnded, RunStarted, StepsDone

__all__ = ["CountProgress", "TrainingProgress", "fitting"]


KEPT_LINES = 12
"""Lines about epochs that stay on a terminal after the run."""
_INDENT = 2
_BAR = 18


class CountProgress:
    """A live bar of things done; nothing without a terminal. Call it with (done, of how many)."""

    def __init__(self, screen: Screen, noun: str) -> None:
        self.bar = _bar(screen, "  {task.completed:,.0f} of {task.total:,.0f} " + noun)
        self.task = TaskID(0)

    def __enter__(self) -> CountProgress:
        if self.bar is not None:
            self.bar.start()
            self.task = self.bar.add_task("", total=1.0, words="")
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def __call__(self, done: int, total: int) -> None:
        """Show how far it is."""
        if self.bar is not None:
            self.bar.update(self.task, completed=float(done), total=float(total))


def _bar(screen: Screen, label: str) -> Progress | None:
    if not screen.live:
        return None
    return Progress(
        TextColumn(label),
        BarColumn(bar_width=_BAR, complete_style="cyan", finished_style="green"),
        TextColumn("{task.fields[words]}"),
        console=screen.console,
        transient=True,
        refresh_per_second=8,
    )


class TrainingProgress:
    """A listener for the events of a run; use it as a context manager.

    Parameters
    ----------
    screen : Screen
    metric : str
        Name of the metric that is shown beside the losses.
    """

    def __init__(self, screen: Screen, metric: str) -> None:
        self.screen = screen
        self.metric = metric
        self.epochs = self.seen = self.kept = 0
        self.seconds = self.clock = 0.0
        self.bar = _bar(screen, "  {task.fields[epoch]}")
        self.task = TaskID(0)

    def __enter__(self) -> TrainingProgress:
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def __call__(self, event: Any) -> None:
        """Take one event."""
        if isinstance(event, RunStarted):
            self.epochs = event.epochs
            if self.bar is not None:
                total, done = float(event.epochs), event.epochs_done
                label = self._count(min(done + 1, event.epochs))
                self.task = self.bar.add_task(
                    "", total=total, completed=done, epoch=label, words="starting"
                )
        elif isinstance(event, StepsDone) and self.bar is not None:
            done = event.epoch - 1 + event.step / max(event.steps_per_epoch, 1)
            self.bar.update(self.task, completed=done, epoch=self._count(event.epoch))
        elif isinstance(event, EpochEnded):
            self._epoch_ended(event)

    def _count(self, epoch: int) -> str:
        return f"epoch {epoch:>{len(str(self.epochs))}}/{self.epochs}"

    def _epoch_ended(self, event: EpochEnded) -> None:
        row = event.row
        epoch = int(row["epoch"])
        # What epochs took that a checkpoint brought along says nothing of this machine. The clock
        # of this call holds what stands between epochs, such as saving; before the first of them,
        # it holds their replay (L-BFGS).
        between = event.seconds - self.clock if self.seen else 0.0
        self.seen, self.clock = self.seen + 1, event.seconds
        self.seconds += max(row["seconds"], between)
        left = self.seconds / self.seen * (event.epochs_planned - epoch)
        facts = self._facts(row)
        time = f"{duration(left)} left" if left else ""
        if self.bar is None:
            words = (self._count(epoch), *facts.values(), time)
            self.screen.line("  ".join(filter(None, words)), "  best" * event.best)
            return
        # On a terminal a line is kept now and then, above the one that is rewritten. A line that
        # is wider than the terminal would leave its rest behind: rich counts lines, not rows.
        label, width = self._count(epoch), self.screen.console.width - _INDENT
        if "rate" in facts:  # as wide as any, so that all lines keep it, or none
            facts["rate"] = f"{facts['rate']:<{len('rate 0.00062')}}"
        if epoch * KEPT_LINES // self.epochs > self.kept:
            self.kept = epoch * KEPT_LINES // self.epochs
            kept = fitting({"epoch": label, **facts, "best": "best"}, width)
            self.screen.line(
                kept.removesuffix("best").rstrip(), ("  best", "good") if event.best else ""
            )
        words = fitting({**facts, "left": time}, width - len(label) - _BAR - 3)
        self.bar.update(self.task, completed=epoch, epoch=label, words=words)

    def _facts(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Return what one epoch gave, in words."""
        facts = {"loss": f"loss {_fixed(row.get('train_loss'))}"}
        if "validation_loss" in row:
            facts["held out"] = f"held out {_fixed(row['validation_loss'])}"
        score = row.get(f"validation_{self.metric}", row.get(f"train_{self.metric}"))
        if score is not None:
            facts["score"] = f"{self.metric} {_fixed(score)}"
        if "learning_rate" in row:
            facts["rate"] = f"rate {row['learning_rate']:.2g}"
        return facts


def fitting(facts: Mapping[str, str], width: int) -> str:
    """Return facts in one line of at most a width, without those that matter least.

    Example
    -------
    >>> facts = {"loss": "loss 0.1234", "score": "r2 0.9876", "rate": "rate 0.001"}
    >>> fitting(facts, 34), fitting(facts, 24)
    ('loss 0.1234  r2 0.9876  rate 0.001', 'loss 0.1234  r2 0.9876')
    """
    kept = {name: words for name, words in facts.items() if words}
    for name in ("rate", "score", "left", "held out"):
        if len("  ".join(kept.values())) > width:
            kept.pop(name, None)
    return "  ".join(kept.values())


def _fixed(value: float | None) -> str:
    """Return a number of constant width, so that the line does not dance."""
    if value is None or not math.isfinite(value):
        return "     -"
    return f"{value:6.4f}" if abs(value) < 10 else f"{amount(value):>6}"
