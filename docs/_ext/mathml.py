"""Formulas as MathML: browsers draw it themselves, so pages need no script and no network."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)


def to_mathml(latex: str, display: str, node: nodes.Node) -> str:
    """Return a formula as MathML; warn about commands that the converter does not know."""
    markup = convert(_plain_words(latex), display=display)
    unknown = re.findall(r">([^<]*\\[^<]*)<", markup)
    if unknown:
        logger.warning("not known in a formula: %s", " ".join(unknown), location=node)
    return markup


def _plain_words(latex: str) -> str:
    r"""Write `\_` within words as `_`, which the converter takes as it is there."""
    return re.sub(r"\\text\{[^}]*\}", lambda found: found[0].replace(r"\_", "_"), latex)


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula within a line."""
    self.body.append(to_mathml(node.astext(), "inline", node))
    raise nodes.SkipNode


def visit_block(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write formulas on lines of their own; an empty line parts two of them."""
    self.body.append(self.starttag(node, "div", CLASS="math"))
    for formula in re.split(r"\n\s*\n", node.astext().strip()):
        self.body.append(to_mathml(_aligned(formula), "block", node))
    self.body.append("</div>\n")
    raise nodes.SkipNode


def _aligned(formula: str) -> str:
    """Put lines that line up at & into the environment that does so."""
    if r"\\" in formula and r"\begin{" not in formula:
        return rf"\begin{{aligned}}{formula}\end{{aligned}}"
    return formula


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
