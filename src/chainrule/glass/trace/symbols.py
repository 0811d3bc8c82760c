r"""LaTeX symbols of records: `dense_1.dW` is :math:`dW^{(1)}`.

A name is read as owner, tensor and suffixes. The number of the owner stands above the letter; where
two owners would share a symbol (`relu_1.H`, `dropout_1.H`), the later one is named in full.
"""

from __future__ import annotations

import re
from collections.abc import Collection

__all__ = ["symbol_of"]

_LETTERS = {
    "gamma": r"\gamma",
    "beta": r"\beta",
    "alpha": r"\alpha",
    "mean": r"\mu",
    "variance": r"\sigma^2",
    "deviation": r"s",
    "Xhat": r"\hat X",
    "running_mean": r"\bar\mu",
    "running_variance": r"\bar\sigma^2",
    "slope": r"f'",
    "scores": "S",
    "rows": "R",
}
_NAMED = {
    "loss.values": "J_i",
    "loss.factors": "c_i",
    "loss.J": r"J_{\text{data}}",
    "loss.P": "P",
    "loss.terms": r"\ell",
    "loss.targets": "Y'",
    "loss.share": "c",
    "loss.mu": r"\mu",
    "loss.s": "s",
    "loss.variance": r"\sigma^2",
    "loss.slope": r"\partial J_i / \partial Z",
    "loss.dP": r"\partial J_i / \partial P",
    "loss.link_slope": r"\partial P / \partial Z",
    "loss.jacobian": r"\partial P_i / \partial Z_i",
    "objective": "J",
    "optimizer.mean_correction": "c_1",
    "optimizer.square_correction": "c_2",
    "optimizer.momentum": r"\mu_t",
    "optimizer.momentum_ahead": r"\mu_{t+1}",
    "optimizer.momentum_product": r"\Pi_t",
    "sample_weight": "w_i",
}
_SUFFIXES = {
    "after": r"{%s}_{\text{new}}",
    "data": r"{%s}_{\text{data}}",
    "decayed": r"{%s}_{\text{decayed}}",
    "stepped": r"{%s}_{\text{stepped}}",
    "clipped": r"\widetilde{%s}",
    "long_hand": r"{%s}_{\text{long}}",
    "before": r"{%s}_{\text{old}}",
    "rate": r"\eta_{%s}",
    "mean": r"m_{%s}",
    "mean_square": r"s_{%s}",
    "squares": r"s_{%s}",
    "largest_mean_square": r"\bar s_{%s}",
    "velocity": r"v_{%s}",
    "mean_hat": r"\hat m_{%s}",
    "square_hat": r"\hat s_{%s}",
    "direction": r"u_{%s}",
}


def symbol_of(name: str, taken: Collection[str]) -> str:
    r"""Return a symbol that no other record has.

    Example
    -------
    >>> from chainrule.glass.trace.symbols import symbol_of
    >>> symbol_of("dense_1.dW", ()), symbol_of("dropout_1.H", {"H^{(1)}"})
    ('dW^{(1)}', 'H^{(\\text{dropout 1})}')
    """
    for fixed, letter in _NAMED.items():
        if name == fixed or name.startswith(fixed + "."):
            return _suffixed(letter, name[len(fixed) :].split(".")[1:])
    parts = name.split(".")
    if len(parts) == 1:
        plain = name if len(name) <= 2 else r"\text{" + name.replace("_", " ") + "}"
        return plain if plain not in taken else r"\text{" + name.replace("_", r"\_") + "}"
    owner, local, *suffixes = parts
    number = re.search(r"_(\d+)$", owner)
    full = r"\text{" + owner.replace("_", " ") + "}"
    for index in (number[1] if number else full, full):
        letter = _letter(local)
        letter = f"{{{letter}}}" if "^" in letter else letter
        symbol = _suffixed(f"{letter}^{{({index})}}", suffixes)
        if symbol not in taken:
            return symbol
    return r"\text{" + name.replace("_", r"\_") + "}"


def _suffixed(symbol: str, suffixes: list[str]) -> str:
    for suffix in suffixes:
        pattern = _SUFFIXES.get(suffix, r"{%s}_{\text{" + suffix.replace("_", " ") + "}}")
        symbol = pattern.replace("%s", symbol)
    return symbol


def _letter(local: str) -> str:
    if local in _LETTERS:
        return _LETTERS[local]
    if local.startswith("d") and local[1:] in _LETTERS:
        return "d" + _LETTERS[local[1:]]
    indexed = re.fullmatch(r"(d?[A-Z])(\d+)", local)
    if indexed:
        return f"{indexed[1]}_{{{indexed[2]}}}"
    if len(local) <= 2 or (local[0] == "d" and len(local) <= 3):
        return local
    return r"\text{" + local.replace("_", " ") + "}"
