"""`chainrule data`: public data that the package does not bring along, fetched when asked."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from chainrule.cli.group import VERBS
from chainrule.cli.options import PATH, Known, debug_option, json_option

__all__ = ["command"]


@click.command("data", help=VERBS["data"])
@click.argument("name", type=Known("data set", ["mnist"]))
@click.option(
    "--out", type=PATH, metavar="DIR", default=Path("mnist"), show_default=True, help="Where to."
)
@json_option
@debug_option
def command(name: str, out: Path, as_json: bool) -> None:
    """Download MNIST: 70,000 handwritten digits, 12 MB, every file checked."""
    from chainrule.cli.screen import Screen
    from chainrule.cli.words import bytes_text
    from chainrule.images.mnist import fetch_mnist

    screen = Screen(as_json)
    files: list[dict[str, Any]] = []

    def told(file: str, size: int) -> None:
        screen.done(f"{file}, {bytes_text(size)}, its checksum is right")
        files.append({"file": str(out / file), "bytes": size})

    absent = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        fetch_mnist(out, on_file=told)
    except BaseException:
        with suppress(OSError):  # what was made for the files goes, unless one of them is there
            for folder in absent:
                folder.rmdir()
        raise
    if as_json:
        screen.json({"name": name, "files": files})
        return
    screen.gap()
    screen.command("next", f"chainrule train {out} --hidden 512,256 --out digits.safetensors")
