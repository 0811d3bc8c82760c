"""What a page embeds for its script: every number once, and the sums behind the numbers shown.

Decisions
---------
a) The script computes as little as it can. A term names the entries of its parents by position;
   a product or total that is not exactly what multiplying and adding them in order gives is
   embedded too. So what the page shows is what `Trace.explain` returns, bit for bit.
b) Explanations of one record differ in a few numbers only. Their texts are embedded as forms with
   gaps, and what fills the gaps.
c) A large trace is cut: some entries and some terms are left out, and the page says so.
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Iterable
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.glass.trace.record import Explanation, Record, Term
from chainrule.glass.views.mathml import mathml
from chainrule.glass.views.numbers import element, shown
from chainrule.glass.views.sections import digits_of, given

if TYPE_CHECKING:
    from chainrule.glass.trace import Trace

__all__ = ["GAP", "MOST_FACTORS", "MOST_TERMS", "payload", "script_json"]

GAP = "\u0001"
MOST_TERMS = 32
"""Most terms of one sum that are embedded."""
MOST_FACTORS = 32
"""Most numbers of one term that are embedded."""
_LONGEST = 400
"""Letters of a term's text."""
_BUDGET, _LEAST = 36_000, 6_000
"""Most and fewest numbers in all sums together; tables of many numbers leave room for fewer."""
_WHOLE = 512
"""A tensor with at most so many entries is embedded whole."""
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
        self.records = tuple(trace.records)
        self.place = {record.name: place for place, record in enumerate(self.records)}
        self.shown = [list(shown(r.shape, rows, columns).indices()) for r in self.records]
        self.forms: dict[str, int] = {}
        self.needed: list[set[int]] = [
            {_flat(record, index) for index in indices}
            for record, indices in zip(self.records, self.shown, strict=True)
        ]

    def document(self) -> dict[str, Any]:
        sums = self.sums()
        records = [self.record(place, sums[place]) for place in range(len(self.records))]
        return {
            "digits": digits_of(self.trace),
            "forms": list(self.forms),
            "records": records,
        }

    def record(self, place: int, sums: dict[str, Any]) -> dict[str, Any]:
        record = self.records[place]
        parents = [self.place[name] for name in record.parents if name in self.place]
        entry: dict[str, Any] = {"name": record.name, "shape": list(record.shape)}
        flat = np.ascontiguousarray(record.value).ravel()
        if record.value.size <= _WHOLE:
            entry["values"] = [_json(float(value)) for value in flat]
        else:
            wanted = sorted(self.needed[place])
            entry["values"] = {str(k): _json(float(flat[k])) for k in wanted}
        if parents:
            entry["parents"] = parents
        if sums:
            entry["sums"] = sums
        return entry

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
        """Return `{position: [maths, terms, total or null, left out]}`; 0 for the card's maths."""
        if not found:
            return {}
        cut = {k: explanation.terms[:MOST_TERMS] for k, explanation in found.items()}
        own = [e.latex for e in found.values() if e.latex and e.latex != known]
        maths = iter(self.gapped([mathml(latex) for latex in own]))
        texts = iter(self.gapped([_short(t.text) for terms in cut.values() for t in terms]))
        result: dict[str, Any] = {}
        for position, explanation in found.items():
            terms = [[next(texts), *self.term(term)] for term in cut[position]]
            left_out = len(explanation.terms) - len(terms)
            # Not sum(): newer Pythons compensate its rounding, which the script does not.
            added = reduce(operator.add, (term.product for term in explanation.terms), 0.0)
            same = not left_out and explanation.terms and _same(added, explanation.total)
            total = None if same else _json(explanation.total)
            formula = next(maths) if explanation.latex not in ("", known) else 0
            result[str(position)] = [formula, terms, total, left_out]
        return result

    def term(self, term: Term) -> list[Any]:
        """Return `[factors, product or null]` of a term, and how many factors are left out."""
        kept = term.factors[:MOST_FACTORS]
        missing = len(term.factors) - len(kept)
        exact = kept and not missing
        same = exact and _same(math.prod(value for _, value in kept), term.product)
        packed = [self.factors(kept), None if same else _json(term.product)]
        return [*packed, missing] if missing else packed

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

    def gapped(self, texts: list[str]) -> list[list[Any]]:
        """Return each text as the number of a form and what fills its gaps."""
        pieces = [(_NUMBER.split(text), _NUMBER.findall(text)) for text in texts]
        groups: dict[tuple[str, ...], list[list[str]]] = {}
        for form, fill in pieces:
            groups.setdefault(tuple(form), []).append(fill)
        constant = {
            form: [len({fill[k] for fill in fills}) == 1 for k in range(len(form) - 1)]
            for form, fills in groups.items()
        }
        result: list[list[Any]] = []
        for form, fill in pieces:
            fixed = constant[tuple(form)]
            text = form[0] + "".join(
                (word if same else GAP) + after
                for word, same, after in zip(fill, fixed, form[1:], strict=True)
            )
            number = self.forms.setdefault(text, len(self.forms))
            words = [word for word, same in zip(fill, fixed, strict=True) if not same]
            result.append([number, *words])
        return result


def _cost(explanation: Explanation) -> int:
    """Return about how many numbers an explanation embeds."""
    return 1 + sum(1 + min(len(t.factors), MOST_FACTORS) for t in explanation.terms[:MOST_TERMS])


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST].rpartition(" ")[0] + " …"


def _same(one: float, two: float) -> bool:
    return one == two or (math.isnan(one) and math.isnan(two))


def _flat(record: Record, index: tuple[int, ...]) -> int:
    return int(np.ravel_multi_index(index, record.shape)) if record.shape else 0
