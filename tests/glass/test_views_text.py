"""Hand-outs, worksheets, the terminal's text and the picture: right, escaped, in their width."""

from __future__ import annotations

import itertools
import re
import unicodedata
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.glass.trace import Trace
from chainrule.glass.trace.examples import example
from chainrule.glass.trace.record import Record
from chainrule.glass.views import latex, markdown, picture, terminal, worksheet
from chainrule.glass.views.numbers import element, gapped, number, shown, written
from chainrule.glass.views.sections import facts
from chainrule.glass.views.stations import stations
from chainrule.glass.views.tex import spelled
from tests.glass.views_sample import HOSTILE, sample
from tests.glass.views_traces import every_member, three_layers

SAMPLED = every_member()[::5]

# Numbers ------------------------------------------------------------------------------------------


def test_a_tensor_has_one_number_of_decimals() -> None:
    array = np.array([0.5, -12.25, 1e-9, 0.0])
    texts = written(array, [(k,) for k in range(4)], 4)
    assert texts == ["0.50", "-12.25", "1.0e-09", "0.00"]


@pytest.mark.parametrize("power", range(-300, 301, 25))
@pytest.mark.parametrize("digits", [1, 3, 6, 12, 17])
def test_written_numbers_are_near_the_truth(power: int, digits: int) -> None:
    values = np.array([1.0, -0.734512345, 0.01, 1e-7, 0.0]) * 10.0**power
    texts = written(values, [(k,) for k in range(5)], digits)
    largest = np.max(np.abs(values))
    for text, value in zip(texts, values, strict=True):
        assert abs(float(text) - value) <= 0.51 * 10.0 ** (1 - digits) * largest * 1.1
        assert (float(text) == 0) == (value == 0), "a number that is not zero must not look like it"


def test_whole_numbers_and_odd_ones() -> None:
    assert written(np.array([1.0, 0.0, -0.0]), [(0,), (1,), (2,)], 6) == ["1", "0", "0"]
    assert written(np.array([np.nan, np.inf, 2.0]), [(0,), (1,), (2,)], 6) == ["nan", "inf", "2"]
    assert number(-0.0, 3) == "0"
    assert number(1.5e-9, 3) == "1.5e-09"


@pytest.mark.parametrize(
    "shape", [(), (3,), (40,), (5, 4), (100, 3), (3, 100), (2, 3, 4), (9, 50, 2)]
)
def test_what_is_shown_lies_in_the_tensor_once(shape: tuple[int, ...]) -> None:
    part = shown(shape)
    indices = list(part.indices())
    assert len(indices) == len(set(indices))
    array = np.arange(max(int(np.prod(shape)), 1)).reshape(shape)
    assert all(array[index] >= 0 for index in indices)
    assert (part.statement == "") == (len(indices) == array.size)


def test_marks_stand_where_something_is_left_out() -> None:
    assert gapped((0, 1, 8, 9), list("abyz"), "~") == list("ab~yz")
    assert gapped((0, 1, 2), list("abc"), "~") == list("abc")
    assert gapped(None, ["a"], "~") == ["a"]


def test_facts_tell_the_members() -> None:
    known = dict(facts(three_layers()))
    assert known["loss"] == "softmax_cross_entropy"
    assert known["optimizer"] == "adam"
    assert known["parameters"] == "123"
    assert float(known["loss before"]) == pytest.approx(three_layers().loss_before, rel=1e-5)


# Markdown -----------------------------------------------------------------------------------------


def test_markdown_names_everything() -> None:
    text = markdown.text(three_layers())
    for record in three_layers():
        assert f"### {markdown.plain_text(record.name)}\n" in text
        if record.code:
            assert f"`{record.code}`" in text
    assert text.count("$$") % 2 == 0
    assert text.endswith("\n")


@pytest.mark.parametrize(
    ("words", "safe"),
    [
        ("# a", r"\# a"),
        ("- a", r"\- a"),
        ("1. a", r"1\. a"),
        ("3.5 a", "3.5 a"),
        ("a_b*c", r"a\_b\*c"),
        ("[x](javascript:y)", r"\[x\](javascript:y)"),
        ("<script>", r"\<script\>"),
        ("a\nb", "a b"),
        ("a | b", r"a \| b"),
        ("`", r"\`"),
        ("\\", r"\\"),
    ],
)
def test_markdown_reads_words_as_words(words: str, safe: str) -> None:
    assert markdown.plain_text(words) == safe


def test_hostile_names_stay_words_in_markdown() -> None:
    trace = sample(label=HOSTILE)
    trace.title = HOSTILE
    text = re.sub(r"``?[^`]*``?", "", markdown.text(trace))
    assert not re.search(r"(?<!\\)<", text)


def test_matrices_of_markdown_hold_the_numbers() -> None:
    record = three_layers()["dense_1.W"]
    (block,) = markdown.matrix(record, 17)
    rows = block.removeprefix(r"\begin{bmatrix} ").removesuffix(r" \end{bmatrix}").split(r" \\ ")
    read = np.array([[float(cell) for cell in row.split(" & ")] for row in rows])
    assert np.allclose(read, record.value, rtol=0, atol=1e-15)


