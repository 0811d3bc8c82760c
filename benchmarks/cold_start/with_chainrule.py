"""Cold start of Chainrule: import, build, one epoch."""
# ruff: noqa: E402 - the clock starts before the imports

import time

START = time.perf_counter()

import json
import sys

import numpy as np

import chainrule as cr
from chainrule import nn

X, y = np.load(sys.argv[1] + "/X.npy"), np.load(sys.argv[1] + "/y.npy")
net = nn.Sequential(nn.Dense(64, "relu"), nn.Dense(32, "relu"), nn.Dense(1))
adam = cr.Adam(1e-3)
train = cr.train
imported = time.perf_counter() - START
run = train(net, X, y, loss="squared_error", optimizer=adam, batch_size=32, epochs=1)
seconds = time.perf_counter() - START
loss = run.history.column("train_loss")[-1]
print(json.dumps({"seconds": seconds, "import_seconds": imported, "loss": float(loss)}))
