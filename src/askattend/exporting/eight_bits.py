"""Weights in 8 bits: a quarter of the bytes, products of the network in whole numbers."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from askattend.files import read_whole, write_whole

# Of these the weights are rounded, and the other factor whenever a question is asked.
_PRODUCTS = ("MatMul", "Gemm", "LSTM", "Gather")
_STEPS = 127


def in_eight_bits(content: bytes, scratch: Path) -> bytes:
    """Round a graph's weights to 8 bits.

    Products with a matrix, an LSTM's too, are onnxruntime's dynamic quantisation: whole numbers,
    with a scale that is found from the other factor. Weights of convolutions, which that would make
    slow and wrong (depthwise ones have few numbers a channel), are kept as 8 bits, a scale for each
    output channel, and computed with as floats.

    Args:
        content: of the graph's file.
        scratch: a folder for what onnxruntime takes and hands over as files.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    given, made = scratch / "given.onnx", scratch / "made.onnx"
    write_whole(given, content)
    root, before = logging.getLogger(), logging.getLogger().level
    root.setLevel(logging.ERROR)  # it would rather be run after a step that has been taken
    try:
        quantize_dynamic(
            str(given),
            str(made),
            op_types_to_quantize=list(_PRODUCTS),
            per_channel=True,
            weight_type=QuantType.QInt8,
            extra_options={"MatMulConstBOnly": True},
        )
    finally:
        root.setLevel(before)
    return _convolutions_rounded(read_whole(made))


def _convolutions_rounded(content: bytes) -> bytes:
    """Keep each convolution's weights as 8-bit numbers, times a scale for each channel."""
    import onnx

    model = onnx.load_from_string(content)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes: list[Any] = []
    for node in model.graph.node:
        tensor = weights.get(node.input[1]) if node.op_type == "Conv" else None
        if tensor is not None:
            nodes.append(_rounded(model, tensor))
            node.input[1] = nodes[-1].output[0]
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    content = model.SerializeToString()
    return bytes(content)


def _rounded(model: Any, tensor: Any) -> Any:
    """Put 8-bit weights in the place of floats; return the node that makes floats of them again."""
    from onnx import helper, numpy_helper

    floats = numpy_helper.to_array(tensor)
    largest = np.abs(floats).max(axis=tuple(range(1, floats.ndim)))
    scale = (np.maximum(largest, np.finfo(np.float32).tiny) / _STEPS).astype(np.float32)
    codes = np.rint(floats / scale.reshape(-1, *[1] * (floats.ndim - 1))).astype(np.int8)
    model.graph.initializer.remove(tensor)
    named = {"codes": codes, "scale": scale, "zero": np.zeros(len(scale), np.int8)}
    for name, array in named.items():
        model.graph.initializer.append(numpy_helper.from_array(array, f"{tensor.name}.{name}"))
    inputs = [f"{tensor.name}.{name}" for name in named]
    return helper.make_node("DequantizeLinear", inputs, [tensor.name], axis=0)
