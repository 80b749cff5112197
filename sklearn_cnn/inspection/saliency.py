"""SaliencyDisplay."""

from math import ceil

import numpy as np
from sklearn.base import is_classifier

from sklearn_cnn.inspection._attribution import METHODS, attribute, import_captum
from sklearn_cnn.inspection._drawing import (
    DIVERGING,
    as_image,
    grid_of_axes,
    panel_titles,
    show_image,
)
from sklearn_cnn.inspection._fitted import Seen
from sklearn_cnn.utils._axes import per_axis
from sklearn_cnn.utils._parameters import is_integer
from sklearn_cnn.utils._plotting import import_pyplot

#: Sizes of attributions of both signs that have the strongest colour.
_PERCENTILE = 99
_TITLES = {
    "grad_cam": "Grad-CAM",
    "integrated_gradients": "Integrated gradients",
    "occlusion": "Occlusion",
}


class SaliencyDisplay:
    """Which pixels an output of the network depends on.

    Use :meth:`from_estimator` to make one.

    Parameters
    ----------
    pictures : ndarray of shape (n_samples, ..., n_channels)
        The samples, with channels last.
    attributions : ndarray of shape (n_samples, ...)
        How much each pixel counts.
    method : {"grad_cam", "integrated_gradients", "occlusion"}
        How that was computed.
    titles : sequence of str, default=None
        What stands above each sample.

    Attributes
    ----------
    figure_ : matplotlib Figure
        What contains the panels, after :meth:`plot`.
    axes_ : ndarray of matplotlib Axes
        The panels, after :meth:`plot`: two rows, the samples and the attributions on
        them; of signals one panel below the other.

    See Also
    --------
    PredictionDisplay : The most confident errors, which are worth looking at.
    FeatureMapDisplay : What the layers make of a sample.

    Notes
    -----
    - "grad_cam" [1]_ weights the feature maps of a layer by the mean gradient of the
      output, adds them up and keeps what is positive. It says where evidence *for* the
      output is, no finer than the maps of the layer.
    - "integrated_gradients" [2]_ adds up the gradients on the way from a blank sample
      to this one. It is as fine as the pixels, and has both signs; the sum over all
      pixels is the difference of the output between the two. The blank sample is the
      mean of the training images with ``input_scaling="standardize"``, otherwise zero.
    - "occlusion" [3]_ hides a window by the blank value at one place after the other
      and measures how much the output falls. It needs no gradient and one prediction
      for each place.

    All are computed by captum [4]_, for the output before it becomes a probability.

    References
    ----------
    .. [1] R. Selvaraju et al., "Grad-CAM: visual explanations from deep networks via
       gradient-based localization", ICCV 2017, https://arxiv.org/abs/1610.02391
    .. [2] M. Sundararajan, A. Taly and Q. Yan, "Axiomatic attribution for deep
       networks", ICML 2017, https://arxiv.org/abs/1703.01365
    .. [3] M. Zeiler and R. Fergus, "Visualizing and understanding convolutional
       networks", ECCV 2014, https://arxiv.org/abs/1311.2901
    .. [4] N. Kokhlikyan et al., "Captum: a unified and generic model interpretability
       library for PyTorch", 2020, https://arxiv.org/abs/2009.07896

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_cnn import CNNClassifier
    >>> from sklearn_cnn.inspection import SaliencyDisplay
    >>> digits = load_digits()
    >>> cnn = CNNClassifier(filters=(8, 16), max_iter=3, random_state=0)
    >>> cnn = cnn.fit(digits.images, digits.target)
    >>> display = SaliencyDisplay.from_estimator(cnn, digits.images, samples=[0, 1, 2])
    >>> display.attributions.shape
    (3, 8, 8)
    >>> plt.show()
    """

    def __init__(self, pictures, attributions, *, method, titles=None):
        self.pictures = pictures
        self.attributions = attributions
        self.method = method
        self.titles = titles

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        samples=None,
        method="grad_cam",
        target=None,
        layer=None,
        window=None,
        ax=None,
    ):
        """Compute how much the pixels of some samples count, and draw it.

        Parameters
        ----------
        estimator : CNNClassifier, CNNRegressor or Pipeline that ends in one
            Fitted. The earlier steps of a pipeline are applied to ``X``.
        X : array-like of shape (n_samples, ...)
            Images, as ``estimator.predict`` takes them.
        y : array-like of shape (n_samples,), default=None
            Their labels or targets, for the titles.
        samples : int or array-like of int, default=None
            Which rows of ``X``; None takes the first 6.
        method : {"grad_cam", "integrated_gradients", "occlusion"}, default="grad_cam"
            How; see the notes of the class. Grad-CAM by default, as it takes one pass
            and its maps are easy to read.
        target : label, default=None
            The class of which the output is meant, one of ``classes_``; of a regressor
            the number of the target. None takes the class that each sample is predicted
            to be, or target 0. Multi-label classifiers need one.
        layer : str, default=None
            Layer of Grad-CAM, as in ``module_.named_modules()``. None takes the last
            stage whose maps have at least five positions along each axis, as the last
            ones of small images have too few to point at anything; if none has, the
            first. An earlier stage is finer, but knows less of the classes.
        window : int or sequence of int, default=None
            Size of what occlusion hides, in pixels along each spatial axis; it moves on
            by half of it. None takes a quarter of each axis.
        ax : matplotlib Axes or array-like of Axes, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : SaliencyDisplay

        Raises
        ------
        ValueError
            If there is no such method, sample, class or layer, the layer has no spatial
            extent, or a parameter is given that the method does not use.
        ImportError
            If captum is not installed.
        """
        seen = Seen.by(estimator, X)
        _check_method(method, layer, window)
        rows = seen.rows(samples, "samples", default=6)
        if y is not None and len(y) != len(seen.array):
            raise ValueError(
                f"y has {len(y)} entries, but X has {len(seen.array)} samples."
            )
        import_captum()
        targets, titles = _targets(seen, rows, target)
        if y is not None:
            form = "" if is_classifier(seen.cnn) else ".4g"
            titles = [
                f"true {true:{form}}\n{title}"
                for true, title in zip(np.asarray(y)[rows], titles, strict=True)
            ]
        attributions = attribute(
            seen.cnn.module_,
            seen.prepared(rows),
            targets,
            method,
            layer=layer,
            window=_window(window, seen.layout.spatial_shape),
        )
        pictures = seen.pictures(rows)
        return cls(pictures, attributions, method=method, titles=titles).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the samples and the attributions on them.

        Each sample has its own scale. Grad-CAM goes from dark to light, up to the
        largest attribution; the other methods from blue (against the output) to red
        (for it), up to the 99th percentile of the sizes, as one pixel may count for
        more than all others together. Pixels that do not count stay grey. A sample
        where none does is said to have no evidence; of Grad-CAM, no positive one: such
        a class is predicted because nothing speaks for the others. Of volumes the slice
        along the first axis is shown that counts most. Signals are lines with these
        colours.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            An axes to divide into panels, or one for each of them. None makes a figure.

        Returns
        -------
        self : SaliencyDisplay
            With ``axes_`` and ``figure_``.
        """
        pyplot = import_pyplot(type(self).__name__)
        n = len(self.pictures)
        signals = self.pictures.ndim == 3
        lines = map(str.splitlines, self.titles or [""] * n)
        titles, n_lines = panel_titles(lines, signals=signals)
        shape = (n, 1) if signals else (2, n)
        # names of classes may take several lines
        size = (7.0, 1.5) if signals else (1.5, 1.75 + 0.08 * n_lines)
        self.figure_, self.axes_ = grid_of_axes(
            ax, *shape, size, type(self).__name__, images=not signals
        )
        positive = self.method == "grad_cam"
        scale = pyplot.cm.ScalarMappable(
            pyplot.Normalize(0 if positive else -1, 1),
            ("cividis" if signals else "inferno") if positive else DIVERGING,
        )
        for i, (picture, values) in enumerate(
            zip(self.pictures, self.attributions, strict=True)
        ):
            values = np.clip(values / _scale(values, self.method), -1, 1)
            panel = self.axes_[i, 0] if signals else self.axes_[0, i]
            panel.set_title(titles[i], fontsize="small")
            if signals:
                _draw_signal(panel, picture, values, scale)
            else:
                _draw_image(self.axes_[:, i], picture, values, scale)
            if not values.any():
                panel = self.axes_[i, 0] if signals else self.axes_[1, i]
                nothing = "no positive evidence" if positive else "no evidence"
                panel.set_xlabel(nothing, fontsize="x-small")
        bar = self.figure_.colorbar(scale, ax=self.axes_, shrink=0.8, aspect=25)
        largest = "largest attribution" if positive else "99th percentile"
        bar.set_label(f"share of the\n{largest}", fontsize="small")
        if ax is None:
            self.figure_.suptitle(_TITLES[self.method])
        return self


def _check_method(method, layer, window):
    if method not in METHODS:
        raise ValueError(f"method={method!r} must be one of {list(METHODS)}.")
    own = {"layer": (layer, "grad_cam"), "window": (window, "occlusion")}
    for name, (value, its_method) in own.items():
        if value is not None and method != its_method:
            raise ValueError(
                f"{name}={value!r} has no effect on method={method!r}. Leave it at "
                f"None, or use method={its_method!r}."
            )


def _window(window, spatial_shape):
    if window is None:
        return tuple(ceil(n / 4) for n in spatial_shape)
    sizes = per_axis(window, len(spatial_shape), "window", minimum=1)
    if any(w > n for w, n in zip(sizes, spatial_shape, strict=True)):
        raise ValueError(
            f"window={window!r} is larger than the samples, {spatial_shape}. Use a "
            "smaller one."
        )
    return sizes


def _targets(seen, rows, target):
    """Numbers of the outputs that are meant, and titles that name them."""
    cnn = seen.cnn
    if not is_classifier(cnn):
        number = 0 if target is None else target
        if not is_integer(number) or not 0 <= number < cnn.n_outputs_:
            raise ValueError(
                f"target={target!r} must be the number of a target, from 0 to "
                f"{cnn.n_outputs_ - 1}."
            )
        predicted = np.reshape(cnn.predict(seen.array[rows]), (len(rows), -1))
        titles = [f"predicted {value:.4g}" for value in predicted[:, number]]
        return np.full(len(rows), number), titles
    if target is None and cnn.multilabel_:
        raise ValueError(
            "target=None takes the predicted class, but a multi-label classifier has "
            f"several at once. Pass one of {cnn.classes_.tolist()}."
        )
    classes = cnn.classes_.tolist()
    if target is not None and not _is_one_of(target, classes):
        raise ValueError(f"target={target!r} is not in classes_, {classes}.")
    probabilities = cnn.predict_proba(seen.array[rows])
    if target is None:
        numbers, word = probabilities.argmax(axis=1), "predicted"
    else:
        numbers, word = np.full(len(rows), classes.index(target)), "for"
    titles = [
        f"{word} {classes[number]} ({p[number]:.0%})"
        for number, p in zip(numbers, probabilities, strict=True)
    ]
    return numbers, titles


def _is_one_of(label, classes):
    if np.ndim(label) or label not in classes:
        return False
    # True is equal to 1
    return isinstance(label, bool | np.bool_) == isinstance(classes[0], bool)


def _scale(values, method):
    """Tell which size of an attribution has the strongest colour."""
    sizes = abs(values)
    share = 100 if method == "grad_cam" else _PERCENTILE
    return np.percentile(sizes, share, method="lower") or sizes.max() or 1.0


def _draw_image(axes, picture, values, scale):
    depth = None
    if picture.ndim == 4:
        depth = abs(values).sum(axis=(1, 2)).argmax()
        values = values[depth]
        axes[1].set_xlabel(f"slice {depth}", fontsize="small")
    image = as_image(picture, depth)
    grey = image if image.ndim == 2 else image.mean(axis=-1)
    show_image(axes[0], image)
    show_image(axes[1], 0.3 + 0.4 * grey)  # pale, so that colours stand out
    overlay = scale.to_rgba(values)
    overlay[..., 3] = np.sqrt(abs(values)) * 0.9  # grey shows where nothing counts
    axes[1].imshow(overlay)


def _draw_signal(ax, picture, values, scale):
    from matplotlib.collections import LineCollection

    time = np.arange(len(picture))
    colors = scale.to_rgba((values[1:] + values[:-1]) / 2)
    for channel in picture.T:
        points = np.column_stack([time, channel])
        segments = np.stack([points[:-1], points[1:]], axis=1)
        # a dark edge, so that pale segments are seen on white
        ax.plot(time, channel, color="#444444", linewidth=3.2, solid_capstyle="round")
        ax.add_collection(LineCollection(segments, colors=colors, linewidths=2.2))
    ax.margins(x=0.01)
    ax.tick_params(labelsize="small")
    ax.spines[["top", "right"]].set_visible(False)
