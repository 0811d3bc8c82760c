"""Some hundred of the damaged files of tools/fuzz_models.py; `make fuzz` reads 100,000."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from chainrule.storage import weights
from tools.fuzz_models import fault_of, mutation, run, seeds


def test_some_hundred_files() -> None:
    assert run(600, seed=1, start=0, say=lambda text: None) == []


def test_files_are_reached_and_differ() -> None:
    origin = seeds()
    assert [fault_of(content) for content in origin] == ["loaded"] * len(origin)
    files = [mutation(origin, 2, number) for number in range(300)]
    assert files == [mutation(origin, 2, number) for number in range(300)]
    verdicts = [fault_of(content) for content in files]
    assert verdicts.count("loaded") >= 10
    assert verdicts.count("refused") >= 100
    assert len(set(files)) > 280


def test_a_wrong_reader_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that lets numbers through which are not finite is found in a few files."""

    def believed(array: np.ndarray) -> np.ndarray:
        return np.ones(array.shape, bool)

    monkeypatch.setattr(weights, "np", SimpleNamespace(empty=np.empty, isfinite=believed))
    origin = seeds()
    found = {fault_of(mutation(origin, 0, number)) for number in range(400)}
    assert found == {"refused", "loaded", "a weight is not finite"}
