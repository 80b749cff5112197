"""What predicts: it knows nothing of what trains, neither skorch nor optimizers."""

from sklearn_cnn.inference.averaging import count_views, over_networks, over_views
from sklearn_cnn.inference.features import FeatureMaps, before_head
from sklearn_cnn.inference.folding import fold_batch_norms, has_hooks
from sklearn_cnn.inference.layers import find_layer, layer_outputs, named_layers
from sklearn_cnn.inference.loading import (
    free_memory,
    give_back_memory,
    halved_if_full,
    loaded_ahead,
)
from sklearn_cnn.inference.precision import (
    PRECISIONS,
    SMALL_STEP,
    as_float32_or_wider,
    autocast,
    dtype_of,
    resolve_device,
    resolve_precision,
)
from sklearn_cnn.inference.predictor import Predictor, gathered, require_finite
from sklearn_cnn.inference.preparation import Preparation
from sklearn_cnn.inference.threads import (
    all_threads,
    available_threads,
    side_by_side,
    single_thread,
    workers,
)

__all__ = [
    "PRECISIONS",
    "SMALL_STEP",
    "FeatureMaps",
    "Predictor",
    "Preparation",
    "all_threads",
    "as_float32_or_wider",
    "autocast",
    "before_head",
    "available_threads",
    "count_views",
    "dtype_of",
    "find_layer",
    "fold_batch_norms",
    "free_memory",
    "gathered",
    "give_back_memory",
    "halved_if_full",
    "has_hooks",
    "layer_outputs",
    "loaded_ahead",
    "named_layers",
    "over_networks",
    "over_views",
    "require_finite",
    "resolve_device",
    "resolve_precision",
    "side_by_side",
    "single_thread",
    "workers",
]
