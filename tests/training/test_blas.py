"""The number of BLAS threads changes no bit, where BLAS does the work of a run."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import hashlib, sys
import numpy as np
import chainrule as cr
from chainrule import nn

optimizer, width, columns, kind = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
epochs = 15 if optimizer == "lbfgs" else 3
rng = np.random.default_rng(0)
X = rng.standard_normal((500, columns))
y = np.sin(X[:, 0]) + X[:, 1]
if kind == "train":
    net = nn.Sequential(nn.Dense(width, "tanh"), nn.Dense(width, "tanh"), nn.Dense(1))
    told = {"optimizer": optimizer, "epochs": epochs, "batch_size": 250, "dtype": "float64"}
    run = cr.train(net, X, y, loss="squared_error", **told)
    content = run.model.weights.tobytes()
else:
    from chainrule.estimators import MLPRegressor
    fitted = MLPRegressor(hidden_layer_sizes=(width, width), solver="lbfgs", max_iter=epochs)
    fitted.set_params(random_state=0).fit(X, y)
    content = b"".join(part.tobytes() for part in fitted.coefs_)
print(hashlib.blake2b(content, digest_size=8).hexdigest())
"""


def digest(threads: int, engine: str, *words: str) -> str:
    """Return a fingerprint of the weights of a run in a process with so many BLAS threads."""
    environment = {
        **os.environ,
        "OPENBLAS_NUM_THREADS": str(threads),
        "CHAINRULE_ENGINE": engine,
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
    }
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        ("auto", ("lbfgs", "300", "60", "train")),
        ("reference", ("adam", "256", "60", "train")),
        ("reference", ("lbfgs", "300", "60", "estimator")),
    ],
)
def test_blas_threads_change_no_bit(engine: str, words: tuple[str, ...]) -> None:
    assert digest(1, engine, *words) == digest(2, engine, *words)
