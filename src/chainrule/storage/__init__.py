"""Model files: one safetensors file of tensors and one JSON document, validated before use."""

from __future__ import annotations

from chainrule.storage.model import Model as Model

__all__ = ["Model"]
