"""Two samples in one, images and targets alike."""

from dataclasses import KW_ONLY, dataclass
from functools import lru_cache

import numpy as np
import torch
from scipy.special import betaincinv
from torch import Generator, Tensor

from sklearn_cnn.augmentation._base import Augmentation, Mixing
from sklearn_cnn.augmentation._checks import check_probability
from sklearn_cnn.augmentation._functional import (
    as_dtype,
    as_floats,
    blend,
    chosen,
    constant,
    inside,
    uniform,
)
from sklearn_cnn.utils._parameters import is_number

#: Beta distributed numbers are drawn from so many quantiles.
_N_QUANTILES = 1 << 12


@dataclass(eq=False, repr=False)
class _Mix(Augmentation):
    """Draw a partner, and the share of the sample itself, for each sample."""

    alpha: float = 1.0
    _: KW_ONLY
    p: float = 1.0

    def augment(
        self, images: Tensor, generator: Generator
    ) -> tuple[Tensor, Mixing | None]:
        """Mix the samples of a batch.

        Parameters
        ----------
        images : Tensor of shape (n_samples, n_channels, *spatial_shape)
            Of any real dtype, on any device; it stays as it is.
        generator : torch.Generator
            What to draw from.

        Returns
        -------
        mixed : Tensor of the same shape and dtype
            The images.
        mixing : Mixing
            Who was mixed with whom.

        Raises
        ------
        ValueError
            If a parameter is invalid.
        """
        self._check(images)
        n, device = len(images), generator.device
        partners = torch.randperm(n, generator=generator, device=device)
        drawn = torch.randint(_N_QUANTILES, (n,), generator=generator, device=device)
        shares = _beta_quantiles(self.alpha, device)[drawn].to(images.device)
        mixed = chosen(self.p, images, generator)
        shares = torch.where(mixed, shares, torch.ones_like(shares))
        return self._mix(images, Mixing(partners.to(images.device), shares), generator)

    def _check(self, images: Tensor) -> None:
        if not is_number(self.alpha) or self.alpha <= 0:
            raise ValueError(f"alpha={self.alpha!r} must be a number above 0.")
        check_probability("p", self.p)

    def _mix(
        self, images: Tensor, mixing: Mixing, generator: Generator
    ) -> tuple[Tensor, Mixing]:
        raise NotImplementedError


@dataclass(eq=False, repr=False)
class MixUp(_Mix):
    """Average each sample with another one of its batch, and so their losses [1]_.

    An image becomes ``share * image + (1 - share) * partner``, and its loss the same
    mean of the losses for both targets, each with its own sample weight. So it works
    for classes, labels and numbers.

    Parameters
    ----------
    alpha : float, default=0.2
        Shares follow a Beta(alpha, alpha) distribution: most images stay nearly as they
        were for a small alpha, and all shares are as likely for 1. [1]_ found 0.1 to
        0.4 best on photographs.
    p : float, default=1.0
        Probability that a sample is mixed at all, in [0, 1].

    See Also
    --------
    CutMix : Pastes a part in place of averaging.

    Notes
    -----
    Every sample draws a share of its own. The training loss that ``history_`` shows is
    that of mixed samples, and not comparable with the validation loss.

    References
    ----------
    .. [1] H. Zhang et al., "mixup: beyond empirical risk minimization", ICLR 2018.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cnn.augmentation import MixUp
    >>> black_and_white = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1)
    >>> grey = MixUp(alpha=1.0)(black_and_white)
    >>> bool(0 <= grey.min() and grey.max() <= 1)
    True
    """

    alpha: float = 0.2

    def _mix(
        self, images: Tensor, mixing: Mixing, generator: Generator
    ) -> tuple[Tensor, Mixing]:
        values = as_floats(images)
        mixed = blend(values, values[mixing.partners], mixing.shares)
        return as_dtype(mixed, images.dtype), mixing


@dataclass(eq=False, repr=False)
class CutMix(_Mix):
    """Paste a part of another sample of the batch into each one [1]_.

    The part is a box with the proportions of the image, anywhere in it and cut off at
    its borders. The losses for both targets are averaged by the shares of the pixels,
    each with its own sample weight. So it works for classes, labels and numbers.

    Parameters
    ----------
    alpha : float, default=1.0
        The share of the image outside of the box follows a Beta(alpha, alpha)
        distribution. All shares are as likely for 1, the choice of [1]_.
    p : float, default=1.0
        Probability that a sample is mixed at all, in [0, 1].

    See Also
    --------
    MixUp : Averages all pixels.

    Notes
    -----
    Every sample draws a box of its own. The training loss that ``history_`` shows is
    that of mixed samples, and not comparable with the validation loss.

    References
    ----------
    .. [1] S. Yun et al., "CutMix: regularization strategy to train strong classifiers
       with localizable features", ICCV 2019.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cnn.augmentation import CutMix
    >>> black_and_white = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 1, 8, 8)
    >>> pasted = CutMix()(black_and_white)
    >>> sorted(set(pasted.flatten().tolist())) == [0.0, 1.0]
    True
    """

    def _mix(
        self, images: Tensor, mixing: Mixing, generator: Generator
    ) -> tuple[Tensor, Mixing]:
        partners, shares = mixing
        n, n_axes = len(images), images.ndim - 2
        sizes = constant(images.shape[2:], images)
        middles = uniform((n, n_axes), 0, 1, images, generator)
        half = (1 - shares).pow(1 / n_axes).unsqueeze(1) / 2
        starts = ((middles - half) * sizes).round().long().maximum(0 * sizes)
        stops = ((middles + half) * sizes).round().long().minimum(sizes)
        pasted = (stops - starts).prod(dim=1) / sizes.prod()
        box = inside(starts, stops, images)
        mixed = torch.where(box, images[partners], images)
        return mixed, Mixing(partners, 1 - pasted)


@lru_cache
def _beta_quantiles(alpha: float, device: torch.device) -> Tensor:
    """Middles of equally likely parts of Beta(alpha, alpha).

    torch draws such numbers from its global generator only.
    """
    levels = (np.arange(_N_QUANTILES) + 0.5) / _N_QUANTILES
    return torch.from_numpy(betaincinv(alpha, alpha, levels)).float().to(device)
