"""Pictures on their way into a network, and a model's answers for pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.cli.judge import SCORES, Judgement, Scores, fit_linear, guess_of, guessed, scored
from chainrule.cli.pipeline import Settings, loss_of
from chainrule.errors import TargetError, UsageError
from chainrule.frozen import frozen
from chainrule.images import Images, PixelCode, image_parts, is_image_source, read_images
from chainrule.maths.loss import Loss
from chainrule.storage import Model
from chainrule.tabular import split_rows
from chainrule.tabular.split import Split
from chainrule.tabular.target import TargetCode

__all__ = [
    "Pictures",
    "code_of",
    "judge_pictures",
    "positions",
    "prepare_pictures",
    "read_for",
    "score_pictures",
    "with_record",
]


@frozen
class Pictures:
    """Pictures, split, with all that is known of them before training.

    Parameters
    ----------
    images : Images
        For training and validation; for the test too, where no pictures were held apart.
    apart : Images or None
        Test pictures that were held apart by whoever made the data.
    split : Split
        Of `images`.
    code : PixelCode
    target : TargetCode
    loss : Loss
    """

    images: Images
    apart: Images | None
    split: Split
    code: PixelCode
    target: TargetCode
    loss: Loss

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that are reported."""
        return SCORES["classification"]

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Shape of a picture."""
        return self.code.shape

    def training(self) -> tuple[np.ndarray, np.ndarray]:
        """Return pixels and classes of the training pictures."""
        return self._part(self.split.training)

    def validation(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Return those of the validation pictures, if there are any."""
        return self._part(self.split.validation) if len(self.split.validation) else None

    def test(self) -> Images | None:
        """Return the test pictures, if there are any."""
        if self.apart is not None:
            return self.apart
        return self.images.take(self.split.test) if len(self.split.test) else None

    def counts(self) -> dict[str, int]:
        """Return how many pictures each part has."""
        test = self.test()
        return {
            "training": len(self.split.training),
            "validation": len(self.split.validation),
            "test": 0 if test is None else len(test),
        }

    def _part(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        X, y = self.images.X, positions(self.target, self.images)
        return (X, y) if len(rows) == len(X) else (X[rows], y[rows])


def prepare_pictures(data: Path, settings: Settings) -> Pictures:
    """Read pictures, split them, and choose loss and labels.

    Raises
    ------
    DataError, UsageError
        There are no labels, one class only, or test pictures that do not fit.
    """
    stated = settings.image_size
    size = None if stated is None else (stated[1], stated[0])
    images = read_images(data, size=size)
    apart = read_images(data, "test", size=size) if _has_both(data) else None
    classes = _classes(images)
    target = TargetCode("class", _kind(images), "classification", classes)
    code = PixelCode.of(images, resized=size is not None)
    codes = positions(target, images)
    if apart is not None:
        code.encode(apart)
        positions(target, apart)
    split = split_rows(
        len(images),
        validation_share=settings.validation_share,
        test_share=0.0 if apart is not None else settings.test_share,
        seed=settings.seed,
        classes=codes,
    )
    return Pictures(images, apart, split, code, target, loss_of(settings, target))


def _has_both(data: Path) -> bool:
    return set(image_parts(data)) == {"train", "test"}


def _classes(images: Images) -> tuple[Any, ...]:
    images.labels()
    classes = images.classes
    if len(classes) < 2:
        raise TargetError(
            "all pictures are of one class",
            where=images.source,
            expected="at least two classes",
            got=", ".join(map(str, classes)),
        )
    return classes


def _kind(images: Images) -> Any:
    kinds = {"U": "text", "b": "boolean"}
    return kinds.get(images.labels().dtype.kind, "number")


def positions(target: TargetCode, images: Images) -> np.ndarray:
    """Return the position of each picture's class.

    Raises
    ------
    TargetError
        A label is none of the classes.
    """
    labels = images.labels()
    known = np.asarray(target.classes)
    if known.dtype.kind != labels.dtype.kind:
        known, labels = known.astype(str), labels.astype(str)
    order = np.argsort(known, kind="stable")
    found = np.minimum(np.searchsorted(known, labels, sorter=order), len(known) - 1)
    codes = order[found]
    wrong = known[codes] != labels
    if wrong.any():
        row = int(np.argmax(wrong))
        raise TargetError(
            f"the class {labels[row]!s} was not among those of the training",
            where=f"{images.source}, picture {row}",
            expected="one of " + ", ".join(map(str, (target.classes or ())[:20])),
        )
    return codes


def code_of(model: Model) -> PixelCode | None:
    """Return the code of a model of pictures; None for others."""
    if not PixelCode.describes(model.encoder):
        return None
    return PixelCode.from_document(model.encoder)


def read_for(code: PixelCode, data: Path, labelled: bool) -> Images:
    """Return the pictures that a model is applied to: the test part where there is one.

    Raises
    ------
    UsageError
        The path means a table.
    DataError
        They are of another size or kind than in training, or have no labels.
    """
    if not is_image_source(data):
        raise UsageError(
            "the model was trained on pictures, and this is a table",
            where=str(data),
            expected="a folder of pictures, an idx file, a .npy file or a picture",
        )
    parts = image_parts(data)
    images = read_images(data, "test" if "test" in parts else parts[0], size=code.size)
    code.encode(images)
    if labelled:
        images.labels()
    return images


def judge_pictures(model: Model, images: Images) -> Judgement:
    """Predict pictures and put their classes beside."""
    target = TargetCode("class", _kind(images), "classification", tuple(model.classes or ()))
    P = np.asarray(model.predict_proba(images.X), np.float64)
    return Judgement(target, images.X, positions(target, images), P)


def score_pictures(
    prepared: Pictures, model: Model, linear: bool
) -> tuple[Judgement | None, Scores | None]:
    """Score a model on the test pictures, beside what needs no network."""
    test = prepared.test()
    if test is None:
        return None, None
    judged = judge_pictures(model, test)
    P, name = guessed(_guess(prepared), judged)
    names = prepared.metrics
    scores = Scores(len(judged), scored(judged.P, judged, names), scored(P, judged, names), name)
    if not linear:
        return judged, scores
    predict, name, note = fit_linear(*prepared.training(), prepared.target)
    found = scored(predict(judged.X), judged, names)
    return judged, replace(scores, linear=found, linear_name=name, linear_note=note)


def _guess(prepared: Pictures) -> dict[str, Any]:
    return guess_of(prepared.target, prepared.training()[1])


def with_record(
    prepared: Pictures, settings: Settings, model: Model, source: str, scores: Scores | None
) -> Model:
    """Return the trained model with the code of its pictures, its labels and its record."""
    told: Mapping[str, Any] = {
        **model.record,
        "pictures": source,
        "split": prepared.counts(),
        "settings": asdict(settings),
        "guess": _guess(prepared),
        "scores": None if scores is None else asdict(scores),
    }
    return model.described(
        encoder=prepared.code.document(), classes=prepared.target.classes, record=told
    )
