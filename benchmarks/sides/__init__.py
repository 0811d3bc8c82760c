"""The libraries that take part: one file each."""

from __future__ import annotations

import importlib

from benchmarks.runner import Side

OURS = "chainrule"
MODULES = {
    OURS: "ours",
    "scikit-learn": "scikit_learn",
    "torch": "torch_eager",
    "torch.compile": "torch_compiled",
    "jax": "jax_scan",
    "jax-1-thread": "jax_one_thread",
    "onnxruntime": "onnx_runtime",
}
PEERS = tuple(name for name in MODULES if name != OURS)


def make_side(name: str) -> Side:
    """Return the side of that name; this imports its library and no other."""
    return importlib.import_module(f"benchmarks.sides.{MODULES[name]}").SIDE()
