"""Learning rate schedules: the factor on the learning rate, by how much is over."""

from math import ceil, cos, pi

#: Share of the training in which the one-cycle schedule warms up.
_WARM_UP = 0.3
#: Where it starts, as a share of the peak.
_START = 1 / 25
#: Share of the training in which "plateau" falls.
_FALL = 0.3


def one_cycle(progress):
    """Rise from 1/25 to the peak in the first 30 %, then fall to zero [1]_.

    References
    ----------
    .. [1] L. Smith and N. Topin, "Super-convergence: very fast training of neural
       networks using large learning rates", 2018, https://arxiv.org/abs/1708.07120
    """
    if progress < _WARM_UP:
        return _START + (1 - _START) * (1 - cos(pi * progress / _WARM_UP)) / 2
    return cosine((progress - _WARM_UP) / (1 - _WARM_UP))


def cosine(progress):
    """Fall from 1 to 0 along half a cosine [1]_.

    References
    ----------
    .. [1] I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm
       restarts", ICLR 2017.
    """
    return (1 + cos(pi * progress)) / 2


def step(progress):
    """Fall to a tenth after each third of the training."""
    return 0.1 ** min(2, int(3 * progress))


def constant(progress):
    """Stay at 1."""
    return 1.0


def plateau(progress):
    """Stay at 1 for 70 % of the training, then fall to zero on a line [1]_.

    References
    ----------
    .. [1] A. Hägele et al., "Scaling laws and compute-optimal training beyond fixed
       training durations", NeurIPS 2024, https://arxiv.org/abs/2405.18392
    """
    return min(1.0, (1 - progress) / _FALL)


SCHEDULES = {
    "one_cycle": one_cycle,
    "cosine": cosine,
    "step": step,
    "constant": constant,
    "plateau": plateau,
}

#: Those whose rates are for a training that comes to its planned end.
PLANNED = ("one_cycle", "cosine")


class Schedule:
    """The factor at every step, counted from 0, of a training of ``n_steps``.

    A "plateau" can be told to fall before its time, and ends earlier then.
    """

    def __init__(self, name, n_steps):
        self.name = name
        self.n_steps = n_steps

    def waits(self, step):
        """Tell whether it is a plateau, and stays until it is told to fall."""
        return self.name == "plateau" and step < (1 - _FALL) * self.n_steps

    def fall(self, step, n_batches):
        """Begin to fall at a step, as if 70 % of the epochs were over."""
        self.n_steps = n_batches * ceil(round(step / (1 - _FALL), 6) / n_batches)

    def __call__(self, step):
        """Give the factor of one step."""
        # the middle of the step: even a training of one step then learns
        return SCHEDULES[self.name](min(1.0, (step + 0.5) / self.n_steps))
