"""The option `--augment`: names of augmentations, each with its strength where one is stated."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from chainrule.cli.options import registry
from chainrule.errors import UnknownNameError

if TYPE_CHECKING:
    from chainrule.maths.augmentation import Augmentation

    _TextsType = click.ParamType[tuple[str, ...]]
    _SizeType = click.ParamType[tuple[int, int]]
else:  # older versions of click know no type arguments
    _TextsType = _SizeType = click.ParamType

__all__ = ["Augments", "Size", "augmentations_of", "size_option"]

CommandT = TypeVar("CommandT", bound=Callable[..., Any])


class Augments(_TextsType):
    """A list such as `shift=2,rotation=10,noise`, or `none`; kept as text in files."""

    name = "augment"

    def get_metavar(self, *_: Any, **__: Any) -> str:
        return "LIST"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in str(value).split(",")]
        if [word.lower() for word in words] == ["none"]:
            return ()
        for word in words:
            try:
                made = _parsed(word)
            except UnknownNameError as error:
                error.where = error.where or "--augment"
                error.do = error.do or "see: chainrule list augmentation"
                raise
            if made is None:
                wrong = f"{word!r} is not a name such as shift, or a strength: shift=2"
                self.fail(wrong, param, ctx)
        return tuple(words)


class Size(_SizeType):
    """A size of pictures: `28x28`, width first."""

    name = "size"

    def get_metavar(self, *_: Any, **__: Any) -> str:
        return "WxH"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value[0], value[1]
        words = str(value).lower().replace(",", "x").split("x")
        sides = [int(word) for word in words if word.strip().isdecimal()]
        if len(words) != 2 or len(sides) != 2 or not all(1 <= side <= 4096 for side in sides):
            self.fail(f"{value!r} is no size such as 28x28, each side from 1 to 4096", param, ctx)
        return sides[0], sides[1]


def size_option(command: CommandT) -> CommandT:
    """Add `--image-size`."""
    return click.option(
        "--image-size",
        type=Size(),
        metavar="WxH",
        help="Make picture files this large.  [default: as they are]",
    )(command)


def _parsed(text: str) -> Augmentation | None:
    """Return the augmentation that a word means; None where its strength is no number."""
    name, equals, strength = text.partition("=")
    members = registry("augmentation")
    member = members[name.strip()]
    if not equals:
        return members.make(member.name)
    try:
        number = float(strength)
    except ValueError:
        return None
    first = next(field for field in member.rules if field != "shape")
    return members.make(member.name, **{first: number})


def augmentations_of(
    texts: tuple[str, ...], shape: tuple[int, ...] | None
) -> tuple[Augmentation, ...]:
    """Return the augmentations of the texts, for pictures of that shape.

    Example
    -------
    >>> from chainrule.cli.augment import augmentations_of
    >>> augmentations_of(("shift=2", "noise"), (8, 6))
    (Shift(shape=(8, 6), pixels=2.0), Noise(deviation=0.1))
    """
    members = registry("augmentation")
    found = [member for text in texts if (member := _parsed(text)) is not None]
    return tuple(
        members.make(member, shape=shape) if shape and "shape" in member.rules else member
        for member in found
    )
