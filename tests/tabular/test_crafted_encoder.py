"""An encoder that was made by other hands is refused before it is used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule import nn
from chainrule.errors import FileFormatError
from chainrule.plan import make_plan
from chainrule.storage import Model
from chainrule.tabular.encoder import Encoder
from chainrule.tabular.predict import encoder_of, predict_table
from chainrule.tabular.target import TargetCode
from tools.fuzz_models import of_table, table


def model_of(target: str) -> Model:
    return Model.from_bytes(of_table(target))


def with_target(target: str, **changed: Any) -> Model:
    model = model_of(target)
    assert model.encoder is not None
    document = {**model.encoder, "target": {**model.encoder["target"], **changed}}
    return Model.from_bytes(model.described(encoder=document).to_bytes())


@pytest.mark.parametrize("target", ["price", "town"])
def test_the_models_are_sound_by_themselves(target: str) -> None:
    predicted = predict_table(with_target(target), table())
    assert len(predicted.values) == 6
    assert (predicted.classes is None) == (target == "price")


@pytest.mark.parametrize(
    ("target", "changed"),
    [
        ("town", {"classes": ["Bonn", "Ghent"]}),
        ("town", {"classes": ["Bonn", "Ghent", "Köln", "Ulm"]}),
        ("town", {"classes": ["Bonn", "Ghent", "Ulm"]}),
        ("town", {"classes": None, "task": "regression", "kind": "number"}),
        ("price", {"classes": ["Bonn", "Ghent"], "task": "classification", "kind": "text"}),
    ],
    ids=["fewer", "more", "others", "none", "for a quantity"],
)
def test_classes_that_are_not_those_of_the_network(target: str, changed: dict[str, Any]) -> None:
    model = with_target(target, **changed)
    for use in (encoder_of, lambda model: predict_table(model, table())):
        with pytest.raises(FileFormatError, match="does not fit the network") as caught:
            use(model)
        assert caught.value.where == "encoder.target.classes"


def test_several_labels_are_whole_numbers() -> None:
    encoder = encoder_of(model_of("price"))
    target = TargetCode("price", "number", "regression")
    plan = make_plan(nn.Dense(3), (encoder.width(),), "binary_cross_entropy", 3)
    document = Encoder(encoder.codes, target).document()
    model = Model(plan, plan.initial_weights(2), encoder=document)
    values = predict_table(model, table()).values
    assert values.shape == (6, 3)
    assert values.dtype == np.int64
    assert set(values.ravel().tolist()) <= {0, 1}
