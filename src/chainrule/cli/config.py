"""The settings of a run as a file: TOML whose keys are the names of the options of `train`.

Decisions
---------
a) A value of the file goes the way of a word of the command line: the option's own type reads it.
   So a file can say nothing that a command could not, and both fail with the same words.
b) The same document, as JSON, stands in checkpoints; `resume` and `inspect --config` need no
   other list of settings than the options themselves.
c) Paths in a file count from the file's own folder, so a folder with table and file can be moved.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from chainrule.cli.options import PATH, Columns, listed
from chainrule.cli.words import plainly
from chainrule.errors import MissingExtraError, UnknownNameError, UsageError

__all__ = ["config_option", "parsed", "read_config", "toml_text"]

_NOT_IN_FILES = ("config", "debug", "help")


def config_option(command: Any) -> Any:
    """Add `--config FILE`, read before all other options, which win over it."""
    return click.option(
        "--config",
        type=PATH,
        metavar="FILE",
        is_eager=True,
        expose_value=False,
        callback=_apply,
        help="Read options from a TOML file (key = option); the command line wins.",
    )(command)


def _apply(ctx: click.Context, _: click.Parameter, path: Path | None) -> None:
    if path is None or ctx.resilient_parsing:
        return
    ctx.default_map = {**(ctx.default_map or {}), **read_config(ctx, path)}


def read_config(ctx: click.Context, path: Path) -> dict[str, Any]:
    """Return the options that a file sets, by parameter, each read by its option's own type.

    Raises
    ------
    UsageError, UnknownNameError
        The file is not TOML, or a key or value is none of the command's; names the line.
    """
    from chainrule.files import readable_file

    path = readable_file(path, "config file", UsageError)
    text = _decoded(path)
    document = _toml(path, text)
    places = {key: f"{path}, line {_line(text, key)}" for key in document}
    return _checked(ctx, document, places, path.parent)


def parsed(command: click.Command, document: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the parameters of a command from the JSON form of its options.

    Raises
    ------
    UsageError, UnknownNameError
        A key or value is none of the command's; names `where`.
    """
    with click.Context(command, info_name=command.name) as ctx:
        values = _checked(ctx, document, dict.fromkeys(document, where), None)
    with command.make_context(command.name, [], default_map=values) as ctx:
        return dict(ctx.params)


def _checked(
    ctx: click.Context, document: Mapping[str, Any], places: Mapping[str, str], folder: Path | None
) -> dict[str, Any]:
    known = _parameters(ctx)
    found: dict[str, Any] = {}
    for key, value in document.items():
        param = known.get(_option_name(key))
        if param is None:
            from chainrule.registry import suggest

            raise UnknownNameError(
                f"there is no option {key!r}",
                where=places[key],
                expected="one of " + ", ".join(known),
                do=suggest(_option_name(key), known),
            )
        if param.name in found:
            raise UsageError(f"the option {_option_name(key)} is set twice", where=places[key])
        if isinstance(param, click.Option) and param.multiple:
            names = isinstance(param.type, Columns)  # one list, where others are several words
            words = value if isinstance(value, list) and not names else [value]
            read: Any = tuple(_value(ctx, param, key, word, places[key]) for word in words)
        else:
            read = _value(ctx, param, key, value, places[key])
        found[str(param.name)] = read
        if param.type is PATH and folder is not None:
            found[str(param.name)] = folder / found[str(param.name)]
    return found


def _option_name(key: str) -> str:
    return key.replace("_", "-")


def _parameters(ctx: click.Context) -> dict[str, click.Parameter]:
    named: dict[str, click.Parameter] = {}
    for param in ctx.command.params:
        name = max(param.opts, key=len).lstrip("-").replace("_", "-")
        if name not in _NOT_IN_FILES:
            named[name] = param
    return named


def _value(ctx: click.Context, param: click.Parameter, key: str, value: Any, where: str) -> Any:
    flag = isinstance(param, click.Option) and param.is_flag
    if flag and isinstance(value, bool):
        return value
    if isinstance(value, list):
        value = listed(value) or "none"
    if flag or isinstance(value, (bool, Mapping)) or not isinstance(value, (str, int, float)):
        raise UsageError(
            f"{key}: the value is of a wrong kind",
            where=where,
            expected="true or false" if flag else "a number or a string",
            got=str(value).lower() if isinstance(value, bool) else type(value).__name__,
        )
    try:
        return param.type.convert(str(value), param, ctx)
    except click.UsageError as error:
        raise UsageError(f"{key}: {plainly(error.message)}", where=where) from None
    except UnknownNameError as error:
        error.where = where
        raise


def _decoded(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError("the config file is not UTF-8 text", where=str(path)) from None
    except OSError as error:
        raise UsageError(f"the config file cannot be read: {error}", where=str(path)) from None


def _toml(path: Path, text: str) -> dict[str, Any]:
    library = _library()
    try:
        return library.loads(text.replace("\r\n", "\n"))
    except (library.TOMLDecodeError, RecursionError) as error:
        place = re.search(r"line (\d+)", str(error))
        raise UsageError(
            "the config file is not TOML",
            where=f"{path}, line {place[1]}" if place else str(path),
            expected='lines such as: target = "price"',
            got=str(error).partition(" (at ")[0],
        ) from None


def _library() -> Any:
    """Return the reader of TOML: Python's own, or before Python 3.11 its model, tomli."""
    for name in ("tomllib", "tomli"):
        with suppress(ImportError):
            return importlib.import_module(name)
    raise MissingExtraError(
        "reading a config file needs Python 3.11 or newer, or the package tomli",
        do="pip install tomli",
    )


def _line(text: str, key: str) -> int:
    """Return the line that sets a key, or the first."""
    begin = re.compile(rf"""\s*\[*\s*["']?{re.escape(key)}["']?\s*[=.\]]""")
    lines = text.splitlines()
    return next((number for number, line in enumerate(lines, 1) if begin.match(line)), 1)


def toml_text(document: Mapping[str, Any], comment: str = "") -> str:
    r"""Return a document of plain values as TOML.

    Example
    -------
    >>> print(toml_text({"target": 'a "b"', "hidden": [64, 32], "dropout": 0.1}), end="")
    target = "a \"b\""
    hidden = [64, 32]
    dropout = 0.1
    """
    lines = [f"# {line}" for line in comment.splitlines()]
    lines += [f"{_key(key)} = {_cell(value)}" for key, value in document.items()]
    return "\n".join(lines) + "\n"


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_cell(part) for part in value) + "]"
    if isinstance(value, (int, float)):
        return repr(value)
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
