"""The course of `sweep` and `compare` on the screen: read, plan, run, conclude, write."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from chainrule.cli.augment import augmentations_of
from chainrule.cli.job import STANDARD_INPUT, require_fitting
from chainrule.cli.outcome import short_name
from chainrule.cli.pipeline import Settings
from chainrule.cli.screen import Screen
from chainrule.cli.sweep_data import SweepData, fixed_arguments, sweep_data
from chainrule.cli.sweep_options import VALUES, Values
from chainrule.cli.sweep_progress import SweepProgress, score_cell
from chainrule.cli.sweep_words import in_options, spoken
from chainrule.cli.words import bytes_text, count, duration
from chainrule.errors import ChainruleError, MissingExtraError, UsageError
from chainrule.experiments.axes import Span
from chainrule.experiments.campaign import Campaign
from chainrule.experiments.comparison import against_best
from chainrule.experiments.outcome import Sweep
from chainrule.experiments.search import Search
from chainrule.experiments.splits import Scheme
from chainrule.experiments.table import TableRow
from chainrule.files import atomic_write, require_writable
from chainrule.frozen import frozen
from chainrule.maths.metric import METRICS
from chainrule.tabular import read_table

__all__ = [
    "LEDGER",
    "Places",
    "Task",
    "conclude",
    "page_of",
    "run_task",
    "show_table",
    "task_of",
    "tell_interrupted",
    "tell_written",
]

LEDGER, TABLE, PAGE = "runs.jsonl", "table.csv", "report.html"
_MOST_ROWS = 20


@frozen
class Places:
    """The folder of a sweep, and its files."""

    folder: Path

    @property
    def ledger(self) -> Path:
        """Finished runs, one line each."""
        return self.folder / LEDGER

    def prepare(self, force: bool) -> None:
        """Make the folder, and see that nothing of somebody else's would be replaced.

        Raises
        ------
        ChainruleError
            The folder cannot be made or holds files of these names that no sweep has written.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise UsageError("the output folder is a file", where=str(self.folder))
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise ChainruleError(
                "the output folder cannot be made",
                where=str(self.folder),
                got=error.strerror or str(error),
            ) from None
        if force:
            self.ledger.unlink(missing_ok=True)
        for name in (TABLE, PAGE):
            require_writable(self.folder / name, overwrite=force or self.ledger.exists())

    def write(self, sweep: Sweep, page: str | None) -> list[Path]:
        """Write table and page; return what was written."""
        written = [atomic_write(self.folder / TABLE, sweep.to_csv_text(), overwrite=True)]
        if page is not None:
            written.append(atomic_write(self.folder / PAGE, page, overwrite=True))
        return [self.ledger, *written]


@frozen
class Task:
    """One call of `sweep` or `compare`, read and checked as far as the table goes."""

    data: SweepData
    scheme: Scheme
    campaign: Campaign
    score: str
    greater_is_better: bool
    title: str
    options: Settings
    """What is said of the data."""

    @property
    def settings(self) -> int:
        """Number of settings, or 0 where it is not known before."""
        if self.campaign.settings is not None:
            return len(self.campaign.settings)
        axes = self.campaign.search.axes.values()
        if self.campaign.method != "grid":
            return self.campaign.search.runs or 0
        return math.prod(0 if isinstance(values, Span) else len(values) for values in axes)


def task_of(
    params: Mapping[str, Any],
    axes: Mapping[str, Any],
    search: Mapping[str, Any],
    settings: Sequence[Mapping[str, Any]] | None = None,
) -> Task:
    """Read the table and prepare everything.

    Parameters
    ----------
    params : mapping
        Of the command's options.
    axes : mapping
    search : mapping
        `method`, `runs`, `eta`, `first_epochs`, as far as the command has them.
    settings : sequence of mappings, optional

    Raises
    ------
    ChainruleError
        The table, the target or an option cannot be used.
    """
    pictures = require_fitting(params)
    folds, share = params["folds"], params["validation_share"]
    scheme = Scheme(params["repeats"], params["seed"], None if folds else share, folds)
    fixed = {name: _one(params[name]) for name in VALUES if name not in axes}
    named = [fixed, *(settings or [])]
    losses = [setting.get("loss") for setting in named if "loss" in setting or setting is fixed]
    losses = list(axes["loss"]) if "loss" in axes else losses
    types = [*axes.get("dtype", ()), *(setting.get("dtype") for setting in named)]
    options = _settings(params, "float64" if "float64" in types else "float32")
    data = _data(params["data"], options, scheme, list(dict.fromkeys(losses)), pictures)
    axes = {name: _tried(name, values, data) for name, values in axes.items()}
    stated = {**fixed_arguments(fixed, data, params["record"]), **params.get("more", {})}
    arguments = {name: value for name, value in stated.items() if name not in axes}
    epochs = int(fixed.get("epochs") or 1)  # halving has no axis of epochs
    campaign = Campaign(
        data.network,
        data.material,
        scheme,
        _meant(arguments, data),
        Search(
            axes,
            params["seed"],
            epochs=epochs,
            **{key: value for key, value in search.items() if key != "method"},
        ),
        method=search.get("method", "grid"),
        score=params["score"] or data.metric,
        settings=None if settings is None else [_meant(setting, data) for setting in settings],
    )
    score = campaign.score
    better = score != "loss" and METRICS[score].greater_is_better
    path = Path(params["data"])
    title = "standard input" if str(path) == STANDARD_INPUT else path.resolve().name
    return Task(data, scheme, campaign, score, better, title, options)


