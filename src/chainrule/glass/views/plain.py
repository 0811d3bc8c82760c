r"""Formulas as one line of text, for terminals: `dW^{(1)} = X^\top dZ` becomes `dW⁽¹⁾ = Xᵀ dZ`."""

from __future__ import annotations

from chainrule.glass.views import tex_nodes as tex
from chainrule.glass.views.tex import parse

__all__ = ["plain"]

_HIGH = dict(zip("0123456789+−-=()in′⊤T∗*", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁱⁿ′ᵀᵀ**", strict=True))
_HIGH |= dict(zip("abcdefghjklmoprstuvwxyz", "ᵃᵇᶜᵈᵉᶠᵍʰʲᵏˡᵐᵒᵖʳˢᵗᵘᵛʷˣʸᶻ", strict=True))
_HIGH |= dict(zip("ABDEGHIJKLMNOPRUVW", "ᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵁⱽᵂ", strict=True))
_LOW = dict(zip("0123456789+−-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎", strict=True))
_LOW |= dict(zip("aehijklmnoprstuvx", "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
_COMBINING = {"^": "\u0302", "¯": "\u0304", "~": "\u0303", "˙": "\u0307", "¨": "\u0308"}
_COMBINING |= {"ˆ": "\u0302", "˜": "\u0303", "→": "\u20d7", "ˇ": "\u030c", "_": "\u0332"}
_RELATIONS = frozenset("=≤≥≠≈≡∼≃≅∝≪≫∈∉←→↦↔⇐⇒⇔⟹⟺⟶⟵<>+−±∓⊙⊗⊕⊘∘⋅×÷⋯…∧∨∪∩")


def plain(latex: str) -> str:
    r"""Return a formula as one line of text.

    Raises
    ------
    InvalidParameterError
        For a command that is not in the subset of `chainrule.glass.views.tex`.

    Example
    -------
    >>> plain(r"dW^{(1)} = X^\top dZ^{(1)}")
    'dW⁽¹⁾ = Xᵀ dZ⁽¹⁾'
    >>> plain(r"\frac{1}{1 + e^{-z}}")
    '1 / (1 + e⁻ᶻ)'
    """
    return " ".join(_row(parse(latex).items).split())


def _row(items: tuple[tex.Node, ...]) -> str:
    text = ""
    for position, item in enumerate(items):
        unary = position == 0 or _relation(items[position - 1]) or _opens(items[position - 1])
        if _relation(item) and not (unary and isinstance(item, tex.Atom) and item.text in "+−"):
            text += f" {_write(item)} "
            continue
        before = items[position - 1] if position else None
        text += _between(before, item, text) + _factor(items, position)
    return text


def _factor(items: tuple[tex.Node, ...], position: int) -> str:
    """Write one thing of a row; a fraction that has factors beside it stands in brackets."""
    item = items[position]
    if not (isinstance(item, tex.Fraction) and len(items) > 1):
        return _write(item)
    before = items[position - 1] if position else tex.Space(36)
    after = items[position + 1] if position + 1 < len(items) else tex.Space(36)
    alone = all(_relation(n) or _wide(n) or _comma(n) for n in (before, after))
    alone = alone or ((_opens(before) or _relation(before)) and _closes(after))
    alone = alone or (_opens(before) and (_relation(after) or _comma(after)))
    return _write(item) if alone else f"({_write(item)})"


def _wide(node: tex.Node) -> bool:
    return isinstance(node, tex.Space) and node.width >= 18


def _comma(node: tex.Node) -> bool:
    return isinstance(node, tex.Atom) and node.text in (",", ";")


def _closes(node: tex.Node) -> bool:
    return isinstance(node, tex.Atom) and node.kind == "delimiter" and node.text in ")]}⌋⌉⟩"


def _between(before: tex.Node | None, item: tex.Node, text: str) -> str:
    """Return the blank between two factors where they would run into one word."""
    if before is None or not text or text[-1] in " (":
        return ""
    if isinstance(before, tex.Atom) and before.text in (",", ":"):
        return " "
    if _sign(item) or (isinstance(before, tex.Atom) and _sign(before)):
        return " " if _word(before) and not (_sign(item) or _opens(item)) else ""
    if _word(before):
        return "" if isinstance(item, tex.Fence) else " "
    if isinstance(before, tex.Atom) and isinstance(item, tex.Fence):
        return ""
    simple = isinstance(before, tex.Atom) and _base(item).kind in ("identifier", "number")
    if not simple:
        return " "
    matrices = text[-1].isupper() and _base(item).text[:1].isalpha()
    return " " if matrices or (_base(item).text[:1].isdigit() and text[-1].isdigit()) else ""


def _base(node: tex.Node) -> tex.Atom:
    if isinstance(node, (tex.Script, tex.Accent)):
        return _base(node.base if isinstance(node, tex.Script) else node.body)
    return node if isinstance(node, tex.Atom) else tex.Atom("", "")


def _sign(node: tex.Node) -> bool:
    """Say whether a thing is a sign between others, with or without scripts."""
    return _base(node).kind in ("operator", "delimiter")


def _word(node: tex.Node) -> bool:
    base = node.base if isinstance(node, tex.Script) else node
    return isinstance(base, tex.Atom) and base.kind in ("function", "big", "text")


def _opens(node: tex.Node) -> bool:
    return isinstance(node, tex.Atom) and node.kind == "delimiter" and node.text in "([{⌊⌈⟨"


def _relation(node: tex.Node) -> bool:
    return isinstance(node, tex.Atom) and node.kind == "operator" and node.text in _RELATIONS


def _write(node: tex.Node) -> str:
    if isinstance(node, tex.Atom):
        return node.text.replace("\u00a0", " ")
    if isinstance(node, tex.Space):
        return " " if node.width > 0 else ""
    if isinstance(node, tex.Row):
        return _row(node.items)
    if isinstance(node, tex.Script):
        return _script(node)
    if isinstance(node, tex.Fraction):
        sign = " / " if node.bar else " over "
        return f"{_closed(node.top)}{sign}{_closed(node.bottom)}"
    if isinstance(node, tex.Root):
        degree = "" if node.degree is None else _raised(_write(node.degree))
        return f"{degree}√{_closed(node.body)}"
    if isinstance(node, tex.Accent):
        body = _write(node.body)
        return body + _COMBINING.get(node.mark, "") if len(body) == 1 else f"({body}){node.mark}"
    if isinstance(node, tex.Fence):
        return f"{node.left}{_write(node.body)}{node.right}"
    if isinstance(node, tex.Boxed):
        return f"[ {_write(node.body)} ]"
    return _grid(node)


def _closed(node: tex.Node) -> str:
    """Return a thing in brackets, unless it is one sign, word or bracket already."""
    text = " ".join(_write(node).split())
    whole = isinstance(node, (tex.Atom, tex.Accent, tex.Fence, tex.Script))
    return (
        text if whole or (" " not in text and (len(text) <= 3 or text[0] in "∂d")) else f"({text})"
    )


def _script(node: tex.Script) -> str:
    text = _closed(node.base) if isinstance(node.base, tex.Row) else _write(node.base)
    if isinstance(node.base, tex.Fraction):
        text = f"({text})"
    if node.low is not None:
        text += _placed(node.low, _LOW, "_")
    if node.high is not None:
        text += _placed(node.high, _HIGH, "^")
    return text


def _raised(text: str) -> str:
    return _map(text, _HIGH) or f"^({text}) "


def _placed(node: tex.Node, table: dict[str, str], sign: str) -> str:
    text = " ".join(_write(node).split())
    if (mapped := _map(text.replace(" ", ""), table)) is not None:
        return mapped
    single = isinstance(node, (tex.Atom, tex.Script)) and " " not in text
    word = sign == "_" and text.isalnum()
    return f"{sign}{text}" if single or word else f"{sign}({text})"


def _map(text: str, table: dict[str, str]) -> str | None:
    return "".join(table[sign] for sign in text) if all(sign in table for sign in text) else None


def _grid(node: tex.Grid) -> str:
    if node.kind == "cases":
        return "; ".join(" if ".join(_write(cell).strip() for cell in row) for row in node.rows)
    rows = "; ".join(" ".join(_write(cell).strip() for cell in row) for row in node.rows)
    return f"{node.left}{rows}{node.right}"
