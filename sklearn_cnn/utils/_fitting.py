"""What a fit leaves behind when it fails."""

from contextlib import contextmanager


@contextmanager
def unchanged_on_error(estimator):
    """Give an estimator back what it had learned before, if a fit fails inside.

    That is all attributes that end in an underscore, and those that its class lists in
    ``_learned``.
    """
    private = getattr(estimator, "_learned", ())

    def learned():
        attributes = vars(estimator).items()
        return {k: v for k, v in attributes if k.endswith("_") or k in private}

    before = learned()
    try:
        yield
    except BaseException:
        for name in learned():
            delattr(estimator, name)
        vars(estimator).update(before)
        raise