def _settings(params: Mapping[str, Any], dtype: str) -> Settings:
    """Return what `train` is told of its data, from the options of the same names."""
    names = (
        *("task", "ignore", "drop_missing_target", "test_share", "validation_share"),
        *("delimiter", "encoding", "decimal", "image_size"),
    )
    told = {name: params[name] for name in names}
    return Settings(params["target"] or "", dtype=dtype, **told)


def _data(
    data: Path, options: Settings, scheme: Scheme, losses: Sequence[str | None], pictures: bool
) -> SweepData:
    if pictures:
        from chainrule.cli.sweep_pictures import sweep_pictures

        return sweep_pictures(data, options, scheme, losses)
    table = read_table(data, dialect=options.dialect(), ignore=options.ignore)
    return sweep_data(table, options, scheme, losses)


def _one(values: Values | None) -> Any:
    return None if values is None else values.values[0]


def _meant(arguments: Mapping[str, Any], data: SweepData) -> dict[str, Any]:
    """Return arguments as the library says them: no patience is None, words are augmentations."""
    found: dict[str, Any] = {}
    for name, value in arguments.items():
        if name == "patience":
            found[name] = value or None
        elif name == "augment":
            found[name] = augmentations_of(value, data.shape)
        else:
            found[name] = value
    return found


def _tried(name: str, values: Any, data: SweepData) -> Any:
    if isinstance(values, Span):
        return values
    return tuple(_meant({name: value}, data)[name] for value in values)


def run_task(task: Task, places: Places, screen: Screen, workers: int | None) -> Sweep:
    """Show what is going to be done, and make the runs."""
    screen.title(task.title, count(task.data.rows, task.data.noun))
    facts = {**task.data.facts(task.scheme), "score": short_name(task.score)}
    if task.settings:
        runs = count(task.settings * task.scheme.splits, "run")
        facts["settings"] = f"{task.settings:,}, so {runs}"
    screen.facts(facts)
    screen.gap()
    try:
        with SweepProgress(screen, task.score, task.greater_is_better) as listener:
            sweep = task.campaign.run(places.ledger, workers, listener)
    except ChainruleError as error:
        in_options(error)
        with suppress(OSError):  # nothing was run: the folder goes, unless something is in it
            places.folder.rmdir()
        raise
    for note in sweep.notes:
        screen.note(f"{places.ledger}: {note}")
    if sweep.found:
        screen.note(f"{count(sweep.found, 'run')} of {len(sweep.rows):,} stood in the ledger")
    return sweep


def show_table(screen: Screen, sweep: Sweep) -> None:
    """Print the settings, the best first."""
    rows = sweep.table()
    tested = any(math.isfinite(row.test_mean) for row in rows)
    heads = [
        "setting",
        short_name(sweep.score),
        "95 %",
        *(["test"] if tested else []),
        "runs",
        "time",
    ]
    cells = [_cells(row, tested) for row in rows[:_MOST_ROWS]]
    screen.table(heads, cells, range(1, len(heads)), strong=1)
    if len(rows) > _MOST_ROWS:
        screen.line(f"and {len(rows) - _MOST_ROWS:,} more, in {TABLE}")
    screen.gap()


def _cells(row: TableRow, tested: bool) -> list[str]:
    lost = {"diverged": row.diverged, "failed": row.failed}
    words = [f"{number} {what}" for what, number in lost.items() if number]
    runs = f"{row.scored}" + (f" ({', '.join(words)})" if words else "")
    reach = row.high - row.mean
    interval = f"± {score_cell(reach)}" if math.isfinite(reach) else "-"
    tests = [score_cell(row.test_mean)] if tested else []
    return [
        spoken(row.setting),
        score_cell(row.mean),
        interval,
        *tests,
        runs,
        duration(row.seconds),
    ]


def conclude(sweep: Sweep) -> str:
    """Return in words which setting is the best, and how many are not told apart from it."""
    return spoken(_concluded(sweep), sweep.score)


def _concluded(sweep: Sweep) -> str:
    rows = sweep.table()
    if not rows or not math.isfinite(rows[0].mean):
        return "no run has a score"
    best = rows[0]
    words = f"{best.setting} is the best, with a mean {sweep.score} of {score_cell(best.mean)}"
    if len(rows) == 1 or best.scored < 2:
        return words + ("" if len(rows) == 1 else "; one run each shows no more than that")
    pairs = against_best(sweep)
    close = [name for name, pair in pairs if not pair.differs]
    if not pairs:
        return f"{words}; no other one trained as long"
    if not close:
        return f"{words}, and better than each other setting"
    many = count(len(close), "setting")
    return (
        f"{words}; these runs do not tell it from {many}: "
        + "; ".join(close[:3])
        + ("; ..." if len(close) > 3 else "")
    )


def page_of(make: Any, subject: Any, task_title: str, command: str, screen: Screen) -> str | None:
    """Return a page, or None with a note where matplotlib is not installed."""
    try:
        return str(make(subject, title=task_title, command=command))
    except MissingExtraError as error:
        screen.note(f"no page was written: {error.what}; {error.do}")
        return None


def tell_written(screen: Screen, written: Sequence[Path]) -> None:
    """Print what was written."""
    words = {LEDGER: "finished runs, one line each", PAGE: "open it in a browser"}
    rows = [
        (str(path), bytes_text(path.stat().st_size), words.get(path.name, "")) for path in written
    ]
    screen.table(("written", "size", ""), rows, right=(1,))
    screen.gap()


def tell_interrupted(screen: Screen, sweep: Sweep, command: str) -> None:
    """Print how to go on."""
    screen.note(f"interrupted; {count(len(sweep.rows), 'finished run')} kept; go on with")
    screen.command("next", command)
    screen.gap()
