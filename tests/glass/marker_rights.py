"""Right programs in other styles than line by line: loops, rows one by one, classes."""

from __future__ import annotations

from random import Random

from tests.glass.marker_sources import HEAD, Setting

__all__ = ["STYLES", "write_style"]

COMMON = '''
ACT = {
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0),
    "leaky_relu": (lambda z: np.where(z > 0, z, 0.01 * z), lambda z: np.where(z > 0, 1, 0.01)),
    "softplus": (lambda z: np.logaddexp(0, z), sigmoid),
    "silu": (lambda z: z * sigmoid(z), silu_prime),
    "identity": (lambda z: z, np.ones_like),
}
NAMES = @names@
L = len(NAMES)
SHARE = @share@


def value(name, z):
    return softmax(z, 1) if name == "softmax" else ACT[name][0](z)


def first(P, Z, y):
    """The error at the output, long-hand."""
    task = "@task@"
    if task == "bce":
        return P - y
    if task == "cce":
        return P - y
    dP = @two@ * (P - y)
    if task == "mse":
        return dP
    if task == "mse_sigmoid":
        return dP * P * (1 - P)
    return np.stack([(np.diag(p) - np.outer(p, p)) @ d for p, d in zip(P, dP)])
'''

LOOP = """
def forward(params, X):
    cache = [(None, X)]
    for l in range(1, L + 1):
        Z = cache[-1][1] @ params[f"W{l}"] + params[f"b{l}"]
        cache.append((Z, value(NAMES[l - 1], Z)))
    return cache[-1][1], cache


def backward(params, X, y, cache):
    grads = {"dW": [None] * L, "db": [None] * L}
    delta = first(cache[-1][1], cache[-1][0], y)
    for l in range(L, 0, -1):
        share = len(X) if SHARE else 1
        grads["dW"][l - 1] = np.einsum("ni,nj->ij", cache[l - 1][1], delta) / share
        grads["db"][l - 1] = np.einsum("nj->j", delta) / share
        if l > 1:
            slope = ACT[NAMES[l - 2]][1](cache[l - 1][0])
            delta = np.einsum("nj,ij->ni", delta, params[f"W{l}"]) * slope
    return grads
"""

SAMPLES = """
def forward(params, X):
    H = X
    for l in range(1, L + 1):
        H = value(NAMES[l - 1], (params[f"W{l}"] @ H + params[f"b{l}"]).T).T
    return H


def backward(params, X, y):
    grads = {k: np.zeros(v.shape) for k, v in params.items()}
    n = X.shape[1]
    for i in range(n):
        hs, zs = [X[:, i : i + 1]], [None]
        for l in range(1, L + 1):
            zs.append(params[f"W{l}"] @ hs[-1] + params[f"b{l}"])
            hs.append(value(NAMES[l - 1], zs[-1].T).T)
        delta = first(hs[-1].T, zs[-1].T, y[:, i : i + 1].T).T
        for l in range(L, 0, -1):
            grads[f"W{l}"] += delta @ hs[l - 1].T / (n if SHARE else 1)
            grads[f"b{l}"] += delta / (n if SHARE else 1)
            if l > 1:
                delta = (params[f"W{l}"].T @ delta) * ACT[NAMES[l - 2]][1](zs[l - 1])
    return grads
"""

CLASS = """
class Net:
    def __init__(self, *widths, lr=0.3):
        self.weights = [np.random.randn(a, b) for a, b in zip(widths[:-1], widths[1:])]
        self.biases = [np.zeros(b) for b in widths[1:]]
        self.lr = lr

    def forward(self, X):
        self.h, self.z = [X], []
        for W, b, name in zip(self.weights, self.biases, NAMES):
            self.z.append(self.h[-1] @ W + b)
            self.h.append(value(name, self.z[-1]))
        return self.h[-1]

    def backward(self, X, y):
        delta = first(self.h[-1], self.z[-1], y) / (len(X) if SHARE else 1)
        steps = []
        for l in reversed(range(L)):
            steps.append((l, self.h[l].T @ delta, delta.sum(axis=0)))
            if l:
                delta = delta @ self.weights[l].T * ACT[NAMES[l - 1]][1](self.z[l - 1])
        for l, dW, db in steps:
            self.weights[l] = self.weights[l] - self.lr * dW
            self.biases[l] = self.biases[l] - self.lr * db
"""

NUMERIC = """
def forward(params, X):
    H = X
    for l in range(1, L + 1):
        H = value(NAMES[l - 1], H @ params[f"W{l}"] + params[f"b{l}"])
    return H


def total(params, X, y):
    P = forward(params, X)
    task = "@task@"
    if task == "bce":
        rows = -(y * np.log(P) + (1 - y) * np.log(1 - P))
    elif task == "cce":
        rows = -y * np.log(P)
    else:
        rows = @two@ / 2 * (P - y) ** 2
    return rows.sum() / (len(X) if SHARE else 1)


def backward(params, X, y):
    grads = []
    for l in range(1, L + 1):
        for name in (f"W{l}", f"b{l}"):
            g = np.zeros(params[name].shape)
            for i in np.ndindex(g.shape):
                for sign in (1, -1):
                    moved = {k: v.copy() for k, v in params.items()}
                    moved[name][i] += sign * 1e-5
                    g[i] += sign * total(moved, X, y) / 2e-5
            grads.append(g)
    return tuple(grads)
"""

LABELS = """
def forward(params, X):
    H = X
    for l in range(1, L + 1):
        Z = H @ params[f"W{l}"] + params[f"b{l}"]
        H = value(NAMES[l - 1], Z) if l < L else Z
    return H


def backward(params, X, y):
    hs, zs = [X], [None]
    for l in range(1, L + 1):
        zs.append(hs[-1] @ params[f"W{l}"] + params[f"b{l}"])
        hs.append(value(NAMES[l - 1], zs[-1]))
    delta = softmax(zs[-1], 1)
    delta[np.arange(len(y)), y] -= 1
    delta = delta / len(y) if SHARE else delta
    out = []
    for l in range(L, 0, -1):
        out.insert(0, (hs[l - 1].T @ delta, delta.sum(axis=0)))
        delta = delta @ params[f"W{l}"].T * (ACT[NAMES[l - 2]][1](zs[l - 1]) if l > 1 else 1)
    return out
"""

STYLES = {"loop": LOOP, "samples": SAMPLES, "class": CLASS, "numeric": NUMERIC, "labels": LABELS}


def write_style(style: str, setting: Setting, random: Random) -> str:
    """Return a right program in a style."""
    names = (*setting.hidden, setting.output)
    text = HEAD + COMMON + STYLES[style]
    told = {
        "names": repr(names),
        "share": repr(setting.reduction == "mean"),
        "task": setting.task,
        "two": "1" if setting.half else "2",
    }
    for name, value in told.items():
        text = text.replace(f"@{name}@", value)
    return text
