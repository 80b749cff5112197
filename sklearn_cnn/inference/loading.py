"""How rows of an array come to the device, one chunk after the other."""

from contextlib import closing

import torch

from sklearn_cnn.images import prefetched, read_ahead, take_rows


def loaded_ahead(prepare, images, chunks):
    """Load one chunk of rows after the other, ahead of who takes them.

    To a GPU they are copied from pinned memory, while it computes.

    Parameters
    ----------
    prepare : Preparation
        Moves them to its device.
    images : array-like of shape (n_samples, ...)
        All images.
    chunks : list of ndarray of int or of slice
        Their rows.

    Yields
    ------
    loaded : torch.Tensor of shape (n_chunk, n_channels, *spatial_shape)
        As :meth:`Preparation.load` gives it.
    """
    if torch.device(prepare.device).type == "cuda":
        yield from _copied_ahead(prepare, images, chunks)
        return
    with closing(read_ahead(images, chunks)) as parts:
        yield from map(prepare.load, parts)


def _copied_ahead(prepare, images, chunks):
    beside, device = torch.cuda.Stream(prepare.device), torch.device(prepare.device)

    def copied(chunk):
        with torch.cuda.stream(beside):
            batch = prepare.upload(take_rows(images, chunk))
            return batch, beside.record_event()

    with closing(prefetched(copied, chunks)) as parts:
        for batch, is_there in parts:
            computing = torch.cuda.current_stream(device)
            computing.wait_event(is_there)
            # its memory is not to be used again before it was read
            batch.record_stream(computing)
            yield prepare.arranged(batch)


def free_memory(device):
    """Count the bytes of a device that are free, or kept by torch for use again."""
    device = torch.device(device)
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        reserved = torch.cuda.memory_reserved(device)
        return free + reserved - torch.cuda.memory_allocated(device)
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return 0
