"""What the cells of a column are: the rules that turn text into numbers, truth values and dates.

Decisions
---------
a) Every cell is looked at, never a sample: a column of a million numbers and one word at the end
   is a column of text.
b) An empty cell is missing. `NA`, `N/A`, `NaN`, `null`, `None` and `?` are missing in a column
   whose other cells are all numbers (or truth values, or dates), which a note tells; in a column of
   text they are values like any other.
c) An infinite number is an error that names its line: neither a number to learn from nor missing.
d) Dates are ISO 8601 (`2024-02-29`, `2024-02-29 13:45:00`, `2024-02-29T13:45+01:00`) and become
   days since 1970-01-01; a time with an offset becomes UTC. Other ways to write them: `forms`.
"""

from __future__ import annotations

from collections.abc import Mapping

from chainrule.frozen import frozen
from chainrule.tabular.table import Kind

__all__ = [
    "DATE",
    "MISSING_WORDS",
    "Profile",
    "conversion",
    "is_number",
    "misfit",
    "profile_query",
]

MISSING_WORDS = ("na", "n/a", "#n/a", "nan", "null", "none", "?")
"""Lower-case words that stand for a missing cell in a column that is otherwise not text."""

_OFFSET = "[+-][0-9]{2}(:?[0-9]{2})?"
DATE = (
    "[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?"
    f"(Z| ?{_OFFSET})?)?"
)
_AT_END = f"(:[0-9.]+) ?(Z|{_OFFSET})$"
_NEARLY = 0.5
"""From this share of numbers on, a column of text is worth a note that names the first odd cell: a
sign for missing cells that is not known here may stand in many."""


def _tests(cell: str) -> dict[str, str]:
    """Return, for each kind, the SQL condition that a cell is of it."""
    words = ", ".join(f"'{word}'" for word in MISSING_WORDS)
    return {
        "coded": f"(starts_with({cell}, '0') AND regexp_full_match({cell}, '0[0-9]+'))",
        "number": is_number(cell, f"try_cast({cell} AS DOUBLE)"),
        "boolean": f"(lower({cell}) IN ('true', 'false'))",
        "date": f"({cell} LIKE '____-__-__%' AND regexp_full_match({cell}, '{DATE}') "
        f"AND try_cast({_without_offset(cell)} AS TIMESTAMP) IS NOT NULL)",
        "word": f"(lower({cell}) IN ({words}))",
    }


def is_number(cell: str, value: str) -> str:
    """Return the SQL condition that a cell, which DuckDB casts to `value`, is a number.

    The cast also takes `1_000`, `nan` and `+-1`, which are not numbers here. Infinity passes: the
    reader names the line where it is.
    """
    return (
        f"({value} IS NOT NULL AND NOT isnan({value}) AND NOT contains({cell}, '_') "
        f"AND NOT starts_with({cell}, '+-'))"
    )


def _without_offset(cell: str) -> str:
    # Versions of DuckDB differ in what a cast to TIMESTAMP makes of an offset.
    return f"regexp_replace({cell}, '{_AT_END}', '\\1')"


def _days(cell: str) -> str:
    """Return the SQL of the days since 1970-01-01, in UTC."""
    offset = f"regexp_extract({cell}, '{_AT_END}', 2)"
    minutes = (
        f"CASE WHEN {offset} IN ('', 'Z') THEN 0.0 ELSE "
        f"(CASE WHEN starts_with({offset}, '-') THEN -1.0 ELSE 1.0 END) * "
        f"(60 * substr({offset}, 2, 2)::DOUBLE + "
        f"coalesce(try_cast(right({offset}, length({offset}) - 3).replace(':', '') AS DOUBLE), 0))"
        " END"
    )
    moment = f"epoch_us(try_cast({_without_offset(cell)} AS TIMESTAMP))::DOUBLE"
    return f"({moment} - 60000000.0 * ({minutes})) / 86400000000.0"


def profile_query(table: str, stated: Kind | None) -> str:
    """Return the SQL that counts the cells of each kind: rows of (place, kind, count).

    Parameters
    ----------
    table : str
        Has columns `place`, `cell` and `n`: how many cells of that place are like this one.
    stated : kind, optional
        The kind that a typed file states for all of them (only NaN is left to look for).
    """
    tests = _tests("cell")
    if stated:  # a file of types may hold dates before the year 1 or without end
        sure = tests["date"] if stated == "date" else "true"
        tests = {"word": "cell = 'nan'", stated: sure}
    # Each cell stops at the first test that holds; no cell passes two of them.
    cases = " ".join(f"WHEN {test} THEN '{kind}'" for kind, test in tests.items())
    return (
        f"SELECT place, CASE {cases} ELSE 'text' END AS kind, sum(n)::BIGINT "
        f"FROM {table} WHERE cell IS NOT NULL GROUP BY place, kind"
    )


@frozen
class Profile:
    """How many cells of a column are filled, and how many could be of each kind.

    `coded` are those of the numbers that begin with a zero before another digit.
    """

    filled: int
    number: int = 0
    coded: int = 0
    boolean: int = 0
    date: int = 0
    word: int = 0

    @classmethod
    def from_counts(cls, counts: Mapping[str, int]) -> Profile:
        """Read the counts by kind that `profile_query` gives."""
        told = {kind: count for kind, count in counts.items() if kind != "text"}
        coded = told.get("coded", 0)
        if coded:
            told["number"] = told.get("number", 0) + coded
        return cls(sum(counts.values()), **told)

    def kind(self) -> Kind:
        """Return the one kind that all filled cells share."""
        if not self.filled:
            return "empty"
        kinds: tuple[Kind, ...] = ("number", "boolean", "date")
        for kind in kinds:
            if getattr(self, kind) and self.fits(kind):
                return kind
        return "text"

    def fits(self, kind: Kind) -> bool:
        """Say whether every filled cell is of the kind or a word for a missing cell."""
        return kind == "text" or getattr(self, kind, 0) + self.word == self.filled

    def nearly(self) -> Kind | None:
        """Return the kind that nearly all cells of a text column have, or None."""
        kinds: tuple[Kind, ...] = ("number", "date")
        for kind in kinds:
            if self.kind() == "text" and getattr(self, kind) >= _NEARLY * self.filled:
                return kind
        return None


def conversion(cell: str, kind: Kind) -> str:
    """Return the SQL that turns a cell (text or NULL) into the value of a kind."""
    if kind == "number":
        return f"CASE WHEN {_tests(cell)['number']} THEN try_cast({cell} AS DOUBLE) END"
    if kind == "boolean":
        return (
            f"CASE WHEN lower({cell}) IN ('true', '1') THEN 1.0::DOUBLE "
            f"WHEN lower({cell}) IN ('false', '0') THEN 0.0::DOUBLE END"
        )
    if kind == "date":
        return f"CASE WHEN {_tests(cell)['date']} THEN {_days(cell)} END"
    if kind == "empty":
        return "NULL::DOUBLE"
    return cell


def misfit(cell: str, kind: Kind) -> str:
    """Return the SQL condition that a filled cell is neither of the kind nor a missing word."""
    if kind == "text":
        return "false"
    tests = _tests(cell)
    if kind == "boolean":
        tests["boolean"] = f"(lower({cell}) IN ('true', 'false', '0', '1'))"
    return f"({cell} IS NOT NULL AND NOT {tests.get(kind, 'false')} AND NOT {tests['word']})"
