"""`chainrule inspect`: what is in a model file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from chainrule.cli.group import VERBS
from chainrule.cli.options import PATH, debug_option, json_option

__all__ = ["command"]


@click.command("inspect", help=VERBS["inspect"])
@click.argument("model", type=PATH)
@click.option("--config", is_flag=True, help="Print the settings as a run.toml for train.")
@json_option
@debug_option
def command(model: Path, config: bool, as_json: bool) -> None:
    """Show a model's network, table and training record."""
    from chainrule.cli.screen import Screen
    from chainrule.cli.words import bytes_text, count
    from chainrule.plan import plan_cost
    from chainrule.storage.document import plain, plan_document

    loaded = _loaded(model)
    if config:
        _show_config(loaded, model, as_json)
        return
    screen = Screen(as_json)
    document = {
        "dtype": loaded.dtype,
        "parameters": int(loaded.weights.size),
        "plan": plan_document(loaded.plan),
        "classes": loaded.classes,
        "encoder": loaded.encoder,
        "record": loaded.record,
        "chosen": _chosen(loaded, model),
    }
    if as_json:
        screen.json(plain(document))
        return
    size = bytes_text(model.stat().st_size)
    screen.title(model.name, f"{size}, {count(loaded.weights.size, 'parameter')}, {loaded.dtype}")
    operations = {node.name: node.op.name for node in loaded.plan.graph.nodes}
    rows = [
        (cost.node, operations[cost.node], cost.shape, f"{cost.parameters:,}")
        for cost in plan_cost(loaded.plan).nodes
    ]
    screen.table(("layer", "operation", "output", "parameters"), rows, right=(3,))
    screen.gap()
    screen.facts(_facts(loaded))
    screen.gap()
    if found := _settings(loaded, model):
        chosen = _chosen(loaded, model)
        rows = [(name, _word(value), "") for name, value in found.items()]
        rows += [(name, _word(value), "chosen by train") for name, value in chosen.items()]
        screen.table(("setting", "value", ""), rows)
        screen.gap()


def _loaded(path: Path) -> Any:
    from chainrule.cli.model_file import load_model

    return load_model(path, order="")


def _settings(model: Any, path: Path) -> dict[str, Any]:
    """Return the settings of the run by the names of the options, if it was one of `train`."""
    from chainrule.cli.evaluation import settings_in
    from chainrule.cli.job import settings_document

    settings = settings_in(model.record, str(path))
    return {} if settings is None else settings_document(settings)


def _chosen(model: Any, path: Path) -> dict[str, Any]:
    """Return what was used where the settings leave the choice, by the names of the options."""
    from chainrule.cli.evaluation import settings_in
    from chainrule.cli.pipeline import batch_of
    from chainrule.images import PixelCode

    settings = settings_in(model.record, str(path))
    if settings is None:
        return {}
    split, optimizer = model.record.get("split"), model.plan.optimizer
    found: dict[str, Any] = {}
    if model.encoder is not None and not PixelCode.describes(model.encoder):
        from chainrule.tabular import Encoder

        found["task"] = Encoder.from_document(model.encoder).target.task
    found["loss"] = model.loss.name
    if optimizer.stepwise:  # others choose their own steps, on whole data
        found["learning-rate"] = optimizer.learning_rate
        found["schedule"] = "constant"
        rows = split.get("training") if isinstance(split, dict) else None
        if isinstance(rows, int) and rows > 0:
            found["batch-size"] = batch_of(rows, settings)
    return {
        name: value
        for name, value in found.items()
        if getattr(settings, name.replace("-", "_")) is None
    }


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _show_config(model: Any, path: Path, as_json: bool) -> None:
    from chainrule.cli.config import toml_text
    from chainrule.cli.screen import Screen
    from chainrule.errors import UsageError

    settings = _settings(model, path)
    if not settings:
        raise UsageError(
            "the model does not say how it was trained",
            where=str(path),
            expected="a model of chainrule train",
        )
    table = model.record.get("table", model.record.get("pictures"))
    options = ({"data": table} if isinstance(table, str) else {}) | settings
    screen = Screen(data_on_stdout=True)
    if as_json:
        screen.json(options)
    else:
        comment = "chainrule train --config run.toml repeats the run, beside its data."
        chosen = toml_text(_chosen(model, path)).splitlines()
        comment += "".join(f"\nchosen by train: {line}" for line in chosen)
        screen.data(toml_text(options, comment))


def _facts(model: Any) -> dict[str, str]:
    from chainrule.cli.outcome import REASONS, short_name
    from chainrule.cli.words import amount
    from chainrule.images import PixelCode

    optimizer = model.plan.optimizer
    rate = f", learning rate {optimizer.learning_rate:g}" if optimizer.stepwise else ""
    facts = {"loss": model.loss.name, "optimizer": optimizer.name + rate}
    if model.classes:
        facts["classes"] = ", ".join(str(label) for label in model.classes)
    if PixelCode.describes(model.encoder):
        facts["from"] = f"pictures of {PixelCode.from_document(model.encoder).words}"
    elif model.encoder is not None:
        from chainrule.tabular import Encoder

        encoder = Encoder.from_document(model.encoder)
        facts["predicts"] = f"{encoder.target.name} ({encoder.target.task})"
        facts["from"] = ", ".join(f"{name} ({kind})" for name, kind in encoder.expects().items())
        facts["features"] = f"{len(encoder.features):,}"
    record = model.record
    source = record.get("table", record.get("pictures"))
    if isinstance(source, str):
        facts["trained on"] = source
    if isinstance(record.get("epochs"), int):
        why = REASONS.get(str(record.get("stop_reason")), "")
        facts["epochs"] = f"{record['epochs']:,}" + f" ({why})" * bool(why)
    scores = record.get("scores")
    found = scores.get("model") if isinstance(scores, dict) else None
    if isinstance(found, dict):
        numbers = {name: value for name, value in found.items() if isinstance(value, (int, float))}
        facts["test scores"] = ", ".join(
            f"{short_name(key)} {amount(value)}" for key, value in numbers.items()
        )
    return facts
