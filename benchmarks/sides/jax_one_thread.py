"""JAX on one thread, which small networks prefer; XLA takes that as a flag of the process."""

from __future__ import annotations

import os

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"

from benchmarks.sides.jax_scan import JaxScan


class JaxOneThread(JaxScan):
    """JAX, single-threaded."""

    name = "jax-1-thread"


SIDE = JaxOneThread
