"""The results as a text table, and as JSON."""

from __future__ import annotations

from typing import Any

from benchmarks.growth import Curve
from benchmarks.measure import Result
from benchmarks.sides import MODULES, OURS

SCALES = {"us": 1e6, "s": 1.0}
VERDICTS = {True: "met", False: "NOT MET", None: ""}


def text(document: dict[str, Any], results: list[Result], curves: list[Curve]) -> str:
    """Return everything for people."""
    parts = [_facts(document)]
    if results:
        parts.append(_table(results))
        parts += _forms(results)
    if document["share"]:
        parts.append(_share(document["share"]))
    if document["threads"]:
        parts.append(_gains(document["threads"]))
    if curves:
        parts.append(_curves(curves))
    verdicts = [result.met() for result in results]
    verdicts += [one["met"] for one in document["share"].get("rows", [])]
    verdicts += [one["met"] for one in document["threads"]]
    marked = [verdict for verdict in verdicts if verdict is not None]
    if marked:
        parts.append(f"{sum(marked)} of {len(marked)} marks met.")
    return "\n\n".join(parts)


def result_document(result: Result) -> dict[str, Any]:
    """Return a row as JSON."""
    return {
        "name": result.row.name,
        "group": result.row.group,
        "title": result.row.title,
        "work": result.row.work.document(),
        "seconds": result.times,
        "median_seconds": {side: result.median(side) for side in result.times},
        "rival": result.rival,
        "ratio": result.ratio(),
        "mark": result.row.mark,
        "met": result.met(),
        "facts": result.facts,
        "checks": result.checks,
        "problems": result.problems,
    }


def number(value: float) -> str:
    """Return three significant digits without an exponent."""
    if value >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}"


def _facts(document: dict[str, Any]) -> str:
    lines = [f"{document['command']}   {document['date']}"]
    lines += [f"{key}: {value}" for key, value in document["machine"].items()]
    lines.append("versions: " + ", ".join(f"{k} {v}" for k, v in document["versions"].items()))
    lines.append(
        f"{document['settings']['rounds']} rounds of {document['settings']['seconds']} s each; "
        f"load before {document['load']['before']:.2f}, after {document['load']['after']:.2f}"
    )
    meetings = sorted(document["load"]["meetings"])
    lines.append(
        f"a meeting of all threads: {meetings[0]:.2f} to {meetings[-1]:.2f} us between the rows, "
        f"median {meetings[len(meetings) // 2]:.2f}; "
        f"stolen by the host: {document['load']['stolen']:.1f} s"
    )
    if not document["load"]["quiet"]:
        lines.append("THE MACHINE WAS BUSY: these figures are not to be quoted.")
    return "\n".join(lines)


def columns(rows: list[list[str]]) -> str:
    """Return lines of aligned columns: the first one to the left, the others to the right."""
    sizes = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(size) if place == 0 else cell.rjust(size)
            for place, (cell, size) in enumerate(zip(row, sizes, strict=True))
        ).rstrip()
        for row in rows
    )


def _table(results: list[Result]) -> str:
    sides = [side for side in MODULES if any(side in result.times for result in results)]
    rows = [["median time", "unit", *sides, "rival", "ratio", "quartiles", "mark", ""]]
    for result in results:
        times = [_time(result, side) for side in sides]
        rows += [[result.row.title, result.row.unit, *times, *_verdict(result)]]
    notes = (
        "ratio: the rival's time over ours, median of the rounds. The rival is the fastest peer, "
        "or the one that the mark names.\n"
        "Times are of one training step, one call of a prediction, one fit, one epoch, one cold"
        " start."
    )
    return columns(rows) + "\n" + notes


def _forms(results: list[Result]) -> list[str]:
    """Return the forms in which the peers were tried: the table has the fastest of each."""
    lines = [
        f"  {result.row.title}, {side}: "
        + ", ".join(f"{form} {number(us)}" for form, us in facts["trial_us"].items())
        for result in results
        for side, facts in result.facts.items()
        if "trial_us" in facts
    ]
    return ["forms tried, microseconds in a short trial:\n" + "\n".join(lines)] if lines else []


def _time(result: Result, side: str) -> str:
    seconds = result.median(side)
    if seconds is not None:
        return number(seconds * SCALES[result.row.unit])
    failed = side in result.problems and side in (OURS, *result.row.peers)
    return "failed" if failed and "other work" in result.problems[side] else "-"


def _verdict(result: Result) -> list[str]:
    ratio = result.ratio()
    mark = "" if result.row.mark is None else f"{result.row.mark:g}"
    if ratio is None:
        return ["-", "-", "-", mark, ""]
    quartiles = f"{number(ratio['low'])}..{number(ratio['high'])}"
    return [
        str(result.rival),
        number(ratio["median"]),
        quartiles,
        mark,
        VERDICTS[result.met()],
    ]


def _share(found: dict[str, Any]) -> str:
    rows = [["share of the best GEMM rate", "GFLOP/s", "share", "quartiles", "mark", ""]]
    for one in found["rows"]:
        part = one["share"]
        rows.append(
            [
                one["row"],
                f"{one['gflops']:.0f}",
                f"{part['median']:.3f}",
                f"{part['low']:.3f}..{part['high']:.3f}",
                f"{one['mark']:g}",
                VERDICTS[one["met"]],
            ]
        )
    rows.append([f"best: {found['best']}", f"{found['best_gflops']:.0f}", "", "", "", ""])
    sides: dict[str, float] = {}
    for key, rate in found["products"].items():
        side = key.partition(" ")[0]
        sides[side] = max(rate, sides.get(side, 0.0))
    rows += [[f"best of {side}", f"{rate:.0f}", "", "", "", ""] for side, rate in sides.items()]
    return columns(rows)


def _gains(gains: list[dict[str, Any]]) -> str:
    rows = [["gain of several threads over one", "threads", "gain", "quartiles", "mark", ""]]
    for one in gains:
        gain = one["gain"]
        rows.append(
            [
                one["row"],
                str(one["threads"]),
                f"{gain['median']:.2f}",
                f"{gain['low']:.2f}..{gain['high']:.2f}",
                "" if one["mark"] is None else f"{one['mark']:g}",
                VERDICTS[one["met"]],
            ]
        )
    return columns(rows)


def _curves(curves: list[Curve]) -> str:
    rows = [["our time grows with", "as", "expected", "exponent, upper half", "all points"]]
    for curve in curves:
        rows.append(
            [
                f"{curve.axis}: {curve.what}",
                f"{curve.axis}^e",
                f"{curve.expected:g}",
                f"{curve.exponent():.2f}",
                f"{curve.exponent(upper=False):.2f}",
            ]
        )
        points = ", ".join(f"{quantity:g}: {_span(seconds)}" for quantity, seconds in curve.points)
        rows.append([f"    {points}", "", "", "", ""])
    width = max(len(row[0]) for row in rows if row[1])
    return "\n".join(
        row[0]
        if not row[1]
        else "  ".join(
            [row[0].ljust(width)]
            + [cell.rjust(len(head)) for cell, head in zip(row[1:], rows[0][1:], strict=True)]
        )
        for row in rows
    )


def _span(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{number(1e6 * seconds)} us"
    return f"{number(1e3 * seconds)} ms" if seconds < 1 else f"{number(seconds)} s"
