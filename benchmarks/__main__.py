"""Time Chainrule and its peers on the same work, in turn: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.growth import Curve, growth, share, threads
from benchmarks.machine import QUIET_LOAD, load, machine, meeting, stolen
from benchmarks.measure import Bench, Result, Settings
from benchmarks.record import record
from benchmarks.report import number, result_document, text
from benchmarks.rows import Row, all_rows, marked_rows
from benchmarks.sides import OURS, PEERS

SPECIAL = ("share", "threads", "growth")
STARTED = time.monotonic()


def say(line: str) -> None:
    """Tell of the progress."""
    print(f"[{time.monotonic() - STARTED:5.0f} s] {line}", file=sys.stderr, flush=True)


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--rows",
        nargs="+",
        metavar="NAME",
        help="rows by name (with * and ?) or group, or share, threads, growth; see --list",
    )
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument("--marks", action="store_true", help="only what has a pass mark")
    parser.add_argument("--quick", action="store_true", help="short measurements; not to be quoted")
    parser.add_argument("--repeats", type=int, help="measurements of each side (7)")
    parser.add_argument("--seconds", type=float, help="least time of a measurement (0.2)")
    parser.add_argument("--json", metavar="FILE", help="write everything measured")
    parser.add_argument("--plot", metavar="FILE", help="write a picture (PNG)")
    parser.add_argument(
        "--record", metavar="PAGE", help="put the figures into a page of the documentation"
    )
    parser.add_argument("--list", action="store_true", help="list the rows and stop")
    return parser


def settings_of(chosen: argparse.Namespace) -> Settings:
    """Return how long and how often to measure."""
    settings = (
        Settings(3, 0.05) if chosen.quick else Settings(5, 0.2) if chosen.marks else Settings()
    )
    return Settings(chosen.repeats or settings.rounds, chosen.seconds or settings.seconds)


def chosen_rows(chosen: argparse.Namespace) -> tuple[list[Row], list[str]]:
    """Return the rows to measure, and which of `SPECIAL`."""
    rows = marked_rows() if chosen.marks else all_rows()
    special = [name for name in SPECIAL if not (chosen.marks and name == "growth")]
    if chosen.rows:
        rows = [row for row in rows if row.matches(chosen.rows)]
        special = [name for name in special if name in chosen.rows]
        if not rows and not special:
            sys.exit(f"no row is called {' or '.join(chosen.rows)}; see --list")
    return rows, special


def tell(result: Result) -> None:
    """Tell of a row that is done."""
    ours, ratio = result.median(OURS), result.ratio()
    if ours is None or ratio is None:
        problems = "; ".join(f"{side}: {why[-200:]}" for side, why in result.problems.items())
        say(f"{result.row.title}: no ratio. {problems}")
        return
    mark = "" if result.row.mark is None else f", mark {result.row.mark:g}"
    say(
        f"{result.row.title}: {number(1e6 * ours)} us, "
        f"{result.rival} takes {ratio['median']:.2f} times as long{mark}"
    )


def measured(chosen: argparse.Namespace) -> tuple[dict[str, Any], list[Result], list[Curve]]:
    """Measure everything that was chosen."""
    rows, special = chosen_rows(chosen)
    before, stolen_before, meetings = load(), stolen(), [meeting()]
    if before > QUIET_LOAD:
        say(f"the machine is busy (load {before:.2f} for each core): figures will be noisy")
    settings = settings_of(chosen)
    document: dict[str, Any] = {
        "command": "python -m benchmarks " + " ".join(sys.argv[1:]),
        "date": dt.datetime.now(tz=dt.timezone.utc).date().isoformat(),
        "machine": machine(),
        "settings": asdict(settings),
        "share": {},
        "threads": [],
    }
    bench = Bench(settings, say)
    results: list[Result] = []
    curves: list[Curve] = []
    try:
        for row in rows:
            results.append(bench.run(row, chosen.peers))
            meetings.append(meeting())
            tell(results[-1])
        if "share" in special:
            document["share"] = share(bench, chosen.peers)
        if "threads" in special:
            curves, document["threads"] = threads(bench)
        if "growth" in special:
            curves = growth(bench, chosen.quick) + curves
        document["versions"] = bench.versions()
    finally:
        bench.close()
    quiet = before <= QUIET_LOAD and not chosen.quick
    document["load"] = {"before": before, "after": load(), "quiet": quiet}
    document["load"] |= {"stolen": stolen() - stolen_before, "meetings": meetings}
    document["results"] = [result_document(result) for result in results]
    document["growth"] = [curve.document() for curve in curves]
    document["wall_seconds"] = round(time.monotonic() - STARTED, 1)
    return document, results, curves


def main() -> None:
    """Read the command line, measure, print, write."""
    chosen = arguments().parse_args()
    if chosen.list:
        for row in all_rows():
            print(f"{row.group:<14}{row.name:<40}{row.title}")
        print("\n".join(SPECIAL))
        return
    if chosen.record and not Path(chosen.record).is_file():
        sys.exit(f"--record: {chosen.record} is not a page")
    document, results, curves = measured(chosen)
    table = text(document, results, curves)
    print(table)
    if chosen.json:
        Path(chosen.json).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if chosen.plot:
        from benchmarks.plot import save_plot

        save_plot(chosen.plot, document, results, curves)
    if chosen.record:
        refused = record(chosen.record, chosen.plot, document, table)
        if refused:
            sys.exit(refused)


if __name__ == "__main__":
    main()
