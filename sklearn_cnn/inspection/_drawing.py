"""What the displays share: axes, pictures and colours."""

from itertools import cycle
from textwrap import fill

import numpy as np

from sklearn_cnn.utils._plotting import COLORS, import_pyplot

#: For values of both signs: blue, white, red.
DIVERGING = "RdBu_r"


def grid_of_axes(ax, n_rows, n_columns, panel_size, what, *, images=False):
    """Make a grid of axes, in a figure of its own or in the place of an axes.

    ``ax`` is what the user passed: an axes to divide, one for each panel, or None.
    ``panel_size`` is the width and height of a panel in a new figure, in inches. With
    ``images`` the panels have the proportions of images, and no gaps between them.
    """
    pyplot = import_pyplot(what)
    if ax is None:
        width, height = panel_size
        figure, axes = pyplot.subplots(
            n_rows,
            n_columns,
            squeeze=False,
            figsize=(max(4.0, n_columns * width + 0.7), n_rows * height + 0.5),
            layout="compressed" if images else "constrained",
        )
        gap = 0.04 if images else 0.1
        figure.get_layout_engine().set(w_pad=gap, h_pad=0.1)
        return figure, axes
    given = np.asarray(ax, dtype=object)
    n_panels = n_rows * n_columns
    if given.size == n_panels:
        axes = given.reshape(n_rows, n_columns)
        return axes[0, 0].figure, axes
    if given.size > 1 or ax.get_subplotspec() is None:
        raise ValueError(
            f"ax holds {given.size} axes, but {what} draws {n_panels} panels "
            f"({n_rows} x {n_columns}). Pass an array of {n_panels} axes, one axes of "
            "matplotlib.pyplot.subplots, which will be divided, or None."
        )
    ax.set_axis_off()
    inner = ax.get_subplotspec().subgridspec(n_rows, n_columns)
    return ax.figure, inner.subplots(squeeze=False)


def hide_unused(axes):
    """Hide the axes of a grid in which nothing was drawn."""
    for ax in axes.flat:
        if not ax.has_data():
            ax.set_axis_off()


def as_image(picture, depth=None):
    """Bring a picture to what matplotlib shows as an image, with values in [0, 1].

    They go from the lowest to the highest of the picture, or for 8-bit pixels from 0 to
    255. The channels, which come last, are averaged unless there are three. ``depth``
    is the slice of a volume; None takes the middle one.
    """
    if picture.ndim == 4:
        picture = picture[len(picture) // 2 if depth is None else depth]
    eight_bits = picture.dtype == np.uint8
    image = picture.astype(float)
    if image.shape[-1] != 3:
        image = image.mean(axis=-1)
    low, high = (0.0, 255.0) if eight_bits else (image.min(), image.max())
    return (image - low) / ((high - low) or 1.0)


def _narrow(lines):
    """Break lines that would run into the title of the next panel.

    They break at spaces, hyphens and underscores, which names of classes often have.
    """
    spaced = (fill(line.replace("_", "_ "), 18) for line in lines)
    return "\n".join(spaced).replace("_ ", "_")


def panel_titles(lines, *, signals):
    """Put the lines of each title together, and count those of the longest.

    Panels of signals are wide, and their titles one line.
    """
    titles = [", ".join(each) if signals else _narrow(each) for each in lines]
    return titles, max((title.count("\n") for title in titles), default=1)


def show_image(ax, image, *, cmap="gray", vmin=0, vmax=1):
    """Show an image without ticks; ``cmap`` has the colours of one without channels."""
    drawn = ax.imshow(image, cmap=cmap, vmin=vmin, vmax=vmax)
    ax.set(xticks=[], yticks=[])
    return drawn


def show_sample(ax, picture):
    """Show a signal as lines, one for each channel, and anything else as an image."""
    if picture.ndim == 2:
        for channel, color in zip(picture.T, cycle(COLORS), strict=False):
            ax.plot(channel, color=color, linewidth=1)
        ax.margins(x=0)
        ax.tick_params(labelsize="small")
    else:
        show_image(ax, as_image(picture))


def tidy(ax):
    """Draw a light grid, and no frame at the top and at the right."""
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
