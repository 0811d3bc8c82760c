"""A worksheet made from a trace: what is given, blanks to fill in, and the key with its sums.

Decisions
---------
a) One sample goes forward and back; of each weight matrix one entry is asked for: the one with the
   largest gradient, so that no answer is 0 because a unit was off. The update asks for that entry.
b) Sheet and key are one text. The key puts the number and the sum where the sheet has a blank, so
   their questions can never differ.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainrule.frozen import frozen
from chainrule.glass.trace.record import Explanation, Record, Term
from chainrule.glass.views.markdown import coded, matrix, plain_text, symbol_of_given
from chainrule.glass.views.numbers import element, number, shown
from chainrule.glass.views.sections import digits_of, title_of
from chainrule.glass.views.tex import spelled

if TYPE_CHECKING:
    from chainrule.glass.trace import Trace

__all__ = ["Question", "questions", "text"]

BLANK = r"\_\_\_\_\_\_\_\_\_\_"
_MOST = 4
"""Most entries of one tensor that are asked for."""
_MOST_TERMS = 10
_LONGEST = 240
_WIDEST = 20
_MOST_TOLD = 64
"""Most further entries of one tensor that are told."""
_TOO_MANY = 40
"""A sum over more numbers is told, not asked for."""
_TITLES = {
    "Forward": "Follow sample 0 through the network.",
    "Loss": "How far off is the prediction?",
    "Backward": "Go back through the chain rule, for sample 0 and for one entry of each parameter.",
    "Update": "Change the entries that you have the gradient of.",
}


@frozen
class Question:
    """A record, and the entries of it that are asked for."""

    part: str
    record: Record
    indices: tuple[tuple[int, ...], ...]
    rest: tuple[tuple[int, ...], ...] = ()
    """Further entries of the sample, which the sheet tells."""


def questions(trace: Trace) -> tuple[Question, ...]:
    """Return what is asked, in the order of the step."""
    return tuple(_questions(trace))


def _questions(trace: Trace) -> Iterator[Question]:
    wanted: dict[str, tuple[int, ...]] = {}
    parameters = {record.name: record for record in trace if record.role == "parameter"}
    part = "Forward"
    for record in trace:
        if _known(record) or "long-hand" in record.flags or record.role == "after":
            continue
        part = _part(record, part)
        owner = _owner(record, parameters)
        if owner is None:
            if part != "Update" or record.value.size == 1:
                most = _MOST if part == "Forward" else 2
                every = _of_sample(record)
                yield Question(part, record, every[:most], every[most:])
            continue
        if owner not in wanted:
            where = np.unravel_index(int(np.argmax(np.abs(record.value))), record.value.shape)
            wanted[owner] = tuple(int(k) for k in where)
        yield Question(part, record, (wanted[owner],))


def _known(record: Record) -> bool:
    """Say whether a record is given, or a constant that the sheet may tell."""
    return not record.parents or not record.value.size


def _part(record: Record, before: str) -> str:
    if record.role in ("forward", "loss", "backward"):
        return record.role.capitalize()
    return "Update" if record.role in ("optimizer", "update") else before


def _owner(record: Record, parameters: dict[str, Record]) -> str | None:
    """Return the parameter that a record belongs to: `dense_1.W` for `dense_1.dW`."""
    for name, parameter in parameters.items():
        layer, dot, local = name.rpartition(".")
        gradient = f"{layer}{dot}d{local}"
        own = record.name == gradient or record.name.startswith((f"{name}.", f"{gradient}."))
        if own and parameter.shape == record.shape:
            return name
    return None


def _sample_axis(record: Record) -> int | None:
    """Return the axis along which the samples lie."""
    axes = [part.strip() for part in record.symbolic.strip("()").split(" x ")]
    return axes.index("N") if "N" in axes and len(axes) == record.value.ndim else None


def _of_sample(record: Record) -> tuple[tuple[int, ...], ...]:
    """Return the entries that belong to sample 0, or all where there is no sample."""
    shape, sample = list(record.value.shape), _sample_axis(record)
    if sample is not None:
        shape[sample] = min(shape[sample], 1)
    return tuple(tuple(int(k) for k in index) for index in np.ndindex(*shape))


def text(trace: Trace, answers: bool = False) -> str:
    r"""Return the worksheet as Markdown, with blanks or with their answers.

    Parameters
    ----------
    trace : Trace
    answers : bool
        Whether to fill the blanks in.

    Example
    -------
    >>> import chainrule as cr
    >>> from chainrule.glass.views.worksheet import BLANK
    >>> trace = cr.trace(cr.nn.Dense(1), [[1.0, 2.0]], [3.0], loss="squared_error")
    >>> text(trace).count("\n(1) "), BLANK in text(trace, answers=True)
    (1, False)
    """
    kind = "answer key" if answers else "worksheet"
    digits = digits_of(trace)
    lines = [f"# {plain_text(title_of(trace))}: {kind}", ""]
    lines += [f"Write numbers with {digits} significant digits. Indices count from 0.", ""]
    lines += ["## Given", ""]
    lines += _all_given(trace, digits)
    sheet, part = _Sheet(trace, answers), ""
    for question in questions(trace):
        if question.part != part:
            part = question.part
            lines += ["", f"## {part}", "", _TITLES[part]]
        lines += ["", *_asked(question.record, answers), *sheet.lines(question)]
    return "\n".join(lines) + "\n"


class _Sheet:
    """Numbers the blanks, and asks for nothing that cannot be worked out from the sheet."""

    def __init__(self, trace: Trace, answers: bool) -> None:
        self.trace = trace
        self.answers = answers
        self.digits = digits_of(trace)
        self.records = {record.name: record for record in trace}
        self.known = {record.name for record in trace if _known(record)}
        self.have: set[str] = set()
        self.count = 0

    def lines(self, question: Question) -> list[str]:
        lines: list[str] = []
        for index in question.indices:
            lines += self.entry(self.trace.explain(element(question.record.name, index)))
        rest = question.rest if len(question.rest) <= _MOST_TOLD else ()
        if rest:
            told = [self.told(element(question.record.name, index)) for index in rest]
            lines += ["", f"The others: {', '.join(told)}"]
        return lines

    def told(self, path: str) -> str:
        self.have.add(path)
        return f"{coded(path)} = {number(self.trace.explain(path).value, self.digits)}"

    def entry(self, explanation: Explanation) -> list[str]:
        path, terms = explanation.path, explanation.terms
        others = [t for t in terms if any(self.of_other(name) for name, _ in t.factors)]
        own = [term for term in terms if term not in others]
        if not own:
            own, others = list(terms), []
        numbers = sum(len(term.factors) for term in terms)
        if not all(self.reached(name) for term in own for name, _ in term.factors):
            return ["", f"{self.told(path)} (given: it needs entries that are not asked for)"]
        if numbers > _TOO_MANY:
            return ["", f"{self.told(path)} (given: it takes {numbers} numbers)"]
        self.have.add(path)
        self.count += 1
        answer = _answer(explanation, self.digits) if self.answers else BLANK
        lines = ["", f"({self.count}) {coded(path)} = {answer}"]
        if others:
            lines += ["", f"Terms of the other samples: {_sum_text(others)}"]
        return lines

    def reached(self, path: str) -> bool:
        """Say whether a number stands on the sheet or was asked for before."""
        return path in self.have or path.rpartition("[")[0] in self.known or path in self.known

    def of_other(self, path: str) -> bool:
        """Say whether a number belongs to another sample than the first."""
        name, bracket, rest = path.rpartition("[")
        axis = _sample_axis(self.records[name]) if bracket and name in self.records else None
        return axis is not None and int(rest.rstrip("]").split(",")[axis]) != 0


def _all_given(trace: Trace, digits: int) -> list[str]:
    """Return what the sheet tells; tensors of zeros in one sentence."""
    told = [record for record in trace if _known(record) and record.value.size]
    zeros = [record for record in told if not record.value.any()]
    lines: list[str] = []
    for record in told:
        if record.value.any():
            lines += _given(record, digits)
    if zeros:
        lines += [f"All zeros: {', '.join(coded(record.name) for record in zeros)}."]
    return lines


def _given(record: Record, digits: int) -> list[str]:
    name = plain_text(record.name)
    statement = shown(record.shape, _WIDEST, _WIDEST).statement
    blocks = [
        f"$$ {symbol_of_given(record)}{block} $$"
        for block in matrix(record, digits, _WIDEST, _WIDEST)
    ]
    lines = [f"**{name}** {plain_text(record.symbolic.replace(' x ', ' × '))}".rstrip()]
    for block in blocks:
        lines += ["", block]
    return [*lines, *(["", plain_text(statement)] if statement else []), ""]


def _asked(record: Record, answers: bool) -> list[str]:
    lines = [f"### {plain_text(record.name)}"]
    if record.latex:
        lines += ["", f"$$ {spelled(record.latex)} $$"]
    if record.dimension:
        symbols, colon, sizes = record.dimension.partition(" : ")
        sizes = sizes if answers else re.sub(r"\d+", "____", sizes)
        words = f"Dimensions: {symbols}{colon}{sizes}".replace(" x ", " × ").replace("->", "→")
        lines += ["", plain_text(words)]
    return lines


def _answer(explanation: Explanation, digits: int) -> str:
    answer = f"**{number(explanation.value, digits)}**"
    terms = explanation.terms
    if not terms or not any(term.factors for term in terms):
        return answer
    return f"{answer} = {_sum_text(terms)}"


def _sum_text(terms: Sequence[Term]) -> str:
    texts = [
        f"({_cut(t.text)})" if t.text.startswith("-") and k else _cut(t.text)
        for k, t in enumerate(terms[:_MOST_TERMS])
    ]
    rest = terms[_MOST_TERMS:]
    if rest:
        texts.append(f"{math.fsum(t.product for t in rest):.6g} ({len(rest)} more terms)")
    return coded(" + ".join(texts))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST].rpartition(" ")[0] + " ..."
