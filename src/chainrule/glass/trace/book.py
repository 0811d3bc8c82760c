r"""The book that a trace is written into: each record once, its formula proved as it is entered.

Two designs were sketched. (1) Run the operations on symbolic arrays that note each elementary
call: complete for any operation, but the formulas are those of a machine (`where(real(z) >= 0,
1 / (1 + t), t / (1 + t))`), with dozens of nameless intermediates. (2) Run the reference engine,
which already gives every intermediate by name, and let a writer for each kind of operation state
the textbook's formula beside it. Chosen: (2), because a trace is for reading.

Decisions
---------
a) The engine's numbers are the values. A written formula is evaluated from its parents' values and
   must give the engine's number, so a wrong formula cannot be printed: `Trace.check` repeats it.
   Steps that the engine does not keep (the slope of an activation, a bias correction) take the
   formula's own value; what follows from them is the engine's again, so an error would show there.
b) Parents are not listed by hand. They are the variables of the formula.
c) Formulas come in alternatives, the plainest first. The first that is right to the last digits is
   printed: `1 / (1 + np.exp(-Z))` as a rule, and a form that does not overflow where that one does.
d) Placeholders in angle brackets, `<X> @ <W> + <b>`, stand for records by local name, in code and
   in LaTeX alike. The pass after the update is the same text with other names.
e) In the columns convention every matrix is the transpose of the engine's, and a vector of features
   is a column. Vectors over the rows, `loss.values`, stay vectors. A sequence is a matrix with a
   column for each position, `(d x T)`, and samples are a stack of such matrices, so that
   `Z = W X + b` is the text for tables and sequences alike. In scores of attention a column is a
   query: :math:`A = \operatorname{softmax}(K^\top Q / \sqrt{d_k})` down each column, and
   :math:`Z = V A`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError, UsageError
from chainrule.glass.trace.dimension import product_lines
from chainrule.glass.trace.record import Record, variable
from chainrule.glass.trace.space import names_in, relative_error, run
from chainrule.glass.trace.symbols import symbol_of

__all__ = ["Book", "Dims", "frozen", "symbolic"]

Dims = tuple[str, ...]
_PLACE = re.compile(r"<([A-Za-z_][A-Za-z_0-9.]*)>")
_EXACT = 1e-13
"""A plain formula that is this near to the engine's numbers is printed as it is."""


def symbolic(dims: Dims) -> str:
    """Return `(N x d_1)`; sums and products of symbols in brackets of their own."""
    if not dims:
        return ""
    return "(" + " x ".join(f"({dim})" if " " in dim else dim for dim in dims) + ")"


def frozen(value: Any) -> np.ndarray:
    """Return a read-only float64 copy."""
    array = np.array(value, np.float64)
    array.flags.writeable = False
    return array


