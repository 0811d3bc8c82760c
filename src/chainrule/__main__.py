"""`python -m chainrule` is `chainrule`."""

from __future__ import annotations

import sys

from chainrule.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
