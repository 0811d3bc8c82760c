"""Tables: read from files, split into parts, encoded as numbers by rules kept as plain data."""

from __future__ import annotations

from chainrule.tabular.dialect import Dialect as Dialect
from chainrule.tabular.encoder import Encoder as Encoder
from chainrule.tabular.predict import Predictions as Predictions
from chainrule.tabular.predict import predict_table as predict_table
from chainrule.tabular.reader import read_table as read_table
from chainrule.tabular.split import split_rows as split_rows
from chainrule.tabular.table import Column as Column
from chainrule.tabular.table import Table as Table

__all__ = [
    "Column",
    "Dialect",
    "Encoder",
    "Predictions",
    "Table",
    "predict_table",
    "read_table",
    "split_rows",
]
