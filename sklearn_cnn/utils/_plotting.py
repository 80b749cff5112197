"""What all displays share: colours, and matplotlib where it is installed."""

#: Of Okabe and Ito, which colour-blind people can tell apart; yellow is too pale.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555")


def import_pyplot(what):
    """Import matplotlib.pyplot, or say how ``what``, a display, gets it."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            f"{what} needs matplotlib: pip install 'sklearn_cnn[plot]'"
        ) from error
    return pyplot
