"""Options that several verbs share, and the types of their values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import click

__all__ = [
    "PATH",
    "Columns",
    "Count",
    "Finite",
    "InSections",
    "Known",
    "Member",
    "Widths",
    "columns_option",
    "debug_option",
    "dialect_options",
    "force_option",
    "ignore_option",
    "json_option",
    "listed",
    "registry",
]

CommandT = TypeVar("CommandT", bound=Callable[..., Any])

if TYPE_CHECKING:
    _NameType = click.ParamType[str]
    _WidthsType = click.ParamType[tuple[int, ...]]
    _ColumnsType = click.ParamType[tuple[str, ...]]
    _ChoiceType = click.Choice[str]
else:  # older versions of click know no type arguments
    _NameType = _WidthsType = _ColumnsType = click.ParamType
    _ChoiceType = click.Choice

WIDEST = 2**31 - 1
"""The most units of one layer. Memory ends long before."""
MOST = 2**63 - 1
"""The largest count: numbers of the compiled engine end there, and time long before."""


class _AnyPath(click.Path):
    """A path that a system can take."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if str(value) == "" or "\0" in str(value):
            self.fail("a path has one character at least, and none that is zero", param, ctx)
        return super().convert(value, param, ctx)


PATH = _AnyPath(path_type=Path, readable=False)
"""A path as it is given; what is wrong with it is said where it is opened."""


def json_option(command: CommandT) -> CommandT:
    """Add `--json`."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print one JSON document to standard output; of a failure what, where, expected, got "
        'and do, under "error".',
    )(command)


def dialect_options(command: CommandT) -> CommandT:
    """Add `--delimiter`, `--encoding` and `--decimal`: what is known of a text table."""
    for name, metavar, text in (
        ("--decimal", "SIGN", "Decimal sign, . or , [default: by the cells of each column]"),
        ("--encoding", "NAME", "Of a text table, such as latin-1.  [default: UTF-8, or its mark]"),
        ("--delimiter", "SIGN", "Between fields, or tab.  [default: found in the header]"),
    ):
        command = click.option(name, metavar=metavar, help=text)(command)
    return command


def columns_option(name: str, text: str, **told: Any) -> Callable[[CommandT], CommandT]:
    """Add an option that takes names of columns; given several times, it takes all of them."""
    return click.option(
        name, type=Columns(), multiple=True, default=("none",), help=text, callback=_joined, **told
    )


def _joined(_: click.Context, __: click.Parameter, lists: Sequence[tuple[str, ...]]) -> Any:
    return tuple(dict.fromkeys(column for names in lists for column in names))


def ignore_option(command: CommandT) -> CommandT:
    """Add `--ignore`."""
    return columns_option(
        "--ignore",
        "Columns that the network shall not see: id,name.  [default: none]",
        metavar="COLUMNS",
    )(command)


def force_option(command: CommandT) -> CommandT:
    """Add `--force`."""
    return click.option("--force", is_flag=True, help="Replace output files that exist.")(command)


def debug_option(command: CommandT) -> CommandT:
    """Add `--debug`, which `main` looks for."""
    return click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        help="Show the traceback if Chainrule itself fails.",
    )(command)


def registry(kind: str) -> Any:
    """Return a registry of the library by kind, all its members registered."""
    import importlib

    importlib.import_module("chainrule.nn")  # importing registers
    from chainrule.registry import REGISTRIES

    return REGISTRIES[kind]


class Member(_NameType):
    """A name of a registry. The registry is imported when a value is read, not for `--help`."""

    def __init__(self, kind: str) -> None:
        self.name = kind
        self.kind = kind

    def get_metavar(self, *_: Any, **__: Any) -> str:
        return "NAME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from chainrule.errors import UnknownNameError

        try:
            return str(registry(self.kind)[value].name)
        except UnknownNameError as error:
            option = param.opts[0] if param else ""
            answers = _without_where(error)
            answers["do"] = answers["do"] or f"see: chainrule list {self.kind}"
            raise UnknownNameError(error.what, where=option, **answers) from None

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[Any]:
        from click.shell_completion import CompletionItem

        names = registry(self.kind).names()
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _without_where(error: Any) -> dict[str, str]:
    return {key: text for key, text in error.parts().items() if key != "where"}


class Known(_ChoiceType):
    """One of a few words that an argument takes; another one is answered by the nearest.

    Parameters
    ----------
    noun : str
        What the words are.
    words : sequence of str
    """

    def __init__(self, noun: str, words: Sequence[str]) -> None:
        super().__init__(words)
        self.noun = noun

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in self.choices:
            return str(value)
        from chainrule.errors import UnknownNameError
        from chainrule.registry import suggest

        raise UnknownNameError(
            f"there is no {self.noun} {value!r}",
            expected=", ".join(map(str, self.choices)),
            do=suggest(str(value), list(map(str, self.choices))),
        )


class InSections(click.Command):
    """A command whose help groups its options under heads; `sections` names them."""

    sections: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Head to parameters. What is in none stands under the last head."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        homes = {name: head for head, names in self.sections.items() for name in names}
        last = list(self.sections)[-1]
        for head in self.sections:
            rows = [
                row
                for param in self.get_params(ctx)
                if isinstance(param, click.Option)
                and homes.get(str(param.name), last) == head
                and (row := param.get_help_record(ctx)) is not None
            ]
            with formatter.section(head):
                formatter.write_dl(rows)


class Finite(click.FloatRange):
    """A range of numbers that leaves out nan and inf, which compare as inside of many ranges."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            float(value)
        except (TypeError, ValueError):
            self.fail(f"{value!r} is not a number", param, ctx)
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number


class Count(click.IntRange):
    """A whole number from a least one on, as far as machines count."""

    def __init__(self, least: int = 1) -> None:
        super().__init__(least)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if number > MOST:
            self.fail(f"{str(value)[:40]} cannot be meant: {MOST:,} is the most", param, ctx)
        return number


class Widths(_WidthsType):
    """Widths of hidden layers: `64,32`, or `none`."""

    name = "widths"

    def get_metavar(self, *_: Any, **__: Any) -> str:
        return "WIDTHS"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        if str(value).strip().lower() == "none":
            return ()
        try:
            widths = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            widths = (0,)
        if max(widths) > WIDEST:
            self.fail(f"a layer cannot be wider than {WIDEST:,} units", param, ctx)
        if min(widths) < 1:
            self.fail(f"{value!r} is not a list of widths such as 64,32, nor none", param, ctx)
        return widths


class Columns(_ColumnsType):
    """Names of columns between commas, one with a comma in double quotes; or `none`."""

    name = "columns"

    def get_metavar(self, *_: Any, **__: Any) -> str:
        return "COLUMNS"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        import csv

        words = next(csv.reader([str(value)], skipinitialspace=True), [])
        names = tuple(dict.fromkeys(word.strip() for word in words if word.strip()))
        return () if names == ("none",) else names


def listed(parts: Sequence[object]) -> str:
    """Return a list as an option takes it: commas between, double quotes where one is inside.

    Example
    -------
    >>> listed([64, 32]), listed(["a, b", "c"])
    ('64,32', '"a, b",c')
    """
    words = [str(part) for part in parts]
    return ",".join(
        '"' + word.replace('"', '""') + '"' if "," in word or '"' in word else word
        for word in words
    )
