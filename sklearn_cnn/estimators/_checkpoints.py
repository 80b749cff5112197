"""The states on disk of the networks of one fit."""

from functools import partial

from sklearn_cnn import training
from sklearn_cnn.estimators._identity import identity_of


def checkpoints_of(estimator, samples, held_out, seeds, processes):
    """Open those of each network, which ``processes``, if there are any, share."""
    draws_anew = estimator.random_state is None
    kind = training.Checkpoints
    if processes is not None:
        kind = partial(training.SharedCheckpoints, processes)

    def identities():
        known = [None] * len(seeds) if draws_anew else seeds
        return [
            identity_of(estimator, samples, held_out, own, number)
            for number, own in enumerate(known)
        ]

    found = identities() if processes is None else processes.of_first(identities)
    return training.opened(
        kind(
            estimator.checkpoint_dir,
            estimator.checkpoint_interval,
            identity,
            list(own),
            draws_anew=draws_anew,
        )
        for identity, own in zip(found, seeds, strict=True)
    )
