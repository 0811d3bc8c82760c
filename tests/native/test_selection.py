"""Which engine runs a plan, what is said about it, and what happens without the compiled one."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.abc import MetaPathFinder
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule import nn
from chainrule.engine import (
    Clock,
    NativeEngine,
    ReferenceEngine,
    Rows,
    StepResult,
    engine_for,
    info,
    native,
    select,
)
from chainrule.errors import InvalidParameterError, MissingExtraError, ReferenceEngineWarning
from chainrule.maths.activations import Tanh
from chainrule.maths.clipping import ClipNorm
from chainrule.maths.losses_regression import SquaredError
from chainrule.maths.optimizers import SGD
from chainrule.maths.penalties import L2
from chainrule.plan import Plan, make_plan

PRESENT = native.load_binary()[0] is not None
CLOCK = Clock(0, 0, 0, 10)


class OwnTanh(Tanh):
    """A user's function of the library's name."""


class OwnSquaredError(SquaredError):
    """A user's loss of the library's name."""


class OwnOptimizer(SGD):
    """A user's optimizer of the library's name."""


class OwnPenalty(L2):
    """A user's penalty of the library's name."""


class OwnClipping(ClipNorm):
    """A user's clipping of the library's name."""


@dataclass(frozen=True)
class Cubed(Tanh):
    """A user's function of a name of its own."""

    name = "users_cubed"

    def value(self, Z: Any, **learned: Any) -> Any:
        return Z**3

    def slope(self, Z: Any, H: Any, **learned: Any) -> Any:
        return 3.0 * Z**2


def plan_of(activation: Any = "tanh", loss: Any = "squared_error", **changed: Any) -> Plan:
    """Return a small plan."""
    network = nn.Sequential(nn.Dense(3), nn.Activation(activation), nn.Dense(1))
    return make_plan(network, (2,), loss, 1, **changed)


USERS = {
    "the activation users_cubed of layer users_cubed_1": plan_of(Cubed()),
    "the activation tanh of layer tanh_1": plan_of(OwnTanh()),
    "the optimizer sgd": plan_of(optimizer=OwnOptimizer()),
    "the penalty l2": plan_of(penalties=OwnPenalty()),
    "the clipping clip_norm": plan_of(clip=OwnClipping()),
}
"""Plans with a user's own part, by what is said of them."""


