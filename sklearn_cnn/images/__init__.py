"""What an image array is: layout, channels and dtype."""

from sklearn_cnn.images.arrays import (
    as_array,
    check_image_array,
    take_rows,
    value_range,
)
from sklearn_cnn.images.layout import (
    ImageLayout,
    channel_statistics,
    read_layout,
    warn_if_flat_images,
)

__all__ = [
    "ImageLayout",
    "as_array",
    "channel_statistics",
    "check_image_array",
    "read_layout",
    "take_rows",
    "value_range",
    "warn_if_flat_images",
]
