"""scikit-learn's `check_estimator` on estimators that are configured in other ways than by default.

    python -m tools.check_estimators                 all of them
    python -m tools.check_estimators lbfgs nadam     some, by name

Prints one line for each, and fails if a check fails that the table below does not explain. What it
explains is what a configuration means; where scikit-learn has the same one, its own perceptron
fails the same checks.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from dataclasses import dataclass, field
from typing import Any

os.environ["SCIPY_ARRAY_API"] = "1"  # without it scikit-learn skips a check

from sklearn.utils.estimator_checks import check_estimator

import chainrule as cr
from chainrule import MLPClassifier, MLPRegressor, nn

EQUIVALENCE = "check_sample_weight_equivalence_on_"
WEIGHTS = (f"{EQUIVALENCE}dense_data", f"{EQUIVALENCE}sparse_data")
PARTIAL = (
    "check_fit_score_takes_y",
    "check_n_features_in_after_fitting",
    "check_estimators_partial_fit_n_features",
)
FEW_ROWS = (
    *WEIGHTS,
    "check_estimators_nan_inf",
    "check_classifiers_one_label",
    "check_classifiers_one_label_sample_weights",
    "check_class_weight_classifiers",
    "check_regressors_no_decision_function",
    "check_fit2d_1feature",
)
TRAIN = ("check_classifiers_train", "check_regressors_train", "check_class_weight_classifiers")


def network(width: int) -> nn.Layer:
    """Return a network with so many outputs."""
    return nn.Sequential(nn.Dense(100, "silu"), nn.LayerNorm(), nn.Dense(width))


@dataclass(frozen=True)
class Way:
    """A configuration, for both estimators or one, and the checks that it cannot pass, with why."""

    parameters: dict[str, Any]
    classes: tuple[type, ...] = (MLPClassifier, MLPRegressor)
    explained: dict[tuple[str, ...], str] = field(default_factory=dict)


STOPPING = {
    PARTIAL: "scikit-learn's contract: partial_fit refuses early_stopping",
    FEW_ROWS: "ten rows are too few to hold some back, which is said",
}
NOISE = {WEIGHTS: "a row of weight 2 and two rows draw other masks or make other batch moments"}
SATURATED = {
    ("check_classifiers_multilabel_output_format_predict_proba",): "a probability rounds to 1"
}
AGAIN = {
    (
        "check_classifiers_multilabel_representation_invariance",
        "check_supervised_y_2d",
    ): "the second call of fit goes on, which is the point"
}

WAYS: dict[str, Way] = {
    "lbfgs": Way({"solver": "lbfgs"}, explained=SATURATED),
    "engine's lbfgs": Way({"optimizer": cr.LBFGS()}, explained=SATURATED),
    "sgd": Way({"solver": "sgd", "learning_rate": "adaptive"}),
    "nadam": Way({"solver": "nadam"}),
    "rmsprop": Way({"solver": "rmsprop"}),
    "adagrad": Way({"solver": "adagrad"}),
    "amsgrad": Way({"solver": "amsgrad"}),
    "adamw": Way({"optimizer": cr.AdamW(1e-3, weight_decay=0.1)}),
    "early stopping": Way({"early_stopping": True}, explained=STOPPING),
    "stopping by loss": Way({"early_stopping": True, "scoring": "loss"}, explained=STOPPING),
    "dropout": Way({"dropout": 0.2}, explained=NOISE),
    "batch norm": Way({"normalization": "batch"}, explained=NOISE),
    "layer norm": Way({"normalization": "layer"}),
    "residual": Way({"residual": True, "hidden_layer_sizes": (100, 100)}),
    "network": Way({"network": network}),
    "schedule, clip, decay": Way({"schedule": "cosine", "clip": 1.0, "weight_decay": 0.01}),
    "penalties": Way({"penalties": [cr.L1(1e-4)]}),
    "initialiser": Way({"initialiser": "he_normal", "activation": "gelu"}),
    "time limit": Way({"max_time": 100.0}),
    "warm start": Way({"warm_start": True}, explained=AGAIN),
    "linear": Way(
        {"hidden_layer_sizes": ()}, explained={TRAIN: "a line does not part what is not linear"}
    ),
    "float32": Way(
        {"dtype": "float32"},
        explained={
            WEIGHTS: "they are compared to 1e-7",
            ("check_regressor_multioutput",): "it asks for float64",
        },
    ),
    "class weight": Way(
        {"class_weight": "balanced"},
        (MLPClassifier,),
        {PARTIAL: '"balanced" needs all rows, which partial_fit does not have'},
    ),
    "softmax": Way({"loss": "softmax_cross_entropy"}, (MLPClassifier,)),
    "smoothed": Way({"loss": cr.SoftmaxCrossEntropy(label_smoothing=0.1)}, (MLPClassifier,)),
    "one for each class": Way({"loss": "binary_cross_entropy"}, (MLPClassifier,)),
    "huber": Way({"loss": "huber"}, (MLPRegressor,)),
    "gaussian": Way({"loss": "gaussian_nll"}, (MLPRegressor,)),
    "pinball": Way({"loss": cr.Pinball(quantile=0.5)}, (MLPRegressor,)),
}


def unexplained(way: Way, estimator: type) -> tuple[int, list[str]]:
    """Return the number of checks, and what fails without an explanation, or is skipped."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = check_estimator(estimator(**way.parameters), on_fail=None, on_skip=None)
    known = {name for names in way.explained for name in names}
    odd = [one for one in found if one["status"] != "passed" and one["check_name"] not in known]
    return len(found), [f"{one['check_name']} {one['status']}: {one['exception']}" for one in odd]


def main(names: list[str]) -> int:
    """Check the ways of these names, or all; return the exit status."""
    total, faults = 0, 0
    for name in names or WAYS:
        for estimator in WAYS[name].classes:
            began = time.perf_counter()
            count, odd = unexplained(WAYS[name], estimator)
            total, faults = total + count, faults + len(odd)
            seconds = time.perf_counter() - began
            print(f"{estimator.__name__:13} {name:22} {count} checks, {seconds:.1f} s")
            for fault in odd:
                print(f"    {fault[:300]}")
    print(f"{total:,} checks, {faults} without an explanation")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
