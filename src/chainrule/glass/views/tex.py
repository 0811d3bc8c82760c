r"""The subset of LaTeX mathematics that formulas of this library use, read into a tree.

The reader is strict: a command that it does not know is an error that names it, because a page that
shows half a formula is worse than none. `chainrule.glass.views.mathml` and
`chainrule.glass.views.plain` write the tree.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from chainrule.errors import InvalidParameterError
from chainrule.glass.views import tex_symbols as symbols
from chainrule.glass.views.tex_nodes import (
    Accent,
    Atom,
    Boxed,
    Fence,
    Fraction,
    Grid,
    Node,
    Root,
    Row,
    Script,
    Space,
)

__all__ = ["parse", "spelled"]

_TOKEN = re.compile(r"\\(?:[A-Za-z]+|.)|\s+|\d+(?:\.\d+)?|.", re.DOTALL)
_POWER = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)e([+-]?)0*(\d+)")
_GRIDS = {
    "cases": ("{", ""), "matrix": ("", ""), "pmatrix": ("(", ")"), "bmatrix": ("[", "]"),
    "vmatrix": ("|", "|"), "Vmatrix": ("‖", "‖"), "aligned": ("", ""), "align*": ("", ""),
    "array": ("", ""), "smallmatrix": ("", ""), "gathered": ("", ""), "split": ("", ""),
}  # fmt: skip
_DEEPEST = 60


def spelled(latex: str) -> str:
    r"""Return a formula on one line, with numbers such as `5e-05` as powers of ten.

    Example
    -------
    >>> spelled("x + 5e-05")
    'x + 5 \\cdot 10^{-5}'
    """
    sign = {"": "", "+": "", "-": "-"}
    written = _POWER.sub(lambda m: rf"{m[1]} \cdot 10^{{{sign[m[2]]}{m[3]}}}", latex)
    return " ".join(written.split())


def parse(latex: str) -> Row:
    r"""Read a formula into a tree.

    Raises
    ------
    InvalidParameterError
        For a command that is not in the subset, or braces that do not match.

    Example
    -------
    >>> parse(r"x_1").items
    (Script(base=Atom(kind='identifier', text='x', alphabet=''), low=Atom(...), high=None, ...),)
    """
    reader = _Reader(spelled(latex))
    return reader.row(lambda token: token == "")


class _Reader:
    """Reads tokens from left to right."""

    def __init__(self, latex: str) -> None:
        self.latex = latex
        self.tokens = _TOKEN.findall(latex)
        self.place = 0
        self.depth = 0

    def fault(self, what: str, got: str = "", expected: str = "") -> InvalidParameterError:
        return InvalidParameterError(
            what,
            where=f"formula {self.latex!r}",
            expected=expected,
            got=got,
            do="use a command of chainrule.glass.views.tex_symbols, or add it there",
        )

    # Tokens ---------------------------------------------------------------------------------

    def skip(self) -> None:
        while self.place < len(self.tokens) and self.tokens[self.place].isspace():
            self.place += 1

    def peek(self) -> str:
        self.skip()
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.place += 1
        return token

    def expect(self, wanted: str) -> None:
        token = self.take()
        if token != wanted:
            raise self.fault("a formula breaks off", token or "its end", wanted)

    def raw(self) -> str:
        """Return what stands in the braces that follow, as it is, blanks included."""
        self.expect("{")
        depth, parts = 1, list[str]()
        while self.place < len(self.tokens):
            token = self.tokens[self.place]
            self.place += 1
            depth += (token == "{") - (token == "}")
            if not depth:
                return "".join(parts)
            parts.append(token)
        raise self.fault("a formula breaks off", "its end", "}")

    # Things ---------------------------------------------------------------------------------

    def row(self, ends: Callable[[str], bool]) -> Row:
        """Read things until a token that ends them, which is left in place."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.fault("a formula is nested too deeply", expected=f"{_DEEPEST} levels")
        items: list[Node] = []
        while not ends(token := self.peek()):
            if token in ("", "}", "&", r"\\", r"\right", r"\end"):
                raise self.fault("a formula's braces do not match", token or "its end")
            node = self.scripted()
            if node is not None:
                items.append(node)
        self.depth -= 1
        return Row(tuple(items))

    def scripted(self) -> Node | None:
        """Read a thing with the scripts that follow it."""
        base = None if self.peek() in ("_", "^", "'") else self.thing()
        low: Node | None = None
        high: list[Node] = []
        while (token := self.peek()) in ("_", "^", "'") or token in (r"\limits", r"\nolimits"):
            self.take()
            if token == "_":
                if low is not None:
                    raise self.fault("a formula has two scripts at one place", "_")
                low = self.argument()
            elif token == "^":
                high.append(self.argument())
            elif token == "'":
                high.append(Atom("operator", "′"))
        if low is None and not high:
            return base
        above = None if not high else high[0] if len(high) == 1 else Row(tuple(high))
        limits = (isinstance(base, Atom) and base.kind == "big") or isinstance(base, Accent)
        if isinstance(base, Script) and not base.limits:  # {x^2}_1 stands as x with both
            if low is None and base.high is None:
                return Script(base.base, base.low, above)
            if above is None and base.low is None:
                return Script(base.base, low, base.high)
        limits = limits and (not isinstance(base, Accent) or base.mark in "⏞⏟")
        return Script(base if base is not None else Row(()), low, above, limits)

    def argument(self) -> Node:
        """Read what a command or a script applies to: braces, or one thing."""
        token = self.peek()
        if token == "{":
            return self.group()
        if token in ("", "}", "&", r"\\", "_", "^"):
            raise self.fault("a formula breaks off", token or "its end", "an argument")
        if len(token) > 1 and token[0].isdigit():  # \tfrac12 is one half
            self.tokens[self.place : self.place + 1] = list(token)
        return self.thing() or Row(())

    def group(self) -> Node:
        self.expect("{")
        inner = self.row(lambda token: token == "}")
        self.expect("}")
        return inner.items[0] if len(inner.items) == 1 else inner

    def thing(self) -> Node | None:
        token = self.peek()
        if token == "{":
            return self.group()
        self.take()
        if token.startswith("\\"):
            return self.command(token[1:])
        if token[0].isdigit():
            return Atom("number", token)
        if token == "~":
            return Space(symbols.SPACES["~"])
        if token.isalpha():
            return Atom("identifier", token)
        if token in "()[]|":
            return Atom("delimiter", token)
        if token in '$%#"\\`@':
            raise self.fault("a formula holds a sign that cannot be set", token)
        return Atom("operator", {"-": "−", "*": "∗"}.get(token, token))

    def command(self, name: str) -> Node | None:
        if name in symbols.IDENTIFIERS:
            return Atom("identifier", symbols.IDENTIFIERS[name])
        if name in symbols.OPERATORS:
            return Atom("operator", symbols.OPERATORS[name])
        if name in symbols.FUNCTIONS:
            return Atom("function", name)
        if name in symbols.LIMITS:
            return Atom("big", symbols.LIMITS[name])
        if name in symbols.SPACES:
            return Space(symbols.SPACES[name])
        if f"\\{name}" in symbols.DELIMITERS:
            return Atom("delimiter", symbols.DELIMITERS[f"\\{name}"])
        if name in symbols.STYLES:
            return None
        if name in symbols.SIZES:
            return Atom("delimiter", self.delimiter())
        if name in symbols.ACCENTS:
            mark, below = symbols.ACCENTS[name]
            return Accent(self.argument(), mark, below)
        if name in symbols.ALPHABETS:
            return Atom("identifier", self.letters(), name)
        build = _BUILDERS.get(name)
        if build is None:
            raise self.fault("a formula uses a command that cannot be set", f"\\{name}")
        return build(self)

    def letters(self) -> str:
        """Read letters, or Greek commands, whose alphabet is changed."""
        if self.peek() != "{":
            token = self.take()
        else:
            token = self.raw().strip()
        text = symbols.IDENTIFIERS.get(token[1:], "") if token.startswith("\\") else token
        if not text or not all(sign.isalnum() for sign in text):
            raise self.fault("a formula changes the alphabet of something else", token, "letters")
        return text

    def delimiter(self) -> str:
        token = self.take()
        if token not in symbols.DELIMITERS:
            raise self.fault("a formula breaks off", token or "its end", "a delimiter")
        return symbols.DELIMITERS[token]

    # Commands with arguments ----------------------------------------------------------------

    def fraction(self, small: bool = False, bar: bool = True) -> Node:
        top = self.argument()
        return Fraction(top, self.argument(), small, bar)

    def root(self) -> Node:
        degree = None
        if self.peek() == "[":
            self.take()
            degree = self.row(lambda token: token == "]")
            self.expect("]")
        return Root(self.argument(), degree)

    def fence(self) -> Node:
        left = self.delimiter()
        body = self.row(lambda token: token == r"\right")
        self.expect(r"\right")
        return Fence(left, self.delimiter(), body)

    def grid(self) -> Node:
        kind = self.raw()
        if kind not in _GRIDS:
            raise self.fault("a formula uses an environment that cannot be set", kind)
        if kind == "array":
            self.raw()
        rows: list[tuple[Node, ...]] = []
        cells: list[Node] = []
        while True:
            cells.append(self.row(lambda token: token in ("&", r"\\", r"\end")))
            token = self.take()
            if token != "&":
                rows.append(tuple(cells))
                cells = []
            if token == r"\end":
                break
        if (closed := self.raw()) != kind:
            raise self.fault("a formula's environments do not match", closed, kind)
        if rows and all(cell == Row(()) for cell in rows[-1]):
            rows.pop()
        return Grid(kind, *_GRIDS[kind], tuple(rows))

    def words(self) -> Atom:
        text = self.raw()
        return Atom("text", re.sub(r"\\([_%#&$ ])", r"\1", text).replace("~", "\u00a0"))

    def stack(self, below: bool) -> Node:
        script = self.argument()
        base = self.argument()
        return Script(base, script if below else None, None if below else script, limits=True)


def _operator_name(reader: _Reader) -> Node:
    if reader.peek() == "*":
        reader.take()
    return Atom("function", reader.words().text)


def _upright(reader: _Reader) -> Node:
    return reader.words() if reader.peek() == "{" else Atom("text", reader.take())


_BUILDERS: dict[str, Callable[[_Reader], Node]] = {
    "frac": _Reader.fraction,
    "dfrac": _Reader.fraction,
    "tfrac": lambda reader: reader.fraction(small=True),
    "binom": lambda reader: Fence("(", ")", reader.fraction(bar=False)),
    "sqrt": _Reader.root,
    "left": _Reader.fence,
    "begin": _Reader.grid,
    "text": _Reader.words,
    "textrm": _Reader.words,
    "textbf": _Reader.words,
    "textit": _Reader.words,
    "mathrm": _upright,
    "operatorname": _operator_name,
    "overset": lambda reader: reader.stack(below=False),
    "stackrel": lambda reader: reader.stack(below=False),
    "underset": lambda reader: reader.stack(below=True),
    "boxed": lambda reader: Boxed(reader.argument()),
}
