"""summary."""

from dataclasses import asdict

from sklearn_cnn.architectures import summarize
from sklearn_cnn.estimators import unfitted_predictor
from sklearn_cnn.inspection._fitted import unwrap


def summary(estimator, *, n_outputs=None):
    """List the layers of a network, their shapes and what they cost.

    Parameters
    ----------
    estimator : CNNClassifier, CNNRegressor or Pipeline that ends in one
        Fitted; or with ``input_shape``, so that the network can be built before a fit.
        It is left as it was.
    n_outputs : int, default=None
        Number of classes, labels or targets of an estimator that is not fitted. None
        assumes 2 classes for a classifier and 1 target for a regressor. A fitted one
        has its own number of outputs, and refuses another.

    Returns
    -------
    layers : DataFrame
        One row for each layer, in the order of computation, with the columns

        - ``layer``: its name, as other functions take it;
        - ``type``: its class;
        - ``output_shape``: channels, then space, without the axis of the samples;
          None if a forward pass leaves it out;
        - ``kernel_size``, ``stride``, ``padding``: along each spatial axis, in pixels,
          or None; a layer that only pads has both ends of each axis, the last axis
          first;
        - ``parameters``: number of its weights;
        - ``multiply_adds``: of products with weights, for one sample;
        - ``receptive_field``: how many pixels of the image one unit depends on, along
          each spatial axis. Near the border some of them lie outside, and that of a
          deep layer may be larger than the image.

    Raises
    ------
    ValueError
        If the estimator is not fitted and lacks ``input_shape``, its parameters do
        not fit together, or ``n_outputs`` is not that of a fitted estimator.
    TypeError
        If it is another estimator.

    Notes
    -----
    A blank image goes through the network. Multiply-adds are half of the
    floating-point operations that :class:`torch.utils.flop_counter.FlopCounterMode`
    counts. Receptive fields follow from kernel sizes, strides and dilations [1]_, so a
    pooling that a network of yours computes without a layer is not seen.

    References
    ----------
    .. [1] V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep
       learning", 2016, https://arxiv.org/abs/1603.07285

    Examples
    --------
    >>> from sklearn_cnn import CNNClassifier
    >>> from sklearn_cnn.inspection import summary
    >>> cnn = CNNClassifier(filters=(8, 16), input_shape=(28, 28))
    >>> layers = summary(cnn, n_outputs=10)
    >>> layers[["type", "output_shape", "parameters", "receptive_field"]]
                       type output_shape  parameters receptive_field
    0                Conv2d  (8, 28, 28)          72          (3, 3)
    1             MaxPool2d  (8, 14, 14)           0          (4, 4)
    2           BatchNorm2d  (8, 14, 14)          16          (4, 4)
    3                  ReLU  (8, 14, 14)           0          (4, 4)
    4                Conv2d (16, 14, 14)        1152          (8, 8)
    5           BatchNorm2d (16, 14, 14)          32          (8, 8)
    6                  ReLU (16, 14, 14)           0          (8, 8)
    7  GlobalAveragePooling        (16,)           0        (28, 28)
    8               Flatten        (16,)           0        (28, 28)
    9                 Dense        (10,)         170        (28, 28)
    >>> int(layers["parameters"].sum()), int(layers["multiply_adds"].sum())
    (1442, 282400)
    """
    import pandas as pd

    cnn, _ = unwrap(estimator)
    if hasattr(cnn, "module_"):
        if n_outputs not in (None, cnn.n_outputs_):
            raise ValueError(
                f"n_outputs={n_outputs!r}, but {type(cnn).__name__} was fitted with "
                f"{cnn.n_outputs_} outputs. Leave n_outputs at None."
            )
        predictor = cnn._predictor
    else:
        predictor = unfitted_predictor(cnn, n_outputs)
    layout = predictor.prepare.layout
    layers = summarize(predictor.module, layout.n_channels, layout.spatial_shape)
    return pd.DataFrame([asdict(layer) for layer in layers])
