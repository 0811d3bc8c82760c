"""Reports of runs for people: one HTML page with tables and pictures."""

from __future__ import annotations

from chainrule.report.page import Section as Section
from chainrule.report.page import page as page
from chainrule.report.svg import line_chart as line_chart
from chainrule.report.svg import scatter_chart as scatter_chart

__all__ = ["Section", "line_chart", "page", "scatter_chart"]
