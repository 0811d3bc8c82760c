"""The ground of the pictures of experiments: a picture, its colours, and what becomes of its SVG.

Decisions
---------
a) Two grounds were sketched: the package's own `svg` and matplotlib. One plane with 20 lines took
   13 ms and 12 kB with the first, 180 ms and 34 kB (18 kB once its numbers are rounded) with the
   second, plus a second to load it. matplotlib won: logarithmic ticks, contours, hatching, small
   multiples whose labels are measured, and PNG are all there, and a sweep is drawn once after
   minutes of training. The pages of single runs keep `svg`, which needs no extra.
b) matplotlib's SVG is not passed on as it is. It is parsed and written anew without metadata,
   comments and its style sheet (which would reach into the whole page), with ids that no other
   picture of the page has, rounded numbers, text as text, and, within a page, the page's own
   colours, so that one picture serves the light and the dark page.
c) Text is measured in DejaVu Sans, which comes with matplotlib, and shown in the reader's own
   font. DejaVu is wider than those, so what fits here fits there.
d) Nothing of the caller's matplotlib counts: no rc file, no backend, no pyplot.
"""

from __future__ import annotations

import io
import os
import re
import warnings
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from chainrule.errors import MissingExtraError, UsageError
from chainrule.files import atomic_write
from chainrule.report.svg import Drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "BOLD",
    "COLOURS",
    "DASHES",
    "FAINT",
    "FIRST",
    "INK",
    "LINE",
    "PAPER",
    "SECOND",
    "WIDE",
    "Picture",
    "plain",
]

WIDE = 1000
INK, FAINT, LINE, PAPER = "#1b232d", "#5d6875", "#dfe4ea", "#fefefe"
FIRST, SECOND = "#0b7085", "#c8500a"
COLOURS = (FIRST, SECOND, "#9a6fe0", INK, "#4a9a2f")
DASHES = ("solid", (0, (5, 2)), (0, (1.2, 1.4)), (0, (7, 2, 1.2, 2)), (0, (2.5, 1.5)))
"""Strokes of the lines of one plane: they differ in grey as well."""
BOLD = "bold"
_OF_THE_PAGE = {
    INK: "var(--ink)",
    FAINT: "var(--faint)",
    LINE: "var(--line)",
    PAPER: "var(--paper)",
    FIRST: "var(--first)",
    SECOND: "var(--second)",
}
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_LONG = re.compile(r"-?\d+\.\d+")
_MEASURED = re.compile(r"'DejaVu Sans'[^;]*sans-serif")
_COLOUR = re.compile("|".join(_OF_THE_PAGE))
_CONTROL = dict.fromkeys((*range(32), *range(127, 160), 0xFFFE, 0xFFFF))
_LOOK: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": FAINT,
    "axes.facecolor": PAPER,
    "axes.grid": True,
    "axes.labelcolor": FAINT,
    "axes.labelsize": 12,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlepad": 9,
    "axes.titlesize": 12.5,
    "axes.titleweight": BOLD,
    "figure.constrained_layout.h_pad": 5 / 72,
    "figure.constrained_layout.w_pad": 5 / 72,
    "figure.dpi": 72,
    "figure.facecolor": PAPER,
    "font.family": "sans-serif",
    "font.size": 12,
    "grid.color": LINE,
    "grid.linewidth": 1,
    "hatch.linewidth": 1.2,
    "svg.fonttype": "none",
    "svg.hashsalt": "chainrule",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": FAINT,
    "xtick.labelsize": 12,
    "xtick.major.size": 3,
    "ytick.color": FAINT,
    "ytick.labelsize": 12,
    "ytick.major.size": 3,
}


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture, drawn when it is asked for: as SVG, as PNG, or within a page.

    The same numbers give the same bytes.

    Parameters
    ----------
    title : str
        What it shows, for those who cannot see it.
    width, height : int
        In pixels.
    draw : callable
        Gets an empty `matplotlib.figure.Figure` of that size.
    caption : str
        A sentence or two that say how it is read.

    Example
    -------
    >>> from chainrule.report.figures_canvas import Picture
    >>> picture = Picture("a line", 200, 120, lambda figure: figure.subplots().plot([1, 2]))
    >>> picture.svg().startswith("<svg"), picture.png()[1:4]
    (True, b'PNG')
    """

    title: str
    width: int
    height: int
    draw: Callable[[Figure], object] = field(repr=False)
    caption: str = ""

    def svg(self) -> str:
        """Return the picture as an SVG file on white paper, without any reference to outside."""
        return _cleaned(self._matplotlib_svg(), self.title, "", page=False) + "\n"

    def drawing(self, number: int = 0) -> Drawing:
        """Return the picture for a page, in whose colours it is drawn.

        Parameters
        ----------
        number : int
            Differs between the pictures of one page: their ids must not meet.
        """
        mark = f"p{number}-{zlib.crc32(self.title.encode()):08x}-"
        return Drawing(_cleaned(self._matplotlib_svg(), self.title, mark, page=True))

    def png(self, scale: float = 2.0) -> bytes:
        """Return the picture as a PNG file of `scale` times its size in pixels."""
        with self.drawn() as figure:
            from matplotlib.backends.backend_agg import FigureCanvasAgg

            figure.set_dpi(72 * scale)
            content = io.BytesIO()
            FigureCanvasAgg(figure).print_png(content, metadata={"Software": None})
        return content.getvalue()

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the picture to a file whose name ends in `.svg` or `.png`.

        Raises
        ------
        UsageError
            The name ends otherwise.
        OutputExistsError
            The file exists and `overwrite` is false.
        """
        ending = Path(path).suffix.lower()
        if ending not in (".svg", ".png"):
            raise UsageError(
                "a picture is written as SVG or PNG", expected=".svg or .png", got=str(path)
            )
        content = self.svg() if ending == ".svg" else self.png()
        return atomic_write(path, content, overwrite=overwrite)

    @contextmanager
    def drawn(self) -> Generator[Figure]:
        """Give the drawn figure, in the look of this package."""
        with _quiet(), _style().context(["default", _LOOK]):
            from matplotlib.figure import Figure

            figure = Figure(figsize=(self.width / 72, self.height / 72), layout="constrained")
            self.draw(figure)
            yield figure

    def _matplotlib_svg(self) -> str:
        with self.drawn() as figure:
            from matplotlib.backends.backend_svg import FigureCanvasSVG

            text = io.StringIO()
            FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None})
        return text.getvalue()


