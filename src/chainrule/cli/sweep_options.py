"""Options of `sweep` and `compare`: those of `train`, each of which may hold several values."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from chainrule.cli.augment import Augments, Size, size_option
from chainrule.cli.options import (
    PATH,
    Columns,
    Count,
    Finite,
    Member,
    Widths,
    dialect_options,
    force_option,
    ignore_option,
    listed,
)
from chainrule.cli.options import debug_option as debug_option
from chainrule.cli.options import json_option as json_option
from chainrule.frozen import frozen

__all__ = [
    "SECTIONS",
    "Values",
    "Words",
    "command_again",
    "debug_option",
    "json_option",
    "out_option",
    "read_setting",
    "run_options",
    "table_options",
    "value_options",
]

CommandT = TypeVar("CommandT", bound=Callable[..., Any])

if TYPE_CHECKING:
    from chainrule.errors import ChainruleError

    _Type = click.ParamType[Any]
else:  # older versions of click know no type arguments
    _Type = click.ParamType

SHARE = Finite(0, 1, max_open=True)
POSITIVE = Finite(0, min_open=True)
COUNT = Count()
VALUES: Mapping[str, tuple[Any, str, str | None, str]] = {
    "batch_size": (COUNT, "ROWS", None, "Rows of one step.  [default: by the number of rows]"),
    "learning_rate": (POSITIVE, "NUMBERS", None, "Size of a step.  [default: the optimizer's]"),
    "optimizer": (Member("optimizer"), "NAMES", "adam", "How the loss is minimised."),
    "schedule": (Member("schedule"), "NAMES", None, "Of the learning rate.  [default: constant]"),
    "loss": (Member("loss"), "NAMES", None, "What is minimised.  [default: by the task]"),
    "epochs": (COUNT, "COUNTS", "30", "The most passes over the training rows."),
    "patience": (
        *(Count(0), "COUNTS", "0"),
        "Epochs without improvement before a run stops; 0 never stops.",
    ),
    "activation": (Member("activation"), "NAMES", "relu", "Of the hidden layers."),
    "hidden": (Widths(), "WIDTHS", "64,32", "Hidden layers; several networks: 64,32/128/none."),
    "dropout": (SHARE, "SHARES", "0.0", "Of the hidden units, dropped in training."),
    "augment": (
        *(Augments(), "LISTS", "none"),
        "Changes of the training rows in each epoch; several: none/noise/shift=2,rotation.",
    ),
    "dtype": (click.Choice(["float32", "float64"]), "NAMES", "float32", "Precision."),
}
"""The options that an axis can be made of: type of one value, metavar, default, help."""
_TABLE = (
    *("target", "task", "ignore", "drop_missing_target", "test_share"),
    *("delimiter", "encoding", "decimal", "image_size"),
)
_RUNS = ("repeats", "folds", "validation_share", "score", "workers", "seed", "record")
SECTIONS: dict[str, tuple[str, ...]] = {
    "Table, or pictures": _TABLE,
    "Axes (one value, or several: 16,32,64  16:256:2x  1:5  1e-4:1e-1:log)": (*VALUES, "others"),
    "Search": ("method", "runs", "eta", "first_epochs"),
    "Runs": _RUNS,
    "Files": ("out", "config", "force"),
    "Others": (),
}


@frozen
class Values:
    """What an option says: its words, and the values that they mean."""

    words: str
    values: Any
    """A tuple of values, or a range to draw from."""

    @property
    def single(self) -> bool:
        """Whether there is one value only."""
        return isinstance(self.values, tuple) and len(self.values) == 1


class Words(_Type):
    """One or several values of another type, as a list or a range."""

    name = "values"

    def __init__(self, one: Any, key: str) -> None:
        self.one = one
        self.key = key

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, Values):
            return value
        from chainrule.experiments.axes import Span, axis_of, read_axis

        def read(word: str) -> Any:
            return self.one.convert(word, param, ctx)

        words, place = str(value), f"--{self.key.replace('_', '-')}"
        if isinstance(self.one, (Widths, Augments)):  # one value has commas of its own
            return Values(words, axis_of(place, tuple(read(word) for word in words.split("/"))))
        values = read_axis(place, words, read)
        if isinstance(values, Span):
            for end in (values.low, values.high):
                read(repr(end))
        return Values(words, values)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> Any:
        done, comma, last = incomplete.rpartition(",")
        found = self.one.shell_complete(ctx, param, last)
        return [type(item)(done + comma + item.value) for item in found]


def value_options(command: CommandT) -> CommandT:
    """Add the options that may hold several values."""
    for key, (kind, metavar, default, text) in reversed(list(VALUES.items())):
        command = click.option(
            f"--{key.replace('_', '-')}",
            type=Words(kind, key),
            metavar=metavar,
            help=text,
            default=default,
            show_default=default is not None,
        )(command)
    return command


def table_options(command: CommandT) -> CommandT:
    """Add the options about the table, but not its target."""
    options = [
        click.option(
            "--task",
            type=click.Choice(["regression", "classification"]),
            help="Read the target as a quantity or as classes.  [default: by its values]",
        ),
        ignore_option,
        click.option(
            "--drop-missing-target", is_flag=True, help="Leave out rows without a target."
        ),
        _shown("--test-share", SHARE, "SHARE", "Rows that no setting is chosen by.", 0.2),
    ]
    for option in reversed([*options, dialect_options, size_option]):
        command = option(command)
    return command


def run_options(repeats: int) -> Callable[[CommandT], CommandT]:
    """Return what adds the options about repeats, splits and files."""
    options = [
        _shown("--repeats", COUNT, "COUNT", "Splits and seeds, the same for all.", repeats),
        _shown("--folds", Count(2), "COUNT", "Make each repeat a cross-validation."),
        _shown("--validation-share", SHARE, "SHARE", "Rows that a setting is scored by.", 0.2),
        _shown("--score", str, "METRIC", "What counts.  [default: accuracy, or r2]"),
        _shown("--workers", COUNT, "COUNT", "Runs at a time.  [default: one for each core]"),
        _shown("--seed", int, "NUMBER", "Of the first repeat; the next has the next.", 0),
        click.option(
            "--record", is_flag=True, help="Observe gradients and dead units, for the pictures."
        ),
        force_option,
    ]

    def add(command: CommandT) -> CommandT:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def _shown(name: str, kind: Any, metavar: str, text: str, default: Any = None) -> Any:
    shown = default is not None
    return click.option(
        name, type=kind, metavar=metavar, help=text, default=default, show_default=shown
    )


def out_option(default: str) -> Any:
    """Return `--out FOLDER`."""
    text = "Where runs, table and page go; a sweep that is there goes on."
    return _shown("--out", PATH, "FOLDER", text, default)


def read_setting(words: str, ctx: click.Context | None = None) -> tuple[str | None, dict[str, Any]]:
    """Return name and values of a setting such as `deep: hidden=64,64 learning-rate=0.01`.

    Raises
    ------
    UsageError, UnknownNameError
        A part is not `option=value`.

    Example
    -------
    >>> from chainrule.cli.sweep_options import read_setting
    >>> read_setting("deep: hidden=64,64 optimizer.beta1=0.8")
    ('deep', {'hidden': (64, 64), 'optimizer.beta1': 0.8})
    """
    from chainrule.errors import UsageError
    from chainrule.experiments.axes import Span, read_axis

    name, _, rest = words.partition(":") if ":" in words.partition("=")[0] else ("", "", words)
    values: dict[str, Any] = {}
    for word in _parts(words, rest):
        key, equals, text = word.partition("=")
        key = key.lstrip("-").replace("-", "_")
        if not equals or not key or key in values:
            raise _no_setting(words)
        if key in VALUES:
            try:
                values[key] = VALUES[key][0].convert(text, None, ctx)
            except click.UsageError as error:
                raise UsageError(
                    f"{key.replace('_', '-')}: {error.message}", where="--setting", got=words
                ) from None
        else:
            found = read_axis(key, text)
            value, *others = (None, None) if isinstance(found, Span) else found
            if others:
                raise UsageError("a setting has one value of each kind", where=key, got=text)
            values[key] = value
    return name.strip() or None, values


def _parts(words: str, rest: str) -> list[str]:
    try:
        return shlex.split(rest)
    except ValueError:  # a quotation that has no end
        raise _no_setting(words) from None


def _no_setting(words: str) -> ChainruleError:
    from chainrule.errors import UsageError

    return UsageError(
        "this setting is not understood",
        where="--setting",
        expected="such as 'deep: hidden=64,64 learning-rate=0.01'",
        got=words,
    )


def command_again(ctx: click.Context, verb: str = "", without: Sequence[str] = ("force",)) -> str:
    """Return the command line of a call, or of another verb, from what its options were given.

    Parameters
    ----------
    ctx : click.Context
    verb : str
        That of the call, if it is empty.
    without : sequence of str
        Options that are left out: going on is not beginning anew.
    """
    words: list[str] = ["chainrule", verb or str(ctx.info_name)]
    for param in ctx.command.params:
        if ctx.get_parameter_source(str(param.name)) != ParameterSource.COMMANDLINE:
            continue
        value = ctx.params.get(str(param.name))
        if isinstance(param, click.Argument):
            words.insert(2, str(value))
        elif param.name not in without:
            words += _option(param, value)
    return shlex.join(words)


def _option(param: click.Parameter, value: Any) -> list[str]:
    name = max(param.opts, key=len)
    if isinstance(param, click.Option) and param.is_flag:
        return [name] if value else []
    if isinstance(param.type, (Columns, Widths, Augments)):
        return [name, listed(value) or "none"]
    if isinstance(param.type, Size):
        return [name, "x".join(map(str, value))]
    values: Sequence[Any] = value if isinstance(value, tuple) else (value,)
    found: list[str] = []
    for one in values:
        found += [name, one.words if isinstance(one, Values) else str(one)]
    return found
