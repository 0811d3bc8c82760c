"""The JSON document of a model: what was trained and how, and the way back to a Plan.

Decisions
---------
a) A document can name members of the registries and nothing else, and each member's own rules check
   its fields. So a hostile document can describe a strange network, but cannot reach any code
   outside the library.
b) A strange network must not cost memory or hours either: the number of layers and the width
   of every tensor on the way are bounded before the plan is made.
c) A newer version is refused by name, before any other field is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from chainrule._version import __version__
from chainrule.checks import shown
from chainrule.errors import ChainruleError, FileFormatError
from chainrule.maths.clipping import CLIPPINGS
from chainrule.maths.loss import LOSSES
from chainrule.maths.optimizer import OPTIMIZERS
from chainrule.maths.penalty import PENALTIES
from chainrule.maths.schedule import SCHEDULES
from chainrule.nn.builder import GraphBuilder, input_tensor
from chainrule.nn.graph import Tensor
from chainrule.nn.layer import LAYERS, Layer
from chainrule.plan import GROUPS, Plan, make_plan
from chainrule.registry import to_document
from chainrule.storage.container import checkpoint_instead
from chainrule.training.checkpoint import FORMAT as CHECKPOINT

__all__ = [
    "FORMAT",
    "VERSION",
    "plain",
    "plan_document",
    "read_classes",
    "read_encoder",
    "read_names",
    "read_plan",
    "require_document",
    "require_keys",
]

FORMAT = "chainrule-model"
VERSION = 1
MAX_RECORDS = 4_000
MAX_WIDTH = 2**20
MAX_TOTAL_WIDTH = 2**24
_KEYS = frozenset(("format", "version", "library", "dtype", "plan", "encoder", "classes", "record"))
_PLAN_KEYS = frozenset(
    (
        "network",
        "sample_shape",
        "loss",
        "targets",
        "optimizer",
        "schedule",
        "penalties",
        "clippings",
        "reduction",
        "groups",
    )
)


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return the JSON form of a plan; `read_plan` reads it back."""
    network = LAYERS.document(plan.network)
    if _count_records(network) > MAX_RECORDS:
        raise FileFormatError(
            "the network has more layers than a model file may hold",
            expected=f"at most {MAX_RECORDS:,} layers and activations",
        )
    return {
        "network": network,
        "sample_shape": [int(dim.size) for dim in plan.graph.input.shape[1:] if dim.size],
        "loss": LOSSES.document(plan.loss),
        "targets": int(plan.targets),
        "optimizer": OPTIMIZERS.document(plan.optimizer),
        "schedule": None if plan.schedule is None else SCHEDULES.document(plan.schedule),
        "penalties": [PENALTIES.document(penalty) for penalty in plan.penalties],
        "clippings": [CLIPPINGS.document(clipping) for clipping in plan.clippings],
        "reduction": plan.reduction,
        "groups": [GROUPS.document(group) for group in plan.groups],
    }


def require_document(document: Mapping[str, Any], where: str) -> None:
    """Check format, version and keys of a document.

    Raises
    ------
    FileFormatError
        Another format, a newer version, a key too many or too few.
    """
    if document.get("format") == CHECKPOINT:
        raise checkpoint_instead(where)
    if document.get("format") != FORMAT:
        raise FileFormatError(
            "the document is not that of a Chainrule model",
            where=where,
            expected=f"format {FORMAT!r}",
            got=shown(document.get("format")),
        )
    version = document.get("version")
    if type(version) is not int or version < 1:
        raise FileFormatError("the format version is not a number", where=where, got=shown(version))
    if version > VERSION:
        raise FileFormatError(
            f"the model was written in format version {shown(version)}, newer than this library",
            where=where,
            expected=f"version {VERSION} (Chainrule {__version__})",
            got=f"written by Chainrule {shown(document.get('library'))}",
            do="pip install --upgrade chainrule",
        )
    named = _KEYS | {"feature_names"} if "feature_names" in document else _KEYS
    require_keys(document, named, where)


def require_keys(document: object, keys: frozenset[str], where: str) -> dict[str, Any]:
    """Return the document if it is an object with exactly these keys."""
    if not isinstance(document, dict) or frozenset(document) != keys:
        got = sorted(document) if isinstance(document, dict) else document
        raise FileFormatError(
            "a part of the document is not complete",
            where=where,
            expected="the keys " + ", ".join(sorted(keys)),
            got=shown(got),
        )
    return document


