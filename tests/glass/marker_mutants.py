"""Mistakes as changes of a program's source text, each with the kind that it is.

A mutation returns the changed program, the kind and the layer (0 where it is in all of them), or
None where the setting has no place for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from random import Random

from tests.glass.marker_sources import ACTIVATIONS, Program, Setting, write_program

__all__ = ["MUTATIONS", "Mutant", "hidden_layer", "mutation", "replaced"]

Mutant = tuple[Program, str, int]
Mutation = Callable[[Setting, Random], "Mutant | None"]
MUTATIONS: dict[str, Mutation] = {}


def mutation(function: Mutation) -> Mutation:
    """Enter a mutation under its function's name."""
    MUTATIONS[function.__name__] = function
    return function


def hidden_layer(setting: Setting, random: Random) -> int:
    return random.randint(1, setting.depth - 1)


def replaced(program: Program, tag: str, old: str, new: str) -> Program:
    assert old in program.lines[tag], (tag, old, program.lines[tag])
    return program.changed(**{tag: program.lines[tag].replace(old, new, 1)})


@mutation
def transpose_missing_on_return(setting: Setting, random: Random) -> Mutant | None:
    layer, program = hidden_layer(setting, random), write_program(setting)
    tag, weights = f"b_dH{layer}", f'params["W{layer + 1}"]'
    if setting.layout == "torch":
        return replaced(program, tag, weights, weights + ".T"), "transpose", layer
    return replaced(program, tag, weights + ".T", weights), "transpose", layer


@mutation
def product_transposed(setting: Setting, random: Random) -> Mutant | None:
    layer, program = random.randint(1, setting.depth), write_program(setting)
    setting_lines = program.lines[f"b_dW{layer}"]
    product = re.search(r"= (\S+ @ \S+)", setting_lines)
    assert product
    return replaced(program, f"b_dW{layer}", product[1], f"({product[1]}).T"), "transpose", layer


@mutation
def input_not_transposed(setting: Setting, random: Random) -> Mutant | None:
    layer, program = random.randint(1, setting.depth), write_program(setting)
    return replaced(program, f"b_dW{layer}", ".T", ""), "transpose", layer


@mutation
def hadamard_on_return(setting: Setting, random: Random) -> Mutant | None:
    layer, program = hidden_layer(setting, random), write_program(setting)
    return replaced(program, f"b_dH{layer}", " @ ", " * "), "hadamard", layer


@mutation
def slope_left_out(setting: Setting, random: Random) -> Mutant | None:
    layer, program = hidden_layer(setting, random), write_program(setting)
    return program.changed(**{f"b_dZ{layer}": f"dZ{layer} = dH{layer}"}), "slope_missing", layer


@mutation
def slope_left_out_everywhere(setting: Setting, random: Random) -> Mutant | None:
    changes = {f"b_dZ{layer}": f"dZ{layer} = dH{layer}" for layer in range(1, setting.depth)}
    return write_program(setting).changed(**changes), "slope_missing", 0


@mutation
def output_slope_left_out(setting: Setting, random: Random) -> Mutant | None:
    last = setting.depth
    if setting.task not in ("mse_sigmoid", "mse_softmax"):
        return None
    kind = "slope_missing" if setting.task == "mse_sigmoid" else "p_minus_y"
    return write_program(setting).changed(b_dZ=f"dZ{last} = dP"), kind, last


@mutation
def p_minus_y_with_squares(setting: Setting, random: Random) -> Mutant | None:
    last = setting.depth
    if setting.task != "mse_softmax":
        return None
    share = " / N" if setting.reduction == "mean" and not setting.share_late else ""
    line = f"dZ{last} = (H{last} - y){share}"
    return write_program(setting).changed(b_dZ=line), "p_minus_y", last


@mutation
def slope_at_output_value(setting: Setting, random: Random) -> Mutant | None:
    layer = hidden_layer(setting, random)
    name = setting.hidden[layer - 1]
    if name in ("relu", "leaky_relu"):
        return None
    by_z = ACTIVATIONS[name][2].format(z=f"H{layer}")
    line = {f"b_dZ{layer}": f"dZ{layer} = dH{layer} * ({by_z})"}
    return write_program(setting).changed(**line), "slope_at_wrong_place", layer


