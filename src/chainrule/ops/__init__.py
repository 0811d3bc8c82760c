"""Operations: one `forward` and one `backward` each, in plain array arithmetic."""

from chainrule.ops import activate as activate
from chainrule.ops import affine as affine
from chainrule.ops import attend as attend
from chainrule.ops import dropout as dropout
from chainrule.ops import join as join
from chainrule.ops import normalise as normalise
from chainrule.ops import reshape as reshape
from chainrule.ops import scale as scale

__all__: list[str] = []
