"""From a Predictor to operators of ONNX."""

import copy
import logging
import warnings
from contextlib import contextmanager, redirect_stderr
from dataclasses import replace
from io import StringIO

import numpy as np
import torch
from torch import nn

from sklearn_cnn.export._onnx_graph import OPSET
from sklearn_cnn.inference import Predictor, Preparation, fold_batch_norms
from sklearn_cnn.utils._dtypes import exact_in_float32
from sklearn_cnn.utils._generators import generator_restored, usual_modes

#: Begins the names of all operators of networks.
NETWORK = "network"


def add_network(graph, value, predictor, compute=None):
    """Add what a predictor computes of images; gives the outputs.

    ``compute`` takes the network and a batch; None gives the outputs of the network.
    It is computed in float32: ONNX Runtime has no convolution in float64, and what was
    learned in bfloat16 has weights of float32.
    """
    predictor = _in_float32(predictor)
    prepared = _add_preparation(graph, value, predictor.prepare)
    model = network_model(predictor, compute)
    (name,) = graph.include(model, prepared.name, NETWORK)
    dims = model.graph.output[0].type.tensor_type.shape.dim
    shape = tuple(dim.dim_value for dim in dims[1:])
    return replace(prepared, name=name, shape=shape)


def _in_float32(predictor):
    """Make the like on the CPU."""
    old = predictor.prepare
    prepare = Preparation(old.layout, old.mean, old.scale, torch.float32, "cpu")
    module = prepare.place(copy.deepcopy(predictor.module)).eval()
    return Predictor(module, prepare, "float32", predictor.sample_cost)


def _add_preparation(graph, value, prepare):
    layout = prepare.layout
    value = graph.reshape(value, layout.shape)
    exact = exact_in_float32(value.dtype)
    value = graph.cast(value, np.float32 if exact else np.float64)
    if prepare.mean is not None:
        shape = [1] * len(layout.shape)
        shape[0 if layout.channels_first else -1] = -1
        value = graph.elementwise("Sub", value, prepare.mean.reshape(shape))
        value = graph.elementwise("Mul", value, (1 / prepare.scale).reshape(shape))
    value = graph.cast(value, np.float32)
    order = (layout.n_channels, *layout.spatial_shape)
    if layout.channels_first or layout.n_channels == 1:
        return graph.reshape(value, order)
    last = len(order)
    name = graph.op("Transpose", value.name, perm=[0, last, *range(1, last)])
    return replace(value, name=name, shape=order)


class _Computation(nn.Module):
    """What is computed of a batch, as a module: torch exports these alone."""

    def __init__(self, network, compute):
        super().__init__()
        self.network, self.compute = network, compute

    def forward(self, x):
        if self.compute is None:
            return self.network(x)
        return self.compute(self.network, x)


def network_model(predictor, compute=None):
    """Write a network as a model of ONNX, by torch's exporter.

    Raises
    ------
    ValueError
        If the exporter cannot.
    """
    network = predictor.module
    if compute is None:
        network = fold_batch_norms(network)
    blank = predictor.prepare.blank(2)
    with usual_modes(), generator_restored(), _quiet():
        try:
            program = torch.onnx.export(
                _Computation(network, compute).eval(),
                (blank,),
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim("n_samples")},),
                opset_version=OPSET,
                verbose=False,
            )
        except Exception as error:  # whatever torch's exporter raises
            raise ValueError(
                f"ONNX cannot express {type(predictor.module).__name__}: "
                f"{_reason(error)}. Its forward must be made of torch's operators, "
                "without choices by the values of a batch or by its size; save the "
                "estimator as it is with sklearn_cnn.export.save, or pickle it."
            ) from error
    model = program.model_proto
    _swap_pooling_and_relu(model.graph)
    return model


@contextmanager
def _quiet():
    """Keep what the exporter says of itself off the user's screen."""
    names = "torch.onnx", "onnxscript", "torch.fx.experimental.symbolic_shapes"
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    # where it fails, it prints the network
    with warnings.catch_warnings(), redirect_stderr(StringIO()):
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def _reason(error):
    """Give the first line of the error that began a chain of them."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200].rstrip(".")


def _swap_pooling_and_relu(graph):
    """Let maxima follow activations: ONNX Runtime puts these into convolutions.

    Both orders give the same bits. Without it, pooling of int8 goes through float32.
    """
    makers = {node.output[0]: node for node in graph.node}
    uses = [name for node in graph.node for name in node.input]
    for relu in graph.node:
        pool = makers.get(relu.input[0]) if relu.op_type == "Relu" else None
        if pool is None or pool.op_type != "MaxPool" or len(pool.output) > 1:
            continue
        if uses.count(pool.output[0]) == 1:
            relu.op_type, pool.op_type = pool.op_type, relu.op_type
            relu.attribute.extend(pool.attribute)
            del pool.attribute[:]
    del graph.value_info[:]  # shapes in between are others now
