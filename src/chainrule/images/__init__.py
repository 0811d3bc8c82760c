"""Pictures: read from MNIST's files, NumPy arrays and folders of picture files, as rows."""

from __future__ import annotations

from chainrule.images.code import PixelCode as PixelCode
from chainrule.images.collection import Images as Images
from chainrule.images.source import image_parts as image_parts
from chainrule.images.source import is_image_source as is_image_source
from chainrule.images.source import read_images as read_images

__all__ = ["Images", "PixelCode", "image_parts", "is_image_source", "read_images"]
