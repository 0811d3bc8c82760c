"""Wrong words on the command line, told as all errors are: what, where, expected, got, what to do.

click says each of them in a line of its own form. What it knows besides, the option and the kind of
its values, is put where a reader of other messages looks for it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

import click

from chainrule.cli.group import VERBS, group
from chainrule.cli.words import plainly
from chainrule.errors import UsageError
from chainrule.registry import suggest

__all__ = ["usage_error"]

_ELSEWHERE = {
    "--lr": "--learning-rate",
    "--batch": "--batch-size",
    "--label": "--target",
    "--y": "--target",
    "--drop": "--ignore",
    "--exclude": "--ignore",
    "--layers": "--hidden",
    "--output": "--out",
    "-o": "--out",
    "--save": "--out",
    "--test-size": "--test-share",
    "--random-state": "--seed",
    "--max-iter": "--epochs",
    "--sep": "--delimiter",
    "--overwrite": "--force",
    "-f": "--force",
    "-y": "--force",
}
"""What other tools call options."""


def usage_error(error: click.UsageError, words: Sequence[str] = ()) -> UsageError:
    """Return click's error in the form of the house; the words are those of the command line.

    Example
    -------
    >>> import click
    >>> from chainrule.cli.usage import usage_error
    >>> print(usage_error(click.NoSuchOption("--taget")))
    there is no option '--taget'
      where:    chainrule
      do:       see: chainrule --help
    """
    if error.ctx is None and words and words[0] in VERBS:  # it was raised before it had one
        whole = click.Context(group, info_name="chainrule")
        verb = group.get_command(whole, words[0])
        error.ctx = None if verb is None else click.Context(verb, whole, words[0])
    path = "chainrule" if error.ctx is None else error.ctx.command_path
    found = UsageError(plainly(error.format_message()), where=path, do=f"see: {path} --help")
    if isinstance(error, click.NoSuchOption):
        return _no_option(error, found)
    if isinstance(error, click.MissingParameter):
        found.expected = _usage(error)
        return found
    if isinstance(error, click.BadOptionUsage):
        return _misused(error, found)
    if isinstance(error, click.BadParameter):
        return _bad_value(error, found)
    extra = re.match(r"got unexpected extra arguments? \((.*)\)", found.what)
    if extra is not None:
        found.what, found.got = "there are more words than the verb takes", extra[1]
        found.expected = _usage(error)
        found.do = f"a name with blanks stands in quotes; {found.do}"
    return found


def _usage(error: click.UsageError) -> str:
    """Return which words a verb takes."""
    if error.ctx is None:
        return ""
    words = [piece for piece in error.ctx.command.collect_usage_pieces(error.ctx) if piece]
    return " ".join([error.ctx.command_path, *words])


def _options(error: click.UsageError) -> list[str]:
    if error.ctx is None:
        return []
    params = error.ctx.command.get_params(error.ctx)
    return [name for param in params if isinstance(param, click.Option) for name in param.opts]


def _no_option(error: click.NoSuchOption, found: UsageError) -> UsageError:
    found.what = f"there is no option {error.option_name!r}"
    known = _options(error)
    meant = _ELSEWHERE.get(error.option_name)
    # Two dashes, which all have, make any two short names look alike.
    plain = {name.lstrip("-"): name for name in known}
    near = difflib.get_close_matches(error.option_name.lstrip("-").lower(), plain, n=1, cutoff=0.6)
    if meant in known or near:
        found.do = f"did you mean {meant if meant in known else plain[near[0]]}?"
    return found


def _misused(error: click.BadOptionUsage, found: UsageError) -> UsageError:
    """Tell of an option without its value, or of a flag with one."""
    params = error.ctx.command.get_params(error.ctx) if error.ctx is not None else []
    param = next((param for param in params if error.option_name in param.opts), None)
    if error.ctx is None or not isinstance(param, click.Option):
        return found
    found.where = f"{found.where}, {error.option_name}"
    if param.is_flag:
        found.what, found.expected = "this option takes no value", error.option_name
        return found
    found.what = "the option has no value"
    found.expected = f"{error.option_name} {param.make_metavar(error.ctx)}"
    return found


def _bad_value(error: click.BadParameter, found: UsageError) -> UsageError:
    param = error.param
    found.what = plainly(error.message)
    quoted = re.match(r"""'([^']*)'|"([^"]*)"|(\S+) is not in the range""", error.message)
    if quoted is not None:
        found.got = next(text for text in quoted.groups() if text is not None)
    if param is None:
        return found
    name = max(param.opts, key=len) if isinstance(param, click.Option) else str(param.name).upper()
    found.where = f"{found.where}, {name}"
    choices = list(map(str, param.type.choices)) if isinstance(param.type, click.Choice) else []
    if choices:
        found.what = f"{found.got!r} is none of the words that this takes"
        found.do = suggest(found.got, choices) or found.do
    found.expected = (
        ", ".join(choices) or _range(getattr(param.type, "one", param.type)) or _meaning(param)
    )
    if isinstance(param.type, (click.IntRange, click.FloatRange)):
        found.what = re.sub(r"(is not in the range) \S+$", r"\1", found.what)
    return found


def _meaning(param: click.Parameter) -> str:
    """Return what the help says of an option, without its default."""
    told = (param.help if isinstance(param, click.Option) else None) or ""
    return told.partition("  [")[0].rstrip(".") if "such as" in told else ""


def _range(kind: object) -> str:
    """Return which numbers a type takes, in words; nothing for other types."""
    if not isinstance(kind, (click.IntRange, click.FloatRange)):
        return "a whole number" if kind is click.INT else ""
    noun = "a whole number" if isinstance(kind, click.IntRange) else "a number"
    low, high = kind.min, kind.max
    ends: list[str] = []
    if low is not None:
        ends.append(f"above {low:g}" if kind.min_open else f"from {low:g}")
    if high is not None:
        ends.append(f"to below {high:g}" if kind.max_open else f"to {high:g}")
    if low is not None and high is None and not kind.min_open:
        ends.append("on")
    return " ".join([noun, *ends])
