"""Fixtures of the tables' tests."""

from __future__ import annotations

from tests.cli.conftest import commands as commands
