"""The parts of a trace that every view shows: sections, facts and settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from chainrule.frozen import frozen
from chainrule.glass.trace.record import Record
from chainrule.glass.views.numbers import number

if TYPE_CHECKING:
    from chainrule.glass.trace import Trace

__all__ = [
    "Section",
    "check_text",
    "convention_of",
    "digits_of",
    "facts",
    "given",
    "sections",
    "title_of",
]

_SECTIONS = (
    (
        "Given",
        ("input", "parameter"),
        "The samples, the target, and the parameters before the step.",
    ),
    ("Forward", ("forward",), "From the samples to the predictions, one operation at a time."),
    ("Loss", ("loss",), "How far the predictions are from the target, as one number."),
    ("Backward", ("backward",), "The chain rule, from the loss back to every parameter."),
    ("Penalties and clipping", ("penalty", "clipping"), "What joins or bounds the gradient."),
    ("Optimizer", ("optimizer",), "What the optimizer keeps, and the rate at this step."),
    ("Update", ("update",), "From the parameters before the step to those after it."),
    ("After the step", ("after",), "The same samples through the changed parameters."),
)


@frozen
class Section:
    """Records of one part of a training step."""

    title: str
    text: str
    records: tuple[Record, ...]

    @property
    def anchor(self) -> str:
        """The title as an address within a page."""
        return self.title.lower().replace(" ", "-")


def sections(records: Iterable[Record]) -> tuple[Section, ...]:
    """Return the records in sections, each in the order of the step; empty sections are left out.

    Example
    -------
    >>> sections(())
    ()
    """
    everything = tuple(records)
    found = (
        Section(title, text, tuple(record for record in everything if record.role in roles))
        for title, roles, text in _SECTIONS
    )
    return tuple(section for section in found if section.records)


def given(record: Record) -> bool:
    """Say whether a record was put in rather than computed."""
    return not record.code


def digits_of(trace: Trace) -> int:
    """Return how many significant digits are shown."""
    return int(_setting(trace, "digits", 6))


def convention_of(trace: Trace) -> str:
    """Return "rows" if a row of X is a sample, "columns" if a column is one."""
    return str(_setting(trace, "convention", "rows"))


def _setting(trace: Trace, name: str, default: Any) -> Any:
    settings = trace.settings
    value = settings.get(name) if isinstance(settings, dict) else getattr(settings, name, None)
    return default if value is None else value


def facts(trace: Trace) -> list[tuple[str, str]]:
    """Return what is to be said about a trace as a whole: pairs of a label and words."""
    digits = max(digits_of(trace), 6)
    convention = convention_of(trace)
    samples = f"a {convention.removesuffix('s')} of X is a {_what_a_line_is(trace)}"
    checked = [record.check for record in trace if record.check is not None]
    good = sum(check.passed for check in checked)
    lines = [
        ("loss before", number(float(trace.loss_before), digits)),
        ("loss after", number(float(trace.loss_after), digits)),
        *_members(trace),
        ("reduction", f"{_setting(trace, 'reduction', 'mean')} over the samples"),
        ("layout", f"{convention}: {samples}"),
        ("parameters", f"{sum(r.value.size for r in trace if r.role == 'parameter'):,}"),
        ("tensors", str(len(trace.records))),
    ]
    if checked:
        worst = max(check.error for check in checked)
        lines.append(("gradients checked", f"{good} of {len(checked)} right, worst {worst:.1e}"))
    return lines


def _what_a_line_is(trace: Trace) -> str:
    inputs = [record for record in trace if record.role == "input"][:1]
    return "position of a sample" if inputs and len(inputs[0].shape) > 2 else "sample"


def _members(trace: Trace) -> list[tuple[str, str]]:
    """Return the names of loss and optimizer as registries know them."""
    summary = getattr(trace, "summary", {})
    found = ((kind, summary.get(kind)) for kind in ("loss", "optimizer"))
    return [
        (kind, str(record["record"]).rpartition("/")[2])
        for kind, record in found
        if isinstance(record, dict) and "record" in record
    ]


def title_of(trace: Trace) -> str:
    """Return the title, or words that fit any step."""
    return trace.title or "One training step"


def check_text(record: Record) -> str:
    """Return one line about the independent check of a gradient, "" where there is none."""
    if record.check is None:
        return ""
    verdict = "equals" if record.check.passed else "DIFFERS FROM"
    text = f"{verdict} the {record.check.method}: relative difference {record.check.error:.1e}"
    if record.check.corners:
        text += f"; one-sided at {', '.join(record.check.corners)}"
    return text
