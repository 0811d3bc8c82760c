"""Cold start of PyTorch: import, build, one epoch."""
# ruff: noqa: E402 - the clock starts before the imports

import time

START = time.perf_counter()

import json
import sys

import numpy as np
import torch
from torch import nn

X = torch.from_numpy(np.load(sys.argv[1] + "/X.npy"))
y = torch.from_numpy(np.load(sys.argv[1] + "/y.npy"))[:, None]
imported = time.perf_counter() - START
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
for index in torch.randperm(len(X)).split(32):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(X[index]), y[index])
    loss.backward()
    optimizer.step()
seconds = time.perf_counter() - START
print(json.dumps({"seconds": seconds, "import_seconds": imported, "loss": loss.item()}))
