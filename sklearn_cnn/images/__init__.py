"""What an image array is: layout, channels and dtype."""

from sklearn_cnn.images.arrays import (
    as_array,
    check_image_array,
    take_rows,
    value_range,
)
from sklearn_cnn.images.input import ImageInput
from sklearn_cnn.images.layout import ImageLayout, read_layout, warn_if_flat_images
from sklearn_cnn.images.statistics import ChannelStatistics, channel_statistics

__all__ = [
    "ChannelStatistics",
    "ImageInput",
    "ImageLayout",
    "as_array",
    "channel_statistics",
    "check_image_array",
    "read_layout",
    "take_rows",
    "value_range",
    "warn_if_flat_images",
]
