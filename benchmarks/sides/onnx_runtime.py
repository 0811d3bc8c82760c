"""ONNX Runtime, which predicts only: a graph of Gemm and Relu with the work's weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.runner import ONE_THREAD_BELOW, Calls, Runner, Side, cores, fastest
from benchmarks.work import Work, parameters_of


def graph_of(work: Work) -> bytes:
    """Return the network as a serialised ONNX model."""
    parameters = parameters_of(work)
    last = len(parameters) // 2 - 1
    nodes: list[Any] = []
    flowing = "X"
    for layer in range(last + 1):
        names = [flowing, f"W{layer}", f"b{layer}"]
        flowing = "raw" if layer == last else f"Z{layer}"
        nodes.append(helper.make_node("Gemm", names, [flowing]))
        if layer < last:
            nodes.append(helper.make_node("Relu", [flowing], [f"H{layer}"]))
            flowing = f"H{layer}"
    constants = [
        numpy_helper.from_array(value, f"{'Wb'[position % 2]}{position // 2}")
        for position, value in enumerate(parameters)
    ]
    outer = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", width])
        for name, width in (("X", work.widths[0]), ("raw", work.widths[-1]))
    ]
    graph = helper.make_graph(nodes, "network", outer[:1], outer[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()


def session_of(work: Work, threads: int) -> Runner:
    """Return calls of a session with so many threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        graph_of(work), options, providers=["CPUExecutionProvider"]
    )
    run, names = session.run, ["raw"]
    return Calls(work, lambda X: run(names, {"X": X})[0])


def predictions(work: Work) -> Runner:
    """Return the faster of one thread and all."""
    counts = {1, cores()} if work.flops < ONE_THREAD_BELOW else {cores()}
    return fastest(
        {
            f"{threads} threads": lambda threads=threads: session_of(work, threads)
            for threads in sorted(counts)
        }
    )[0]


class OnnxRuntime(Side):
    """ONNX Runtime."""

    name = "onnxruntime"
    kinds = {"predict": predictions}

    def versions(self) -> dict[str, str]:
        """Return the version."""
        return {"onnxruntime": onnxruntime.__version__, "numpy": np.__version__}


SIDE = OnnxRuntime
