"""From a graph of floats to one that computes with integers of 8 bits."""

import logging
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path

import onnx

from sklearn_cnn.export._onnx_network import NETWORK

#: Operators that compute with integers; others go by way of float32.
_QUANTIZED = (
    "Add",
    "AveragePool",
    "Clip",
    "Concat",
    "Conv",
    "Gemm",
    "GlobalAveragePool",
    "MatMul",
    "MaxPool",
    "Relu",
)
#: Samples that ranges are learned from at a time.
_BATCH = 32


def quantized(model, images):
    """Give the like of a model, with a scale for each filter [1]_.

    Operators outside of the network, and its last layer, stay as they are: they take
    no time, and decide.

    Parameters
    ----------
    model : onnx.ModelProto
        As it is written, with float32 in its network.
    images : ndarray of shape (n_samples, ...)
        As the graph takes them.

    References
    ----------
    .. [1] H. Wu et al., "Integer quantization for deep learning inference: principles
       and empirical evaluation", 2020, https://arxiv.org/abs/2004.09602
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    with tempfile.TemporaryDirectory() as folder, _quiet():
        path = Path(folder) / "quantized.onnx"
        quantize_static(
            model,
            path,
            _Batches(images),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            # the fastest pair of types on processors with VNNI and AMX
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=[*_QUANTIZED],
            nodes_to_quantize=_names_of_layers(model.graph),
        )
        result = onnx.load(path)
    entries = {entry.key: entry for entry in result.metadata_props}
    entries["sklearn_cnn.quantized"].value = "true"
    return result


def _names_of_layers(graph):
    nodes = [n for n in graph.node if n.name.startswith(NETWORK)]
    nodes = [n for n in nodes if n.op_type in _QUANTIZED]
    dense = [n for n in nodes if n.op_type in ("Gemm", "MatMul")]
    return [node.name for node in nodes if node not in dense[-1:]]


class _Batches:
    """What the quantiser learns ranges from."""

    def __init__(self, images):
        self._batches = (
            {"X": images[start : start + _BATCH]}
            for start in range(0, len(images), _BATCH)
        )

    def get_next(self):
        """Give the next batch; None at the end."""
        return next(self._batches, None)


@contextmanager
def _quiet():
    """Keep the quantiser's advice, and the handler it would add, out of logging."""
    root, silent = logging.getLogger(), logging.NullHandler()
    root.addHandler(silent)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.removeHandler(silent)
