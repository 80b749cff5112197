"""AugmentationDisplay."""

import numpy as np
import torch

from sklearn_cnn import images
from sklearn_cnn.inference import Preparation
from sklearn_cnn.inspection._fitted import unwrap
from sklearn_cnn.training import Augmenter
from sklearn_cnn.utils._generators import seeded, usual_modes
from sklearn_cnn.utils._parameters import require_integer
from sklearn_cnn.utils._plotting import import_pyplot


class AugmentationDisplay:
    """Images beside random variants of them.

    It is the quickest way to see whether an augmentation leaves targets right: whether
    a person would still give each variant the label of the original.

    Parameters
    ----------
    variants : ndarray of shape (n_samples, 1 + n_variants, n_channels, ...)
        For each sample, the original and then its variants.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn into.
    axes_ : ndarray of matplotlib Axes of shape (n_samples, 1 + n_variants)
        One for each image.
    figure_ : matplotlib Figure
        Their figure.

    See Also
    --------
    sklearn_cnn.augmentation.Compose : Several augmentations in one.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_cnn.augmentation import RandomAffine
    >>> from sklearn_cnn.inspection import AugmentationDisplay
    >>> digits = load_digits().images
    >>> display = AugmentationDisplay.from_augmentation(
    ...     RandomAffine(), digits[:3], n_variants=4)
    >>> display.variants.shape
    (3, 5, 1, 8, 8)
    """

    def __init__(self, variants):
        self.variants = variants

    @classmethod
    def from_augmentation(
        cls,
        augmentation,
        X,
        *,
        n_variants=5,
        random_state=0,
        input_shape=None,
        spatial_dims="auto",
        data_format="channels_last",
        ax=None,
    ):
        """Augment some images, and draw them.

        Parameters
        ----------
        augmentation : callable
            As the parameter ``augmentation`` of
            :class:`~sklearn_cnn.CNNClassifier`.
        X : array-like of shape (n_samples, ...)
            A few images, each of which becomes a row. They are augmented as one batch.
        n_variants : int, default=5
            How many for each image.
        random_state : int or None, default=0
            Seeds what is drawn; None draws from the operating system.
        input_shape : sequence of int, default=None
            What a flat row of ``X`` holds, as in :class:`~sklearn_cnn.CNNClassifier`.
        spatial_dims : {"auto", 1, 2, 3}, default="auto"
            Number of spatial axes, as in :class:`~sklearn_cnn.CNNClassifier`.
        data_format : {"channels_last", "channels_first"}, default="channels_last"
            Where the channel axis of ``X`` is.
        ax : matplotlib Axes, default=None
            Where to draw, in place of a new figure.

        Returns
        -------
        display : AugmentationDisplay
            Drawn already.

        Raises
        ------
        ValueError
            If the augmentation is not meant for such images.
        """
        if augmentation is None:
            raise ValueError(
                "augmentation=None: there is nothing to show. Pass one, such as "
                "sklearn_cnn.augmentation.RandomCrop(), or an estimator with one."
            )
        require_integer("n_variants", n_variants, 1)
        X = images.check_image_array(images.as_array(X), estimator=cls.__name__)
        layout = images.read_layout(X.shape, input_shape, spatial_dims, data_format)
        prepare = Preparation(layout, None, None, torch.float32, "cpu")
        seed = int(np.random.default_rng(random_state).integers(2**31))
        augment = Augmenter(augmentation, seed, "cpu")
        loaded = prepare.load(images.take_rows(X, slice(None)))
        with usual_modes(), seeded(seed, "cpu"):
            augment.try_out(loaded.clone())
            drawn = [augment(loaded.clone())[0] for _ in range(n_variants)]
        variants = np.stack([np.asarray(batch) for batch in (loaded, *drawn)], axis=1)
        return cls(variants).plot(ax)

    @classmethod
    def from_estimator(cls, estimator, X, *, n_variants=5, random_state=0, ax=None):
        """Augment some images as an estimator does in training, and draw them.

        Parameters
        ----------
        estimator : CNNClassifier, CNNRegressor or Pipeline that ends in one
            Whose ``augmentation`` is meant. The network need not be fitted. The earlier
            steps of a pipeline are applied first, and must be as far as they learn.
        X : array-like of shape (n_samples, ...)
            A few images, as ``fit`` takes them, each of which becomes a row.
        n_variants : int, default=5
            How many for each image.
        random_state : int or None, default=0
            Seeds what is drawn; None draws from the operating system.
        ax : matplotlib Axes, default=None
            Where to draw, in place of a new figure.

        Returns
        -------
        display : AugmentationDisplay
            Drawn already.

        Raises
        ------
        ValueError
            If the estimator has no augmentation, or it is not meant for such images.
        TypeError
            If the estimator is something else.
        """
        cnn, before = unwrap(estimator)
        for steps in before:
            X = steps.transform(X)
        array = images.check_image_array(images.as_array(X), estimator=cls.__name__)
        return cls.from_augmentation(
            cnn._resolved_augmentation(cnn._read_layout(array.shape)),
            array,
            n_variants=n_variants,
            random_state=random_state,
            input_shape=cnn.input_shape,
            spatial_dims=cnn.spatial_dims,
            data_format=cnn.data_format,
            ax=ax,
        )

    def plot(self, ax=None):
        """Draw a row for each image: the original, and then its variants.

        One channel is drawn in grey, three as red, green and blue, and the mean of any
        other number in grey; of volumes the middle slice. All images of a row share the
        range of the original.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw, in place of a new figure.

        Returns
        -------
        display : AugmentationDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        pyplot = import_pyplot(type(self).__name__)
        n_rows, n_columns = self.variants.shape[:2]
        if ax is None:
            size = (1.3 * n_columns, 1.3 * n_rows + 0.4)
            _, ax = pyplot.subplots(figsize=size, layout="constrained")
        if ax.get_subplotspec() is None:
            raise ValueError(
                "ax is not part of a grid, and cannot be divided. Pass one axes of "
                "matplotlib.pyplot.subplots, or None."
            )
        ax.set_axis_off()
        grid = ax.get_subplotspec().subgridspec(n_rows, n_columns)
        self.ax_, self.figure_ = ax, ax.figure
        self.axes_ = grid.subplots(squeeze=False)
        for row, variants in zip(self.axes_, self.variants, strict=True):
            for cell, image in zip(row, variants, strict=True):
                cell.set(xticks=[], yticks=[])
                _draw(cell, image, variants[0])
        self.axes_[0, 0].set_title("original", fontsize="medium")
        for column, cell in enumerate(self.axes_[0, 1:], start=1):
            cell.set_title(f"variant {column}", fontsize="medium")
        return self


def _draw(cell, image, original):
    low, high = float(original.min()), float(original.max())
    high = high if high > low else low + 1
    if image.ndim == 2:
        margin = (high - low) / 10
        cell.plot(image.T, linewidth=1)
        cell.set_ylim(low - margin, high + margin)
        return
    if image.ndim == 4:
        image = image[:, image.shape[1] // 2]
    if len(image) == 3:
        scaled = (image.astype(float) - low) / (high - low)
        cell.imshow(np.moveaxis(scaled.clip(0, 1), 0, -1))
    else:
        cell.imshow(image.astype(float).mean(axis=0), cmap="gray", vmin=low, vmax=high)
