"""Operations that only pick or rearrange elements: flatten, pick columns, look up embeddings."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from chainrule.checks import Each, Integer
from chainrule.errors import DataError, ShapeError
from chainrule.frozen import frozen
from chainrule.maths.arrays import Array, namespace, real, scatter_rows
from chainrule.ops.op import OPS, Op, Tensors
from chainrule.ops.shapes import Dim, Shape, expect_rank, shape_text

__all__ = ["Columns", "Embed", "Flatten"]


@OPS.register
@frozen
class Flatten(Op):
    r"""Merge all axes but the first: `(N, T, d)` becomes `(N, T d)`.

    Source: a change of index, :math:`Z_{i,\, t d + j} = X_{itj}`.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.ops.reshape import Flatten
    >>> Flatten().forward({"X": np.zeros((5, 2, 3))}, training=True)["Z"].shape
    (5, 6)
    """

    name = "flatten"
    latex = r"Z_{i,\, t d + j} = X_{itj}"
    backward_latex = {"X": r"dX_{itj} = dZ_{i,\, t d + j}"}
    source = "a change of index"

    def sample_inputs(self, uniform: Callable[[tuple[int, ...]], Array]) -> dict[str, Array]:
        """Return sequences of three steps."""
        return {name: 4.0 * uniform((5, 3, 4)) - 2.0 for name in self.inputs()}

    def infer(self, shapes: Mapping[str, Shape]) -> Shape:
        """Return `(N, T d)`."""
        expect_rank(shapes, (2, 3))
        X = shapes["X"]
        if len(X) == 2:
            return X
        return (X[0], Dim(f"{X[1].symbol} {X[2].symbol}", (X[1].size or 0) * (X[2].size or 0)))

    def forward(self, tensors: Tensors, training: bool) -> dict[str, Array]:
        """Return Z."""
        X = tensors["X"]
        return {"Z": namespace(X).reshape(X, (X.shape[0], -1)) if X.ndim == 3 else X}

    def backward(self, tensors: Tensors, dOutput: Array, training: bool) -> dict[str, Array]:
        """Return dX."""
        return {"X": namespace(dOutput).reshape(dOutput, tensors["X"].shape)}

    def flops(self, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, int]:
        """Return nothing: values are moved, not computed."""
        return 0, 0


@OPS.register
@frozen
class Columns(Op):
    r"""Pick columns by index: :math:`Z_{ij} = X_{i,\, c_j}`, each column at most once.

    Shapes: X `(N, d)` or `(N, T, d)`, Z with as many columns as were picked.

    Source: a change of index.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.ops.reshape import Columns
    >>> Columns((2, 0)).forward({"X": np.array([[1.0, 2.0, 3.0]])}, training=True)["Z"]
    array([[3., 1.]])
    """

    name = "columns"
    rules = {"picked": Each(Integer(0), least=1)}
    latex = r"Z_{ij} = X_{i,\, c_j}"
    backward_latex = {"X": r"dX_{i,\, c_j} = dZ_{ij}, \text{ 0 in the other columns}"}
    source = "a change of index"

    picked: tuple[int, ...]

    @classmethod
    def examples(cls) -> tuple[Columns, ...]:
        """Return a pick of one column, and reordering picks of some and of all."""
        return (cls((2, 0)), cls((1,)), cls((3, 0, 2)), cls((2, 0, 3, 1)))

    def infer(self, shapes: Mapping[str, Shape]) -> Shape:
        """Return the shape of Z."""
        X = shapes["X"]
        width = X[-1].size or 0
        if max(self.picked) >= width or len(set(self.picked)) != len(self.picked):
            raise ShapeError(
                "the picked columns are not in the input, or one is picked twice",
                where="X",
                expected=f"different columns below {width}",
                got=f"columns {self.picked} of {shape_text(X)}",
            )
        return (*X[:-1], Dim("c", len(self.picked)))

    def forward(self, tensors: Tensors, training: bool) -> dict[str, Array]:
        """Return Z."""
        X = tensors["X"]
        xp = namespace(X)
        return {"Z": xp.take(X, xp.asarray(list(self.picked)), axis=-1)}

    def backward(self, tensors: Tensors, dOutput: Array, training: bool) -> dict[str, Array]:
        """Return dX, zero in the columns that were not picked."""
        xp = namespace(dOutput)
        zero = xp.zeros_like(dOutput[..., :1])
        place = {column: position for position, column in enumerate(self.picked)}
        parts = [
            dOutput[..., place[column] : place[column] + 1] if column in place else zero
            for column in range(tensors["X"].shape[-1])
        ]
        return {"X": xp.concat(parts, axis=-1)}

    def flops(self, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, int]:
        """Return nothing: values are moved, not computed."""
        return 0, 0


@OPS.register
@frozen
class Embed(Op):
    r"""Look up a row of a table for each category code: :math:`Z_{it} = E_{o_t + X_{it}}`.

    Column t of X holds whole numbers from 0 to `levels[t] - 1`; each column has its own rows of
    the table, starting at the offset :math:`o_t`. X has no gradient.

    Shapes: X `(N, T)`, E `(sum of levels, width)`, Z `(N, T, width)`.

    Raises
    ------
    DataError
        A code is not a whole number in range; names row and column.

    Source: Guo and Berkhahn, "Entity embeddings of categorical variables" (2016).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.ops.reshape import Embed
    >>> table = np.array([[1.0], [2.0], [30.0], [40.0]])
    >>> Embed((2, 2), 1).forward({"X": np.array([[1, 0]]), "E": table}, training=True)["Z"]
    array([[[ 2.],
            [30.]]])
    """

    name = "embed"
    rules = {"levels": Each(Integer(1), least=1), "width": Integer(1)}
    latex = r"Z_{it} = E_{o_t + X_{it}}"
    backward_latex = {"E": r"dE_k = \sum_{i, t:\, o_t + X_{it} = k} dZ_{it}"}
    source = "Guo, Berkhahn, Entity Embeddings of Categorical Variables, 2016"

    levels: tuple[int, ...]
    width: int

    @classmethod
    def examples(cls) -> tuple[Embed, ...]:
        """Return tables for two columns, for one and for many."""
        return (cls((3, 2), 2), cls((4,), 1), cls((3, 2, 1, 4, 2, 3), 3))

    def differentiable(self) -> tuple[str, ...]:
        """Return nothing: codes have no derivative."""
        return ()

    def trainable(self) -> tuple[str, ...]:
        """Return the table E."""
        return ("E",)

    def sample_inputs(self, uniform: Callable[[tuple[int, ...]], Array]) -> dict[str, Array]:
        """Return valid codes."""
        return {"X": np.floor(uniform((5, len(self.levels))) * np.asarray(self.levels))}

    def infer(self, shapes: Mapping[str, Shape]) -> Shape:
        """Return `(N, T, width)`."""
        expect_rank(shapes, (2,))
        X = shapes["X"]
        if X[-1].size != len(self.levels):
            raise ShapeError(
                "one number of levels is needed for each column",
                where="X",
                expected=f"(N, {len(self.levels)})",
                got=shape_text(X),
            )
        return (*X, Dim("d_e", self.width))

    def inner_shapes(self, shapes: Mapping[str, Shape]) -> Mapping[str, Shape]:
        """Return the shape of the table."""
        return {"E": (Dim("levels", sum(self.levels)), Dim("d_e", self.width))}

    def forward(self, tensors: Tensors, training: bool) -> dict[str, Array]:
        """Return Z and the row numbers that were looked up."""
        codes = real(tensors["X"])
        self._check(codes)
        xp = namespace(codes)
        offsets = np.concatenate([[0], np.cumsum(self.levels)[:-1]])
        rows = xp.astype(codes, xp.int64) + xp.asarray(offsets)
        table = tensors["E"]
        picked = xp.take(table, xp.reshape(rows, (-1,)), axis=0)
        return {"rows": rows, "Z": xp.reshape(picked, (*rows.shape, self.width))}

    def _check(self, codes: Array) -> None:
        array = np.asarray(codes)
        bad = (array != np.floor(array)) | (array < 0) | (array >= np.asarray(self.levels))
        if bad.any():
            row, column = (int(index) for index in np.argwhere(bad)[0])
            raise DataError(
                "a category code is outside the embedding's table",
                where=f"row {row}, column {column}",
                expected=f"a whole number from 0 to {self.levels[column] - 1}",
                got=f"{array[row, column]:g}",
                do="encode categories as 0, 1, 2, ... with a level of its own for unseen ones",
            )

    def backward(self, tensors: Tensors, dOutput: Array, training: bool) -> dict[str, Array]:
        """Return dE: the sum of dZ over all places that looked a row up."""
        xp = namespace(dOutput)
        flat = xp.reshape(dOutput, (-1, self.width))
        rows = xp.reshape(tensors["rows"], (-1,))
        return {"E": scatter_rows(rows, flat, sum(self.levels))}

    def flops(self, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, int]:
        """Return nothing forward and one sum an element backward."""
        return 0, shapes["X"][0] * len(self.levels) * self.width
