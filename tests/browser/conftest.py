"""Tests in a real browser run when CHAINRULE_BROWSER says so: `1`, or the path of a Chromium.

Machines without a browser do not collect them; where they are asked for, a missing browser fails.
"""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("CHAINRULE_BROWSER") else ["test_*.py", "chromium.py"]