# LaTeX --------------------------------------------------------------------------------------------


def balanced(text: str) -> bool:
    depth = 0
    for token in re.findall(r"\\.|[{}]", text):
        depth += {"{": 1, "}": -1}.get(token, 0)
        if depth < 0:
            return False
    return depth == 0


@pytest.mark.parametrize(
    "trace", [*SAMPLED, sample(label=HOSTILE), three_layers()], ids=range(len(SAMPLED) + 2)
)
def test_latex_is_well_formed(trace) -> None:
    text = latex.text(trace)
    assert text.startswith(r"\documentclass[10pt]{article}")
    assert text.rstrip().endswith(r"\end{document}")
    assert set(re.findall(r"\\usepackage(?:\[.*?\])?\{(.*?)\}", text)) <= {
        "inputenc", "amsmath", "amssymb",
    }  # fmt: skip
    assert balanced(text)
    begun = re.findall(r"(?<!\\)\\begin\{(\w+)\}", text)
    ended = re.findall(r"(?<!\\)\\end\{(\w+)\}", text)
    assert sorted(begun) == sorted(ended)
    assert len(re.findall(r"(?<!\\)\\\[", text)) == len(re.findall(r"(?<!\\)\\\]", text))
    body = text.partition(r"\begin{document}")[2]
    comments = [line for line in body.splitlines() if re.search(r"(?<!\\)%(?!$)", line)]
    assert comments == []
    assert all(ord(c) < 0x180 for c in text)


def test_words_of_formulas_are_escaped_in_latex() -> None:
    trace = sample()
    trace.records = (
        Record("a", "forward", "", (), "", r"x = \text{50 % of a_b \_ 中}", "1", (), np.array(1.0)),
    )
    assert r"\text{50 \% of a\_b \_ {[}U+4E2D{]}}" in latex.text(trace)


def test_numbers_with_exponents_become_powers() -> None:
    assert spelled("1e-08 + 5e-05x + W_e + e^{-2}") == (
        r"1 \cdot 10^{-8} + 5 \cdot 10^{-5}x + W_e + e^{-2}"
    )


# Terminal -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("place", range(len(SAMPLED)))
def test_lines_fit_the_terminal(place: int, width: int) -> None:
    for line in terminal.text(SAMPLED[place], width).splitlines():
        long_word = max(map(len, line.split()), default=0)
        assert len(line) <= max(width, long_word + 8), line
        assert line == line.rstrip()


def test_matrices_stand_in_line() -> None:
    lines = terminal.text(three_layers(), 100).splitlines()
    rows = [line for line in lines if line.strip()[:1] in ("⎡", "⎢", "⎣")]
    assert rows
    for above, below in itertools.pairwise(rows):
        if below.strip()[0] != "⎡":
            assert len(above) == len(below)
            assert above.index(above.strip()[0]) == below.index(below.strip()[0])


def test_a_name_cannot_move_the_cursor() -> None:
    trace = sample(label="\x1b[2J\u202ename")
    trace.title = "a\x07b\x1b]0;x"
    text = terminal.text(trace)
    bad = [c for c in text if unicodedata.category(c) in ("Cc", "Cf") and c != "\n"]
    assert bad == []


def test_the_terminal_says_what_is_cut() -> None:
    network = nn.Dense(30)
    step = cr.trace(network, np.ones((2, 3)), np.zeros((2, 30)), loss="squared_error")
    text = terminal.text(step, 60)
    assert "Columns 0 to" in text
    assert "of 30 are shown" in text


# Worksheet ----------------------------------------------------------------------------------------

QUESTION = re.compile(r"^\((\d+)\) (`+)(.+?)\2 = (.*)$", re.MULTILINE)


@pytest.mark.parametrize("place", range(len(SAMPLED)))
def test_the_key_answers_the_sheet(place: int) -> None:
    trace = SAMPLED[place]
    sheet, key = worksheet.text(trace), worksheet.text(trace, answers=True)
    asked, answered = QUESTION.findall(sheet), QUESTION.findall(key)
    assert asked
    assert [found[:3] for found in asked] == [found[:3] for found in answered]
    assert [found[0] for found in asked] == [str(k + 1) for k in range(len(asked))]
    assert all(found[3] == worksheet.BLANK for found in asked)
    for _, _, path, answer in answered:
        value = float(re.match(r"\*\*(.*?)\*\*", answer)[1])
        assert value == pytest.approx(trace.explain(path).value, rel=1e-5, abs=1e-300)
    assert r"\_\_\_\_" in sheet
    assert r"\_\_\_\_" not in key


def test_the_sheet_asks_each_kind_of_step() -> None:
    parts = {question.part for question in worksheet.questions(three_layers())}
    assert parts == {"Forward", "Loss", "Backward", "Update"}
    names = {question.record.name for question in worksheet.questions(three_layers())}
    assert {"dense_1.Z", "loss.J", "dense_1.dZ", "dense_1.dW", "dense_1.W.after"} <= names
    assert not any("long_hand" in name for name in names)


