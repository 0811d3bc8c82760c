"""With `checkpoint_every=None` the state is saved by time, of which saving takes a few per cent."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import chainrule as cr
from chainrule.training import session
from chainrule.training.checkpoint import read_checkpoint
from chainrule.training.events import EpochEnded
from tests.training.runs import noisy, numbers


class Clock:
    """A clock that stands still unless an epoch or a save lets it go on."""

    def __init__(self, patch: pytest.MonkeyPatch, epoch: float, save: float) -> None:
        self.now, self.epoch, self.epochs = 0.0, epoch, []
        write = session.write_checkpoint

        def slow(path: Any, run: Any, course: Any, progress: Any, *rest: Any) -> None:
            write(path, run, course, progress, *rest)
            self.now += save
            self.epochs.append(progress.epoch)

        patch.setattr(session, "write_checkpoint", slow)
        patch.setattr(session, "time", SimpleNamespace(perf_counter=lambda: self.now))

    def around(self, turn: Any) -> Any:
        """Let the time of an epoch pass."""

        def timed(*words: Any) -> Any:
            self.now += self.epoch
            return turn(*words)

        return timed


@pytest.mark.parametrize(
    ("epoch", "save", "epochs", "saved"),
    [
        (0.001, 0.02, 300, [0, 300]),  # of 0.3 s, not one save more than a kill would need
        (1 / 64, 1 / 64, 150, [0, 64, 128, 150]),
        (10.0, 0.02, 4, [0, 1, 2, 3, 4]),
        (5.0, 1.0, 20, [0, 7, 14, 20]),  # 3 % of 33 s
    ],
)
def test_saving_takes_a_few_per_cent(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    epoch: float,
    save: float,
    epochs: int,
    saved: list[int],
) -> None:
    clock = Clock(monkeypatch, epoch, save)
    run = session.Session.run

    def timed(self: Any, drive: Any) -> Any:
        self.around = clock.around
        return run(self, drive)

    monkeypatch.setattr(session.Session, "run", timed)
    X, y = numbers()
    told: dict[str, Any] = {"loss": "squared_error", "epochs": epochs, "checkpoint_every": None}
    cr.train(noisy(), X, y, checkpoint=tmp_path / "run", **told)
    assert clock.epochs == saved
    assert read_checkpoint(tmp_path / "run").document["epoch"] == epochs


def test_a_state_that_was_saved_by_time_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    X, y = numbers()
    told: dict[str, Any] = {"loss": "squared_error", "seed": 3, "checkpoint_every": None}
    whole = cr.train(noisy(), X, y, epochs=12, **told)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "_SAVE_SECONDS", 0.0)
        patch.setattr(session, "_SAVE_SHARE", 1e9)  # after each epoch

        def killed(event: Any) -> None:
            if isinstance(event, EpochEnded) and event.row["epoch"] == 5:
                shutil.copy(tmp_path / "run", tmp_path / "killed")

        cr.train(noisy(), X, y, epochs=12, checkpoint=tmp_path / "run", on_event=killed, **told)
    assert read_checkpoint(tmp_path / "killed").document["epoch"] == 5
    again = cr.train(noisy(), X, y, epochs=12, resume=tmp_path / "killed", **told)
    assert again.model.weights.tobytes() == whole.model.weights.tobytes()


def test_an_interval_that_is_asked_for_is_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch, 0.0, 100.0)
    X, y = numbers()
    told: dict[str, Any] = {"loss": "squared_error", "epochs": 7, "checkpoint_every": 3}
    cr.train(noisy(), X, y, checkpoint=tmp_path / "run", **told)
    assert clock.epochs == [0, 3, 6, 7]


@pytest.mark.parametrize("every", [0, -1, 1.5, "often", True])
def test_what_is_no_interval_is_refused(every: Any) -> None:
    X, y = numbers()
    with pytest.raises(cr.errors.InvalidParameterError, match="checkpoint_every"):
        cr.train(noisy(), X, y, loss="squared_error", epochs=1, checkpoint_every=every)
