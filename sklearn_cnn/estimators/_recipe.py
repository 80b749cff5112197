"""What "auto" means: rules from the size of the training set."""

from math import ceil

#: Number of optimizer steps that the default recipe aims at.
_STEPS = 800
_MIN_EPOCHS, _MAX_EPOCHS = 4, 60


def default_batch_size(n_samples):
    """Choose how many samples a step sees.

    Parameters
    ----------
    n_samples : int
        Number of training samples.

    Returns
    -------
    batch_size : int
        32 for up to 1,000 samples, 64 for up to 10,000, otherwise 128.
    """
    if n_samples <= 1_000:
        return 32
    return 64 if n_samples <= 10_000 else 128


def default_max_iter(n_samples):
    """Choose how often training goes through the samples.

    Parameters
    ----------
    n_samples : int
        Number of training samples.

    Returns
    -------
    max_iter : int
        As many epochs as make about 800 steps, at least 4 and at most 60.
    """
    n_batches = ceil(n_samples / default_batch_size(n_samples))
    return min(_MAX_EPOCHS, max(_MIN_EPOCHS, ceil(_STEPS / n_batches)))
