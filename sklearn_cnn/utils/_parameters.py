"""Parameters of parameters, where they are scikit-learn's."""

from inspect import signature


def has_parameters(value):
    """Tell whether a parameter has parameters of its own.

    Transforms of torchvision have a ``get_params`` too, which draws random numbers.

    Parameters
    ----------
    value : object
        Of a parameter of an estimator.

    Returns
    -------
    answer : bool
    """
    if isinstance(value, type) or not hasattr(value, "get_params"):
        return False
    return "deep" in signature(value.get_params).parameters