def test_the_update_asks_for_the_entry_whose_gradient_was_asked() -> None:
    found = {q.record.name: q.indices for q in worksheet.questions(three_layers())}
    for name in ("dense_1.W", "dense_2.b", "dense_3.W"):
        layer, local = name.split(".")
        assert found[f"{layer}.d{local}"] == found[f"{name}.after"]
        gradient = three_layers()[f"{layer}.d{local}"].value
        index = found[f"{name}.after"][0]
        assert gradient[index] != 0
        data = f"{layer}.d{local}.data" if local == "W" else f"{layer}.d{local}"
        asked = three_layers()[data].value
        assert abs(asked[index]) == np.max(np.abs(asked))


def one_row(optimizer: str) -> Trace:
    network = nn.Sequential(nn.Dense(2, activation="sigmoid"), nn.Dense(2, activation="sigmoid"))
    X, y = [[0.05, 0.1]], [[0.01, 0.99]]
    return cr.trace(network, X, y, loss="squared_error", optimizer=optimizer, clip="clip_norm")


STEPS = {
    "three layers": three_layers,
    "mazur": lambda: example("mazur"),
    "columns": lambda: example("note-004-simple-nn"),
    "batch norm": lambda: every_member()[-10],
    **{name: (lambda name=name: one_row(name)) for name in ("sgd", "nadam", "adam", "rmsprop")},
}


@pytest.mark.parametrize("name", STEPS)
def test_what_is_not_asked_is_told(name: str) -> None:
    """Whoever fills the sheet needs nothing that is neither on it nor asked for before."""
    trace = STEPS[name]()
    known = {record.name for record in trace if not record.parents}
    have = {element(name, index) for name in known for index in np.ndindex(trace[name].shape)}
    asked = 0
    for line in worksheet.text(trace, answers=True).partition("## Forward")[2].splitlines():
        question = QUESTION.match(line)
        if question:
            asked += 1
            for term in trace.explain(question[3]).terms:
                missing = {path for path, _ in term.factors} - have
                assert not missing or other_sample(trace, missing), (question[3], missing)
            have.add(question[3])
        else:
            have.update(re.findall(r"`([^`]+)` = [-\d]", line))
    assert asked > 15


def other_sample(trace: Trace, paths: set[str]) -> bool:
    """Say whether numbers belong to other samples, whose terms the sheet adds up."""
    for path in paths:
        name, _, index = path.partition("[")
        axes = trace[name].symbolic.strip("()").split(" x ")
        if "N" not in axes or index.rstrip("]").split(", ")[axes.index("N")] == "0":
            return False
    return True


# Picture ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trace", [*every_member()[::3], three_layers()], ids=range(19))
def test_the_picture_is_whole(trace) -> None:
    tree = ET.fromstring(picture.svg(trace))
    words = "".join(tree.itertext())
    for station in stations(trace):
        assert station.layer in words
    learnt = sum(r.value.size for r in trace if r.role == "parameter")
    assert f"{learnt:,} parameters" in tree.attrib["aria-label"]
    assert sum(station.count for station in stations(trace)) == learnt
    assert "http" not in picture.svg(trace, standalone=False)


def test_lines_are_weights() -> None:
    tree = ET.fromstring(picture.svg(sample()))
    lines = [
        e for e in tree.iter() if e.tag.endswith("line") and e.get("class") in ("plus", "minus")
    ]
    weights = [sample()["dense_1.W"].value, sample()["dense_2.W"].value]
    assert len(lines) == sum(w.size for w in weights)
    negative = sum(int((w < 0).sum()) for w in weights)
    assert len([line for line in lines if line.get("class") == "minus"]) == negative


@pytest.mark.parametrize("convention", ["rows", "columns"])
def test_both_layouts_draw_the_same_network(convention: str) -> None:
    trace = cr.trace(
        nn.Sequential(nn.Dense(4), nn.Tanh(), nn.Dense(3)),
        np.ones((5, 2)), np.zeros((5, 3)), loss="squared_error", convention=convention,
    )  # fmt: skip
    line = stations(trace)
    assert [station.features for station in line] == [2, 4, 4, 3]
    assert [station.count for station in line] == [0, 12, 0, 15]
    assert [None if s.weights is None else s.weights.shape for s in line] == [
        None, (2, 4), None, (4, 3),
    ]  # fmt: skip
    assert line[1].sum_text in ("2×4 + 4 = 12", "4×2 + 4 = 12")


def test_a_branch_is_an_arc() -> None:
    network = nn.Sequential(nn.Dense(4), nn.Residual(nn.Sequential(nn.Dense(4), nn.Tanh())))
    trace = cr.trace(network, np.ones((2, 3)), np.zeros((2, 4)), loss="squared_error")
    line = stations(trace)
    assert len(line[-1].sources) == 2
    assert 'class="skip"' in picture.svg(trace)


def test_a_deep_network_becomes_boxes() -> None:
    network = nn.Sequential(*[nn.Dense(3, activation="tanh") for _ in range(9)])
    trace = cr.trace(network, np.ones((2, 3)), np.zeros((2, 3)), loss="squared_error")
    drawn = picture.svg(trace)
    assert "<circle" not in drawn
    assert drawn.count("<rect") == len(stations(trace))
