"""What the figures depend on besides the code: processor, memory, Python. No names of machines."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.runner import cores
from chainrule.engine.native import load_binary

QUIET_LOAD = 0.3
"""Load average for each core above which the machine counts as busy."""
FLAGS = ("avx2", "fma", "avx512f", "avx512_bf16", "avx512_fp16", "amx_tile", "asimd", "sve")


def machine() -> dict[str, Any]:
    """Return facts about this machine."""
    facts = _read("/proc/cpuinfo")
    model = re.search(r"^(?:model name|Hardware)\s*:\s*(.+)$", facts, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", facts, re.MULTILINE)
    present = set(flags[1].split()) if flags else set()
    return {
        "processor": model[1] if model else platform.processor() or platform.machine(),
        "family, model": _family(facts),
        "instructions": [flag for flag in FLAGS if flag in present],
        "cores": cores(),
        "caches": _caches(),
        "memory_GiB": _memory(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "compiler for torch.compile": _compiler(),
        "frequency": "neither read nor set",
    }


def load() -> float:
    """Return the load average of the last minute for each core."""
    return os.getloadavg()[0] / cores() if hasattr(os, "getloadavg") else 0.0


def meeting() -> float:
    """Return the microseconds that a meeting of all threads takes at this moment.

    Cores that share a cache meet in some 0.1 us, others in three to ten times that. A virtual
    machine may be moved between the two while a benchmark runs.
    """
    binary, _ = load_binary()
    repeats = 20_000
    return 1e6 * binary.meeting_seconds(cores(), repeats) if binary is not None else 0.0


def stolen() -> float:
    """Return the seconds for which the host gave our cores to others, since the machine started."""
    found = re.match(r"cpu +(?:\d+ +){7}(\d+)", _read("/proc/stat"))
    return int(found[1]) / os.sysconf("SC_CLK_TCK") if found else 0.0


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


def _family(facts: str) -> str:
    found = [
        re.search(rf"^{key}\s*:\s*(\d+)$", facts, re.MULTILINE) for key in ("cpu family", "model")
    ]
    return ", ".join(one[1] for one in found if one)


def _caches() -> dict[str, str]:
    found: dict[str, str] = {}
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind = _read(f"{folder}/level").strip(), _read(f"{folder}/type").strip()
        found[f"L{level} {kind.lower()}"] = _read(f"{folder}/size").strip()
    return found


def _memory() -> float:
    found = re.search(r"MemTotal:\s*(\d+) kB", _read("/proc/meminfo"))
    return round(int(found[1]) / 2**20, 1) if found else 0.0


def _compiler() -> str:
    path = shutil.which(os.environ.get("CXX", "c++"))
    if path is None:
        return "none"
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return told.stdout.partition("\n")[0]