@mutation
def output_formula_given_z(setting: Setting, random: Random) -> Mutant | None:
    layer = hidden_layer(setting, random)
    name = setting.hidden[layer - 1]
    if name not in ("sigmoid", "tanh"):
        return None
    by_output = ACTIVATIONS[name][1].format(h=f"Z{layer}")
    line = {f"b_dZ{layer}": f"dZ{layer} = dH{layer} * ({by_output})"}
    return write_program(setting).changed(**line), "slope_at_wrong_place", layer


@mutation
def activation_for_slope(setting: Setting, random: Random) -> Mutant | None:
    layer = hidden_layer(setting, random)
    line = {f"b_dZ{layer}": f"dZ{layer} = dH{layer} * H{layer}"}
    return write_program(setting).changed(**line), "activation_for_slope", layer


@mutation
def another_slope(setting: Setting, random: Random) -> Mutant | None:
    layer = hidden_layer(setting, random)
    name = setting.hidden[layer - 1]
    other = {"tanh": "H{l} * (1 - H{l})", "sigmoid": "1 - H{l} ** 2", "softplus": "Z{l} > 0"}.get(
        name
    )
    if other is None:
        return None
    line = {f"b_dZ{layer}": f"dZ{layer} = dH{layer} * ({other.format(l=layer)})"}
    return write_program(setting).changed(**line), "slope_of_other_function", layer


@mutation
def square_forgotten(setting: Setting, random: Random) -> Mutant | None:
    layer = hidden_layer(setting, random)
    if setting.hidden[layer - 1] != "tanh":
        return None
    line = {f"b_dZ{layer}": f"dZ{layer} = dH{layer} * (1 - H{layer})"}
    return write_program(setting).changed(**line), "slope_of_other_function", layer


@mutation
def mask_of_error(setting: Setting, random: Random) -> Mutant | None:
    layer = hidden_layer(setting, random)
    if setting.hidden[layer - 1] != "relu":
        return None
    line = {f"b_dZ{layer}": f"dZ{layer} = dH{layer} * (dH{layer} > 0)"}
    return write_program(setting).changed(**line), "relu_mask", layer


@mutation
def softmax_element_by_element(setting: Setting, random: Random) -> Mutant | None:
    last = setting.depth
    if setting.task not in ("cce", "mse_softmax"):
        return None
    program = write_program(replace(setting, longhand=True))
    line = f"dZ{last} = dP * H{last} * (1 - H{last})"
    return program.changed(b_dZ=line), "softmax_diagonal", last


@mutation
def slope_too_often(setting: Setting, random: Random) -> Mutant | None:
    last = setting.depth
    if setting.task not in ("bce", "cce"):
        return None
    program = write_program(replace(setting, longhand=False))
    line = program.lines["b_dZ"] + f" * H{last} * (1 - H{last})"
    return program.changed(b_dZ=line), "slope_extra", last


@mutation
def target_forgotten(setting: Setting, random: Random) -> Mutant | None:
    program = write_program(replace(setting, longhand=False))
    tag = "b_dP" if "b_dP" in program.lines else "b_dZ"
    return replaced(program, tag, " - y)", ")"), "target_forgotten", setting.depth


@mutation
def divided_twice(setting: Setting, random: Random) -> Mutant | None:
    early = replace(setting, reduction="mean", share_late=False)
    program = write_program(early)
    late = write_program(replace(early, share_late=True))
    sums = {tag: text for tag, text in late.lines.items() if tag[:4] in ("b_dW", "b_db")}
    return program.changed(**sums), "divided_twice", 0


@mutation
def never_divided(setting: Setting, random: Random) -> Mutant | None:
    loss = random.random() < 0.5
    base = replace(setting, reduction="mean", with_loss=loss)
    program = write_program(base)
    lines = {tag: text.replace(" / N", "") for tag, text in program.lines.items()}
    return replace(program, lines=lines), "not_divided", 0


@mutation
def weights_not_divided(setting: Setting, random: Random) -> Mutant | None:
    program = write_program(replace(setting, reduction="mean", share_late=True))
    layer = random.randint(1, setting.depth)
    return replaced(program, f"b_dW{layer}", " / N", ""), "not_divided", layer


@mutation
def divided_by_features(setting: Setting, random: Random) -> Mutant | None:
    program = write_program(replace(setting, reduction="mean"))
    other = "X.shape[0]" if setting.layout == "columns" else "X.shape[1]"
    return program.changed(b_N=f"N = {other}"), "divided_by_wrong_number", 0


