"""Masked arrays, whose masks nothing behind this door knows of."""

import numpy as np


def unmasked(array, name):
    """Give an array of which no element is masked as a plain one, in the same memory.

    Other arrays are given back as they are. Errors call the array ``name``.
    """
    if not isinstance(array, np.ma.MaskedArray):
        return array
    if np.ma.is_masked(array):
        raise ValueError(
            f"{name} is masked, and a mask would be lost: pass {name}.filled(value), "
            "with the value that stands for what is masked."
        )
    return np.ma.getdata(array, subok=False)
