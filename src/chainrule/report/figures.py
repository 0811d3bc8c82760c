"""The pictures of experiments: functions from runs, or plain arrays, to a `Picture`.

A picture gives `svg()`, `png()`, `save(path)`, and `drawing()` for a page. matplotlib (the extra
`cli`) is loaded when the first one is drawn; `figures_canvas` says why it and not `svg`.
"""

from __future__ import annotations

from chainrule.report.figures_canvas import Picture as Picture
from chainrule.report.figures_curves import loss_picture as loss_picture
from chainrule.report.figures_health import gradient_picture as gradient_picture
from chainrule.report.figures_health import health_picture as health_picture
from chainrule.report.figures_heat import heat_axes as heat_axes
from chainrule.report.figures_heat import heat_picture as heat_picture
from chainrule.report.figures_scores import rank_picture as rank_picture
from chainrule.report.figures_scores import score_picture as score_picture
from chainrule.report.figures_scores import settings_picture as settings_picture

__all__ = [
    "Picture",
    "gradient_picture",
    "health_picture",
    "heat_axes",
    "heat_picture",
    "loss_picture",
    "rank_picture",
    "score_picture",
    "settings_picture",
]
