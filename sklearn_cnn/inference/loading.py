"""How rows of an array come to the device, one chunk after the other."""

from contextlib import closing

import torch

from sklearn_cnn.images import in_turn, prefetched, read_ahead, take_rows


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
    if torch.device(prepare.device).type == "cuda" and len(chunks) > 1:
        yield from _copied_ahead(prepare, images, chunks)
        return
    with closing(read_ahead(images, chunks)) as parts:
        yield from map(prepare.load, parts)


def _copied_ahead(prepare, images, chunks):
    beside, device = torch.cuda.Stream(prepare.device), torch.device(prepare.device)
    images = in_turn(images, chunks)

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


def halved_if_full(compute, batch):
    """Compute something of a batch; by halves, if a device has no room for the whole.

    Parameters
    ----------
    compute : callable
        Takes samples and returns a tensor with a row for each.
    batch : torch.Tensor of shape (n_samples, ...)
        All samples.
    """
    try:
        return compute(batch)
    except torch.OutOfMemoryError:
        if len(batch) == 1:
            raise
    # out here, where the error holds no tensors any more
    return torch.cat([halved_if_full(compute, half) for half in batch.tensor_split(2)])


def give_back_memory():
    """Let others have the memory of GPUs that torch keeps for use again."""
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
