"""What a verb learns from: a table or pictures, split into the parts that training needs."""

from __future__ import annotations

from pathlib import Path

from chainrule.cli.pipeline import Learnable, Settings, prepare
from chainrule.images import is_image_source
from chainrule.tabular import read_table

__all__ = ["learnable"]


def learnable(data: Path, settings: Settings) -> Learnable:
    """Read a table, or pictures, as `chainrule train` does.

    Raises
    ------
    ChainruleError
        They cannot be read or learned from.
    """
    if is_image_source(data):
        from chainrule.cli.pictures import prepare_pictures

        return prepare_pictures(data, settings)
    table = read_table(data, dialect=settings.dialect(), ignore=settings.ignore)
    return prepare(table, settings)
