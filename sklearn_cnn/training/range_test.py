"""A training whose learning rate rises from step to step."""

from math import inf, isfinite

from skorch.callbacks import Callback

#: Training ends where the smoothed loss is so many times its minimum.
_DIVERGED = 4
#: Share of the past in the smoothed loss.
_MEMORY = 0.9


class LearningRateRange(Callback):
    """Raise the learning rate exponentially and record the loss [1]_.

    Training ends after the last step, or as soon as the loss diverges.

    Parameters
    ----------
    start, stop : float
        Learning rates of the first and of the last step.
    n_steps : int
        Number of steps.

    Attributes
    ----------
    learning_rates : list of float
        Of every step.
    losses : list of float
        Of the batch of every step, before the step.

    References
    ----------
    .. [1] L. Smith, "Cyclical learning rates for training neural networks", WACV 2017,
       https://arxiv.org/abs/1506.01186
    """

    def __init__(self, start, stop, n_steps):
        self.start = start
        self.stop = stop
        self.n_steps = n_steps

    def on_train_begin(self, net, **kwargs):
        """Forget what was recorded.

        Parameters
        ----------
        net : CNNNet
            What is trained.
        **kwargs : dict
            Unused; part of skorch's signature.
        """
        self.learning_rates, self.losses = [], []
        self._smoothed, self._lowest = None, inf

    def on_batch_begin(self, net, training=None, **kwargs):
        """Set the learning rate.

        Parameters
        ----------
        net : CNNNet
            What is trained.
        training : bool
            Whether the batch is one to train on.
        **kwargs : dict
            Unused; part of skorch's signature.
        """
        if not training:
            return
        progress = len(self.losses) / max(1, self.n_steps - 1)
        rate = self.start * (self.stop / self.start) ** progress
        self.learning_rates.append(rate)
        for group in net.optimizer_.param_groups:
            group["lr"] = rate * group["lr_factor"]

    def on_batch_end(self, net, training=None, loss=None, **kwargs):
        """Record the loss, and end training where there is no more to see.

        Parameters
        ----------
        net : CNNNet
            What is trained.
        training : bool
            Whether the batch is one to train on.
        loss : torch.Tensor of shape ()
            Of the batch.
        **kwargs : dict
            Unused; part of skorch's signature.

        Raises
        ------
        KeyboardInterrupt
            skorch's way to end training.
        """
        if not training:
            return
        value = loss.item()
        self.losses.append(value)
        before = value if self._smoothed is None else self._smoothed
        self._smoothed = _MEMORY * before + (1 - _MEMORY) * value
        self._lowest = min(self._lowest, self._smoothed)
        diverged = not isfinite(value) or self._smoothed > _DIVERGED * self._lowest
        if diverged or len(self.losses) >= self.n_steps:
            raise KeyboardInterrupt
