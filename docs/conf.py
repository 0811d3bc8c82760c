"""How the documentation is built: Markdown pages, and a reference made from the library itself."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

from chainrule import __version__  # noqa: E402 - the paths come first

project = "Chainrule"
author = "The Chainrule developers"
copyright = "2026, The Chainrule developers"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "attributes",
    "mathml",
    "reference",
]
exclude_patterns = ["_build"]
default_role = "code"
suppress_warnings = ["ref.python"]  # a name in a signature may belong to two modules

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_inherit_docstrings = False  # an override without words of its own is told at its base
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
napoleon_google_docstring = False
napoleon_custom_sections = ["Decisions"]

html_theme = "furo"
html_title = f"Chainrule {version}"
html_math_renderer = "mathml"
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["chainrule.css"]
html_copy_source = False
