"""What the docstrings of all steps share."""

from textwrap import indent

_SHARED = {
    "spatial_dims": """\
spatial_dims : {"auto", 1, 2, 3}, default="auto"
    Number of spatial axes. "auto" takes a 2-D ``X`` for signals, 3-D for grey images,
    4-D for images with channels and 5-D for volumes with channels.""",
    "data_format": """\
data_format : {"channels_last", "channels_first"}, default="channels_last"
    Where the channel axis of ``X`` is. The default is that of matplotlib, PIL and
    scikit-image.""",
    "attributes": """\
input_shape_ : tuple of int
    Shape of a sample, channel axis included; None for axes that samples differ in.
n_features_in_ : int
    Number of values in a sample; 1 if ``X`` was a column with an image in each cell.
feature_names_in_ : ndarray of shape (`n_features_in_`,)
    Names of the columns, if ``X`` was a DataFrame with string column names.""",
}


def documented(cls):
    """Fill the shared parts into a docstring, in the place of their names in braces."""
    for name, text in _SHARED.items():
        cls.__doc__ = cls.__doc__.replace(f"    {{{name}}}", indent(text, "    "))
    return cls
