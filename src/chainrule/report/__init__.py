"""Reports of runs for people: one HTML page with tables and pictures, and Markdown."""

from __future__ import annotations

from chainrule.report.bars import bar_chart as bar_chart
from chainrule.report.bars import confusion_chart as confusion_chart
from chainrule.report.bars import histogram as histogram
from chainrule.report.calibration import calibration_error as calibration_error
from chainrule.report.calibration import reliability as reliability
from chainrule.report.charts import line_chart as line_chart
from chainrule.report.charts import reliability_chart as reliability_chart
from chainrule.report.charts import residual_chart as residual_chart
from chainrule.report.charts import scatter_chart as scatter_chart
from chainrule.report.importance import permutation_importance as permutation_importance
from chainrule.report.page import Figure as Figure
from chainrule.report.page import Section as Section
from chainrule.report.page import Tile as Tile
from chainrule.report.page import page as page
from chainrule.report.pictures import example_grid as example_grid
from chainrule.report.pictures import weight_grid as weight_grid
from chainrule.report.svg import Drawing as Drawing

__all__ = [
    "Drawing",
    "Figure",
    "Section",
    "Tile",
    "bar_chart",
    "calibration_error",
    "confusion_chart",
    "example_grid",
    "histogram",
    "line_chart",
    "page",
    "permutation_importance",
    "reliability",
    "reliability_chart",
    "residual_chart",
    "scatter_chart",
    "weight_grid",
]
