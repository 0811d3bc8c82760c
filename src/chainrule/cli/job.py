"""What one run of `train` is told: its table, its settings, and what it writes where."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from chainrule.cli.pipeline import Settings
from chainrule.errors import OutputExistsError, UsageError
from chainrule.files import require_writable
from chainrule.frozen import frozen

__all__ = [
    "PAGES",
    "STANDARD_INPUT",
    "Job",
    "Outputs",
    "beside",
    "job_of",
    "require_ending",
    "require_fitting",
    "require_outputs",
    "settings_document",
    "settings_of",
]

MODEL_ENDING = ".safetensors"
PAGES = (".html", ".htm")
HISTORIES = (".csv", ".json")
CARDS = (".md", ".markdown", ".txt")
_NOT_MODELS = (
    *(".pkl", ".pickle", ".joblib", ".pt", ".pth", ".onnx", ".h5", ".hdf5", ".keras", ".npz"),
    *(".npy", ".pmml", ".bin", ".zip", ".gz", ".csv", ".tsv", ".json", ".jsonl", ".parquet"),
    *(".toml", ".xlsx", *PAGES, *CARDS),
)
"""Endings of names that promise another format than that of models."""
STANDARD_INPUT = "-"
_OF_TABLES = (
    *("target", "ignore", "drop_missing_target", "delimiter", "encoding", "decimal"),
    *("memory", "card"),
)
_QUICKLY_READ = 20_000_000
"""Bytes of a table that is read for a message."""


@frozen
class Outputs:
    """What a run writes, and where.

    Parameters
    ----------
    model : Path
    card, report, history : Path, optional
    checkpoint : Path
        The state while the run is not over.
    keep : bool
        The checkpoint was asked for, so it stays when the run is over.
    every : int, optional
        Epochs between two saves of it; None to save by time.
    resume : Path, optional
        The checkpoint that the run goes on from.
    """

    model: Path
    card: Path | None
    report: Path | None
    history: Path | None
    checkpoint: Path
    keep: bool = False
    every: int | None = None
    resume: Path | None = None

    def results(self) -> dict[str, Path | None]:
        """Return the files that hold results, by option."""
        return {
            "--out": self.model,
            "--card": self.card,
            "--report": self.report,
            "--history": self.history,
        }

    def document(self) -> dict[str, str | None]:
        """Return the same by the names that `--json` uses."""
        named = {
            "model": self.model,
            **{k[2:]: v for k, v in self.results().items() if k != "--out"},
        }
        return {name: None if path is None else str(path) for name, path in named.items()}


@frozen
class Job:
    """One run of `train`, `demo` or `resume`."""

    data: Path
    settings: Settings
    outputs: Outputs
    title: str

    def options(self) -> dict[str, Any]:
        """Return the options that give this run again, from any folder."""
        outputs = self.outputs
        paths = {name.removeprefix("--"): path for name, path in outputs.results().items()}
        if outputs.keep:
            paths["checkpoint"] = outputs.checkpoint
        absolute = {name: str(path.resolve()) for name, path in paths.items() if path is not None}
        alone = outputs.card is None and outputs.report is None
        return {
            "data": str(self.data if str(self.data) == STANDARD_INPUT else self.data.resolve()),
            **settings_document(self.settings),
            **absolute,
            "model-only": alone,
            **({} if outputs.every is None else {"checkpoint-every": outputs.every}),
        }

    def require_places(self, force: bool) -> None:
        """Look at all paths before any work is done.

        Raises
        ------
        OutputExistsError, UsageError, ChainruleError
            A file cannot be written, exists already, or has two roles.
        """
        outputs = self.outputs
        if not _same(outputs.model, self.data):  # which is said below
            _require_model_name(outputs.model)
        require_ending("--report", outputs.report, PAGES)
        require_ending("--card", outputs.card, CARDS)
        require_ending("--history", outputs.history, HISTORIES)
        inputs = {"DATA": self.data}
        others = inputs | {name: path for name, path in outputs.results().items() if path}
        own = outputs.resume is not None and _same(outputs.checkpoint, outputs.resume)
        if not outputs.keep:  # it lies beside the model, and the model is what was named
            require_writable(outputs.model, overwrite=True)
        try:
            require_outputs(others, {"--checkpoint": outputs.checkpoint}, force or own)
        except OutputExistsError as error:
            from chainrule.cli.checkpoint_file import is_checkpoint

            if is_checkpoint(outputs.checkpoint):
                command = shlex.join(["chainrule", "resume", str(outputs.checkpoint)])
                error.what = "a run that was stopped has left its checkpoint there"
                error.do = f"go on with it: {command}; or begin anew: --force"
            raise
        require_outputs(inputs, outputs.results(), force)

    def clear_checkpoint(self) -> None:
        """Remove the checkpoint of an earlier run, which `--force` gave up."""
        outputs = self.outputs
        if outputs.resume is None or not _same(outputs.checkpoint, outputs.resume):
            outputs.checkpoint.unlink(missing_ok=True)


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def job_of(params: Mapping[str, Any], resume: Path | None = None) -> Job:
    """Return the job that the parameters of `train` describe."""
    model: Path = params["out"]
    pictures = require_fitting(params)
    alone = bool(params.get("model_only")) or params.get("memory") is not None
    if params.get("memory") is not None:
        _require_no_pages(params)
    pages = [name for name in ("card", "report") if params.get(name)]
    if alone and pages:
        raise UsageError(f"--model-only writes no page, and --{pages[0]} asks for one")
    resume = params.get("resume") or resume
    asked = params.get("checkpoint") or (resume if params.get("resume") else None)
    outputs = Outputs(
        model,
        None if alone or pictures else params.get("card") or beside(model, ".md"),
        None if alone else params.get("report") or beside(model, ".html"),
        params.get("history"),
        asked or resume or beside(model, ".checkpoint"),
        asked is not None,
        params.get("checkpoint_every"),
        resume,
    )
    data: Path = params["data"]
    title = "standard input" if str(data) == STANDARD_INPUT else data.name or data.resolve().name
    return Job(data, settings_of(params), outputs, title)


def require_fitting(params: Mapping[str, Any]) -> bool:
    """Say whether the data are pictures; refuse options that are not for such data.

    Raises
    ------
    UsageError
        A table has no target, or pictures have options of tables.
    """
    from chainrule.images import is_image_source

    if not is_image_source(params["data"]):
        if params.get("target") is None:
            raise _no_target(params)
        if params.get("image_size") is not None:
            raise UsageError(
                "--image-size is for pictures", where="--image-size", do="leave it out"
            )
        return False
    for name in _OF_TABLES:
        if params.get(name):
            option = "--" + name.replace("_", "-")
            what = "is a folder, which means" if params["data"].is_dir() else "means"
            raise UsageError(
                f"{option} is for tables, and DATA {what} pictures",
                where=option,
                got=str(params["data"]),
                do=f"name the file of a table, or leave {option} out",
            )
    if params.get("task") == "regression":
        raise UsageError(
            "pictures are learned by class", where="--task", got="regression", do="leave it out"
        )
    return True


def _no_target(params: Mapping[str, Any]) -> UsageError:
    """Return the error for a table whose target is not named, with the columns to choose from."""
    error = UsageError("missing option '--target'", do="name the column to predict")
    data: Path = params["data"]
    # A table of any length is read wholly for its names, so a long one goes without them.
    if str(data) != STANDARD_INPUT and data.is_file() and data.stat().st_size <= _QUICKLY_READ:
        from chainrule.tabular import read_table
        from chainrule.tabular.dialect import Dialect

        stated = [params.get(name) for name in ("delimiter", "encoding", "decimal")]
        names = list(read_table(data, dialect=Dialect(stated[0], stated[1], stated[2])).names)
        error.where = str(data)
        more = f", ... ({len(names)} in all)" if len(names) > 20 else ""
        error.expected = f"the column to predict, one of {', '.join(names[:20])}{more}"
        error.do = f"name it, such as --target {shlex.quote(names[-1])}"
    return error


def _require_no_pages(params: Mapping[str, Any]) -> None:
    for name in ("report", "card"):
        if params.get(name) is not None:
            raise UsageError(
                f"--{name} is not written with --memory, because it needs rows in memory",
                where=f"--{name}",
                do="make it afterwards, from rows that fit: chainrule report MODEL ROWS.csv",
            )


def beside(model: Path, ending: str) -> Path:
    """Return the path of a file that belongs to a model.

    Example
    -------
    >>> beside(Path("homes.safetensors"), ".md").name, beside(Path("v1.2"), ".md").name
    ('homes.md', 'v1.2.md')
    """
    return model.parent / (model.name.removesuffix(MODEL_ENDING) + ending)


def settings_of(params: Mapping[str, Any]) -> Settings:
    """Return the settings among the parameters of `train`."""
    told: dict[str, Any] = {field.name: params[field.name] for field in fields(Settings)}
    told["target"] = told["target"] or ""
    return Settings(**told)


def settings_document(settings: Settings) -> dict[str, Any]:
    """Return settings by the names of the options, without those that the table decides."""
    named = {name.replace("_", "-"): value for name, value in asdict(settings).items()}
    return {
        name: list(value) or "none" if isinstance(value, tuple) else value
        for name, value in named.items()
        if value is not None and value != ""
    }


def require_outputs(
    inputs: Mapping[str, Path], outputs: Mapping[str, Path | None], force: bool
) -> None:
    """Look at all output paths before any work is done.

    Raises
    ------
    OutputExistsError
        A file exists and `force` is false.
    UsageError
        Two outputs are one file, or an output is the input.
    """
    taken = {os.path.realpath(path): name for name, path in inputs.items()}
    for option, path in outputs.items():
        if path is None:
            continue
        other = taken.setdefault(os.path.realpath(path), option)
        if other != option:
            raise UsageError(f"{option} and {other} are the same file", where=str(path))
        require_writable(path, overwrite=force)


def _require_model_name(path: Path) -> None:
    """Refuse the name of a model that promises another format; `v1.2` promises none."""
    if path.suffix.lower() in _NOT_MODELS:
        raise UsageError(
            f"a model is not written as {path.suffix}",
            where="--out",
            expected=f"a name that ends in {MODEL_ENDING}",
            got=str(path),
            do=f"--out {shlex.quote(str(path.with_suffix(MODEL_ENDING)))}",
        )


def require_ending(option: str, path: Path | None, endings: Iterable[str]) -> None:
    """Refuse a file name whose ending promises a format that is not written.

    Raises
    ------
    UsageError
        Another ending than those; a name without an ending gets the first of them.
    """
    endings = [ending for ending in endings if ending]
    if path is None or path.suffix.lower() in ("", *endings):
        return
    raise UsageError(
        f"{option} does not write {path.suffix} files",
        where=str(path),
        expected="a name that ends in " + " or ".join(endings),
        got=path.name,
    )
