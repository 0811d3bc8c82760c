"""Files of every format version load, and predict what they predicted when they were written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.storage import Model
from chainrule.storage.document import VERSION
from tests.storage.golden import FOLDER, models, told

FILES = sorted(FOLDER.glob("v*/*.safetensors"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_it_predicts_the_same(path: Path) -> None:
    model = Model.load(path)
    kept = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    # Engines and instruction sets round differently; the weights are the same to the bit.
    tolerance = 1e-5 if model.dtype == "float32" else 1e-12
    said = told(model)
    assert set(said) == set(kept)
    for name, values in kept.items():
        if isinstance(np.ravel(values)[0], np.floating):
            np.testing.assert_allclose(said[name], values, rtol=tolerance, atol=tolerance)
        else:
            assert said[name] == values


def test_every_version_has_files() -> None:
    """A new version of the format must leave files of its own: `python -m tests.storage.golden`."""
    names = set(models())
    for version in range(1, VERSION + 1):
        assert names <= {path.stem for path in FILES if path.parent.name == f"v{version}"}


def test_what_is_written_now_is_what_was_written() -> None:
    """A change of the content without a change of the version would break older libraries."""
    for name, model in models().items():
        kept = Model.load(FOLDER / f"v{VERSION}" / f"{name}.safetensors")
        assert kept.plan == model.plan
        assert kept.classes == model.classes
        assert kept.feature_names == model.feature_names
        assert kept.record == model.record
        assert _form(kept.encoder) == _form(model.encoder)
        np.testing.assert_allclose(kept.weights, model.weights, rtol=1e-6)


def _form(value: Any) -> Any:
    """Return a document with its words and keys, and only the kinds of its numbers."""
    if isinstance(value, dict):
        return {key: _form(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_form(item) for item in value]
    return "a number" if type(value) in (int, float) else value
