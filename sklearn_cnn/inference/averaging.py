"""Predictors that average: over several networks, and over several views."""

import torch

from sklearn_cnn.architectures import Averaged, OverViews
from sklearn_cnn.images import take_rows
from sklearn_cnn.inference.predictor import Predictor
from sklearn_cnn.inference.preparation import Preparation


def over_networks(predictors, link):
    """Make one predictor of several, or give the only one.

    Parameters
    ----------
    predictors : list of Predictor
        Of networks of one form, which share how images are prepared.
    link : {"softmax", "sigmoid", "identity"}
        What makes predictions of outputs.
    """
    first = predictors[0]
    if len(predictors) == 1:
        return first
    module = Averaged([p.module for p in predictors], link)
    cost = sum(p.sample_cost for p in predictors)
    given = module, first.prepare, first.precision, cost
    return Predictor(*given, blueprint=first.blueprint)  # that of each


def count_views(augmentation, images, layout):
    """Count the views of a sample that an augmentation implies.

    Raises
    ------
    ValueError
        If there is none besides the sample itself.
    """
    if isinstance(augmentation, type) or not hasattr(augmentation, "views"):
        raise ValueError(
            f"test_time_augmentation=True averages over the views that augmentation "
            f"implies, and augmentation={augmentation!r} tells none. Pass one of "
            "sklearn_cnn.augmentation that moves or mirrors images, such as "
            "RandomFlip() or RandomCrop(), or set test_time_augmentation=False."
        )
    prepare = Preparation(layout, None, None, torch.float32, "cpu")
    first = prepare.load(take_rows(images, slice(0, 1)))
    try:
        n_views = len(augmentation.views(first))
    except Exception as error:  # the class may be of the user
        raise ValueError(
            f"augmentation={augmentation!r} gives no views of a batch of shape "
            f"{tuple(first.shape)} for test_time_augmentation=True: {error}"
        ) from error
    if n_views < 2:
        raise ValueError(
            f"test_time_augmentation=True has no effect, as "
            f"augmentation={augmentation!r} neither moves nor mirrors images. Add "
            "RandomFlip() or RandomCrop(), or set test_time_augmentation=False."
        )
    return n_views


def over_views(predictor, augmentation, link, n_views):
    """Make a predictor that averages over the views that an augmentation implies."""
    prepare = _OfViews(predictor.prepare, augmentation)
    module = OverViews(predictor.module, link)
    cost = predictor.sample_cost * n_views
    return Predictor(module, prepare, predictor.precision, cost)


class _OfViews(Preparation):
    """Turns rows into several views of each sample."""

    def __init__(self, prepare, augmentation):
        vars(self).update(vars(prepare))
        self.augmentation = augmentation

    def arranged(self, batch):
        """Give all views of uploaded rows, of shape (n_samples, n_views, ...)."""
        return torch.stack(self.augmentation.views(super().arranged(batch)), dim=1)

    def standardize(self, batch):
        """Standardise each of them."""
        views = [super(_OfViews, self).standardize(view) for view in batch.unbind(1)]
        return torch.stack(views, dim=1)
