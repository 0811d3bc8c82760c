"""Cold start of scikit-learn: import, build, one epoch."""
# ruff: noqa: E402 - the clock starts before the imports

import time

START = time.perf_counter()

import json
import sys
import warnings

import numpy as np
from sklearn.neural_network import MLPRegressor

warnings.simplefilter("ignore")
X, y = np.load(sys.argv[1] + "/X.npy"), np.load(sys.argv[1] + "/y.npy")
imported = time.perf_counter() - START
model = MLPRegressor(hidden_layer_sizes=(64, 32), alpha=0.0, batch_size=32, max_iter=1)
model.fit(X, y)
seconds = time.perf_counter() - START
loss = 2 * model.loss_
print(json.dumps({"seconds": seconds, "import_seconds": imported, "loss": float(loss)}))