@mutation
def divided_by_outputs_too(setting: Setting, random: Random) -> Mutant | None:
    if setting.task != "cce" or setting.widths[-1] < 2:
        return None
    program = write_program(replace(setting, reduction="mean"))
    return program.changed(b_N="N = y.size"), "divided_by_wrong_number", 0


@mutation
def bias_averaged(setting: Setting, random: Random) -> Mutant | None:
    program = write_program(replace(setting, reduction="mean", share_late=False))
    layer = random.randint(1, setting.depth)
    return replaced(program, f"b_db{layer}", ".sum(", ".mean("), "bias_averaged", layer


@mutation
def bias_averaged_everywhere(setting: Setting, random: Random) -> Mutant | None:
    program = write_program(replace(setting, reduction="mean", share_late=False))
    for layer in range(1, setting.depth + 1):
        program = replaced(program, f"b_db{layer}", ".sum(", ".mean(")
    return program, "bias_averaged", 0


@mutation
def bias_not_summed(setting: Setting, random: Random) -> Mutant | None:
    program = write_program(setting)
    layer = random.randint(1, setting.depth)
    line = re.sub(r"\.sum\([^)]*\)", "", program.lines[f"b_db{layer}"])
    return program.changed(**{f"b_db{layer}": line}), "bias_not_summed", layer


@mutation
def bias_wrong_axis(setting: Setting, random: Random) -> Mutant | None:
    program = write_program(setting)
    layer = random.randint(1, setting.depth)
    axis = 1 if setting.layout == "columns" else 0
    changed = replaced(program, f"b_db{layer}", f"axis={axis}", f"axis={1 - axis}")
    return changed, "bias_wrong_axis", layer


@mutation
def accumulated(setting: Setting, random: Random) -> Mutant | None:
    program = write_program(setting)
    inner = program.lines["return"].removeprefix("return ")
    lines = f"for name, value in {inner}.items():\n    STORE[name] = STORE.get(name, 0) + value"
    return (
        program.changed(top="STORE = {}", **{"return": f"{lines}\nreturn dict(STORE)"}),
        "accumulated",
        0,
    )


@mutation
def softmax_twice(setting: Setting, random: Random) -> Mutant | None:
    last = setting.depth
    if setting.task != "cce":
        return None
    line = f"H{last} = softmax(softmax(Z{last}, {setting.axis}), {setting.axis})"
    program = write_program(replace(setting, longhand=False))
    return program.changed(**{f"f_H{last}": line}), "softmax_twice", last


@mutation
def softmax_axis(setting: Setting, random: Random) -> Mutant | None:
    last = setting.depth
    if setting.task != "cce":
        return None
    line = f"H{last} = softmax(Z{last}, {1 - setting.axis})"
    program = write_program(replace(setting, longhand=False))
    return program.changed(**{f"f_H{last}": line}), "softmax_axis", last


@mutation
def before_the_activation(setting: Setting, random: Random) -> Mutant | None:
    layer, program = random.randint(2, setting.depth), write_program(setting)
    changed = replaced(program, f"b_dW{layer}", f"H{layer - 1}", f"Z{layer - 1}")
    return changed, "wrong_parent", layer


@mutation
def own_output_as_input(setting: Setting, random: Random) -> Mutant | None:
    layer, program = hidden_layer(setting, random), write_program(setting)
    return replaced(program, f"b_dW{layer}", f"H{layer - 1}", f"H{layer}"), "wrong_parent", layer


@mutation
def other_weights(setting: Setting, random: Random) -> Mutant | None:
    layer, program = hidden_layer(setting, random), write_program(setting)
    changed = replaced(program, f"b_dH{layer}", f'"W{layer + 1}"', f'"W{layer}"')
    return changed, "wrong_weights", layer


@mutation
def updated_too_early(setting: Setting, random: Random) -> Mutant | None:
    program = write_program(setting)
    rate = random.choice((0.1, 0.05, 0.01))
    for layer in range(setting.depth, 1, -1):
        tag = f"b_dH{layer - 1}"
        name = f'params["W{layer}"]'
        step = f"params = dict(params)\n{name} = {name} - {rate} * dW{layer}\n"
        program = program.changed(**{tag: step + program.lines[tag]})
    return program, "updated_weights", 0
