"""FeatureMapDisplay."""

from sklearn_cnn.inspection._drawing import (
    as_image,
    grid_of_axes,
    hide_unused,
    show_image,
    show_sample,
)
from sklearn_cnn.inspection._fitted import Seen
from sklearn_cnn.inspection._layers import (
    computed_layers,
    has_space,
    require_space,
    stage_layers,
)
from sklearn_cnn.utils._parameters import require_integer

_COLUMNS = 8


class FeatureMapDisplay:
    """What the layers of a network make of one sample.

    Use :meth:`from_estimator` to make one.

    Parameters
    ----------
    picture : ndarray of shape (..., n_channels)
        The sample, with channels last.
    feature_maps : dict of str to ndarray of shape (n_maps, ...)
        What every layer gives, by its name.

    Attributes
    ----------
    figure_ : matplotlib Figure
        What contains the maps, after :meth:`plot`.
    axes_ : ndarray of matplotlib Axes
        The panels, after :meth:`plot`: the sample in the first row, then each layer in
        one row or more.

    See Also
    --------
    FilterDisplay : The filters that compute the first maps.
    SaliencyDisplay : Which part of a sample an output depends on.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_cnn import CNNClassifier
    >>> from sklearn_cnn.inspection import FeatureMapDisplay
    >>> digits = load_digits()
    >>> cnn = CNNClassifier(filters=(8, 16), max_iter=3, random_state=0)
    >>> cnn = cnn.fit(digits.images, digits.target)
    >>> display = FeatureMapDisplay.from_estimator(cnn, digits.images, sample=3)
    >>> {name: maps.shape for name, maps in display.feature_maps.items()}
    {'stages.stage1': (8, 4, 4), 'stages.stage2': (16, 4, 4)}
    >>> plt.show()
    """

    def __init__(self, picture, feature_maps):
        self.picture = picture
        self.feature_maps = feature_maps

    @classmethod
    def from_estimator(cls, estimator, X, *, layer=None, sample=0, max_maps=8, ax=None):
        """Compute the feature maps of a sample, and draw them.

        Parameters
        ----------
        estimator : CNNClassifier, CNNRegressor or Pipeline that ends in one
            Fitted. The earlier steps of a pipeline are applied to ``X``.
        X : array-like of shape (n_samples, ...)
            Images, as ``estimator.predict`` takes them.
        layer : str or sequence of str, default=None
            Names of layers, as in ``module_.named_modules()``. None takes every stage
            whose maps have more than one position, from edges in the first to larger
            patterns in the last.
        sample : int, default=0
            Which row of ``X``.
        max_maps : int, default=8
            How many maps of each layer to draw at most, the first ones.
        ax : matplotlib Axes or array-like of Axes, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : FeatureMapDisplay
            All maps are in ``feature_maps``.

        Raises
        ------
        ValueError
            If there is no such layer or sample, or a layer has no spatial extent.
        """
        seen = Seen.by(estimator, X)
        rows = seen.row(sample)
        module = seen.cnn.module_
        n_dims = len(seen.layout.spatial_shape)
        if layer is None:
            layers = stage_layers(module)
        else:
            layers = [layer] if isinstance(layer, str) else list(layer)
        outputs = computed_layers(module, layers, seen.prepared(rows))
        if layer is None and any(has_space(o, n_dims) for o in outputs.values()):
            outputs = {k: o for k, o in outputs.items() if has_space(o, n_dims)}
        for name, output in outputs.items():
            require_space(name, output, n_dims, "FeatureMapDisplay")
        maps = {name: output[0] for name, output in outputs.items()}
        return cls(seen.pictures(rows)[0], maps).plot(ax=ax, max_maps=max_maps)

    def plot(self, ax=None, *, max_maps=8):
        """Draw the sample and its feature maps.

        Each map has its own scale, from its lowest value (dark) to its highest (light).
        Of volumes the middle slice is shown. Maps of signals are curves.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            An axes to divide into panels, or one for each of them. None makes a figure.
        max_maps : int, default=8
            How many maps of each layer to draw at most.

        Returns
        -------
        self : FeatureMapDisplay
            With ``axes_`` and ``figure_``.
        """
        require_integer("max_maps", max_maps, 1)
        signals = self.picture.ndim == 2
        chunks = []
        for name, maps in self.feature_maps.items():
            shown = maps[:max_maps]
            space = "x".join(str(n) for n in maps.shape[1:])
            title = f"{name}: {len(shown)} of {len(maps)} maps of {space}"
            for start in range(0, len(shown), _COLUMNS):
                chunks.append((title, shown[start : start + _COLUMNS]))
                title = ""
        n_rows, n_columns = 1 + len(chunks), max(len(maps) for _, maps in chunks)
        size = (1.5, 1.1) if signals else (1.05, 1.2)
        self.figure_, self.axes_ = grid_of_axes(
            ax, n_rows, n_columns, size, type(self).__name__, images=not signals
        )
        show_sample(self.axes_[0, 0], self.picture)
        self.axes_[0, 0].set_title("sample", fontsize="small", loc="left")
        for row, (title, maps) in zip(self.axes_[1:], chunks, strict=True):
            row[0].set_title(title, fontsize="small", loc="left")
            for panel, feature_map in zip(row, maps, strict=False):
                if signals:
                    show_sample(panel, feature_map[:, None])
                    panel.set(xticks=[], yticks=[])
                else:
                    show_image(panel, as_image(feature_map[..., None]), cmap="viridis")
        hide_unused(self.axes_)
        return self