def read_plan(document: object, where: str) -> Plan:
    """Return the plan that a document describes.

    Raises
    ------
    FileFormatError
        An unknown layer or loss, a parameter outside its rule, layers that do not fit, or a network
        of absurd size.
    """
    fields = require_keys(document, _PLAN_KEYS, f"{where}, plan")
    if _count_records(fields["network"]) > MAX_RECORDS:
        raise FileFormatError("the network has too many layers", where=where)
    shape, targets = fields["sample_shape"], fields["targets"]
    sizes: list[Any] = [targets, *shape] if isinstance(shape, list) else [None]
    good = all(type(size) is int and 1 <= size <= MAX_WIDTH for size in sizes)
    if not good or math.prod(sizes[1:]) > MAX_WIDTH:
        raise FileFormatError(
            "the shape of the inputs or targets is not valid",
            where=f"{where}, plan",
            expected=f"whole numbers from 1 to {MAX_WIDTH:,}",
            got=shown([shape, targets]),
        )
    try:
        network = LAYERS.make(_described(fields["network"]))
        _require_modest(network, tuple(shape))
        return make_plan(
            network,
            tuple(shape),
            LOSSES.make(_described(fields["loss"])),
            targets,
            optimizer=OPTIMIZERS.make(_described(fields["optimizer"])),
            schedule=None
            if fields["schedule"] is None
            else SCHEDULES.make(_described(fields["schedule"])),
            penalties=[PENALTIES.make(_described(entry)) for entry in fields["penalties"]],
            clip=[CLIPPINGS.make(_described(entry)) for entry in fields["clippings"]],
            reduction=fields["reduction"],
            groups=[GROUPS.make(_described(entry)) for entry in fields["groups"]],  # type: ignore[misc]
        )
    except ChainruleError as error:
        what = f"the file describes a network that cannot be built: {error.what}"
        raise FileFormatError(what, **_placed(error, where)) from None
    except Exception as error:  # noqa: BLE001 - whatever a crafted description provokes
        raise FileFormatError(
            "the file describes a network that cannot be built",
            where=where,
            got=f"{type(error).__name__}: {str(error)[:120]}",
        ) from None


def _placed(error: ChainruleError, where: str) -> dict[str, str]:
    parts = {label: text[:400] for label, text in error.parts().items()}
    return {**parts, "where": f"{where}, {parts['where']}" if parts["where"] else where}


def _described(value: object) -> object:
    """Return a JSON object; a bare name is not a description (and would hide its parameters)."""
    if not isinstance(value, dict):
        raise FileFormatError("a part of the plan is not an object", got=shown(value))
    return value


def _count_records(value: object) -> int:
    if isinstance(value, dict):
        return 1 + sum(_count_records(item) for item in value.values())
    if isinstance(value, list):
        return sum(_count_records(item) for item in value)
    return 0


class _ModestBuilder(GraphBuilder):
    """Builds a graph and stops at the first tensor of absurd width."""

    total = 0

    def add(self, *arguments: Any, **named: Any) -> Tensor:
        """Append one operation and look at the width of its output."""
        output = super().add(*arguments, **named)
        width = math.prod(dim.size or 1 for dim in output.shape[1:])
        self.total += width
        if width > MAX_WIDTH or self.total > MAX_TOTAL_WIDTH:
            raise FileFormatError(
                "a layer is wider than any model needs",
                where=output.name,
                expected=f"at most {MAX_WIDTH:,} numbers a row",
            )
        return output


def _require_modest(network: Layer, shape: tuple[int, ...]) -> None:
    X = input_tensor(shape)
    network.build(_ModestBuilder(X), X)


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it: NumPy numbers as Python's, not-finite numbers as None."""
    value = to_document(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def read_classes(classes: object, plan: Plan, where: str) -> list[Any] | None:
    """Return the class labels if they are labels, distinct, and as many as the plan tells apart.

    Raises
    ------
    FileFormatError
        Labels of a regression, of mixed kinds, twice the same, or of another number.
    """
    if classes is None:
        return None
    count = max(plan.targets, 2)
    if isinstance(classes, list) and len(classes) == count and _one_kind(classes):
        if len(set(classes)) == count and plan.loss.task == "classification":
            return classes
    raise FileFormatError(
        "the class labels are not valid",
        where=f"{where}, classes",
        expected=f"{count} different words, numbers or truth values, for a classification",
        got=shown(classes),
    )


def _one_kind(labels: list[Any]) -> bool:
    kinds = {type(label) for label in labels}
    if kinds <= {int, float}:
        return all(abs(label) <= 1e308 for label in labels)
    return kinds in ({str}, {bool})


def read_names(names: object, plan: Plan, where: str) -> list[str] | None:
    """Return the names of the columns, one for each number of a sample.

    Raises
    ------
    FileFormatError
        Not a list of words, or of another number.
    """
    if names is None:
        return None
    width = plan.graph.input.shape[-1].size
    if isinstance(names, list) and len(names) == width:
        if all(isinstance(name, str) for name in names):
            return names
    raise FileFormatError(
        "the names of the columns are not valid",
        where=f"{where}, feature_names",
        expected=f"{width} words",
        got=shown(names),
    )


def read_encoder(encoder: object, plan: Plan, where: str) -> dict[str, Any] | None:
    """Return the encoder's document if it makes as many features as the network reads.

    Its own fields are checked by who uses it (`chainrule.tabular.Encoder.from_document`).
    """
    if encoder is None:
        return None
    made = encoder.get("width") if isinstance(encoder, dict) else None
    width = plan.graph.input.shape[-1].size
    if type(made) is not int or made != width:
        raise FileFormatError(
            "the encoder does not fit the network",
            where=f"{where}, encoder",
            expected=f"{width} features",
            got=shown(made),
        )
    return encoder  # type: ignore[return-value]
