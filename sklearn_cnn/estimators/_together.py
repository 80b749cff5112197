"""A fit by several processes: what they must have in common, and what none can do."""

from dataclasses import replace

import numpy as np

from sklearn_cnn import training
from sklearn_cnn.architectures import probe_training_on_one, solves_head
from sklearn_cnn.estimators._identity import identity_of
from sklearn_cnn.estimators._samples import Seeds
from sklearn_cnn.images import take_rows
from sklearn_cnn.inference import resolve_device

#: Samples whose pixels are compared.
_N_COMPARED = 16


def agreed(estimator, samples, held_out, seeds):
    """Find the processes that fit together, if any, and refuse those that differ.

    Returns
    -------
    samples : Samples
        Which these share.
    seeds : list of Seeds
        Those of the first.
    """
    processes = training.process_group()
    if processes is None:
        return samples, seeds
    processes.require_device(resolve_device(estimator.device))
    few = [given and _with_few_images(given) for given in (samples, held_out)]
    identity = identity_of(estimator, *few, None)
    identity["parameters"].pop("device")  # may be a GPU of its own for each
    facts = processes.gather({**identity["parameters"], **identity["data"]})
    names = set().union(*facts)
    differing = [n for n in names if len({fact.get(n) for fact in facts}) > 1]
    if differing:
        raise ValueError(
            f"The {processes.size} processes that fit together differ in "
            f"{', '.join(sorted(differing))}. Give each of them all of the same data, "
            "of which it takes its share by itself, and the same parameters; where "
            "rows are drawn before, as by train_test_split, pass a random_state."
        )
    drawn = processes.of_first(lambda: [tuple(own) for own in seeds])
    return replace(samples, processes=processes), [Seeds(*own) for own in drawn]


def _with_few_images(samples):
    n = len(samples.images)
    rows = np.unique(np.linspace(0, n - 1, _N_COMPARED).astype(int))
    return replace(samples, images=take_rows(samples.images, rows))


def require_shareable(estimator, trainings):
    """Refuse what several processes cannot do; give all the weights of the first."""
    first = trainings[0]
    learner, batches, processes = first.learner, first.batches, first.processes
    if processes is None:
        return
    _require_parameters(processes, estimator, learner)
    _require_rows(processes, "X", len(batches))
    if first.held_out is not None:
        _require_rows(processes, "X_val", len(first.held_out.batches))
    fewest, batch_size = min(batches.sizes), learner.plan.batch_size
    if fewest < processes.size:
        raise ValueError(
            f"batch_size={batch_size} leaves a batch of {fewest} samples, fewer than "
            f"the {processes.size} processes that share it. Use a larger batch_size, "
            "or start fewer processes."
        )
    if fewest < 2 * processes.size:  # some have a single sample of it
        layout = batches.prepare.layout
        probe_training_on_one(
            learner.module, layout.n_channels, layout.spatial_shape, batch_size
        )
    for each in trainings:
        processes.copy_first(each.learner.module.state_dict().values())


def _require_rows(processes, name, n_rows):
    if n_rows < processes.size:
        raise ValueError(
            f"{name} has n_samples={n_rows}, fewer than the {processes.size} processes "
            "that share them. Start fewer processes, or give more samples."
        )


def _require_parameters(processes, estimator, learner):
    together = f"{processes.size} processes cannot fit together with"
    if solves_head(learner.module):
        name = learner.predictor.blueprint.architecture
        raise ValueError(
            f"{together} architecture={name!r}, whose head is solved for all samples "
            "at once. Fit it in one process, or pass "
            f"architecture={training.STEPWISE!r}."
        )
    if estimator.max_time is not None:
        raise ValueError(
            f"{together} max_time={estimator.max_time!r}, as each would choose another "
            "number of epochs. Pass max_iter."
        )
    if estimator.callbacks:
        raise ValueError(
            f"{together} callbacks: those of skorch act in each process on its own. "
            "Pass callbacks=None; early_stopping, checkpoint_dir and verbose are for "
            "all of them, and scikit-learn's set_callbacks may be called in one."
        )
