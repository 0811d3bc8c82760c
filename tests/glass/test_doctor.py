"""The doctor: each fault is found in a run that has it, and sound runs get a clean bill."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import DivergenceError, UsageError
from chainrule.glass.doctor import FAULTS, diagnose, examined, verdicts_of
from chainrule.glass.doctor.case import Case
from chainrule.glass.doctor.signal import column_shares, explained, look_for_signal, standardised
from chainrule.training.recording import Recording
from tools.doctor_breaks import BREAKS
from tools.doctor_page import PAGE, page_text
from tools.proof_doctor import said_of

RANDOM = np.random.default_rng(11)


def test_every_fault_has_a_way_to_break_a_run_in_the_proof() -> None:
    assert set(BREAKS) == set(FAULTS.names())
    assert len(FAULTS) >= 16


@pytest.mark.filterwarnings("ignore::chainrule.errors.ConstantTargetWarning")
@pytest.mark.parametrize("fault", FAULTS.names())
def test_a_broken_run_is_named_by_its_cause(fault: str) -> None:
    assert said_of("writing", fault, 1)["said"][0] == fault


@pytest.mark.parametrize("turn", range(8))
def test_a_sound_run_gets_a_clean_bill(turn: int) -> None:
    assert said_of("writing", "", turn)["said"] == []


def test_the_page_lists_the_registry() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == page_text(page), "python -m tools.doctor_page"
    assert all(f"`{name}`" in page for name in FAULTS.names())


@pytest.mark.parametrize("fault", list(FAULTS), ids=lambda fault: fault.name)
def test_a_fault_is_told_in_full(fault: Any) -> None:
    assert fault.title
    assert fault.tells.endswith(".")
    assert fault.remedy
    assert not fault.remedy.endswith(".")
    assert set(fault.explains) <= set(FAULTS.names()) - {fault.name}


def recorded(**changes: Any) -> cr.Run:
    X = RANDOM.normal(size=(300, 4))
    network = changes.pop("network", nn.Sequential(nn.Dense(16, "relu"), nn.Dense(2)))
    options: dict[str, Any] = {
        "loss": "softmax_cross_entropy",
        "epochs": 12,
        "optimizer": cr.Adam(0.01),
        "record": True,
        **changes,
    }
    return cr.train(network, X, (X[:, 0] + X[:, 1] > 0).astype(int), **options)


def test_verdicts_are_a_function_of_the_recording_alone() -> None:
    run = recorded(optimizer=cr.Adam(1e-6))
    assert run.recording is not None
    live = examined(run.recording)
    again = Recording.from_document(
        json.loads(json.dumps(live.to_document(), allow_nan=False)), live.plan
    )
    assert again.sample is None
    told = [verdict.to_dict() for verdict in verdicts_of(live)]
    assert [verdict.to_dict() for verdict in verdicts_of(again)] == told
    assert told[0]["fault"] == "learning_rate_too_low"
    assert json.loads(json.dumps(run.diagnose().to_dict(), allow_nan=False))["verdicts"] == told


def test_a_verdict_says_everything() -> None:
    diagnosis = recorded(optimizer=cr.Adam(1e-6)).diagnose()
    cause = diagnosis.cause
    assert cause is not None
    assert not diagnosis.healthy
    assert 0.5 < cause.confidence <= 1.0
    assert any("explains" in sentence for sentence in cause.evidence)
    assert cause.code == "cr.train(..., optimizer=cr.Adam(1e-05))"
    (follows,) = diagnosis.verdicts[1:]
    assert (follows.fault, follows.because) == ("underfitting", "learning_rate_too_low")
    text = str(diagnosis)
    assert all(part in text for part in (cause.title, cause.remedy, cause.code, "follows from"))
    assert [row[0] for row in diagnosis.rows()] == [v.title for v in diagnosis.verdicts]


def test_what_could_not_be_looked_at_is_said() -> None:
    run = recorded()
    assert "overfitting" in " ".join(run.diagnose().unseen)
    assert run.recording is not None
    blind = replace(run.recording, sample=None)
    assert "unscaled inputs" in " ".join(diagnose(blind).unseen)
    assert recorded(validation_share=0.3).diagnose().unseen == ()


def test_a_model_file_can_be_diagnosed(tmp_path: Any) -> None:
    softmax = nn.Sequential(nn.Dense(8, "relu"), nn.Dense(2), nn.Softmax())
    recorded(network=softmax).model.save(tmp_path / "m.safetensors")
    found = diagnose(cr.load(tmp_path / "m.safetensors"))
    assert found.cause is not None
    assert (found.cause.fault, found.cause.layer) == ("double_softmax", "softmax_1")


def test_a_divergence_before_the_first_epoch_can_be_diagnosed() -> None:
    with pytest.raises(DivergenceError) as caught:
        recorded(optimizer=cr.SGD(1e25))
    found = diagnose(caught.value)
    assert found.cause is not None
    assert found.cause.fault == "learning_rate_too_high"
    assert "diverged" in " ".join(found.cause.evidence)


@pytest.mark.parametrize("thing", [None, 3, "run", object()])
def test_what_was_not_recorded_is_refused(thing: Any) -> None:
    with pytest.raises(UsageError, match="no run to diagnose"):
        diagnose(thing)


def test_an_unrecorded_run_is_refused() -> None:
    with pytest.raises(UsageError, match="record=True"):
        recorded(record=False).diagnose()


def test_a_column_is_called_by_its_name() -> None:
    import pandas as pd

    X = pd.DataFrame(RANDOM.normal(size=(200, 2)), columns=["width", "price"])
    X["price"] *= 1e4
    network = nn.Sequential(nn.Dense(8, "tanh"), nn.Dense(1))
    run = cr.train(network, X, X["width"], loss="squared_error", epochs=3, record=True)
    cause = run.diagnose().cause
    assert cause is not None
    assert "price" in cause.evidence[0]


def test_codes_of_categories_have_no_scale() -> None:
    X = np.stack([RANDOM.integers(0, 90, 300), RANDOM.normal(size=300)], axis=1)
    network = nn.Sequential(
        nn.Concat(
            nn.Sequential(nn.Columns((0,)), nn.Embedding(90, 4), nn.Flatten()),
            nn.Columns((1,)),
        ),
        nn.Dense(1),
    )
    y = X[:, 1] + (X[:, 0] % 2)
    run = cr.train(network, X, y, loss="squared_error", epochs=30, record=True)
    assert "unscaled_inputs" not in [verdict.fault for verdict in run.diagnose().verdicts]


def test_a_norm_at_the_input_makes_up_for_scales() -> None:
    X = RANDOM.normal(size=(400, 3)) * 500
    network = nn.Sequential(nn.BatchNorm(), nn.Dense(16, "relu"), nn.Dense(1))
    options: dict[str, Any] = {"loss": "squared_error", "epochs": 40, "optimizer": cr.Adam(0.01)}
    run = cr.train(network, X, (X[:, 0] - X[:, 1]) / 500, record=True, **options)
    assert run.diagnose().healthy


def test_sequences_are_diagnosed_too() -> None:
    X = RANDOM.normal(size=(200, 3, 4))
    network = nn.Sequential(nn.Dense(8, "relu"), nn.Flatten(), nn.Dense(1))
    run = cr.train(network, 1e4 * X, X[:, 0, 0], loss="squared_error", epochs=3, record=True)
    cause = run.diagnose().cause
    assert cause is not None
    assert cause.fault == "unscaled_inputs"


@pytest.mark.parametrize(
    ("loss", "outputs"),
    [("poisson", 1), ("gaussian_nll", 2), ("pinball", 1), ("huber", 1), ("absolute_error", 1)],
)
def test_every_loss_can_be_diagnosed(loss: str, outputs: int) -> None:
    X = RANDOM.normal(size=(240, 3))
    y = np.exp(X[:, 0] / 2)
    network = nn.Sequential(nn.Dense(16, "tanh"), nn.Dense(outputs))
    options: dict[str, Any] = {"optimizer": cr.Adam(0.01), "epochs": 40}
    run = cr.train(network, X, y, loss=loss, record=True, validation_share=0.25, **options)
    assert isinstance(run.diagnose().to_dict()["healthy"], bool)


@pytest.mark.parametrize("rows", [1, 2, 5, 30])
def test_few_rows_are_no_reason_to_fail(rows: int) -> None:
    X = RANDOM.normal(size=(rows, 2))
    run = cr.train(nn.Dense(1), X, X[:, 0], loss="squared_error", epochs=2, record=True)
    assert isinstance(str(run.diagnose()), str)


def test_signal_is_told_from_luck() -> None:
    X = standardised(RANDOM.normal(size=(500, 4)))
    Y = np.sin(2 * X[:, :1])
    found = look_for_signal(X, Y)
    luck = look_for_signal(X, Y[RANDOM.permutation(len(Y))])
    assert found is not None
    assert luck is not None
    assert found.kernel > 0.8
    assert found.surprise > 10
    assert found.kernel > found.linear
    assert luck.kernel < 0.1
    assert luck.surprise < 3
    assert look_for_signal(X[:20], Y[:20]) is None
    assert look_for_signal(X, np.ones((500, 1))) is None


def test_rare_classes_do_not_drown_the_signal() -> None:
    X = RANDOM.normal(size=(900, 2))
    y = (X[:, 0] + 0.7 * RANDOM.normal(size=900) > 2.3).astype(float)[:, None]
    assert 0.01 < y.mean() < 0.06
    found = look_for_signal(standardised(X), y)
    assert found is not None
    assert found.surprise > 3


def test_the_share_of_one_column() -> None:
    X = RANDOM.normal(size=(1000, 3))
    y = np.column_stack([X[:, 1] > 0, X[:, 1] <= 0]).astype(float)
    shares = column_shares(X, y)
    assert shares[1] > 0.97
    assert abs(shares[0]) < 0.1
    assert abs(shares[2]) < 0.1
    assert explained(np.zeros((4, 1)), np.ones((4, 1))) != explained(y, y)


def test_too_few_updates_of_usual_size_call_for_epochs() -> None:
    X = RANDOM.normal(size=(400, 4))
    y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2]
    network = nn.Sequential(nn.Dense(32, "relu"), nn.Dense(1))
    for optimizer in (cr.LBFGS(), cr.Adam(0.02)):
        options: dict[str, Any] = {"optimizer": optimizer, "batch_size": None, "epochs": 1}
        diagnosis = diagnose(cr.train(network, X, y, loss="squared_error", record=True, **options))
        assert diagnosis.cause is not None
        assert diagnosis.cause.fault == "learning_rate_too_low"
        assert diagnosis.cause.code == "cr.train(..., epochs=10)"
        assert "learning_rate_too_high" not in [verdict.fault for verdict in diagnosis.verdicts]
    slow: dict[str, Any] = {"optimizer": cr.SGD(1e-5), "epochs": 2}
    diagnosis = diagnose(cr.train(network, X, y, loss="squared_error", record=True, **slow))
    assert diagnosis.cause is not None
    assert diagnosis.cause.code == "cr.train(..., optimizer=cr.SGD(0.0001))"


def test_underfitting_asks_for_epochs_while_the_loss_falls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Case, "missed", 0.3)
    recording, found = recorded().recording, FAULTS.make("underfitting")
    falls = found.look(
        Case(replace(recording, history=[{"train_loss": 0.8**n} for n in range(40)]))
    )
    stays = found.look(Case(replace(recording, history=[{"train_loss": 0.8}] * 40)))
    assert falls is not None
    assert stays is not None
    assert falls.code == "cr.train(..., epochs=80)"
    assert "fell by" in falls.evidence[-1]
    assert "nn.Dense(64" in stays.code
