"""`chainrule gradcheck`: every gradient against the derivative of the reported loss."""

from __future__ import annotations

from typing import Any

import click

from chainrule.cli.group import VERBS
from chainrule.cli.options import debug_option, json_option

__all__ = ["command"]

METHODS = {
    "complex": "complex step",
    "central": "central difference",
    "compiled": "reference engine",
}
MOST_FAILURES = 20


@click.command("gradcheck", help=VERBS["gradcheck"])
@json_option
@debug_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Check all layers, activations, losses, penalties and initialisers, in combination."""
    from chainrule.cli.progress import CountProgress
    from chainrule.cli.screen import Screen
    from chainrule.glass import run_laws

    screen = Screen(as_json)
    screen.title("gradient check", "backpropagation against the derivative of the reported loss")
    with CountProgress(screen, "cases") as progress:
        report = run_laws(progress=progress)
    _show(screen, report)
    if as_json:
        screen.json(report.to_dict())
    if not report.passed:
        ctx.exit(1)


def _show(screen: Any, report: Any) -> None:
    from chainrule.cli.words import count, duration

    groups = [
        (name, f"{len(rows):,}", f"{sum(not row.passed for row in rows):,}", _worst(rows))
        for name, rows in report.groups().items()
    ]
    screen.table(("combination", "cases", "failed", "largest error"), groups, right=(1, 2, 3))
    screen.gap()
    methods = [
        (
            METHODS.get(method, "could not be evaluated"),
            _power(row.error),
            _power(row.tolerance),
        )
        for method, row in report.worst().items()
    ]
    screen.table(("against the", "worst error", "allowed"), methods, right=(1, 2))
    screen.gap()
    screen.facts(
        {
            f"worst, {METHODS.get(method, 'no value')}": f"{row.name}: {row.where}"
            for method, row in report.worst().items()
        }
    )
    screen.gap()
    failures = report.failures
    for row in failures[:MOST_FAILURES]:
        screen.failure(f"{row.group}: {row.name}", f"error {_power(row.error)} in {row.where}")
    if len(failures) > MOST_FAILURES:
        screen.line(f"... and {len(failures) - MOST_FAILURES:,} more failures")
    spent = f"{count(len(report.rows), 'case')} in {duration(report.seconds)}"
    if report.passed:
        screen.done(f"{spent}: every gradient is the derivative of its loss")
    else:
        screen.failure(f"{count(len(failures), 'case')} failed", spent)
    screen.gap()


def _worst(rows: Any) -> str:
    return _power(max((row.error for row in rows), key=lambda error: (error != error, error)))


def _power(value: float) -> str:
    """Return a relative error as a power of ten: errors are compared by their size alone."""
    return "0" if value == 0 else f"{value:.1e}"
