"""Weights in 8 bits: less than a third of the bytes, products of the network in whole numbers."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from askattend.files import read_whole, write_whole

Array = np.ndarray[Any, np.dtype[Any]]

# Of these the weights are rounded, and the other factor whenever a question is asked.
_PRODUCTS = ("MatMul", "Gemm", "LSTM", "Gather")
_STEPS = 127
# A convolution of fewer weights keeps 16 bits of each: together they are a tenth of a backbone's,
# and make two thirds of what rounding to 8 bits changes in its features.
_MANY = 16_384


def in_eight_bits(content: bytes, scratch: Path) -> bytes:
    """Round a graph's weights to 8 bits.

    Products with a matrix, an LSTM's too, are onnxruntime's dynamic quantisation: whole numbers,
    with a scale that is found from the other factor. Convolutions, which that would make slow and
    wrong, are computed with floats: their weights are kept as 8 bits, a scale for each output
    channel, or as 16 where there are few, as in the first layers, from which errors grow.

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
    """Keep each convolution's weights in 8 bits, times a scale for each channel, or in 16."""
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
    """Put shorter numbers in the place of floats; return the node that makes floats of them."""
    from onnx import TensorProto, helper, numpy_helper

    floats = numpy_helper.to_array(tensor)
    model.graph.initializer.remove(tensor)
    named = _in_8_bits(floats) if floats.size >= _MANY else {"half": floats.astype(np.float16)}
    for name, array in named.items():
        model.graph.initializer.append(numpy_helper.from_array(array, f"{tensor.name}.{name}"))
    inputs = [f"{tensor.name}.{name}" for name in named]
    if floats.size < _MANY:
        return helper.make_node("Cast", inputs, [tensor.name], to=TensorProto.FLOAT)
    return helper.make_node("DequantizeLinear", inputs, [tensor.name], axis=0)


def _in_8_bits(floats: Array) -> dict[str, Array]:
    """Round weights of a convolution to codes, scale and zero point of each output channel."""
    largest = np.abs(floats).max(axis=tuple(range(1, floats.ndim)))
    scale = (np.maximum(largest, np.finfo(np.float32).tiny) / _STEPS).astype(np.float32)
    codes = np.rint(floats / scale.reshape(-1, *[1] * (floats.ndim - 1))).astype(np.int8)
    return {"codes": codes, "scale": scale, "zero": np.zeros(len(scale), np.int8)}
