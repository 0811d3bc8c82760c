"""What a page embeds for its script: every number once, and the sums behind the numbers shown.

Decisions
---------
a) The script computes as little as it can. A term names the entries of its parents by position;
   a product or total that is not exactly what multiplying and adding them in order gives is
   embedded too. So what the page shows is what `Trace.explain` returns, bit for bit.
b) Explanations of one record differ in a few numbers only. Their texts are embedded as forms with
   gaps, and what fills the gaps; most gaps hold a number of a parent, which the page has already.
c) Numbers that are neither in a table nor in a sum are not embedded: nobody could open them.
d) A large trace is cut: some entries and some terms are left out, and the page says so.
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.glass.trace.record import Explanation, Record, Term
from chainrule.glass.views.mathml import mathml
from chainrule.glass.views.numbers import SLICES, element, largest_of, shown
from chainrule.glass.views.sections import digits_of, given
from chainrule.glass.views.stored import Store, runs_of

if TYPE_CHECKING:
    from chainrule.glass.trace import Trace

__all__ = ["FACTOR", "GAP", "MOST_FACTORS", "MOST_TERMS", "payload", "script_json"]

GAP, FACTOR = "\u0001", "\u0002"
"""In a form: a gap for a word, and one for a factor, whose number is the letter after it."""
_FIRST_FACTOR = 0x100
MOST_TERMS = 32
"""Most terms of one sum that are embedded."""
MOST_FACTORS = 32
"""Most numbers of one term that are embedded."""
_LONGEST = 400
"""Letters of a term's text."""
_BUDGET, _LEAST = 36_000, 12_000
"""Most and fewest numbers in all sums together; tables of many numbers leave room for fewer."""
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")


def payload(trace: Trace, rows: int = 12, columns: int = 12) -> dict[str, Any]:
    """Return the document that a page embeds.

    Parameters
    ----------
    trace : Trace
    rows, columns : int
        Most rows and columns of a table.
    """
    return _Writer(trace, rows, columns).document()


