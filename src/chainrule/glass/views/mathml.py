r"""Formulas as MathML, which browsers draw themselves: no script, no font, nothing from outside.

Source: W3C, "MathML Core".
"""

from __future__ import annotations

from html import escape

from chainrule.glass.views import tex_nodes as tex
from chainrule.glass.views.tex import parse

__all__ = ["mathml"]

_ALPHABETS = {"mathbf": "bold", "boldsymbol": "bold", "bm": "bold", "mathsf": "sans"}
_BLOCKS = {  # first capital, first small letter, first digit of the alphabet in Unicode
    "bold": (0x1D400, 0x1D41A, 0x1D7CE),
    "mathcal": (0x1D49C, 0x1D4B6, 0),
    "mathbb": (0x1D538, 0x1D552, 0x1D7D8),
    "sans": (0x1D5A0, 0x1D5BA, 0x1D7E2),
}
_ODD = {  # letters that had a place in Unicode before their alphabet came
    "mathcal": dict(zip("BEFHILMRego", "ℬℰℱℋℐℒℳℛℯℊℴ", strict=True)),
    "mathbb": dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True)),
}
_STRETCHY = "⏞⏟¯_ˆ˜"


def mathml(latex: str, display: bool = False) -> str:
    r"""Return a formula as a `<math>` element.

    Parameters
    ----------
    latex : str
        A formula in the subset of `chainrule.glass.views.tex`.
    display : bool
        Whether it stands on a line of its own.

    Raises
    ------
    InvalidParameterError
        For a command that is not in the subset.

    Example
    -------
    >>> mathml("x^2")
    '<math><msup><mi>x</mi><mn>2</mn></msup></math>'
    """
    kind = ' display="block"' if display else ""
    return f"<math{kind}>{_inner(parse(latex))}</math>"


def _inner(node: tex.Node) -> str:
    """Write a node without a row of its own around it."""
    if isinstance(node, tex.Row):
        return "".join(_write(item) for item in _applied(node.items))
    return _write(node)


def _applied(items: tuple[tex.Node, ...]) -> list[tex.Node]:
    """Put a thin space between a named function and what it is applied to."""
    result: list[tex.Node] = []
    for position, item in enumerate(items):
        base = item.base if isinstance(item, tex.Script) else item
        name = isinstance(base, tex.Atom) and (
            base.kind == "function" or (base.kind == "big" and base.text.isascii())
        )
        after = items[position + 1] if position + 1 < len(items) else None
        if name and position and not isinstance(items[position - 1], (tex.Space, tex.Fence)):
            before = items[position - 1]
            if not (isinstance(before, tex.Atom) and before.kind in ("operator", "delimiter")):
                result.append(tex.Space(3))
        result.append(item)
        opens = isinstance(after, tex.Fence) or (
            isinstance(after, tex.Atom) and after.kind in ("delimiter", "operator")
        )
        if name and after is not None and not opens and not isinstance(after, tex.Space):
            result.append(tex.Space(3))
    return result


def _write(node: tex.Node) -> str:
    if isinstance(node, tex.Atom):
        return _atom(node)
    if isinstance(node, tex.Space):
        return f'<mspace width="{node.width / 18:.3g}em"/>'
    if isinstance(node, tex.Row):
        return _numbered(node) or f"<mrow>{_inner(node)}</mrow>"
    if isinstance(node, tex.Script):
        return _script(node)
    if isinstance(node, tex.Fraction):
        return _fraction(node)
    if isinstance(node, tex.Root):
        if node.degree is None:
            return f"<msqrt>{_inner(node.body)}</msqrt>"
        return f"<mroot>{_write(node.body)}{_write(node.degree)}</mroot>"
    if isinstance(node, tex.Accent):
        tag, mark = ("munder", "accentunder") if node.below else ("mover", "accent")
        stretchy = "true" if node.mark in _STRETCHY else "false"
        sign = f'<mo stretchy="{stretchy}">{escape(node.mark)}</mo>'
        return f'<{tag} {mark}="true">{_write(node.body)}{sign}</{tag}>'
    if isinstance(node, tex.Fence):
        left, right = _delimiter(node.left, "prefix"), _delimiter(node.right, "postfix")
        return f"<mrow>{left}{_inner(node.body)}{right}</mrow>"
    if isinstance(node, tex.Boxed):
        return f'<mrow class="boxed">{_inner(node.body)}</mrow>'
    return _grid(node)


