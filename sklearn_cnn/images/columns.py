"""Images in the cells of a table: one column of arrays."""

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin


def as_column(X):
    """Give the cells of a table of one column, if they are arrays, tensors or lists.

    Anything else is given back as it is. Several such columns are an error.
    """
    n_axes = getattr(X, "ndim", None)
    is_frame = hasattr(X, "iloc")
    # rows of a matrix are such again, without an end
    if n_axes not in (1, 2) or not len(X) or isinstance(X, np.matrix | memoryview):
        return X
    if not is_frame and getattr(X.dtype, "kind", None) != "O":
        return X
    first = X.iloc[0] if is_frame else X[0]
    first = list(first) if n_axes == 2 else [first]
    if not any(_is_array(cell) for cell in first):
        return X
    if len(first) > 1:
        raise ValueError(
            f"X has {len(first)} columns, and arrays in their cells, but one column of "
            "images is needed. Choose it, as in X['image'], or make channels of the "
            "columns: numpy.stack([numpy.stack(X[c]) for c in X], axis=-1)."
        )
    cells = X if n_axes == 1 else X.iloc[:, 0] if is_frame else X[:, 0]
    return [
        np.asarray(cell) if isinstance(cell, list | tuple) else cell for cell in cells
    ]


def with_names(X):
    """Give tables of polars and pyarrow as those of pandas, which keep their names."""
    if hasattr(X, "iloc") or not hasattr(X, "__dataframe__"):
        return X
    import pandas as pd

    names = getattr(X, "column_names", None) or getattr(X, "columns", None)
    return pd.DataFrame(np.asarray(X), columns=list(names))


def _is_array(cell):
    return isinstance(cell, list | tuple) or getattr(cell, "shape", ()) != ()


def column_name(X):
    """Name the column that images are in: None if it has no name.

    It is False for what is no column: an array of images, or of flat rows.
    """
    is_table = hasattr(X, "iloc") or (isinstance(X, np.ndarray) and X.ndim == 2)
    if not is_table or as_column(X) is X:
        return False
    name = X.columns[0] if hasattr(X, "columns") else None
    return name if isinstance(name, str) else None


class ImageFeatureNames(ClassNamePrefixFeaturesOutMixin):
    """Names of what a step makes of images, also where these were in a column."""

    def get_feature_names_out(self, input_features=None):
        """Name the features by the class, in small letters, and their number.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the values of an image, or of the column that images were in;
            checked for their number alone.

        Returns
        -------
        feature_names_out : ndarray of str objects
            One for each feature.
        """
        if input_features is not None and len(input_features) == 1:
            input_features = None  # of images that an earlier step has read
        return super().get_feature_names_out(input_features)