class Book:
    """The records of a step in order, and what formulas need of them."""

    def __init__(self, columns: bool = False) -> None:
        self.columns = columns
        self.records: dict[str, Record] = {}
        self.variables: dict[str, np.ndarray] = {}
        self.owners: dict[str, str] = {}
        self.symbols: dict[str, str] = {}
        self.dims: dict[str, Dims] = {}

    def turned(self, value: Any, dims: Dims) -> np.ndarray:
        """Return an array of the engine in the book's convention."""
        array = np.asarray(value, np.float64)
        if self.columns and array.ndim >= 2:
            return np.swapaxes(array, -1, -2)
        if self.columns and array.ndim == 1 and dims != ("N",):
            return array[:, None]
        return array

    def turned_dims(self, dims: Dims) -> Dims:
        """Return the dimensions of the engine's array in the book's convention."""
        if self.columns and len(dims) >= 2:
            return (*dims[:-2], dims[-1], dims[-2])
        if self.columns and len(dims) == 1 and dims != ("N",):
            return (*dims, "1")
        return dims

    def fill(self, text: str, names: Callable[[str], str], latex: bool = False) -> str:
        """Return a text with the placeholders replaced by variables, or by LaTeX symbols."""

        def one(found: re.Match[str]) -> str:
            name = names(found[1])
            if not latex:
                return variable(name)
            scripted = text[found.end() : found.end() + 1] in ("_", "^")
            return f"{{{self.symbols[name]}}}" if scripted else self.symbols[name]

        return _PLACE.sub(one, text)

    def given(self, name: str, role: str, value: Any, dims: Dims, **words: Any) -> Record:
        """Enter what is not computed: inputs, parameters, masks, the state before the step."""
        turned = words.pop("turned", True)
        symbol = words.pop("symbol", "") or symbol_of(name, self.symbols.values())
        latex = words.pop("latex", "") or symbol
        record = Record(
            name=name,
            role=role,
            layer=words.pop("layer", ""),
            shape=(),
            symbolic="",
            latex=latex,
            code="",
            parents=(),
            value=frozen(self._known(value, dims, turned)),
            **words,
        )
        return self._enter(record, symbol, self.turned_dims(dims) if turned else dims)

    def write(
        self,
        name: str,
        role: str,
        code: str | Sequence[str],
        formula: str,
        names: Callable[[str], str],
        *,
        value: Any = None,
        dims: Dims = (),
        turned: bool = True,
        **words: Any,
    ) -> Record:
        """Enter what is computed.

        Parameters
        ----------
        name, role : str
        code : str, or several from the plainest to the most robust
            With placeholders.
        formula : str
            Right-hand side in LaTeX, with placeholders.
        names : callable
            From a placeholder's local name to a record's name.
        value : array, optional
            The engine's number; without one, the formula's.
        dims : tuple of str
            Symbols of the engine's shape.
        turned : bool
            False if `value` and `dims` do not follow the convention (a Jacobian, a table of rows).
        """
        texts = [code] if isinstance(code, str) else list(code)
        filled = [self.fill(text, names) for text in texts]
        known = None if value is None else self._known(value, dims, turned)
        chosen, found = self._chosen(filled, known)
        symbol = words.pop("symbol", "") or symbol_of(name, self.symbols.values())
        flags = tuple(words.pop("flags", ()))
        record = Record(
            name=name,
            role=role,
            layer=words.pop("layer", ""),
            shape=(),
            symbolic="",
            latex=f"{symbol} = {self.fill(formula, names, latex=True)}",
            code=filled[chosen],
            parents=tuple(self.owners[found] for found in names_in(filled[chosen])),
            value=frozen(found if known is None else known),
            flags=(*flags, "stable form") if chosen else flags,
            **words,
        )
        entered = self._enter(record, symbol, self.turned_dims(dims) if turned else dims)
        if entered.dimension:
            return entered
        lines = product_lines(entered.code, self.owners, self.dims, self.variables)
        return self.change(name, dimension=lines) if lines else entered

    def change(self, name: str, **fields: Any) -> Record:
        """Replace fields of a record."""
        self.records[name] = replace(self.records[name], **fields)
        return self.records[name]

    def _known(self, value: Any, dims: Dims, turned: bool) -> np.ndarray:
        return self.turned(value, dims) if turned else np.asarray(value, np.float64)

    def _chosen(self, codes: Sequence[str], value: np.ndarray | None) -> tuple[int, np.ndarray]:
        best: tuple[float, int, np.ndarray] | None = None
        for place, code in enumerate(codes):
            found = run(code, self.variables)
            if value is None:
                if np.all(np.isfinite(found)) or place + 1 == len(codes):
                    return place, found
                continue
            error = relative_error(found, value)
            if error <= _EXACT:
                return place, found
            if best is None or error < best[0]:
                best = (error, place, found)
        if best is None:
            raise ChainruleError("a formula of the trace has no text", where=str(codes))
        return best[1], best[2]

    def _enter(self, record: Record, symbol: str, dims: Dims) -> Record:
        name = record.name
        if name in self.records or variable(name) in self.owners:
            raise UsageError(
                "two tensors of the trace would have one name",
                where=name,
                do="give the layers labels that differ in more than dots and underscores",
            )
        shape = tuple(int(size) for size in record.value.shape)
        record = replace(record, shape=shape, symbolic=symbolic(dims))
        self.records[name] = record
        self.variables[variable(name)] = record.value
        self.owners[variable(name)] = name
        self.symbols[name] = symbol
        self.dims[name] = dims
        return record

    def symbol_map(self) -> Mapping[str, str]:
        """Return the LaTeX symbol of each record."""
        return dict(self.symbols)
