"""Model files of every format version, kept as they were written.

    python -m tests.storage.golden       writes the files of the version that the library writes

It never replaces a file: what a version wrote once is what later libraries must read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.plan import make_plan
from chainrule.storage import Model
from chainrule.storage.document import VERSION

__all__ = ["FOLDER", "inputs"]

FOLDER = Path(__file__).parent / "goldens"


def inputs(shape: tuple[int, ...]) -> np.ndarray:
    """Return four rows, the same for ever."""
    count = int(np.prod(shape))
    return (np.arange(4 * count).reshape(4, *shape) * 7 % 11) / 4 - 1


def models() -> dict[str, Model]:
    """Return models that use every part of a file."""
    mixed = nn.Sequential(
        nn.Dense(3), nn.BatchNorm(), nn.Activation("relu"), nn.Residual(nn.Dense(3, "gelu"))
    )
    first = nn.Sequential(mixed, nn.Dropout(0.1), nn.Dense(2))
    method = ("adamw", "cosine", ["l2"], 1.0)
    many = nn.Sequential(nn.Dense(4, "tanh"), nn.Dense(3))
    two = nn.Sequential(nn.LayerNorm(), nn.Dense(1))
    attending = nn.Sequential(nn.TransformerBlock(1, 4), nn.Flatten(), nn.Dense(1))
    named = {"feature_names": ["rooms", "äge"], "record": {"seed": 3, "loss": 0.25}}
    labels = {"classes": ["no", "perhaps", "yes"], "dtype": "float64"}
    made: dict[str, tuple[Any, dict[str, Any]]] = {
        "regression": (make_plan(first, (2,), "gaussian_nll", 1, *method), named),
        "classes": (make_plan(many, (2,), "softmax_cross_entropy", 3), labels),
        "two-classes": (
            make_plan(two, (3,), "binary_cross_entropy", 1),
            {"classes": [False, True]},
        ),
        "sequence": (make_plan(attending, (3, 2), "poisson", 1), {"dtype": "float64"}),
    }
    return {
        name: Model(plan, plan.initial_weights(7), plan.initial_running() + 0.25, **more)
        for name, (plan, more) in made.items()
    }


def told(model: Model) -> dict[str, Any]:
    """Return what a model says of the rows, as JSON holds it."""
    X = inputs(model.input_shape)
    return {"raw": model.raw(X).tolist(), "predicted": model.predict(X).tolist()}


def main() -> None:
    """Write what is not there yet."""
    folder = FOLDER / f"v{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, model in models().items():
        model.save(folder / f"{name}.safetensors")
        text = json.dumps(told(model), indent=1, ensure_ascii=False) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
