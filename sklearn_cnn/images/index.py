"""The index of a table, through steps that make arrays of it."""

import numpy as np
from sklearn import get_config


class IndexedArray(np.ndarray):
    """An array that remembers the index of the table that it was made of.

    What is computed of it, or cut from it, does not.
    """

    index = None

    def __reduce__(self):
        # also through the memory of a Pipeline
        return _rebuilt, (np.asarray(self), self.index)


def _rebuilt(array, index):
    indexed = array.view(IndexedArray)
    indexed.index = index
    return indexed


def keep_index(result, X, step):
    """Give what a step made of ``X`` the index of its rows, for output in pandas.

    scikit-learn joins the columns of tables by it. Other output is given back as it is.
    """
    index = _index_of(X)
    if index is None or not _gives_pandas(step) or len(index) != len(result):
        return result
    if result.ndim == 2 and hasattr(step, "get_feature_names_out"):
        import pandas as pd

        # scikit-learn names the columns
        return pd.DataFrame(result, index=index, copy=False)
    return _rebuilt(result, index)


def _index_of(X):
    if isinstance(X, IndexedArray) or hasattr(X, "iloc"):
        return X.index
    return None


def _gives_pandas(step):
    configured = getattr(step, "_sklearn_output_config", {})
    return configured.get("transform", get_config()["transform_output"]) == "pandas"
