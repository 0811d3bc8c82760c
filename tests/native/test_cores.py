"""How many cores a process may use: those of its mask, and no more than its quota of time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chainrule.engine import cores

UNLIMITED = 2**31


def quota_of(folder: Path, membership: str, files: dict[str, str]) -> int:
    """Return the quota of a process in groups that hold some files."""
    (folder / "membership").write_text(membership, encoding="utf-8")
    for name, text in files.items():
        path = folder / "mounted" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return cores.quota(folder / "membership", folder / "mounted")


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "5000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "max 100000\n"}, UNLIMITED),
        ("0::/a/b\n", {"a/cpu.max": "300000 100000", "a/b/cpu.max": "max 100000"}, 3),
        ("0::/a/b\n", {"a/cpu.max": "max 100000", "a/b/cpu.max": "400000 100000"}, 4),
        ("0::/../..\n", {"cpu.max": "200000 100000\n"}, 2),
        (
            "4:cpu,cpuacct:/box\n0::/\n",
            {"cpu/box/cpu.cfs_quota_us": "250000", "cpu/box/cpu.cfs_period_us": "100000"},
            3,
        ),
        (  # a container sees its own group as the top, under the name that it has outside
            "1:cpu:/docker/1f\n",
            {"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"},
            1,
        ),
        (
            "1:cpu:/\n",
            {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
            UNLIMITED,
        ),
        ("3:cpuset:/\n", {"cpu.max": "100000 100000"}, UNLIMITED),
        ("0::/\n", {"cpu.max": "nonsense"}, UNLIMITED),
        ("0::/\n", {"cpu.max": "100000 0"}, UNLIMITED),
        ("0::/\n", {}, UNLIMITED),
        ("nonsense\n\n", {}, UNLIMITED),
    ],
)
def test_a_quota(membership: str, files: dict[str, str], expected: int, tmp_path: Path) -> None:
    assert quota_of(tmp_path, membership, files) == expected


def test_without_control_groups(tmp_path: Path) -> None:
    assert cores.quota(tmp_path / "missing", tmp_path) == UNLIMITED


def test_a_quota_counts_like_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHAINRULE_THREADS", raising=False)
    monkeypatch.setattr(cores, "_own_quota", lambda: UNLIMITED)
    all_cores = cores.default_threads()
    assert 1 <= all_cores <= (os.cpu_count() or 1)
    monkeypatch.setattr(cores, "_own_quota", lambda: 1)
    assert cores.default_threads() == 1
    monkeypatch.setenv("CHAINRULE_THREADS", "3")
    assert cores.default_threads() == 3  # who says a number is taken at his word