def _numbered(row: tex.Row) -> str:
    """Return the `(2)` of a layer as one token, "" for other rows: it is in nearly all symbols."""
    if len(row.items) != 3 or not all(isinstance(item, tex.Atom) for item in row.items):
        return ""
    left, inner, right = (item for item in row.items if isinstance(item, tex.Atom))
    if (left.text, right.text) != ("(", ")") or inner.kind not in ("number", "text"):
        return ""
    return f"<mtext>({_kept(escape(inner.text))})</mtext>"


def _atom(node: tex.Atom) -> str:
    text = escape(node.text)
    if node.kind == "number":
        return f"<mn>{text}</mn>"
    if node.kind == "operator":
        return f"<mo>{text}</mo>"
    if node.kind == "delimiter":
        return f'<mo stretchy="false">{text}</mo>'
    if node.kind == "text":
        return f"<mtext>{_kept(text)}</mtext>"
    if node.kind == "function" or (node.kind == "big" and node.text.isascii()):
        return f'<mi mathvariant="normal">{_kept(text)}</mi>'
    if node.kind == "big":
        return f'<mo largeop="true" movablelimits="true">{text}</mo>'
    if node.alphabet in ("", "mathit"):
        return f"<mi>{text}</mi>"
    return f'<mi mathvariant="normal">{escape(_letters(node.text, node.alphabet))}</mi>'


def _kept(text: str) -> str:
    """Keep the blanks at both ends, which MathML would drop."""
    lead, trail = len(text) - len(text.lstrip(" ")), len(text) - len(text.rstrip(" "))
    return "\u00a0" * lead + text.strip(" ") + ("\u00a0" * trail if text.strip(" ") else "")


def _letters(text: str, alphabet: str) -> str:
    style = _ALPHABETS.get(alphabet, alphabet)
    capital, small, digit = _BLOCKS[style]
    odd = _ODD.get(style, {})

    def letter(sign: str) -> str:
        if sign in odd:
            return odd[sign]
        for first, start in (("A", capital), ("a", small), ("0", digit)):
            if sign.isascii() and start and 0 <= ord(sign) - ord(first) < (26, 10)[first == "0"]:
                return chr(start + ord(sign) - ord(first))
        return sign

    return "".join(letter(sign) for sign in text)


def _script(node: tex.Script) -> str:
    # An accent of a base with limits, and the limits of a sum, stand under and over it.
    under, over, both = ("munder", "mover", "munderover") if node.limits else ("msub", "msup", "")
    base = _write(node.base) if node.base != tex.Row(()) else "<mrow></mrow>"
    if node.low is not None and node.high is not None:
        tag = both or "msubsup"
        return f"<{tag}>{base}{_write(node.low)}{_write(node.high)}</{tag}>"
    if node.low is not None:
        return f"<{under}>{base}{_write(node.low)}</{under}>"
    assert node.high is not None  # a script without scripts is never made
    return f"<{over}>{base}{_write(node.high)}</{over}>"


def _fraction(node: tex.Fraction) -> str:
    bar = "" if node.bar else ' linethickness="0"'
    made = f"<mfrac{bar}>{_write(node.top)}{_write(node.bottom)}</mfrac>"
    return f'<mstyle displaystyle="false">{made}</mstyle>' if node.small else made


def _delimiter(sign: str, form: str) -> str:
    return f'<mo form="{form}" stretchy="true" fence="true">{escape(sign)}</mo>' if sign else ""


def _grid(node: tex.Grid) -> str:
    columns = {"cases": "left", "aligned": "right left", "align*": "right left"}
    columns["split"] = columns["aligned"]
    align = f' columnalign="{columns[node.kind]}"' if node.kind in columns else ""
    rows = "".join(
        f"<mtr>{''.join(f'<mtd>{_inner(cell)}</mtd>' for cell in row)}</mtr>" for row in node.rows
    )
    table = f'<mtable class="{node.kind.rstrip("*")}"{align}>{rows}</mtable>'
    left, right = _delimiter(node.left, "prefix"), _delimiter(node.right, "postfix")
    return f"<mrow>{left}{table}{right}</mrow>"
