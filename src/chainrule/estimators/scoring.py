"""The parameter `scoring`: which scorer it names, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.metrics import check_scoring, get_scorer_names

from chainrule.checks import shown
from chainrule.errors import ChainruleError, InvalidParameterError
from chainrule.estimators.faults import as_parameter_errors
from chainrule.registry import suggest

__all__ = ["require_scoring", "scorer_for"]

_LOSS = "loss"


def require_scoring(scoring: Any) -> None:
    """Refuse a name that no scorer has, whether or not there are rows to score.

    Raises
    ------
    InvalidParameterError
        Names the scorers whose names are near.
    """
    if not isinstance(scoring, str) or scoring == _LOSS:
        return
    names = (_LOSS, *get_scorer_names())
    if scoring not in names:
        raise InvalidParameterError(
            "there is no such scorer",
            where="scoring",
            expected='"loss", a function, or one of sklearn.metrics.get_scorer_names()',
            got=shown(scoring),
            do=suggest(scoring, names),
        )


def scorer_for(estimator: Any, scoring: Any) -> Callable[..., float]:
    """Return a function of estimator, X, y and weights by name, whose score is a number.

    Raises
    ------
    InvalidParameterError
        The estimator cannot be scored so, or (by that function) the score is no number.
    """
    with as_parameter_errors("scoring"):
        scorer: Any = check_scoring(estimator, scoring)

    def score(*rows: Any, **weights: Any) -> float:
        try:
            return _as_number(scorer(*rows, **weights))
        except (AttributeError, TypeError, ValueError) as error:
            if not isinstance(scoring, str) or isinstance(error, ChainruleError):
                raise  # by the user's own function
            raise InvalidParameterError(
                f"the scorer cannot score this {type(estimator).__name__}",
                where="scoring",
                expected="a scorer for such targets and predictions",
                got=f"{shown(scoring)}: {error}",
                do='choose another one, or "loss"',
            ) from error

    return score


def _as_number(score: Any) -> float:
    try:
        return float(score)
    except Exception:  # noqa: BLE001 - whatever a scorer of the user's gives back
        raise InvalidParameterError(
            "the scorer gives back what is no number",
            where="scoring",
            expected="a number that shall rise",
            got=shown(score),
            do="return float(...), larger for better predictions",
        ) from None
