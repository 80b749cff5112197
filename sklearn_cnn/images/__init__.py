"""What an image array is: layout, channels and dtype; and images on disk."""

from sklearn_cnn.images.arrays import (
    as_array,
    as_values,
    as_weights,
    check_image_array,
    in_turn,
    require_numbers,
    rows_of_several_sizes,
    take_rows,
    value_range,
)
from sklearn_cnn.images.columns import ImageFeatureNames
from sklearn_cnn.images.decoding import decode
from sklearn_cnn.images.files import ImageFiles
from sklearn_cnn.images.folder import image_folder
from sklearn_cnn.images.hashing import add_pixels, digest, row_digests
from sklearn_cnn.images.index import keep_index
from sklearn_cnn.images.input import ImageInput, checked_table
from sklearn_cnn.images.layout import ImageLayout, read_layout, warn_if_flat_images
from sklearn_cnn.images.masks import unmasked
from sklearn_cnn.images.naming import as_list, from_row, name_of, shortened
from sklearn_cnn.images.parallel import in_threads, threads_of
from sklearn_cnn.images.prefetch import prefetched, read_ahead
from sklearn_cnn.images.reading import Reading
from sklearn_cnn.images.statistics import ChannelStatistics

#: The other names are for the folders above.
__all__ = ["ImageFiles", "image_folder"]
