"""Pass generated input to everything public, and list what surprises.

``python tests/robustness/generated.py --inputs 10000 --seed 1`` takes five to ten
minutes on one core. Each input either works or is refused, as ``_rules.py`` says; the
exit status is 1 where one is not.
"""

import argparse
import collections
import multiprocessing
import os
import re
import sys
import tempfile
import time

from _rules import SECONDS, outcome_of
from _strategies import programs
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.configuration import set_hypothesis_home_dir

# else it writes what it has read of the sources into the working directory
set_hypothesis_home_dir(os.path.join(tempfile.gettempdir(), "hypothesis"))

FINE = ("works", "refused", "not made")


def run(n_inputs, random_seed, before, after):
    """Run programs one after the other; tell each before and its outcome after."""

    @seed(random_seed)
    @settings(
        max_examples=n_inputs,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(programs)
    def each(drawn):
        before(drawn)
        after(drawn, outcome_of(*drawn))

    each()


def _work(n_inputs, random_seed, pipe):
    # progress bars, and what libraries print
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    run(n_inputs, random_seed, pipe.send, lambda _, outcome: pipe.send(outcome))
    pipe.send(None)


def outcomes(n_inputs, random_seed):
    """Run programs in another process; that it dies of one is an outcome too."""
    n = 0
    while n < n_inputs:
        ours, theirs = multiprocessing.Pipe(duplex=False)
        arguments = (n_inputs - n, random_seed + n, theirs)
        worker = multiprocessing.get_context("fork").Process(
            target=_work, args=arguments
        )
        worker.start()
        theirs.close()
        drawn = None
        try:
            while (drawn := ours.recv()) is not None:
                n += 1
                if not ours.poll(3 * SECONDS):
                    raise EOFError
                yield drawn, ours.recv()
        except EOFError:
            if drawn is not None:
                yield drawn, "the process died or did not return"
        if drawn is None:
            n = n_inputs
        worker.kill()
        worker.join()


def kind_of(outcome):
    """Leave out of an outcome what differs from one input to the next."""
    place, _, message = outcome.partition(": ")
    return f"{place}: {re.sub(r'[^a-zA-Z_ ]+', '#', message)[:60]}"


def main():
    """Run as the command line says, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    counts, surprises = collections.Counter(), collections.defaultdict(list)
    start = time.perf_counter()
    for (kind, lines), outcome in outcomes(options.inputs, options.seed):
        is_fine = outcome in FINE
        counts[kind, outcome if is_fine else "surprise"] += 1
        if not is_fine:
            surprises[kind_of(outcome)].append((outcome, lines))
    print(f"{sum(counts.values()):,} inputs of seed {options.seed}", end=" ")
    print(f"in {time.perf_counter() - start:.0f} s")
    for (kind, outcome), n in sorted(counts.items()):
        print(f"{n:7,}  {kind:10} {outcome}")
    for found in sorted(surprises.values(), key=len, reverse=True):
        outcome, lines = min(found, key=lambda each: len(str(each)))
        print(f"\n{len(found)} x {outcome}", *lines, sep="\n    ")
    return 1 if surprises else 0


if __name__ == "__main__":
    sys.exit(main())
