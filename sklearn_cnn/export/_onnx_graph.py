"""A graph of ONNX, written one operator after the other."""

from dataclasses import dataclass, replace
from math import prod

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

#: Of ONNX's operators: what torch's exporter writes and all of ours are in.
OPSET = 20
#: Of the file format: the oldest that this opset is in.
_IR_VERSION = 10
#: Of the operators for classical models, which scikit-learn's steps become.
ML_OPSET = 3
#: Name of the axis of samples.
BATCH = "n_samples"


@dataclass(frozen=True)
class Value:
    """What flows from one step to the next: its name, and what a sample is."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype


class GraphWriter:
    """Collects operators, and makes a model of them.

    Parameters
    ----------
    shape : tuple of int
        Of a sample of the input.
    dtype : numpy.dtype
        Of the input.
    """

    def __init__(self, shape, dtype):
        self.input = Value("X", tuple(shape), np.dtype(dtype))
        self.nodes, self.constants = [], []

    def op(self, kind, *inputs, **attributes):
        """Add an operator; arrays among its inputs become constants. Gives a name."""
        names = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        name = f"{kind.lower()}_{len(self.nodes)}"
        node = helper.make_node(kind, names, [name], name=name, **attributes)
        self.nodes.append(node)
        return name

    def constant(self, array):
        """Add a constant. Gives its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def cast(self, value, dtype):
        """Give a value another number type."""
        dtype = np.dtype(dtype)
        if value.dtype == dtype:
            return value
        name = self.op("Cast", value.name, to=tensor_type(dtype))
        return replace(value, name=name, dtype=dtype)

    def reshape(self, value, shape):
        """Give each sample another shape."""
        shape = tuple(map(int, shape))
        if value.shape == shape:
            return value
        name = self.op("Reshape", value.name, np.array([-1, *shape]))
        return replace(value, name=name, shape=shape)

    def elementwise(self, kind, value, operand):
        """Combine a value with numbers of its own type, and of its shape or 1s."""
        name = self.op(kind, value.name, np.asarray(operand, value.dtype))
        return replace(value, name=name)

    def taken(self, value, places, shape):
        """Give samples of which each pixel is the one at some place of the old ones."""
        flat = self.reshape(value, (prod(value.shape),))
        if np.array_equal(places, np.arange(flat.shape[0])):
            return self.reshape(flat, shape)
        name = self.op("Gather", flat.name, np.asarray(places, np.int64), axis=1)
        return self.reshape(replace(flat, name=name, shape=(len(places),)), shape)

    def include(self, model, name, kind="step"):
        """Add the operators of a model of one input, which is ``name`` here.

        Their names begin with ``kind``. Gives the names of the model's outputs.
        """
        prefix = f"{kind}{len(self.nodes)}/"
        graph = onnx.compose.add_prefix_graph(model.graph, prefix)
        (entry,) = (i.name for i in graph.input)
        for node in graph.node:
            node.input[:] = [name if i == entry else i for i in node.input]
        self.nodes += graph.node
        self.constants += graph.initializer
        return [name if o.name == entry else o.name for o in graph.output]

    def model(self, outputs, metadata):
        """Make a model.

        Parameters
        ----------
        outputs : dict of str to Value
            What it gives, by name.
        metadata : dict of str to str
            What else stands in the file.
        """
        nodes = [
            *self.nodes,
            *(
                helper.make_node("Identity", [value.name], [name], name=name)
                for name, value in outputs.items()
            ),
        ]
        graph = helper.make_graph(
            nodes,
            "sklearn_cnn",
            [_declared("X", self.input)],
            [_declared(name, value) for name, value in outputs.items()],
            self.constants,
        )
        model = helper.make_model(
            graph,
            producer_name="sklearn_cnn",
            ir_version=_IR_VERSION,
            opset_imports=[
                helper.make_opsetid("", OPSET),
                helper.make_opsetid("ai.onnx.ml", ML_OPSET),
            ],
        )
        helper.set_model_props(model, metadata)
        return model


def tensor_type(dtype):
    """Give ONNX's number of a type of numpy's; of strings too."""
    if np.dtype(dtype).kind in "OU":
        return TensorProto.STRING
    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def _declared(name, value):
    shape = [BATCH, *value.shape]
    return helper.make_tensor_value_info(name, tensor_type(value.dtype), shape)
