"""What a fit leaves behind when it fails."""

from contextlib import contextmanager


@contextmanager
def unchanged_on_error(estimator):
    """Give an estimator back what it had learned before, if a fit fails inside."""

    def learned():
        return {k: v for k, v in vars(estimator).items() if k.endswith("_")}

    before = learned()
    try:
        yield
    except BaseException:
        for name in learned():
            delattr(estimator, name)
        vars(estimator).update(before)
        raise
