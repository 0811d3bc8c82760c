"""The set-up behind `make`: what it keeps, what it makes anew, what it leaves alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools import environment

WANTED: dict[str, object] = {"place": "here", "checksum": "1", "python": "3.12.1"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a folder that looks like an environment."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").touch()
    return tmp_path


def test_a_missing_environment_is_half_made(tmp_path: Path) -> None:
    assert environment.read_stamp(tmp_path / "none") == {}


@pytest.mark.parametrize("stamp", ["", "{", '{"place": "he'])
def test_an_interrupted_environment_is_half_made(home: Path, stamp: str) -> None:
    (home / environment.STAMP).write_text(stamp)
    assert environment.read_stamp(home) == {}
    assert not environment.usable(home, {}, WANTED, exact=False)


def test_an_environment_without_a_stamp_is_not_ours(home: Path) -> None:
    assert environment.read_stamp(home) is None
    with pytest.raises(SystemExit, match="was not made by make"):
        environment.ensure(home, ["cli"], [], exact=False)
    assert (home / "bin/python").exists()


def test_a_stamped_environment_stays(home: Path) -> None:
    (home / environment.STAMP).write_text(json.dumps(WANTED))
    stamp = environment.read_stamp(home)
    assert stamp == WANTED
    assert environment.usable(home, WANTED, WANTED, exact=True)


@pytest.mark.parametrize("key", ["place", "checksum"])
def test_a_moved_or_outdated_environment_goes(home: Path, key: str) -> None:
    assert not environment.usable(home, {**WANTED, key: "other"}, WANTED, exact=False)


def test_another_python_matters_only_when_one_was_named(home: Path) -> None:
    stamp = {**WANTED, "python": "3.10.1"}
    assert environment.usable(home, stamp, WANTED, exact=False)
    assert not environment.usable(home, stamp, WANTED, exact=True)


def test_an_environment_whose_python_is_gone_goes(home: Path) -> None:
    (home / "bin/python").unlink()
    assert not environment.usable(home, WANTED, WANTED, exact=False)


def test_the_checksum_follows_the_dependencies_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    (tmp_path / "src/chainrule").mkdir(parents=True)
    (tmp_path / "src/chainrule/_version.py").write_text("")
    project = tmp_path / "pyproject.toml"

    def checksum(text: str) -> str:
        project.write_text(text)
        return environment.checksum()

    base = checksum("[project]\ndependencies = []\n[tool.ruff]\nline-length = 80\n")
    assert base == checksum("[project]\ndependencies = []\n[tool.ruff]\nline-length = 100\n")
    assert base != checksum('[project]\ndependencies = ["x"]\n[tool.ruff]\nline-length = 80\n')


def test_what_is_compiled_has_a_checksum_once_there_is_a_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    source = tmp_path / "src/chainrule/engine/csrc/a.cpp"
    source.parent.mkdir(parents=True)
    source.write_text("int a;")
    assert environment.compiled_checksum() == ""
    (tmp_path / "CMakeLists.txt").write_text("project(x)")
    before = environment.compiled_checksum()
    source.write_text("int b;")
    assert environment.compiled_checksum() not in ("", before)


def test_an_engine_that_was_not_built_is_built_once_there_is_a_compiler(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installs: list[bool] = []
    monkeypatch.setattr(environment, "install", lambda *given: installs.append(given[-1]))
    monkeypatch.setattr(environment, "make", lambda home: None)
    (home / environment.STAMP).touch()
    for compiler, built, expected in (
        ("", False, 1),
        ("", False, 1),  # nothing has changed
        ("/usr/bin/g++", False, 2),  # too old, say
        ("/usr/bin/g++", False, 2),
        ("/usr/bin/clang++", True, 3),
        ("/usr/bin/c++", True, 3),
        ("", True, 3),
    ):
        monkeypatch.setattr(environment, "compiler", lambda compiler=compiler: compiler)
        monkeypatch.setattr(environment, "report_engine", lambda home, built=built: built)
        environment.ensure(home, ["cli"], [], exact=False)
        assert len(installs) == expected
    assert installs == [False, False, False]


def test_the_compiler_is_the_one_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "named")
    monkeypatch.setattr(environment.shutil, "which", lambda name: f"/bin/{name}")
    assert environment.compiler() == "/bin/named"
    monkeypatch.delenv("CXX")
    assert environment.compiler() == "/bin/c++"
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    assert environment.compiler() == ""
