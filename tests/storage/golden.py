"""Model files of every format version, kept as they were written.

    python -m tests.storage.golden       writes the files of the version that the library writes

It never replaces a file: what a version wrote once is what later libraries must read. Checkpoints
and ledgers, which are no models, are written by `golden_runs`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.images import PixelCode
from chainrule.plan import make_plan
from chainrule.storage import Model
from chainrule.storage.document import VERSION
from chainrule.tabular import predict_table
from chainrule.tabular.encoder import Encoder
from chainrule.tabular.predict import encoder_of
from chainrule.tabular.table import Column, Table

__all__ = ["FOLDER", "homes", "inputs", "models", "of_table", "told"]

FOLDER = Path(__file__).parent / "goldens"


def inputs(shape: tuple[int, ...]) -> np.ndarray:
    """Return four rows, the same for ever."""
    count = int(np.prod(shape))
    return (np.arange(4 * count).reshape(4, *shape) * 7 % 11) / 4 - 1


def homes() -> Table:
    """Return a table with every kind of column and of gap, the same for ever."""
    count = np.arange(90)
    gap = np.nan
    kinds = np.array(["flat", "hut", None, "Häuschen", "palace"], object)[count % 5]
    return Table(
        (
            Column("rooms", "number", np.where(count % 7 == 3, gap, count % 6 + 0.5)),
            Column("garden", "number", 1e5 * (count * 13 % 37)),
            Column("new", "boolean", np.where(count % 11 == 5, gap, count % 2)),
            Column("sold", "date", np.where(count % 9 == 1, gap, 18_000.25 + 17 * count)),
            Column("kind", "text", kinds),
            Column("name", "text", np.array([f"row {n // 2}" for n in count], object)),
            Column("town", "text", np.array(["Ghent", "Köln", "Bonn"], object)[count % 3]),
            Column("let", "boolean", (count * 7 % 5 > 2).astype(float)),
            Column("floors", "number", 1.0 + count * 5 % 3),
            Column("price", "number", 2e5 + 1e4 * (count * 11 % 29)),
        )
    )


def of_table(target: str, loss: str) -> Model:
    """Return a model of the table."""
    table = homes()
    encoder = Encoder.fit(table, target, "regression" if target == "price" else "classification")
    classes = encoder.target.classes
    targets = len(classes) if classes and len(classes) > 2 else 1
    network = nn.Sequential(nn.Dense(3, "tanh"), nn.Dense(targets))
    plan = make_plan(network, (encoder.width(),), loss, targets)
    ways = {"rooms": "numbers with a decimal comma"}
    reading = {"delimiter": ";", "encoding": "utf-8", "decimal": ",", "ways": ways}
    return Model(
        plan,
        plan.initial_weights(7),
        encoder=encoder.document(),
        classes=classes,
        record={"reading": reading, "settings": {"target": target}, "history": [{"epoch": 1}]},
        dtype="float64",
    )


def models() -> dict[str, Model]:
    """Return models that use every part of a file."""
    return {
        **of_arrays(),
        "table-of-quantities": of_table("price", "squared_error"),
        "table-of-words": of_table("town", "softmax_cross_entropy"),
        "table-of-numbers": of_table("floors", "softmax_cross_entropy"),
        "table-of-truth-values": of_table("let", "binary_cross_entropy"),
    }


def of_arrays() -> dict[str, Model]:
    """Return models of numbers and of pictures."""
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
        "several-quantities": (make_plan(many, (2,), "squared_error", 3), {}),
        "several-labels": (make_plan(many, (2,), "binary_cross_entropy", 3), {}),
        "numbers-as-classes": (
            make_plan(many, (2,), "softmax_cross_entropy", 3),
            {"classes": [-1, 2.5, 10]},
        ),
        "pictures": (
            make_plan(many, (6,), "softmax_cross_entropy", 3),
            {"encoder": PixelCode((3, 2), 255.0, True).document(), "classes": ["0", "1", "ü"]},
        ),
    }
    return {
        name: Model(plan, plan.initial_weights(7), plan.initial_running() + 0.25, **more)
        for name, (plan, more) in made.items()
    }


def told(model: Model) -> dict[str, Any]:
    """Return what a model says of the rows, as JSON holds it."""
    X = inputs(model.input_shape)
    said: dict[str, Any] = {"raw": model.raw(X).tolist(), "predicted": model.predict(X).tolist()}
    if model.encoder is None or PixelCode.describes(model.encoder):
        return said
    found = predict_table(model, homes())
    said["features"] = encoder_of(model).encode(homes())[:7].tolist()
    said["values"] = found.values.tolist()
    if found.probabilities is not None:
        said["probabilities"] = found.probabilities.tolist()
    return said


def main() -> None:
    """Write what is not there yet."""
    folder = FOLDER / f"v{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, model in models().items():
        path = folder / f"{name}.safetensors"
        if not path.exists():
            model.save(path)
            text = json.dumps(told(model), indent=1, ensure_ascii=False) + "\n"
            path.with_suffix(".json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
