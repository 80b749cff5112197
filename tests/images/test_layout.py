"""Which axes are what."""

from sklearn_cnn.images import read_layout


def test_read_layout_says_what_it_is():
    arguments = {
        "input_shape": None,
        "spatial_dims": "auto",
        "data_format": "channels_last",
    }
    assert read_layout((9, 5), **arguments).kind == "signals"
    assert read_layout((9, 5, 4), **arguments).shape == (5, 4, 1)
    assert read_layout((9, 5, 4, 3, 2), **arguments).n_features == 120