@pytest.fixture(autouse=True)
def as_in_a_new_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing was said yet, and nothing is forced."""
    monkeypatch.setattr(select, "_SAID", set())
    for name in ("CHAINRULE_ENGINE", "CHAINRULE_ISA", "CHAINRULE_THREADS"):
        monkeypatch.delenv(name, raising=False)
    yield
    native.load_binary.cache_clear()
    native._known.cache_clear()


@pytest.fixture
def without_binary(monkeypatch: pytest.MonkeyPatch) -> str:
    """Take the compiled engine away; return what is then said."""
    monkeypatch.setitem(sys.modules, "chainrule.engine._engine", None)
    monkeypatch.delattr("chainrule.engine._engine", raising=False)
    native.load_binary.cache_clear()
    reason = native.load_binary()[1]
    assert "the compiled engine is not installed" in reason
    return reason


def trains(engine: ReferenceEngine) -> bool:
    """Say whether an engine can do its work."""
    rows = Rows(np.ones((8, 2), engine.dtype), np.zeros((8, 1), engine.dtype))
    return engine.epoch(engine.buffers(0), rows, np.arange(8), 4, CLOCK).complete


def test_without_the_binary_the_reference_engine_takes_over(without_binary: str) -> None:
    with pytest.warns(ReferenceEngineWarning, match="not installed.*right but slow") as caught:
        engine = engine_for(plan_of(), "float64")
    assert type(engine) is ReferenceEngine
    assert trains(engine)
    assert caught[0].filename == __file__
    found = info()
    assert (found["engine"], found["available"], found["threads"]) == ("reference", False, 1)
    assert (found["instruction_set"], found["instruction_sets"]) == (None, [])
    assert found["reason"] == info(plan_of())["reason"] == without_binary


def test_a_binary_that_cannot_be_loaded(
    without_binary: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Damaged(MetaPathFinder):
        """Finds a damaged file first, in whatever way the package is installed."""

        def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
            if fullname != "chainrule.engine._engine":
                return None
            loader = ExtensionFileLoader(fullname, str(tmp_path / "_engine.so"))
            return ModuleSpec(fullname, loader, origin=loader.path)

    (tmp_path / "_engine.so").write_bytes(b"no binary")
    monkeypatch.setattr(sys, "meta_path", [Damaged(), *sys.meta_path])
    monkeypatch.delitem(sys.modules, "chainrule.engine._engine")
    native.load_binary.cache_clear()
    reason = native.load_binary()[1]
    assert reason.startswith("the compiled engine cannot be loaded (")
    assert "_engine" in reason
    assert "chainrule" not in without_binary  # where nothing is broken, no path is said


def test_it_is_said_once(without_binary: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            engine_for(plan_of())
    assert [warning.category for warning in caught] == [ReferenceEngineWarning]


def test_the_native_engine_says_what_is_missing(
    without_binary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for work in (lambda: NativeEngine(plan_of()), native.instruction_set):
        with pytest.raises(MissingExtraError, match="cannot be used") as caught:
            work()
        assert caught.value.got == without_binary
        assert "compiler" in caught.value.do
    monkeypatch.setenv("CHAINRULE_ENGINE", "native")
    with pytest.raises(MissingExtraError, match="cannot be used"):
        engine_for(plan_of())


def test_a_new_process_says_it_once_and_works() -> None:
    program = (
        "import sys; sys.modules['chainrule.engine._engine'] = None\n"
        "import numpy as np, chainrule as cr\n"
        "from chainrule import nn\n"
        "sys.stderr.write('imported\\n')\n"
        "X, y = np.ones((20, 2)), np.arange(20.0)\n"
        "for seed in range(2):\n"
        "    run = cr.train(nn.Dense(1), X, y, loss='squared_error', epochs=2, seed=seed)\n"
        "    run.model.predict(X)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "CHAINRULE_ENGINE"},
        check=False,
    )
    assert result.returncode == 0, result.stderr
    before, _, after = result.stderr.partition("imported\n")
    assert before == ""
    assert after.count("ReferenceEngineWarning") == 1
    assert "not installed" in after


def test_a_forced_reference_engine_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINRULE_ENGINE", "reference")
    for plan in (plan_of(), plan_of(loss=OwnSquaredError()), *USERS.values()):
        assert type(engine_for(plan)) is ReferenceEngine


def test_an_unknown_engine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINRULE_ENGINE", "nativ")
    with pytest.raises(InvalidParameterError, match="CHAINRULE_ENGINE") as caught:
        engine_for(plan_of())
    assert caught.value.do == "did you mean native?"


def test_an_observer_gets_the_reference_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINRULE_ENGINE", "native")
    seen: list[str] = []
    engine = engine_for(plan_of(), observer=lambda step, name, value: seen.append(name))
    assert trains(engine)
    assert "dense_1.Z" in seen


if PRESENT:

    @pytest.mark.parametrize("engine", ["", "auto", "native"])
    def test_a_plan_runs_compiled(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CHAINRULE_ENGINE", engine)
        made = engine_for(plan_of(), "float64")
        assert isinstance(made, NativeEngine)
        assert trains(made)
        found = info(made.plan)
        assert (found["engine"], found["available"], found["reason"]) == ("native", True, "")
        assert found["instruction_set"] == found["instruction_sets"][0]
        assert found["threads"] >= 1

    @pytest.mark.parametrize("who", USERS)
    def test_a_users_own_part_runs_on_the_reference_engine(who: str) -> None:
        plan = USERS[who]
        with pytest.warns(ReferenceEngineWarning, match=f"{who} has no compiled form"):
            engine = engine_for(plan)
        assert type(engine) is ReferenceEngine
        assert type(engine_for(plan)) is ReferenceEngine
        assert info(plan)["reason"] == f"{who} has no compiled form"
        assert (info(plan)["engine"], info(plan)["available"]) == ("reference", True)
        with pytest.raises(InvalidParameterError, match="cannot run this plan") as caught:
            NativeEngine(plan)
        assert who in caught.value.got

    @pytest.mark.parametrize("engine", ["", "native"])
    def test_a_users_own_loss_runs_compiled_and_nothing_is_said(
        engine: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CHAINRULE_ENGINE", engine)
        plan = plan_of(loss=OwnSquaredError())
        made = engine_for(plan, "float64")
        assert isinstance(made, NativeEngine)
        assert trains(made)
        found = info(plan)
        assert (found["engine"], found["reason"]) == ("native", "")
        assert found["called_back"] == "the loss squared_error"

    def test_a_users_own_loss_beside_another_part_is_not_called_back() -> None:
        plan = plan_of(Cubed(), loss=OwnSquaredError())
        with pytest.warns(ReferenceEngineWarning, match="the activation users_cubed"):
            assert type(engine_for(plan)) is ReferenceEngine
        assert info(plan)["called_back"] == ""

    def test_a_plan_that_must_run_compiled_and_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CHAINRULE_ENGINE", "native")
        with pytest.raises(InvalidParameterError, match="cannot run this plan"):
            engine_for(plan_of(Cubed()))

    def test_a_binary_of_another_version_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("chainrule.engine.native_call.__version__", "99.0.0")
        native.load_binary.cache_clear()
        with pytest.warns(ReferenceEngineWarning, match=r"version .* the package of 99\.0\.0"):
            engine = engine_for(plan_of())
        assert type(engine) is ReferenceEngine
        assert "reinstall chainrule" in info()["reason"]

    def test_each_instruction_set_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
        for name in info()["instruction_sets"]:
            monkeypatch.setenv("CHAINRULE_ISA", name)
            assert info()["instruction_set"] == name
            assert trains(NativeEngine(plan_of()))
        monkeypatch.setenv("CHAINRULE_ISA", "z80")
        with pytest.raises(InvalidParameterError, match="CHAINRULE_ISA"):
            NativeEngine(plan_of())

    @pytest.mark.parametrize("count", ["0", "-1", "two", "1.5", " ", "9" * 5000])
    def test_a_bad_number_of_threads(count: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CHAINRULE_THREADS", count)
        with pytest.raises(InvalidParameterError, match="CHAINRULE_THREADS"):
            info()

    def test_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
        wide = make_plan(nn.Sequential(nn.Dense(100), nn.Dense(1)), (100,), "squared_error", 1)
        monkeypatch.setenv("CHAINRULE_THREADS", "3")
        assert info()["threads"] == 3
        assert [NativeEngine(wide).threads_for(rows) for rows in (1, 100)] == [1, 3]
        assert NativeEngine(wide, threads=2).threads_for(1) == 2
        assert trains(NativeEngine(plan_of(), threads=40))

    @pytest.mark.parametrize("threads", [0, -1, 2.0, "2", True, float("nan")])
    def test_threads_that_are_no_number_of_threads(threads: Any) -> None:
        with pytest.raises(InvalidParameterError, match="threads is not allowed"):
            NativeEngine(plan_of(), threads=threads)

    def test_a_slip_does_not_make_a_million_threads(monkeypatch: pytest.MonkeyPatch) -> None:
        most = max(32, 2 * (os.cpu_count() or 1))
        assert NativeEngine(plan_of(), threads=10**6).threads_for(8) == most
        assert NativeEngine(plan_of(), threads=np.int64(3)).threads_for(8) == 3  # type: ignore[arg-type]
        monkeypatch.setenv("CHAINRULE_THREADS", "1000000")
        assert info()["threads"] == most

    def test_methods_that_are_inherited_agree() -> None:
        plan = plan_of()
        rows = Rows(np.ones((8, 2)), np.zeros((8, 1)))
        compiled, reference = NativeEngine(plan, "float64"), ReferenceEngine(plan, "float64")
        one, two = compiled.buffers(0), reference.buffers(0)
        assert isinstance(compiled.step(one, rows, CLOCK), StepResult)
        reference.step(two, rows, CLOCK)
        assert one.weights.tobytes() == two.weights.tobytes()
        assert compiled.name == "native"

    def test_a_method_that_is_not_stepwise_gets_compiled_gradients() -> None:
        plan = plan_of(optimizer="lbfgs")
        engine = engine_for(plan, "float64")
        assert isinstance(engine, NativeEngine)
        rows = Rows(np.ones((8, 2)), np.zeros((8, 1)))
        found = engine.gradient(engine.buffers(0), rows, CLOCK)
        right = ReferenceEngine(plan, "float64").gradient(engine.buffers(0), rows, CLOCK)
        assert np.allclose(found.gradient, right.gradient, rtol=1e-12)
        with pytest.raises(ValueError, match="no update from one gradient"):
            engine.epoch(engine.buffers(0), rows, np.arange(8), 4, CLOCK)

    def test_the_stub_names_what_the_binary_has() -> None:
        import ast

        binary = native.load_binary()[0]
        assert binary is not None
        tree = ast.parse(Path(native.__file__).with_name("_engine.pyi").read_text(encoding="utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        (engine,) = (node for node in tree.body if isinstance(node, ast.ClassDef))
        methods = {node.name for node in engine.body if isinstance(node, ast.FunctionDef)}
        there = {name for name in dir(binary) if not name.startswith("_")}
        assert functions | {"Engine", "INTERFACE", "VERSION"} == there
        own = {name for name in vars(binary.Engine) if not name.startswith("_")}
        assert methods - {"__init__"} == own

    def test_the_package_may_be_thrown_out_and_imported_again() -> None:
        program = (
            "import sys\n"
            "for turn in range(2):\n"
            "    import numpy as np, chainrule as cr\n"
            "    from chainrule import nn\n"
            "    X = np.ones((20, 2))\n"
            "    cr.train(nn.Dense(1), X, np.arange(20.0), loss='squared_error', epochs=1)\n"
            "    print(cr.engine.info()['engine'])\n"
            "    for name in [name for name in sys.modules if name.split('.')[0] == 'chainrule']:\n"
            "        del sys.modules[name]\n"
        )
        result = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False
        )
        assert (result.stdout, result.stderr) == ("native\nnative\n", "")

    def test_a_changed_plan_is_another_engine() -> None:
        plan = plan_of()
        assert trains(NativeEngine(replace(plan, optimizer=SGD(0.1))))