def plain(words: object, longest: int = 40) -> str:
    """Return words for a label: in one line, without control characters, cut where too long.

    Example
    -------
    >>> from chainrule.report.figures_canvas import plain
    >>> plain("a very long name that goes on and on", longest=12)
    'a very long…'
    """
    line = " ".join(str(words).split()).translate(_CONTROL)
    line = line.encode("utf-8", "replace").decode()  # lone surrogates are in no file
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


@contextmanager
def _quiet() -> Generator[None]:
    """Silence what is no concern of whoever asks for a picture."""
    with warnings.catch_warnings():
        # The reader's font may have the sign that the measuring one lacks.
        warnings.filterwarnings("ignore", message="Glyph")
        # An older matplotlib with a newer pyparsing.
        warnings.filterwarnings("ignore", r"'\w+' (argument is )?deprecated", DeprecationWarning)
        yield


def _style() -> Any:
    try:
        import matplotlib.style
    except ImportError:
        raise MissingExtraError(
            "pictures of experiments need matplotlib", do='pip install "chainrule[cli]"'
        ) from None
    return matplotlib.style


def _cleaned(text: str, title: str, mark: str, *, page: bool) -> str:
    """Return matplotlib's SVG anew: only what is seen, and in the colours of the page."""
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    root = ET.fromstring(text)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
    _prune(root)
    for element in root.iter():
        element.text = element.text if element.tag == f"{{{_SVG}}}text" else None
        element.tail = None
        for name, value in list(element.attrib.items()):
            kept = _attribute(name, value, mark, used, page)
            if kept is None:
                del element.attrib[name]
            else:
                element.set(name, kept)
    for name in ("width", "height"):
        root.set(name, root.get(name, "").removesuffix("pt"))
    root.attrib.pop("version", None)
    root.attrib.update({"role": "img", "aria-label": plain(title, 200)})
    root.attrib.update({"stroke-linejoin": "round", "stroke-linecap": "butt"})
    return ET.tostring(root, encoding="unicode")


def _prune(element: ET.Element) -> None:
    """Remove metadata and style sheets, and groups that hold nothing."""
    for child in list(element):
        _prune(child)
        name = child.tag.rpartition("}")[2]
        if name in ("metadata", "style") or (name in ("g", "defs") and not len(child)):
            element.remove(child)


def _attribute(name: str, value: str, mark: str, used: set[str], page: bool) -> str | None:
    if name == "id":
        return mark + value if value in used else None
    if name == f"{{{_XLINK}}}href":
        return f"#{mark}{value[1:]}" if value.startswith("#") else None
    if name in ("d", "x", "y", "width", "height", "transform", "points"):
        places = 4 if "scale" in value or "matrix" in value else 2
        short = _LONG.sub(
            lambda found: f"{float(found[0]):.{places}f}".rstrip("0").rstrip("."), value
        )
        return " ".join(short.split())
    value = value.replace("url(#", f"url(#{mark}")
    if name == "style":
        value = _MEASURED.sub(_FONT, value)
    return _COLOUR.sub(lambda found: _OF_THE_PAGE[found[0]], value) if page else value
