"""Formulas: every one of the library can be set, as MathML and as a line of text."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from chainrule.errors import InvalidParameterError
from chainrule.glass.trace.random_steps import random_step
from chainrule.glass.views.mathml import mathml
from chainrule.glass.views.plain import plain
from chainrule.registry import REGISTRIES
from tests.glass.views_traces import every_member, three_layers

TWO = {"mfrac", "msup", "msub", "munder", "mover", "mroot"}
THREE = {"msubsup", "munderover"}


def formulas_of_members() -> set[str]:
    """Return every text of an attribute whose name ends with `latex`, over all registries."""
    found: set[str] = set()
    for registry in REGISTRIES.values():
        for member in registry:
            for name in dir(member):
                if name.endswith("latex"):
                    value = getattr(member, name)
                    texts = value.values() if hasattr(value, "values") else value
                    found.update([value] if isinstance(value, str) else texts)
    return {latex for latex in found if latex}


def check(latex: str) -> None:
    tree = ET.fromstring(mathml(latex))
    assert tree.tag == "math"
    for node in tree.iter():
        if node.tag in TWO:
            assert len(node) == 2, (latex, node.tag)
        if node.tag in THREE:
            assert len(node) == 3, (latex, node.tag)
        if node.tag in ("mi", "mn", "mo", "mtext"):
            assert "\\" not in (node.text or ""), latex
    line = plain(latex)
    assert line
    assert "\n" not in line
    assert "\\" not in line, latex


def test_every_member_has_formulas_that_can_be_set() -> None:
    formulas = formulas_of_members()
    assert len(formulas) > 100
    for latex in formulas:
        check(latex)


def test_every_record_of_many_traces_can_be_set() -> None:
    formulas = {r.latex for trace in (*every_member(), three_layers()) for r in trace if r.latex}
    assert len(formulas) > 300
    for latex in formulas:
        check(latex)


@pytest.mark.parametrize(
    ("latex", "got"),
    [
        (r"x + \unheard{y}", r"\unheard"),
        (r"\href{a}{b}", r"\href"),
        (r"\begin{picture} x \end{picture}", "picture"),
        (r"\frac{1}", "its end"),
        (r"{x", "its end"),
        (r"x}", "}"),
        (r"\left( x", "its end"),
        (r"x_", "its end"),
        (r"x_1_2", "_"),
        (r"a & b", "&"),
        (r"\begin{cases} x \end{matrix}", "matrix"),
        (r"\text{x", "its end"),
        ("100 %", "%"),
        ("$x$", "$"),
        ("\\", "\\"),
        ("{" * 100 + "x" + "}" * 100, None),
    ],
)
def test_what_cannot_be_set_is_named(latex: str, got: str | None) -> None:
    for write in (mathml, plain):
        with pytest.raises(InvalidParameterError) as caught:
            write(latex)
        assert repr(latex)[1:20] in str(caught.value)
        if got is not None:
            assert caught.value.got == got


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        ("x_1^2", "<msubsup><mi>x</mi><mn>1</mn><mn>2</mn></msubsup>"),
        (r"{W^{(1)}}_{\text{new}}", "<msubsup><mi>W</mi>"),
        ("f'", "<msup><mi>f</mi><mo>′</mo></msup>"),
        (r"\tfrac12", "<mfrac><mn>1</mn><mn>2</mn></mfrac>"),
        (r"\sqrt[3]{x}", "<mroot><mi>x</mi><mrow><mn>3</mn></mrow></mroot>"),
        (r"\sum_i x", '<munder><mo largeop="true" movablelimits="true">∑</mo><mi>i</mi></munder>'),
        (r"\mathbb{R}", '<mi mathvariant="normal">ℝ</mi>'),
        (r"\mathcal{N}", '<mi mathvariant="normal">𝒩</mi>'),
        (r"\left\{ x \right.", '<mo form="prefix" stretchy="true" fence="true">{</mo>'),
        (r"\text{a < b}", "<mtext>a &lt; b</mtext>"),
        ("a < b", "<mo>&lt;</mo>"),
        ("5e-05", "<msup><mn>10</mn>"),
        (r"\widetilde{dW}", '<mo stretchy="true">˜</mo>'),
    ],
)
def test_mathml_of(latex: str, expected: str) -> None:
    assert expected in mathml(latex)


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"Z = X W + b", "Z = X W + b"),
        (r"dX = dZ\, W^\top", "dX = dZ Wᵀ"),
        (r"\frac{1}{N} (P - Y)", "(1 / N)(P − Y)"),
        (r"\frac{a + b}{c}", "(a + b) / c"),
        (r"e^{-z^2 / 2}", "e^(−z²/2)"),
        (r"J_i = -\sum_k y_{ik} \log p_{ik}", "Jᵢ = −∑ₖ yᵢₖ log pᵢₖ"),
        (r"\begin{cases} 1 & z > 0 \\ 0 & z \leq 0 \end{cases}", "1 if z > 0; 0 if z ≤ 0"),
        (r"\hat m_{W} = 1 - \beta_1^t", "m̂_W = 1 − β₁ᵗ"),
    ],
)
def test_plain_text_of(latex: str, expected: str) -> None:
    assert plain(latex) == expected


def test_nothing_becomes_markup() -> None:
    made = mathml(r"\text{<script>alert(1)</script>} < x")
    assert "<script" not in made
    assert ET.fromstring(made).find("mtext").text == "<script>alert(1)</script>"


@pytest.mark.parametrize("number", range(12))
def test_every_record_of_random_traces_can_be_set(number: int) -> None:
    name, trace = random_step(11, number)
    for record in trace:
        if record.latex:
            check(record.latex)
    assert len(trace.records) > 20, name