def script_json(document: Any) -> str:
    r"""Return JSON that may stand in a `<script>` element: no text in it can end the element.

    Example
    -------
    >>> script_json({"name": "</script>"})
    '{"name":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def _json(value: float) -> float | int | str:
    if not math.isfinite(value):
        return str(value)
    # 0.0 and 1.0 are most of a one-hot target and of a slope; -0.0 keeps its sign.
    return int(value) if value in (0.0, 1.0) and math.copysign(1, value) > 0 else value


class _Writer:
    def __init__(self, trace: Trace, rows: int, columns: int) -> None:
        self.trace = trace
        self.rows, self.columns = rows, columns
        self.records = tuple(trace.records)
        self.place = {record.name: place for place, record in enumerate(self.records)}
        self.shown = [list(shown(r.shape, rows, columns).indices()) for r in self.records]
        self.digits = digits_of(trace)
        self.forms: dict[str, int] = {}
        self.store = Store()
        self.needed: list[set[int]] = [
            {_flat(record, index) for index in indices}
            for record, indices in zip(self.records, self.shown, strict=True)
        ]

    def document(self) -> dict[str, Any]:
        sums = self.sums()
        records = [self.record(place, sums[place]) for place in range(len(self.records))]
        return {
            "digits": self.digits,
            "slices": SLICES,
            "forms": list(self.forms),
            "records": records,
            "numbers": self.store.text(),
        }

    def record(self, place: int, sums: dict[str, Any]) -> dict[str, Any]:
        record = self.records[place]
        parents = [self.place[name] for name in record.parents if name in self.place]
        entry: dict[str, Any] = {"name": record.name, "shape": list(record.shape)}
        flat, wanted = np.ascontiguousarray(record.value).ravel(), sorted(self.needed[place])
        entry["at"] = self.store.add(flat[wanted])
        if len(wanted) < flat.size:
            entry["runs"] = runs_of(wanted)
        if cut := self.cut(record):
            entry["cut"] = cut
        if parents:
            entry["parents"] = parents
        if sums:
            entry["sums"] = sums
        return entry

    def cut(self, record: Record) -> list[Any]:
        """Return rows and columns that are shown, and the largest entry; nothing if all are."""
        part = shown(record.shape, self.rows, self.columns)
        if not part.statement:
            return []
        block = part.blocks[0]
        return [block.rows, block.columns, _json(largest_of(record.value))]

    def sums(self) -> list[dict[str, Any]]:
        """Return the explanations of each record, each record with its share of the budget."""
        left = max(_BUDGET - 3 * sum(len(indices) for indices in self.shown), _LEAST)
        result: list[dict[str, Any]] = [{} for _ in self.records]
        computed = [place for place, record in enumerate(self.records) if not given(record)]
        computed.sort(key=lambda place: len(self.shown[place]))  # what these leave, large ones take
        for done, place in enumerate(computed):
            found = self.explained(place, min(left, 2 * left // (len(computed) - done)))
            left -= sum(_cost(explanation) for explanation in found.values())
            result[place] = self.packed(found, self.records[place].latex)
        return result

    def explained(self, place: int, share: int) -> dict[int, Explanation]:
        record, found = self.records[place], dict[int, Explanation]()
        for index in self.shown[place]:
            if share <= 0 and found:
                break
            explanation = self.trace.explain(element(record.name, index))
            found[_flat(record, index)] = explanation
            share -= _cost(explanation)
        return found

    def packed(self, found: dict[int, Explanation], known: str) -> dict[str, Any]:
        """Return `{position: [terms, total or null, left out, maths]}`, without what is usual.

        Usual are a total that the terms add up to, nothing left out, and the maths of the card.
        """
        if not found:
            return {}
        cut = {k: explanation.terms[:MOST_TERMS] for k, explanation in found.items()}
        own = [e.latex for e in found.values() if e.latex and e.latex != known]
        maths = iter(self.gapped([mathml(latex) for latex in own]))
        every = [term for terms in cut.values() for term in terms]
        written = [[_written(v, self.digits) for _, v in t.factors[:MOST_FACTORS]] for t in every]
        texts = iter(self.gapped([_short(term.text) for term in every], written))
        result: dict[str, Any] = {}
        for position, explanation in found.items():
            terms = [[_alone(next(texts)), *self.term(term)] for term in cut[position]]
            left_out = len(explanation.terms) - len(terms)
            # Not sum(): newer Pythons compensate its rounding, which the script does not.
            added = reduce(operator.add, (term.product for term in explanation.terms), 0.0)
            same = not left_out and explanation.terms and _same(added, explanation.total)
            total = None if same else _json(explanation.total)
            formula = next(maths) if explanation.latex not in ("", known) else 0
            result[str(position)] = _trimmed([terms, total, left_out, formula], (None, 0, 0))
        return result

    def term(self, term: Term) -> list[Any]:
        """Return `[factors, product or null, factors left out]`, without what is usual."""
        kept = term.factors[:MOST_FACTORS]
        missing = len(term.factors) - len(kept)
        exact = kept and not missing
        same = exact and _same(math.prod(value for _, value in kept), term.product)
        product = None if same else _json(term.product)
        return _trimmed([self.factors(kept), product, missing], (None, 0))

    def factors(self, factors: Iterable[tuple[str, float]]) -> list[Any]:
        """Return record and position of each factor, or its path and value if it has none."""
        result: list[Any] = []
        for path, value in factors:
            at = self.located(path)
            if at is not None and _same(float(self.records[at[0]].value.flat[at[1]]), value):
                self.needed[at[0]].add(at[1])
                result += at
            else:
                result += [path, _json(value)]
        return result

    def located(self, path: str) -> tuple[int, int] | None:
        """Return the record and the position within it that a path names."""
        if path in self.place:
            return (self.place[path], 0) if not self.records[self.place[path]].shape else None
        name, bracket, rest = path.rpartition("[")
        if not bracket or name not in self.place:
            return None
        try:
            index = tuple(int(part) for part in rest.rstrip("]").split(","))
            return self.place[name], _flat(self.records[self.place[name]], index)
        except ValueError:
            return None

    def gapped(
        self, texts: list[str], factors: Sequence[Sequence[str | None]] = ()
    ) -> list[list[Any]]:
        """Return each text as the number of a form and what fills its gaps.

        A gap that holds the same factor in every text of a form is filled by the script.
        """
        pieces = [(_NUMBER.split(text), _NUMBER.findall(text)) for text in texts]
        groups: dict[tuple[str, ...], list[int]] = {}
        for number, (form, _) in enumerate(pieces):
            groups.setdefault(tuple(form), []).append(number)
        marks: dict[tuple[str, ...], list[str]] = {}
        for form, numbers in groups.items():
            fills = [pieces[number][1] for number in numbers]
            beside = [factors[number] if factors else () for number in numbers]
            marks[form] = [_mark([f[k] for f in fills], beside) for k in range(len(form) - 1)]
        result: list[list[Any]] = []
        for form, fill in pieces:
            kinds = marks[tuple(form)]
            text = form[0] + "".join(k + after for k, after in zip(kinds, form[1:], strict=True))
            number = self.forms.setdefault(text, len(self.forms))
            words = [word for word, kind in zip(fill, kinds, strict=True) if kind == GAP]
            result.append([number, *words])
        return result


def _mark(words: Sequence[str], factors: Sequence[Sequence[str | None]]) -> str:
    """Return what stands in a form for words: the word itself, a factor's number, or a gap."""
    if len(set(words)) == 1:
        return words[0]
    for number in range(min((len(each) for each in factors), default=0)):
        if all(word == each[number] for word, each in zip(words, factors, strict=True)):
            return FACTOR + chr(_FIRST_FACTOR + number)
    return GAP


def _written(value: float, digits: int) -> str | None:
    """Return a number as script and Python both write it; None where they might differ."""
    mantissa = repr(value).partition("e")[0].replace(".", "").strip("-0")
    if not math.isfinite(value) or not mantissa:
        return None
    if len(mantissa) == digits + 1 and mantissa.endswith("5"):
        return None  # a tie, which Python rounds to even and the script away from zero
    return f"{value:.{digits}g}"


def _trimmed(values: list[Any], usual: tuple[Any, ...]) -> list[Any]:
    """Leave out values at the end that are the usual ones."""
    for known in reversed(usual):
        if values[-1] is not known and (known is None or values[-1] != known):
            break
        values = values[:-1]
    return values


def _alone(text: list[Any]) -> Any:
    """Return the number of a form that has no gap for words without a list around it."""
    return text[0] if len(text) == 1 else text


def _cost(explanation: Explanation) -> int:
    """Return about how many numbers an explanation embeds."""
    return 1 + sum(1 + min(len(t.factors), MOST_FACTORS) for t in explanation.terms[:MOST_TERMS])


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST].rpartition(" ")[0] + " …"


def _same(one: float, two: float) -> bool:
    return one == two or (math.isnan(one) and math.isnan(two))


def _flat(record: Record, index: tuple[int, ...]) -> int:
    return int(np.ravel_multi_index(index, record.shape)) if record.shape else 0
