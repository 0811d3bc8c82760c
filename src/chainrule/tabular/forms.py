"""Ways to write numbers and dates that are not the plain one, and when they leave no doubt.

`1,5` may be one and a half, and `1,234` a thousand; `03/04/2024` is in March or in April. Such a
column is read only if one way to write it fits every cell and some cell fits no other way, or
if the way was stated. Otherwise it stays text, and a note says so.

Decisions
---------
a) A decimal comma is beyond doubt where some cell has other than three digits behind it, or where
   semicolons delimit the fields, as they do because commas are taken.
b) Thousands are beyond doubt where some cell has two groups of three, or a decimal point.
c) `12 %` is 12: the unit of a column does not matter to a network, and it is the same in every
   cell.
d) Days stand first (`29/02/2024`) where some first number is above 12, months where some second
   is. Points (`29.02.2024`) put the day first, and a year in front is followed by the month.
"""

from __future__ import annotations

from chainrule.frozen import frozen
from chainrule.tabular.table import Kind

__all__ = ["COMMA", "GROUPS", "LOOKS", "PLAIN", "WAYS", "Way", "sql_text"]

_SIGN, _EXPONENT = "[+-]?", "([eE][+-]?[0-9]+)?"
PLAIN = f"{_SIGN}([0-9]+[.]?[0-9]*|[.][0-9]+){_EXPONENT}"
_GAP = "[ .\u00a0\u202f'\u2019]"
_COMMA = f"{_SIGN}([0-9]+|[0-9]{{1,3}}({_GAP}[0-9]{{3}})+)?,[0-9]+{_EXPONENT}"
_WHOLE = f"{_SIGN}([0-9]+|[0-9]{{1,3}}({_GAP}[0-9]{{3}})+){_EXPONENT}"
_GROUPS = f"{_SIGN}[0-9]{{1,3}}(,[0-9]{{3}})+([.][0-9]*)?"
_TIME = "([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?)?"


@frozen
class Way:
    """One way to write a kind of cell.

    Parameters
    ----------
    kind : str
    name : str
        What the note calls such cells.
    fits : str
        A regular expression that every filled cell meets.
    marks : str
        What at least one cell must meet for the way to be in use at all.
    proof : str
        What at least one cell must meet for the way to be beyond doubt.
    plain : str
        SQL that rewrites the column `{}` in the plain way.
    decimal : str
        The sign before the decimals, where the way has a say in it.
    """

    kind: Kind
    name: str
    fits: str
    marks: str
    proof: str
    plain: str
    decimal: str = ""

    def given(self, decimal: str | None, delimiter: str) -> bool | None:
        """Say whether the way needs no proof by the cells; None if it is ruled out."""
        if not self.decimal:
            return False
        if decimal is not None:
            return True if decimal == self.decimal else None
        return self.decimal == "," and delimiter == ";"

    def counts(self, cell: str) -> str:
        """Return the SQL that counts the cells which fit, which are marked, and which prove.

        It is asked of a table that tells how often a cell occurs (`n`).
        """
        fits, marks, proof = (
            f"regexp_full_match({cell}, {sql_text(pattern)})"
            for pattern in (self.fits, self.marks, self.proof)
        )
        if self.kind == "date":  # there is no 31st of February
            fits += f" AND try_cast({self.plain.replace('{}', cell)} AS TIMESTAMP) IS NOT NULL"
        return ", ".join(
            f"coalesce(sum(n) FILTER ({test}), 0)::BIGINT" for test in (fits, marks, proof)
        )

    def rewriting(self, cell: str) -> tuple[str, str]:
        """Return the SQL condition that a cell is written so, and the SQL of its plain form."""
        fits = f"regexp_full_match({cell}, {sql_text(self.fits)})"
        return fits, self.plain.replace("{}", cell)


def sql_text(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def _iso(pattern: str, year: int, month: int, day: int) -> str:
    """Return the SQL that puts the groups of a pattern in the order of ISO 8601."""

    def part(group: int) -> str:
        return f"lpad(regexp_extract({{}}, '{pattern}', {group}), 2, '0')"

    whole = f"regexp_extract({{}}, '{pattern}', {year})"
    return f"{whole} || '-' || {part(month)} || '-' || {part(day)} || {_time_of(pattern)}"


def _time_of(pattern: str) -> str:
    return f"regexp_extract({{}}, '{pattern}', 4)"


_SLASHES = f"([0-9]{{1,2}})/([0-9]{{1,2}})/([0-9]{{4}}){_TIME}"
_POINTS = f"([0-9]{{1,2}})[.]([0-9]{{1,2}})[.]([0-9]{{4}}){_TIME}"
_YEAR_FIRST = f"([0-9]{{4}})[/.]([0-9]{{1,2}})[/.]([0-9]{{1,2}}){_TIME}"
_LATE = "(1[3-9]|[23][0-9])"
_DECIMALS = ".*,([0-9]{1,2}|[0-9]{4,})"
_NO_GAPS = f"regexp_replace({{}}, {sql_text(_GAP)}, '', 'g')"

WAYS = (
    Way(
        "number",
        "numbers with a decimal comma",
        f"{_COMMA}|{_WHOLE}",
        _COMMA,
        f"{_DECIMALS}([eE].*)?|[+-]?0?,.*|.*{_GAP}.*,.*",
        f"replace({_NO_GAPS}, ',', '.')",
        ",",
    ),
    Way(
        "number",
        "numbers with commas between thousands",
        f"{_GROUPS}|{PLAIN}",
        _GROUPS,
        ".*,.*,.*|.*,.*[.].*|.*[.]([0-9]{0,2}|[0-9]{4,})",
        "replace({}, ',', '')",
        ".",
    ),
    Way("number", "percentages", f"{PLAIN} ?%", ".*", ".*", "trim(rtrim({}, '%'))"),
    Way(
        "number",
        "percentages with a decimal comma",
        f"({_COMMA}|{_WHOLE}) ?%",
        ".*,.*",
        f"{_DECIMALS} ?%",
        f"replace(trim(rtrim({_NO_GAPS}, '%')), ',', '.')",
        ",",
    ),
    Way("date", "dates, day first", _POINTS, ".*", ".*", _iso(_POINTS, 3, 2, 1)),
    Way("date", "dates, year first", _YEAR_FIRST, ".*", ".*", _iso(_YEAR_FIRST, 1, 2, 3)),
    Way("date", "dates, day first", _SLASHES, ".*", f"{_LATE}/.*", _iso(_SLASHES, 3, 2, 1)),
    Way(
        "date",
        "dates, month first",
        _SLASHES,
        ".*",
        f"[0-9]{{1,2}}/{_LATE}/.*",
        _iso(_SLASHES, 3, 1, 2),
    ),
)
"""The ways, in the order in which they are tried."""
COMMA, GROUPS = WAYS[:2]

LOOKS = "|".join(f"({way.fits})" for way in WAYS)
"""What the first cell of a column meets if any of the ways may fit the column."""
