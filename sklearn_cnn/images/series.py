"""Series of unequal length: how they become one array, which NaN fills at the end."""

import numpy as np

from sklearn_cnn.images.arrays import as_rows


def as_padded(X, length, *, channels_first):
    """Put a list of series of several lengths into one array; leave others alone.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)
        Such as a list of arrays of shape (length,) or (length, n_channels).
    length : int or None
        Least length of the result; None is that of the longest.
    channels_first : bool
        Whether they are of shape (n_channels, length).

    Returns
    -------
    X : array-like of shape (n_samples, ...)
        Floats, with NaN at the end of the shorter series.
    """
    rows = as_rows(X)
    if rows is None and isinstance(X, list | tuple):
        rows = [np.asarray(row) for row in X]  # of lists of numbers
    if rows is None and hasattr(X, "shape") and hasattr(X, "dtype"):
        rows = X if X.shape[1:] else None
    if rows is None or not len(rows) or rows[0].ndim not in (1, 2):
        return X
    axis = 1 if channels_first and rows[0].ndim == 2 else 0
    sizes = {(*row.shape[:axis], *row.shape[axis + 1 :]) for row in rows}
    if len(sizes) > 1:
        raise ValueError(
            f"X holds series of {len(sizes)} numbers of axes or channels. With "
            "unequal_length=True they may differ in length alone: make them of shape "
            "(length,) or (length, n_channels)."
        )
    longest = max(length or 0, *(row.shape[axis] for row in rows))
    shape = list(rows[0].shape)
    shape[axis] = longest
    kind = np.result_type(np.float32, *{row.dtype for row in rows})
    padded = np.full((len(rows), *shape), np.nan, kind)
    for target, row in zip(padded, rows, strict=True):
        part = target if axis == 0 else target.T
        part[: row.shape[axis]] = row if axis == 0 else row.T
    return padded


def require_padding(array, layout):
    """Refuse missing values that are not at the end of a series, and empty series."""
    if array.dtype.kind != "f":
        return
    missing = np.isnan(layout.channels_last(array))
    whole = missing.all(axis=2)
    if whole.all(axis=1).any():
        (first, *others) = np.flatnonzero(whole.all(axis=1))
        raise ValueError(
            f"X holds {1 + len(others)} series without any value, the first of them "
            f"series {first}. Leave them out of X and of y."
        )
    # once a step is missing, all behind it are
    inside = (
        missing.any(axis=2)
        & ~np.logical_and.accumulate(whole[:, ::-1], axis=1)[:, ::-1]
    )
    if inside.any():
        series, step = np.argwhere(inside)[0]
        raise ValueError(
            f"X has missing values inside of series, the first at step {step} of "
            f"series {series}. Fill them first, as by "
            "pandas.DataFrame(X).interpolate(axis=1, limit_area='inside') or "
            "sklearn.impute.SimpleImputer; unequal_length=True takes NaN for the end "
            "of a series alone."
        )
    if np.isinf(array).any():
        raise ValueError("X contains infinity. Replace it by a number, or by NaN.")


def require_length(length, fitted):
    """Refuse series longer than those that were fitted on."""
    if length > fitted:
        raise ValueError(
            f"X has series of up to {length} values, but the longest that was fitted "
            f"on has {fitted}. Cut them, as by [series[:{fitted}] for series in X], or "
            "fit again with series that NaN fills up to that length. In "
            "cross-validation pass one array of all series, filled up with NaN."
        )
