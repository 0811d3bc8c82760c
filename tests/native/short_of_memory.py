"""Each allocation of the engine's work fails once, in a child of its own.

A program, because the memory functions of a process are replaced when it starts: by the library
that `SOURCE` makes, whose path is the first argument. It exits with 0 if each child ended in
MemoryError or with the right numbers, had its first weights or its last ones then, and could do the
work again.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable

import numpy as np

from chainrule.engine import NativeEngine
from tests.native.networks import CLOCK, first, rows_of, small_plan

SOURCE = """
#include <errno.h>
#include <stddef.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
static __thread long left, seen, watching;

void fail_at(long number) { left = number; seen = 0; watching = 1; }
long stop(void) { watching = 0; return seen; }

static int fails(void) {
    if (!watching) return 0;
    ++seen;
    if (--left != 0) return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size) { return fails() ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return fails() ? NULL : __libc_calloc(count, size); }
void *realloc(void *block, size_t size) { return fails() ? NULL : __libc_realloc(block, size); }
"""

PLAN = small_plan(optimizer="adam")
ROWS = rows_of(PLAN, 40, "float32")


Work = tuple[Callable[[], bytes], Callable[[], bool]]
"""What is to be done, and whether the state is whole that it leaves."""


def train() -> Work:
    """Prepare a pass over the data."""
    engine, buffers = NativeEngine(PLAN, "float32", 2), first(PLAN, "float32")
    before = buffers.weights.copy()

    def work() -> bytes:
        if not buffers.step:
            engine.epoch(buffers, ROWS, np.arange(40), 10, CLOCK)
        return bytes(buffers.weights.data)

    return work, lambda: (buffers.step == 0) == np.array_equal(buffers.weights, before)


def gradient() -> Work:
    """Prepare a gradient."""
    engine, state = NativeEngine(PLAN, "float32", 2), first(PLAN, "float32")
    return lambda: bytes(engine.gradient(state, ROWS, CLOCK).gradient.data), lambda: True


def predict() -> Work:
    """Prepare a prediction."""
    engine, state = NativeEngine(PLAN, "float32", 2), first(PLAN, "float32")
    return lambda: bytes(engine.raw(state.weights, state.running, ROWS.X).data), lambda: True


WORKS: dict[str, Callable[[], Work]] = {"train": train, "gradient": gradient, "predict": predict}


def one(number: int, prepare: Callable[[], Work]) -> int:
    """Do the work with one allocation failing; return 0 if all is well afterwards."""
    right = prepare()[0]()
    work, whole = prepare()
    memory.fail_at(number)
    try:
        found = work()
    except (MemoryError, SystemError):  # the second is NumPy's, which forgets to say what failed
        found = right
    memory.stop()
    return 0 if found == right and whole() and work() == right else 3


def main() -> None:
    """Let each allocation of each piece of work fail."""
    for name, prepare in WORKS.items():
        work, _ = prepare()
        memory.fail_at(0)
        work()
        count = memory.stop()
        assert count > 20, (name, count)
        for number in range(1, count + 2):
            child = os.fork()
            if child == 0:
                status = 4
                try:
                    status = one(number, prepare)
                finally:
                    os._exit(status)
            status = os.waitpid(child, 0)[1]
            assert status == 0, f"allocation {number} of {name}: {status}"


if __name__ == "__main__":
    memory = ctypes.PyDLL(sys.argv[1])
    memory.fail_at.argtypes, memory.stop.restype = [ctypes.c_long], ctypes.c_long
    main()
