"""CNNFeatures."""

import warnings
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.base import TransformerMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_cnn.architectures import LearnsFromSamples, Network
from sklearn_cnn.estimators._assembly import STAGE_PARAMETERS, assemble
from sklearn_cnn.estimators._base import BaseCNN, fitting
from sklearn_cnn.estimators._documentation import documented
from sklearn_cnn.estimators._misreadings import warn_of_misread_axes
from sklearn_cnn.estimators._random_filters import draws_filters
from sklearn_cnn.estimators._samples import Samples, Seeds
from sklearn_cnn.estimators._stored import StoredEstimator
from sklearn_cnn.images import ImageFeatureNames, ImageInput, keep_index
from sklearn_cnn.inference import (
    FeatureMaps,
    before_head,
    find_layer,
    named_layers,
    require_finite,
    resolve_device,
)
from sklearn_cnn.training import stages_of
from sklearn_cnn.utils._fitting import BaseEstimator, as_task
from sklearn_cnn.utils._parameters import as_builtin
from sklearn_cnn.utils._progress import showing_progress
from sklearn_cnn.utils._sklearn import (
    HasMethods,
    StrOptions,
    fit_context,
)

_NETWORK = ("architecture", *STAGE_PARAMETERS, "weights")
_INPUT = (
    "input_shape",
    "spatial_dims",
    "data_format",
    "input_scaling",
    "device",
    "precision",
)


