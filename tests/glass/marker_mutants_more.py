"""More mistakes as changes of source text: penalties, signs, losses, the forward pass, arrays."""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random

from tests.glass.marker_mutants import MUTATIONS, Mutant, hidden_layer, mutation, replaced
from tests.glass.marker_sources import ACTIVATIONS, Setting, write_program

__all__ = ["MUTATIONS"]


@mutation
def penalty_forgotten(setting: Setting, random: Random) -> Mutant | None:
    base = replace(setting, penalty=0.1)
    program = replace(write_program(replace(base, penalty=0.0)), setting=base)
    return program, "penalty_forgotten", 0


@mutation
def penalty_forgotten_in_one_layer(setting: Setting, random: Random) -> Mutant | None:
    program = write_program(replace(setting, penalty=0.1))
    layer = random.randint(1, setting.depth)
    changed = replaced(program, f"b_dW{layer}", f' + 0.1 * params["W{layer}"]', "")
    return changed, "penalty_forgotten", layer


@mutation
def penalty_twice(setting: Setting, random: Random) -> Mutant | None:
    program = write_program(replace(setting, penalty=0.1))
    for layer in range(1, setting.depth + 1):
        program = replaced(program, f"b_dW{layer}", " + 0.1 *", " + 2 * 0.1 *")
    return program, "penalty_factor", 0


@mutation
def penalty_on_bias(setting: Setting, random: Random) -> Mutant | None:
    program = write_program(replace(setting, penalty=0.1))
    for layer in range(1, setting.depth + 1):
        line = program.lines[f"b_db{layer}"] + f' + 0.1 * params["b{layer}"]'
        program = program.changed(**{f"b_db{layer}": line})
    return program, "penalty_on_bias", 0


@mutation
def sign_of_everything(setting: Setting, random: Random) -> Mutant | None:
    program = write_program(replace(setting, longhand=False))
    tag, last = ("b_dP" if "b_dP" in program.lines else "b_dZ"), setting.depth
    return replaced(program, tag, f"(H{last} - y)", f"(y - H{last})"), "sign", 0


@mutation
def sign_of_one(setting: Setting, random: Random) -> Mutant | None:
    program = write_program(setting)
    tag = f"b_d{random.choice('Wb')}{random.randint(1, setting.depth)}"
    return replaced(program, tag, "= ", "= -"), "sign", int(tag[-1])


@mutation
def loss_without_the_two(setting: Setting, random: Random) -> Mutant | None:
    if not setting.task.startswith("mse") or setting.task == "mse_softmax":
        return None
    base = replace(setting, with_loss=True)
    half = replace(write_program(replace(base, half=True)), setting=base)
    return half.changed(l_return=write_program(base).lines["l_return"]), "loss_factor", 0


@mutation
def log_to_base_two(setting: Setting, random: Random) -> Mutant | None:
    if setting.task not in ("bce", "cce"):
        return None
    program = write_program(replace(setting, with_loss=True))
    line = program.lines["l_return"].replace("np.log(", "np.log2(")
    return program.changed(l_return=line), "log_base", 0


@mutation
def large_epsilon(setting: Setting, random: Random) -> Mutant | None:
    if setting.task not in ("bce", "cce"):
        return None
    program, last = write_program(replace(setting, longhand=True)), setting.depth
    line = program.lines["b_dP"].replace(f"/ H{last}", f"/ (H{last} + 0.01)")
    line = line.replace(f"(1 - H{last})", f"(1 - H{last} + 0.01)")
    return program.changed(b_dP=line), "epsilon", last


@mutation
def clipped_probability(setting: Setting, random: Random) -> Mutant | None:
    if setting.task not in ("bce", "cce"):
        return None
    program, last = write_program(replace(setting, longhand=False)), setting.depth
    line = program.lines["b_dZ"].replace(f"H{last} - y", f"np.clip(H{last}, 0.1, 0.9) - y")
    return program.changed(b_dZ=line), "epsilon", last


@mutation
def bias_forgotten(setting: Setting, random: Random) -> Mutant | None:
    program, layer = write_program(setting), random.randint(1, setting.depth)
    return replaced(program, f"f_Z{layer}", f' + params["b{layer}"]', ""), "bias_forgotten", layer


@mutation
def activation_forgotten(setting: Setting, random: Random) -> Mutant | None:
    program, layer = write_program(setting), hidden_layer(setting, random)
    return program.changed(**{f"f_H{layer}": f"H{layer} = Z{layer}"}), "activation_forgotten", layer


@mutation
def output_squashed(setting: Setting, random: Random) -> Mutant | None:
    last = setting.depth
    if setting.task != "mse":
        return None
    program = write_program(setting)
    name = random.choice(("sigmoid", "tanh", "relu"))
    value, _, by_z = ACTIVATIONS[name]
    lines = {f"f_H{last}": f"H{last} = " + value.format(z=f"Z{last}")}
    if random.random() < 0.5:
        lines["b_dZ"] = program.lines["b_dZ"] + f" * ({by_z.format(z=f'Z{last}')})"
    return program.changed(**lines), "output_activation_added", last


