"""The most memory that something took."""

import time

import numpy as np

from sklearn_cnn.utils._peak_memory import PeakMemory


def test_peak_memory_sees_what_was_freed_again():
    for _ in range(2):
        with PeakMemory() as peak:
            # 65 MiB: Linux counts pages in batches, so that some may not show yet
            block = np.ones(65 << 17)
            time.sleep(0.1)
            del block
        assert 64 << 20 <= peak.bytes < 80 << 20
