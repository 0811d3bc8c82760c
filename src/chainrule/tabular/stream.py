"""A table file larger than memory, encoded for training with a stated amount of memory.

Decisions
---------
a) Three passes. The first cuts the file into parts, reads each with `read_table`, and keeps its
   columns on the disk; the second fits the encoder on the training rows; the third encodes all
   rows into blocks (`chainrule.training.blocks`) and removes the columns as it goes.
b) A column has one kind. Where parts of it were read as different kinds it is text, and those parts
   are read a second time as such; so a word at the end of a million numbers makes text, as it does
   in memory.
c) Rows are drawn into training, validation and test one by one (`part_of_rows`), not class by
   class: that would need to know all rows. With as many rows as this is for, the shares come out
   alike.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import field

from chainrule.files import readable_file
from chainrule.frozen import frozen
from chainrule.tabular.dialect import AS_FOUND, Dialect
from chainrule.tabular.encoder import Encoder
from chainrule.tabular.paths import said_path
from chainrule.tabular.reading import Reading
from chainrule.tabular.split import require_rest
from chainrule.tabular.stream_fit import MOST_LEVELS, ColumnTally
from chainrule.tabular.stream_passes import Told, encode, fit, read
from chainrule.tabular.table import Kind
from chainrule.tabular.target import TargetCode, Task
from chainrule.training.blocks import Blocks
from chainrule.training.blocks_folder import passing_folder
from chainrule.training.blocks_memory import Budget
from chainrule.training.blocks_writer import BlocksWriter

__all__ = ["ColumnFacts", "StreamedTable", "stream_table"]


@frozen
class ColumnFacts:
    """What is known of a column: kind, missing cells, ends, and levels, of the training rows."""

    name: str
    kind: Kind
    missing: int
    low: float | None
    high: float | None
    mean: float | None
    levels: int | None
    """At least so many where `exact` is false."""
    exact: bool = True


@frozen
class StreamedTable:
    """An encoded table: the blocks to train on, and what was learned on the way.

    Parameters
    ----------
    blocks : Blocks
    encoder : Encoder
        Fitted on the training rows.
    columns : tuple of ColumnFacts
        In the order of the file.
    rows : int
        Of the file.
    dropped : int
        Rows left out because their target is missing.
    class_counts : tuple of int or None
        Training rows of each class.
    source : str
    notes : tuple of str
    reading : Reading or None
        How the file is written.
    """

    blocks: Blocks
    encoder: Encoder
    columns: tuple[ColumnFacts, ...]
    rows: int
    dropped: int
    class_counts: tuple[int, ...] | None
    source: str
    notes: tuple[str, ...] = field(default=())
    reading: Reading | None = None

    def close(self) -> None:
        """Remove the files of the blocks."""
        self.blocks.close()

    def __enter__(self) -> StreamedTable:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def stream_table(
    path: str | os.PathLike[str],
    target: str,
    *,
    memory: object,
    folder: str | os.PathLike[str] = ".",
    task: Task | None = None,
    standardise: Callable[[TargetCode], bool] | None = None,
    validation_share: float = 0.2,
    test_share: float = 0.2,
    seed: int = 0,
    dtype: str = "float32",
    drop_missing_target: bool = False,
    dialect: Dialect = AS_FOUND,
    told: Told | None = None,
    ignore: Sequence[str] = (),
) -> StreamedTable:
    r"""Read a table file of any size into blocks to train on.

    Parameters
    ----------
    path : path
        As for `read_table`.
    target : str
        The column to predict.
    memory : str or int
        What the process may take, libraries included: `"256MB"`. At least 128 MB.
    folder : path
        Where temporary files lie: about three times the size of the table, at most.
    task : str, optional
        `"regression"` or `"classification"`; by default, by the values of the target.
    standardise : function of TargetCode
        Whether a quantity is standardised; by default it is. Losses with a domain of their own
        (counts) want it as it stands.
    validation_share, test_share : float
    seed : int
    dtype : str
    drop_missing_target : bool
        Leave out rows without a target; they are counted.
    dialect : Dialect, optional
    told : function, optional
        Called with what is being done and the rows of it that are done.
    ignore : sequence of str
        Columns that the network does not see.

    Raises
    ------
    DataError, TargetError
        The table cannot be read or learned from; names file and line.
    ChainruleError
        The disk is full, or the memory too little for this table.

    Example
    -------
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> lines = [f"{number % 7},{number % 3}" for number in range(90)]
    >>> _ = (folder / "a.csv").write_text("\n".join(["x,y", *lines]))
    >>> with stream_table(folder / "a.csv", "y", memory="128MB", folder=folder) as table:
    ...     table.encoder.features, table.encoder.target.classes, sum(table.blocks.rows.values())
    (('x',), (0, 1, 2), 90)
    """
    require_rest(test_share, validation_share)
    budget = Budget.of(memory)
    path = readable_file(path, "table")
    writer = BlocksWriter(budget, folder, (validation_share, test_share), seed, dtype)
    try:
        with passing_folder(folder) as room:
            table = read(path, target, dialect, room, budget, told, ignore)
            fitted = fit(table, writer, drop_missing_target)
            code = fitted.target_code(task, standardise=False)
            scaled = standardise is None or standardise(code)
            encoder = fitted.encoder(code.task, scaled, ignore)
            counts = encode(table, encoder, writer)
        blocks = Blocks(writer.finish())
    except BaseException:
        writer.abandon()
        raise
    facts = tuple(_facts(tally) for tally in fitted.columns.values())
    notes = (*table.notes, *fitted.notes())
    return StreamedTable(
        blocks,
        encoder,
        facts,
        table.rows,
        fitted.dropped,
        counts,
        said_path(path),
        notes,
        table.reading,
    )


def _facts(tally: ColumnTally) -> ColumnFacts:
    moments = tally.moments
    known = moments.count > 0
    return ColumnFacts(
        tally.name,
        tally.kind,
        tally.missing,
        moments.low if known else None,
        moments.high if known else None,
        moments.standard()[0] if known else None,
        _levels(tally),
        not tally.lost,
    )


def _levels(tally: ColumnTally) -> int | None:
    if tally.kind != "text":
        return None
    return MOST_LEVELS if tally.lost else len(tally.levels)
