"""The rows of the benchmark: what is measured, in which unit, and which mark it must reach."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from benchmarks.fits import DIGITS
from benchmarks.runner import ONE_THREAD_BELOW, cores
from benchmarks.sides import OURS
from benchmarks.work import Work

NETWORKS: tuple[tuple[tuple[int, ...], int, float], ...] = (
    ((2, 16, 16, 1), 32, 10.0),
    ((20, 64, 32, 1), 32, 5.0),
    ((784, 128, 10), 128, 3.0),
    ((64, 256, 256, 256, 1), 256, 1.45),
    ((784, 512, 512, 10), 256, 1.8),
    ((1024, 2048, 2048, 1000), 1024, 1.4),
)
"""Widths, batch, and how many times as long as ours the fastest peer must take."""

WIDEST = tuple("-".join(map(str, widths)) for widths, _, _ in NETWORKS[-2:])
VARIANTS = {
    "dropout_norm": "batch norm, dropout 0.1",
    "residual": "layer norm, residuals",
    "adamw_clip": "AdamW, clipped norm",
}
SHARE_OF_MARK = 0.8
"""A variant must reach this share of its plain row's mark."""

FIT_EPOCHS = 50

DATA_ROWS = 8192
"""Rows of the training data; a turn is one pass over them."""

PRODUCTS = (
    (256, 784, 512),
    (256, 512, 512),
    (512, 512, 512),
    (1024, 1024, 2048),
    (1024, 2048, 2048),
    (2048, 1024, 2048),
)
"""Sizes m, k, n among which the best GEMM rate is looked for: those of the widest rows, and two."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Parameters
    ----------
    group : str
        `plain`, a variant, `table`, `many`, `fit`, `predict` or `cold`.
    name : str
        Unique; `--rows` looks for it.
    title : str
        What people read.
    work : Work
    peers : tuple of str
    mark : float, optional
        Least ratio of the rival's time to ours.
    rival : str, optional
        The peer that the mark speaks of; the fastest where none is named.
    unit : str
        `us` or `s`.
    """

    group: str
    name: str
    title: str
    work: Work
    peers: tuple[str, ...]
    mark: float | None = None
    rival: str | None = None
    unit: str = "us"

    def matches(self, patterns: list[str]) -> bool:
        """Say whether a pattern names this row or its group."""
        return any(pattern == self.group or fnmatchcase(self.name, pattern) for pattern in patterns)


def _training_rows() -> list[Row]:
    rows: list[Row] = []
    for widths, batch, mark in NETWORKS:
        name = "-".join(map(str, widths))
        steps = DATA_ROWS // batch
        work = Work("train", widths, batch, rows=DATA_ROWS, steps=steps)
        trainers = ("scikit-learn", "torch", "torch.compile", *_jax(work))
        rows.append(Row("plain", name, f"{name}, batch {batch}", work, trainers, mark))
    for variant, words in VARIANTS.items():
        for plain in rows[: len(NETWORKS)]:
            assert plain.mark is not None
            rows.append(
                replace(
                    plain,
                    group=variant,
                    name=f"{plain.name}+{variant}",
                    title=f"{plain.name}, {words}",
                    work=replace(plain.work, variant=variant),
                    peers=plain.peers[1:],
                    mark=round(SHARE_OF_MARK * plain.mark, 3),
                )
            )
    return rows


def _jax(work: Work) -> tuple[str, ...]:
    """Return JAX, for small work also on one thread."""
    return ("jax", "jax-1-thread") if work.flops < ONE_THREAD_BELOW else ("jax",)


def _spaced(count: int) -> str:
    return f"{count:,}".replace(",", " ")


def _prediction_rows() -> list[Row]:
    marks = {1: 1.3, 1000: 1.5}
    calls = {1: 1000, 32: 500, 1000: 20, 100_000: 1}
    rows: list[Row] = []
    for widths in ((20, 64, 32, 1), (784, 512, 512, 10)):
        name = "-".join(map(str, widths))
        for count, repeats in calls.items():
            shorter = max(1, repeats // 20) if widths[0] > 20 else repeats
            work = Work("predict", widths, rows=count, steps=shorter)
            mark = marks.get(count) if widths[0] == 20 else None
            peers = ("scikit-learn", "torch", "torch.compile", *_jax(work), "onnxruntime")
            title = f"{name}, {_spaced(count)} row{'s' * (count > 1)} predicted"
            rows.append(
                Row("predict", f"predict-{name}-{count}", title, work, peers, mark, "onnxruntime")
            )
    return rows


def _fit_rows() -> list[Row]:
    works = {
        "1000x20": Work("fit", (20, 100, 1), 200, rows=1000, steps=FIT_EPOCHS),
        "digits": Work("fit", (64, 100, 10), 200, rows=DIGITS, steps=FIT_EPOCHS),
    }
    title = "MLPClassifier().fit of {}, {} epochs"
    return [
        Row("fit", f"fit-{name}", title.format(name, FIT_EPOCHS), work, ("scikit-learn",), 5.0)
        for name, work in works.items()
    ]


def all_rows() -> list[Row]:
    """Return every row in the order of the table."""
    table = Work("table", (50, 128, 64, 1), 250, rows=100_000)
    many = Work("many", (20, 64, 32, 1), 32, rows=DATA_ROWS, steps=256, networks=16)
    cold = Work("cold", (20, 64, 32, 1), 32, rows=1000)
    both = ("scikit-learn", "torch", "jax")
    return [
        *_training_rows(),
        Row("table", "table", "one epoch, 100 000 x 50", table, both, unit="s"),
        Row("many", "many", "16 networks at once, step of one", many, ("torch", *_jax(many))),
        *_fit_rows(),
        *_prediction_rows(),
        Row("cold", "cold", "cold start, epoch of 1000 x 20", cold, both, 3.0, unit="s"),
    ]


def marked_rows() -> list[Row]:
    """Return the rows of the pass marks, variants without torch.compile.

    Compiling takes it a quarter of a minute for each network; the plain rows show where it stands.
    """
    return [
        replace(row, peers=tuple(peer for peer in row.peers if peer != "torch.compile"))
        if row.group in VARIANTS
        else row
        for row in all_rows()
        if row.mark is not None
    ]


def share_works() -> dict[str, tuple[str, Work]]:
    """Return key -> (side, work) of the share of the best GEMM rate: products, widest rows."""
    works: dict[str, tuple[str, Work]] = {}
    for side in (OURS, "scikit-learn", "torch", "jax"):
        for sizes in PRODUCTS:
            works[f"{side} {' x '.join(map(str, sizes))}"] = (side, Work("product", sizes))
    return works


def widest_works() -> dict[str, Work]:
    """Return the widest training rows by name."""
    return {row.name: row.work for row in _training_rows() if row.name in WIDEST}


def thread_counts() -> list[int]:
    """Return 1, 2, 4, ... and the number of cores."""
    powers = [2**power for power in range(cores().bit_length())]
    return sorted({count for count in powers if count <= cores()} | {cores()})