@documented
@dataclass(eq=False, repr=False)
class CNNFeatures(
    StoredEstimator, ImageInput, ImageFeatureNames, TransformerMixin, BaseEstimator
):
    """Turn images into vectors that a convolutional network computes.

    The network is a pretrained backbone, which ``architecture`` and ``weights`` name,
    or that of an ``estimator``, fitted before or inside.

    Parameters
    ----------
    {architecture}
    estimator : CNNClassifier, CNNRegressor, FrozenEstimator or None, default=None
        Whose network to use in place of ``architecture``; a clone of it is fitted on X
        and y. To use one that is fitted already, wrap it into
        :class:`~sklearn.frozen.FrozenEstimator`. All parameters but ``layer`` and
        ``global_pooling`` are then its own.
    layer : str or None, default=None
        Path of the layer whose output is taken, as in ``stages.stage2`` or
        ``body.layer3``. None takes the last feature maps before the head.
    global_pooling : {"avg", "max", "flatten"}, default="avg"
        How the spatial axes of feature maps become one number, or are kept. The average
        by default, as networks are trained with it.
    {filters}
    {blocks_per_stage}
    {kernel_size}
    {stride}
    {padding}
    {activation}
    {normalization}
    {pooling}
    {image_size}
    weights : str, path, torch.nn.Module, dict of torch.Tensor or None, default=None
        Weights of the network: the path of a ``.safetensors`` or ``.pt`` file with the
        state dict of a network, whose head is left out, or such a network or state dict
        itself; or, for a backbone, "DEFAULT" or the name of weights that its library
        publishes, which are downloaded unless they are there. With None filters are
        random, unless ``architecture`` brings weights, and a warning says so.
    {input_shape}
    {spatial_dims}
    {data_format}
    {input_scaling}
    {device}
    precision : {"auto", "float32", "bfloat16", "float16", "float64"}, default="auto"
        Number format of the computation; "auto" is float32.
    random_state : int, RandomState instance or None, default=None
        Seeds random filters.
    verbose : int, default=0
        Whether to show a bar over the images, if they take more than a second.

    Attributes
    ----------
    {n_features_in_}
    {feature_names_in_}
    {input_shape_}
    estimator_ : CNNClassifier or CNNRegressor
        The fitted estimator, if there is one.
    module_ : torch.nn.Module
        The network.

    See Also
    --------
    CNNClassifier : Trains such networks; ``freeze="backbone"`` trains a head on the
        same features.

    Notes
    -----
    Features are remembered by a hash of pixels and weights, up to 512 MiB in a process,
    so that a search over the steps that follow computes them once: for each image where
    these have more than 24,576 values (about 90 x 90 pixels of three channels), and for
    each fold elsewhere. For larger data pass ``memory`` to the
    :class:`~sklearn.pipeline.Pipeline`.

    References
    ----------
    .. [1] S. Ioffe and C. Szegedy, "Batch normalization: accelerating deep network
       training by reducing internal covariate shift", ICML 2015.
    .. [2] J. Ba, J. Kiros and G. Hinton, "Layer normalization", 2016.
    .. [3] A. Razavian et al., "CNN features off-the-shelf: an astounding baseline for
       recognition", CVPR 2014 workshops.

    Examples
    --------
    What a network learned about the digits 0 to 4, put to use for 5 to 9:

    >>> from sklearn.datasets import load_digits
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> from sklearn_cnn import CNNClassifier, CNNFeatures
    >>> X, y = load_digits(return_X_y=True)
    >>> X = X.reshape(-1, 8, 8)
    >>> cnn = CNNClassifier(max_iter=5, random_state=0).fit(X[y < 5], y[y < 5])
    >>> features = CNNFeatures(estimator=FrozenEstimator(cnn))
    >>> pipeline = make_pipeline(features, SVC()).fit(X[y >= 5], y[y >= 5])
    >>> features.fit_transform(X[:10]).shape
    (10, 128)
    """

    architecture: Any = "auto"
    _: KW_ONLY
    estimator: Any = None
    layer: str | None = None
    global_pooling: str = "avg"
    filters: Any = None
    blocks_per_stage: Any = None
    kernel_size: Any = None
    stride: Any = 1
    padding: str = "same"
    activation: str = "relu"
    normalization: str | None = "batch"
    pooling: str | None = "max"
    image_size: Any = None
    weights: Any = None
    input_shape: Any = None
    spatial_dims: Any = "auto"
    data_format: str = "channels_last"
    input_scaling: str | None = "standardize"
    device: str = "auto"
    precision: str = "auto"
    random_state: Any = None
    verbose: int = 0

    _network_parameters: ClassVar[tuple] = STAGE_PARAMETERS
    _parameter_constraints: ClassVar[dict] = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "layer": [str, None],
        "global_pooling": [StrOptions({"avg", "max", "flatten"})],
        **{
            name: BaseCNN._parameter_constraints[name]
            for name in (*_NETWORK, *_INPUT, "random_state", "verbose")
        },
    }

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Build the network, or fit the estimator that it is taken from.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images, as :meth:`CNNClassifier.fit` takes them.
        y : array-like of shape (n_samples, ...), default=None
            Targets of ``estimator``, if it is to be fitted; otherwise ignored.

        Returns
        -------
        self : CNNFeatures
            The transformer.

        Raises
        ------
        ValueError
            If data, parameters and weights do not fit; the transformer is then left as
            it was.

        Warns
        -----
        UserWarning
            If filters are random, as neither weights nor an estimator are given.
        """
        with fitting(self), as_task(self, X, y, max_subtasks=self._fits) as context:
            vars(self).pop("estimator_", None)
            if self.estimator is None:
                predictor = self._build(X)
            else:
                predictor = self._predictor_of_estimator(X, y, context)
            n_features = self._count_features(predictor)
            self._predictor, self._n_features_out = predictor, n_features
        return self

    def transform(self, X):
        """Compute the features of images.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images of the shape that was fitted on.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features), float32
            One row for each image.
        """
        check_is_fitted(self)
        array, _ = getattr(self, "estimator_", self)._check_images(X, reset=False)
        compute = self._compute
        if self.layer is None and isinstance(self.module_.pool, nn.Identity):
            compute = before_head  # the same, which a frozen classifier looks up too
        with showing_progress(type(self).__name__, self.verbose):
            features = self._predictor.features(
                array, compute=compute, fold=self.layer is None
            )
        require_finite(features)
        # a copy: what is remembered must not change
        return keep_index(features.astype(np.float32), X, self)

    @property
    def module_(self):
        """The network."""
        return self._predictor.module

    @property
    def _compute(self):
        return FeatureMaps(self.layer, self.global_pooling)

    def _build(self, X):
        array, layout = self._check_images(X, reset=True)
        warn_of_misread_axes(array.shape, layout, self.input_shape)
        predictor = assemble(
            self,
            layout,
            1,
            device=resolve_device(self.device),
            seed=Seeds.draw(self.random_state, 0).torch,
            samples=Samples(array, layout, np.arange(len(array))),
        )
        fixed = isinstance(predictor.module, LearnsFromSamples)
        stages = stages_of(predictor.module).values()
        filters = [parameter for _, weights in stages for parameter in weights]
        if not fixed and draws_filters(self, predictor, filters):
            warnings.warn(
                "CNNFeatures computes features with random filters, as weights=None. "
                "Pass weights, or estimator=FrozenEstimator(fitted).",
                UserWarning,
                stacklevel=2,
            )
        return predictor

    @property
    def _fits(self):
        """Whether an estimator is fitted inside."""
        is_given = self.estimator is not None
        return is_given and not isinstance(self.estimator, FrozenEstimator)

    def _fitted_estimator(self, X, y, context):
        inner = clone(self.estimator)
        if not (self._fits and getattr(self, "_skl_callbacks", None)):
            return inner.fit(X, y)
        task = context.subcontext(task_name="fit-estimator")
        with task.propagate_callback_context(inner):
            task.call_on_fit_task_begin(estimator=self, X=X, y=y)
            inner.fit(X, y)
            task.call_on_fit_task_end(estimator=self, X=X, y=y)
        return inner

    def _predictor_of_estimator(self, X, y, context):
        frozen = isinstance(self.estimator, FrozenEstimator)
        if not isinstance(
            self.estimator.estimator if frozen else self.estimator, BaseCNN
        ):
            raise ValueError(
                f"estimator={self.estimator!r} must be a CNNClassifier, a CNNRegressor "
                "or a FrozenEstimator of one."
            )
        n_networks = (self.estimator.estimator if frozen else self.estimator).n_networks
        if n_networks > 1:
            raise ValueError(
                f"estimator={self.estimator!r} has {n_networks} networks, and features "
                "are those of one. Pass one of them, such as "
                "FrozenEstimator(fitted.estimators_[0]), or several to a FeatureUnion."
            )
        for name in (*_NETWORK, *_INPUT):
            value, default = getattr(self, name), getattr(type(self), name)
            if as_builtin(value) != default:
                raise ValueError(
                    f"{name}={value!r} has no effect beside estimator=. Set it in the "
                    f"estimator, or leave it at {default!r}."
                )
        fitted = self._fitted_estimator(X, y, context)
        self.estimator_ = fitted.estimator if frozen else fitted
        if frozen:
            self.estimator_._check_images(X, reset=False)
        self.input_shape_ = self.estimator_.input_shape_
        self.n_features_in_ = self.estimator_.n_features_in_
        vars(self).pop("feature_names_in_", None)
        if hasattr(self.estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.estimator_.feature_names_in_
        return self.estimator_._predictor

    def _count_features(self, predictor):
        module = predictor.module
        if self.layer is not None:
            find_layer(module, self.layer)
        elif not isinstance(module, Network):
            raise ValueError(
                "layer=None needs a subclass of sklearn_cnn.architectures.Network, "
                f"which {type(module).__name__} is not. Name a layer: "
                f"{named_layers(module)}."
            )
        return predictor.try_out(self._compute).shape[1]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.target_tags.required = self._fits
        return tags
