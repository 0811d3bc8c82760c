"""The error family: every mistake a user can make is one of these, said once and in full.

Each error answers the same five questions, in this order: what is wrong, where, what was expected,
what was found, what to do. Each class also inherits the builtin a caller would expect
(`ValueError`, `ImportError`, ...), so `except ValueError` keeps working.

Example
-------
>>> from chainrule.errors import ShapeError
>>> raise ShapeError(
...     "the inputs do not fit the layer",
...     where="dense_1.X",
...     expected="(N, 3)",
...     got="(8, 2)",
...     do="pass 3 columns",
... )
Traceback (most recent call last):
chainrule.errors.ShapeError: the inputs do not fit the layer
  where:    dense_1.X
  expected: (N, 3)
  got:      (8, 2)
  do:       pass 3 columns
"""

from __future__ import annotations

__all__ = [
    "ChainruleError",
    "CheckpointError",
    "ConstantTargetWarning",
    "DataError",
    "DivergenceError",
    "FileFormatError",
    "InvalidParameterError",
    "MissingExtraError",
    "OutputExistsError",
    "ReferenceEngineWarning",
    "ShapeError",
    "TargetError",
    "UnknownNameError",
    "UsageError",
]


class ChainruleError(Exception):
    """Base of the family: one message with what, where, expected, got and what to do.

    Parameters
    ----------
    what : str
        The fault in one sentence, without a full stop.
    where : str
        File, line, column, row, layer or parameter.
    expected, got : str
        The rule, and the value that broke it.
    do : str
        The next step for the reader.
    """

    exit_code = 1
    """Exit status of the command line: 1 for failed work, 2 for wrong usage."""

    def __init__(
        self, what: str, *, where: str = "", expected: str = "", got: str = "", do: str = ""
    ) -> None:
        self.what = what
        self.where = where
        self.expected = expected
        self.got = got
        self.do = do
        super().__init__(what)

    def __str__(self) -> str:
        lines = [self.what]
        for label, text in self.parts().items():
            if text:
                lines.append(f"  {label + ':':<10}{text}")
        return "\n".join(lines)

    def parts(self) -> dict[str, str]:
        """Return the answers after *what*, keyed by their question."""
        return {"where": self.where, "expected": self.expected, "got": self.got, "do": self.do}

    def __reduce__(self) -> tuple[object, ...]:
        # The default protocol would call cls(what) and lose the keyword-only parts.
        return (_rebuild, (type(self), self.what, self.parts()))


def _rebuild(cls: type[ChainruleError], what: str, parts: dict[str, str]) -> ChainruleError:
    return cls(what, **parts)


class InvalidParameterError(ChainruleError, ValueError):
    """A parameter is outside its declared rule. The message states the rule and the value."""

    exit_code = 2


class UnknownNameError(ChainruleError, ValueError):
    """A name is in no registry. The message lists near names, then all of them."""

    exit_code = 2


class UsageError(ChainruleError, ValueError):
    """A call or command line contradicts itself, or an option is missing."""

    exit_code = 2


class ShapeError(ChainruleError, ValueError):
    """Two shapes do not fit. The message names the layer, the tensor, expected and got."""


class DataError(ChainruleError, ValueError):
    """A table or an array cannot be used: empty, not finite, ragged, unreadable."""


class TargetError(DataError):
    """The target is missing, outside the loss's domain, or has one class only."""


class FileFormatError(ChainruleError, ValueError):
    """A model file is damaged, hostile, or written by a newer version."""


class CheckpointError(ChainruleError, ValueError):
    """A checkpoint belongs to another run: network, data shape or settings differ."""


class OutputExistsError(ChainruleError, FileExistsError):
    """An output file exists. Pass `--force` (or `overwrite=True`) to replace it."""

    exit_code = 2


class DivergenceError(ChainruleError, ArithmeticError):
    """Loss, gradient or weights stopped being finite. The last good weights are kept."""

    recording: object = None
    """What was recorded until then, if the run was recorded: `chainrule.diagnose(error)`."""


class MissingExtraError(ChainruleError, ImportError):
    """An optional dependency is not installed. The message is the exact install command."""

    exit_code = 2


class ReferenceEngineWarning(UserWarning):
    """A network runs on the reference engine, which is right but slow. The message says why."""


class ConstantTargetWarning(UserWarning):
    """Every row has the same target, so a network can learn nothing but that number."""
