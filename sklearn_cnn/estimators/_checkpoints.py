"""The states on disk of the networks of one fit."""

import functools
from contextlib import nullcontext

from sklearn_cnn import training
from sklearn_cnn.estimators._identity import identity_of


def checkpoints_of(estimator, samples, held_out, seeds, partial):
    """Open those of each network, if there are to be any; processes share them."""
    if estimator.checkpoint_dir is None or partial:
        return nullcontext([])
    draws_anew = estimator.random_state is None
    kind, processes = training.Checkpoints, samples.processes
    if processes is not None:
        kind = functools.partial(training.SharedCheckpoints, processes)

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
