"""The networks that can be trained: plain :mod:`torch.nn` modules."""

from sklearn_cnn.architectures import (  # they register themselves
    alexnet,
    inception_time,
    lenet,
    lite,
    minirocket,
    mobilenet_v2,
    resnet,
    simple,
    vgg,
)
from sklearn_cnn.architectures.averaged import Averaged, OverViews
from sklearn_cnn.architectures.blocks import ACTIVATIONS, ConvBlock
from sklearn_cnn.architectures.blueprint import Blueprint
from sklearn_cnn.architectures.dropout import FeatureDropout, ValueDropout
from sklearn_cnn.architectures.libraries import is_of_library
from sklearn_cnn.architectures.network import (
    LearnsFromSamples,
    Network,
    solves_head,
)
from sklearn_cnn.architectures.probe import (
    ends_in_probabilities,
    probe,
    probe_training_on_one,
)
from sklearn_cnn.architectures.registry import (
    available_architectures,
    build,
    register,
    registered_builder,
)
from sklearn_cnn.architectures.stored import StoredModule
from sklearn_cnn.architectures.summary import evaluating, summarize
from sklearn_cnn.architectures.unwritten import EverythingWritten, leaves_unwritten
from sklearn_cnn.architectures.weights import (
    fingerprint,
    first_convolution,
    is_state,
    state_in_memory,
)

__all__ = [
    "ACTIVATIONS",
    "Averaged",
    "Blueprint",
    "ConvBlock",
    "EverythingWritten",
    "FeatureDropout",
    "LearnsFromSamples",
    "Network",
    "OverViews",
    "StoredModule",
    "ValueDropout",
    "available_architectures",
    "build",
    "ends_in_probabilities",
    "evaluating",
    "fingerprint",
    "first_convolution",
    "is_of_library",
    "is_state",
    "leaves_unwritten",
    "probe",
    "probe_training_on_one",
    "register",
    "registered_builder",
    "solves_head",
    "state_in_memory",
    "summarize",
]
