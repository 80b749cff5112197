"""FilterDisplay."""

from itertools import cycle

import numpy as np
from torch import nn

from sklearn_cnn.architectures import first_convolution
from sklearn_cnn.inference import find_layer
from sklearn_cnn.inspection._drawing import (
    DIVERGING,
    grid_of_axes,
    hide_unused,
    show_image,
)
from sklearn_cnn.inspection._fitted import fitted_cnn
from sklearn_cnn.utils._parameters import require_integer
from sklearn_cnn.utils._plotting import COLORS

_COLUMNS = 8


class FilterDisplay:
    """The filters of a convolution, by default of the one that sees the images.

    Use :meth:`from_estimator` to make one.

    Parameters
    ----------
    filters : ndarray of shape (n_filters, n_channels, ...)
        Their weights.
    layer : str, default=""
        Name of the layer, for the title.

    Attributes
    ----------
    figure_ : matplotlib Figure
        What contains the filters, after :meth:`plot`.
    axes_ : ndarray of matplotlib Axes
        The panels, after :meth:`plot`.

    See Also
    --------
    FeatureMapDisplay : What filters find in an image.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_cnn import CNNClassifier
    >>> from sklearn_cnn.inspection import FilterDisplay
    >>> digits = load_digits()
    >>> cnn = CNNClassifier(filters=(8,), kernel_size=5, max_iter=3, random_state=0)
    >>> cnn = cnn.fit(digits.images, digits.target)
    >>> display = FilterDisplay.from_estimator(cnn)
    >>> display.layer, display.filters.shape
    ('stages.stage1.0.conv.conv', (8, 1, 5, 5))
    >>> plt.show()
    """

    def __init__(self, filters, *, layer=""):
        self.filters = filters
        self.layer = layer

    @classmethod
    def from_estimator(cls, estimator, *, layer=None, max_filters=64, ax=None):
        """Draw the filters of a fitted network.

        Parameters
        ----------
        estimator : CNNClassifier, CNNRegressor or Pipeline that ends in one
            Fitted.
        layer : str, default=None
            Name of a convolution, as in ``module_.named_modules()``. None takes the
            first one, whose filters can be read as patterns of pixels.
        max_filters : int, default=64
            How many to draw at most, the first ones. More can hardly be looked at.
        ax : matplotlib Axes or array-like of Axes, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : FilterDisplay
            All filters are in ``filters``.

        Raises
        ------
        ValueError
            If there is no such layer, or it is no convolution.
        """
        cnn = fitted_cnn(estimator)
        module = cnn.module_
        if layer is None:
            found = first_convolution(module)
            if found is None:
                raise ValueError(
                    "layer=None takes the first convolution, but the network of "
                    f"architecture={cnn.architecture!r} has none "
                    "that sees all channels. Name a layer."
                )
            layer = found[0]
        convolution = find_layer(module, layer)
        if not isinstance(convolution, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            names = [
                name
                for name, part in module.named_modules()
                if isinstance(part, nn.Conv1d | nn.Conv2d | nn.Conv3d)
            ]
            listed = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
            raise ValueError(
                f"layer={layer!r} is a {type(convolution).__name__}, which has no "
                f"filters. Convolutions are {listed}."
            )
        weights = convolution.weight.detach().cpu().numpy().copy()
        return cls(weights, layer=layer).plot(ax=ax, max_filters=max_filters)

    def plot(self, ax=None, *, max_filters=64):
        """Draw the filters.

        Filters of one channel have colours from blue (negative) over white to red, on
        one scale for all. Those of three channels are shown as red, green and blue,
        each filter from its lowest to its highest weight. With other numbers of
        channels, and in volumes, a filter is a row, with a panel for each channel and
        each slice along the depth. 1-D filters are curves, one for each channel.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            An axes to divide into panels, or one for each of them. None makes a figure.
        max_filters : int, default=64
            How many to draw at most.

        Returns
        -------
        self : FilterDisplay
            With ``axes_`` and ``figure_``.
        """
        require_integer("max_filters", max_filters, 1)
        filters = self.filters[:max_filters]
        n_dims = filters.ndim - 2
        bound = abs(filters).max() or 1.0
        in_rows = n_dims == 3 or (n_dims == 2 and filters.shape[1] not in (1, 3))
        panels, n_columns = filters, min(_COLUMNS, len(filters))
        if in_rows:
            panels = filters.reshape(-1, 1, *filters.shape[-2:])
            n_columns = len(panels) // len(filters)
        n_rows = -(-len(panels) // n_columns)
        size = (1.4, 1.1) if n_dims == 1 else (0.9, 0.9)
        self.figure_, self.axes_ = grid_of_axes(
            ax, n_rows, n_columns, size, type(self).__name__, images=n_dims > 1
        )
        drawn = None
        for panel, weights in zip(self.axes_.flat, panels, strict=False):
            if n_dims == 1:
                _draw_curves(panel, weights, bound)
            elif weights.shape[0] == 3:
                low, high = weights.min(), weights.max()
                image = np.moveaxis(weights - low, 0, -1) / ((high - low) or 1.0)
                show_image(panel, image)
            else:
                drawn = show_image(
                    panel, weights[0], cmap=DIVERGING, vmin=-bound, vmax=bound
                )
        hide_unused(self.axes_)
        if in_rows:
            self._label_rows(n_columns)
        if drawn is not None:
            self.figure_.colorbar(drawn, ax=self.axes_, shrink=0.8, label="weight")
        if ax is None:
            self.figure_.suptitle(self._title(len(filters)))
        return self

    def _title(self, n_drawn):
        n = len(self.filters)
        count = f"{n} filters" if n == n_drawn else f"{n_drawn} of {n} filters"
        return f"{count} of {self.layer}" if self.layer else count

    def _label_rows(self, n_columns):
        depth = self.filters.shape[2] if self.filters.ndim == 5 else 1
        for i in range(n_columns):
            channel, z = divmod(i, depth)
            names = [f"channel {channel}"] if self.filters.shape[1] > 1 else []
            names += [f"slice {z}"] if depth > 1 else []
            self.axes_[0, i].set_title("\n".join(names), fontsize="x-small")
        for i, row in enumerate(self.axes_):
            row[0].set_ylabel(str(i), rotation=0, ha="right", va="center")


def _draw_curves(ax, weights, bound):
    ax.axhline(0, color="#999999", linewidth=0.5)
    for channel, color in zip(weights, cycle(COLORS), strict=False):
        ax.plot(channel, color=color, linewidth=1.2)
    ax.set_ylim(-1.05 * bound, 1.05 * bound)
    ax.set_xticks([])
    ax.tick_params(labelsize="x-small")
    ax.label_outer()