@mutation
def another_activation(setting: Setting, random: Random) -> Mutant | None:
    program, layer = (
        write_program(replace(setting, from_output=False)),
        hidden_layer(setting, random),
    )
    own = setting.hidden[layer - 1]
    name = random.choice(
        [n for n in ("sigmoid", "tanh", "relu") if n not in setting.hidden] or [""]
    )
    if not name or name == own:
        return None
    value, _, by_z = ACTIVATIONS[name]
    lines = {f"f_H{layer}": f"H{layer} = " + value.format(z=f"Z{layer}")}
    lines[f"b_dZ{layer}"] = f"dZ{layer} = dH{layer} * ({by_z.format(z=f'Z{layer}')})"
    return program.changed(**lines), "other_activation", layer


@mutation
def bias_behind_the_activation(setting: Setting, random: Random) -> Mutant | None:
    program, layer = (
        write_program(replace(setting, from_output=False)),
        hidden_layer(setting, random),
    )
    bias = f' + params["b{layer}"]'
    program = replaced(program, f"f_Z{layer}", bias, "")
    line = program.lines[f"f_H{layer}"] + bias
    return program.changed(**{f"f_H{layer}": line}), "bias_after_activation", layer


@mutation
def whole_numbers(setting: Setting, random: Random) -> Mutant | None:
    program, layer = (
        write_program(replace(setting, reduction="sum")),
        random.randint(1, setting.depth),
    )
    shape = f'params["W{layer}"].shape'
    line = program.lines[f"b_dW{layer}"].replace(
        f"dW{layer} = ", f"dW{layer} = np.zeros({shape}, dtype=int)\ndW{layer}[...] = "
    )
    return program.changed(**{f"b_dW{layer}": line}), "integer_truncation", layer


@mutation
def inputs_cut(setting: Setting, random: Random) -> Mutant | None:
    program = write_program(setting)
    return program.changed(f_in="H0 = X.astype(int)"), "integer_truncation", 1


@mutation
def flat_against_column(setting: Setting, random: Random) -> Mutant | None:
    last = setting.depth
    if setting.widths[-1] != 1 or setting.task == "mse_softmax":
        return None
    program = write_program(replace(setting, longhand=False))
    tag = "b_dP" if "b_dP" in program.lines else "b_dZ"
    y = "y.T" if setting.layout == "columns" else "y"
    changed = replaced(program, tag, f"(H{last} - y)", f"(H{last}.ravel() - {y})")
    return changed, "broadcasting", last


@mutation
def loop_overwrites(setting: Setting, random: Random) -> Mutant | None:
    program, layer = (
        write_program(replace(setting, share_late=False)),
        random.randint(1, setting.depth),
    )
    below = layer - 1
    body = {
        "rows": f"np.outer(H{below}[i], dZ{layer}[i])",
        "columns": f"np.outer(dZ{layer}[:, i], H{below}[:, i])",
        "torch": f"np.outer(dZ{layer}[i], H{below}[i])",
    }[setting.layout]
    return (
        program.changed(**{f"b_dW{layer}": f"for i in range(N):\n    dW{layer} = {body}"}),
        "rows_lost",
        layer,
    )


@mutation
def never_filled(setting: Setting, random: Random) -> Mutant | None:
    program = write_program(setting)
    role, layer = random.choice("Wb"), random.randint(1, setting.depth)
    line = f'd{role}{layer} = np.zeros_like(params["{role}{layer}"])'
    return program.changed(**{f"b_d{role}{layer}": line}), "gradient_zero", layer


@mutation
def class_for_probability(setting: Setting, random: Random) -> Mutant | None:
    last = setting.depth
    if setting.task != "bce":
        return None
    program = write_program(replace(setting, longhand=False))
    return (
        replaced(program, "b_dZ", f"(H{last} - y)", f"((H{last} > 0.5) - y)"),
        "hard_prediction",
        last,
    )


@mutation
def left_out(setting: Setting, random: Random) -> Mutant | None:
    program = write_program(setting)
    name = setting.names.format(r="b", l=1)
    line = re.sub(rf", '{re.escape(name)}': db1", "", program.lines["return"])
    return program.changed(**{"return": line}), "gradient_missing", 1


@mutation
def sum_loses_its_axis(setting: Setting, random: Random) -> Mutant | None:
    if setting.layout != "columns":
        return None
    program = write_program(setting)
    for layer in range(1, setting.depth + 1):
        program = replaced(program, f"b_db{layer}", ", keepdims=True", "")
    return program, "gradient_shape", 0


@mutation
def weights_left_out(setting: Setting, random: Random) -> Mutant | None:
    program, layer = write_program(setting), hidden_layer(setting, random)
    return (
        program.changed(**{f"b_dH{layer}": f"dH{layer} = dZ{layer + 1}"}),
        "weights_missing",
        layer,
    )
