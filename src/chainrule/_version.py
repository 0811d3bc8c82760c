"""The version, stated once: the build reads this file, and so does `chainrule.__version__`."""

__all__ = ["__version__"]

__version__ = "0.1.0"
