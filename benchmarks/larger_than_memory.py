"""Proof: a table ten times a stated memory budget trains within 1.25 times that budget.

    python -m benchmarks.larger_than_memory --memory 128MB --times 10

makes a table of that size, runs `chainrule train --memory` on it in a process of its own, and
prints the peak that the kernel counted for that process, interpreter and libraries included. Where
control groups may be made (usually by root only), the process also runs inside one that kills it at
1.25 times the budget, page cache and kernel memory included. Exits with 1 if it was not kept.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from chainrule.training.blocks_memory import Budget

ALLOWED = 1.25
_POOL = 20_000
_TOWNS = ("Ghent", "Bruges", "Antwerp", "Leuven", "Namur", "Liege")


def write_table(path: Path, size: int) -> int:
    """Write a CSV of a size: numbers, gaps, levels, dates, a name for each row. Return its rows."""
    generator = np.random.default_rng(0)
    X = generator.standard_normal((_POOL, 16)).round(5)
    towns = np.array(_TOWNS)[generator.integers(0, len(_TOWNS), _POOL)]
    days = np.datetime64("2020-01-01") + generator.integers(0, 1500, _POOL)
    y = (X[:, 0] + np.sin(X[:, 1]) + (towns == "Ghent")).round(5)
    pool = [
        ",".join(map(str, cells)) + f",{town},{day},{'' if number % 50 == 0 else number % 7},{goal}"
        for number, (cells, town, day, goal) in enumerate(
            zip(X.tolist(), towns, days, y.tolist(), strict=True)
        )
    ]
    names = [f"x{column}" for column in range(16)]
    rows = written = 0
    with path.open("w") as file:
        file.write(",".join(["name", *names, "town", "day", "grade", "y"]) + "\n")
        while written < size:
            order = generator.permutation(_POOL)
            lines = [f"row-{rows + place},{pool[pick]}\n" for place, pick in enumerate(order)]
            text = "".join(lines)
            file.write(text)
            rows, written = rows + _POOL, written + len(text)
    return rows


def as_parquet(table: Path) -> Path:
    """Write a CSV anew as Parquet, in another process, and return its path."""
    path = table.with_suffix(".parquet")
    code = (
        "import duckdb, sys\n"
        "duckdb.sql('SET enable_progress_bar = false')\n"
        "rows = f\"FROM read_csv('{sys.argv[1]}')\"\n"
        "duckdb.sql(f\"COPY ({rows}) TO '{sys.argv[2]}' (FORMAT parquet)\")\n"
    )
    subprocess.run([sys.executable, "-c", code, str(table), str(path)], check=True)
    table.unlink()
    return path


def as_gzip(table: Path) -> Path:
    """Pack a CSV, and return its path."""
    path = table.with_name(table.name + ".gz")
    with table.open("rb") as file, gzip.open(path, "wb", compresslevel=1) as out:
        shutil.copyfileobj(file, out, 1 << 20)
    table.unlink()
    return path


FORMATS: dict[str, Callable[[Path], Path]] = {
    "csv": lambda table: table,
    "csv.gz": as_gzip,
    "parquet": as_parquet,
}


@contextmanager
def limited(limit: int) -> Iterator[Path | None]:
    """Give the file that takes a process into a control group with a limit, if one can be made."""
    name = f"chainrule-proof-{os.getpid()}"
    for root, bound in (
        (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
        (Path("/sys/fs/cgroup"), "memory.max"),
    ):
        group = root / name
        with suppress(OSError):
            group.mkdir()
            try:
                (group / bound).write_text(str(limit))
            except OSError:
                group.rmdir()
                continue
            try:
                yield group / "cgroup.procs"
            finally:
                with suppress(OSError):
                    group.rmdir()
            return
    yield None


def run(table: Path, memory: str, epochs: int, group: Path | None) -> tuple[int, int, float]:
    """Train in a process of its own; return its exit code, its peak in bytes, and the seconds."""
    words = ["train", str(table), "--target", "y", "--memory", memory, "--epochs", str(epochs)]
    words += ["--out", str(table.with_name("model.safetensors")), "--force"]
    enter = f"import os; open({str(group)!r}, 'w').write(str(os.getpid()));" if group else ""
    code = f"{enter}import sys; from chainrule.cli.main import main; sys.exit(main(sys.argv[1:]))"
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code, *words])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    return process.returncode, usage.ru_maxrss * unit, time.perf_counter() - began


def main() -> int:
    """Make the table, train, compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--memory", default="128MB")
    parser.add_argument("--times", type=float, default=10.0, help="size of the table, in budgets")
    parser.add_argument("--format", choices=list(FORMATS), default="csv")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    told = parser.parse_args()
    budget = Budget.of(told.memory).total
    folder = Path(tempfile.mkdtemp(prefix="chainrule-larger-", dir=told.folder))
    try:
        table = folder / "table.csv"
        rows = write_table(table, int(budget * told.times))
        size = table.stat().st_size
        print(f"table   {rows:,} rows, {size / 1e6:,.0f} MB ({size / budget:.1f} budgets)")
        table = FORMATS[told.format](table)
        print(f"file    {table.name}, {table.stat().st_size / 1e6:,.0f} MB")
        with limited(int(budget * ALLOWED)) as group:
            code, peak, seconds = run(table, told.memory, told.epochs, group)
            print(f"group   {'limit of the kernel' if group else 'none could be made'}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    kept = code == 0 and peak <= ALLOWED * budget
    print(f"budget  {budget / 1e6:,.0f} MB, allowed {ALLOWED * budget / 1e6:,.0f} MB")
    print(f"peak    {peak / 1e6:,.1f} MB resident = {peak / budget:.2f} budgets")
    print(f"time    {seconds:,.0f} s, exit code {code}")
    print("kept" if kept else "NOT KEPT")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
