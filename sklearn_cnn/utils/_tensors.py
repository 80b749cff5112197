"""Tensors as bytes, in the format of safetensors."""

from collections.abc import Mapping

from torch import Tensor


def as_bytes(tensors: Mapping[str, Tensor], **metadata: str) -> bytes:
    """Give tensors by name in the format of safetensors [1]_.

    ``metadata`` are written into the header, for whoever reads the bytes alone.

    References
    ----------
    .. [1] https://github.com/huggingface/safetensors
    """
    from safetensors.torch import save

    stored: dict[str, Tensor] = {}
    seen = set()
    for name, tensor in tensors.items():
        values = tensor.detach().cpu().contiguous()
        address = values.untyped_storage().data_ptr()
        stored[name] = values.clone() if address in seen else values
        seen.add(address)
    # of several metadata chance decides the order
    return bytes(save(stored, metadata=metadata))


def from_bytes(stored: bytes) -> dict[str, Tensor]:
    """Give the tensors that ``as_bytes`` stored."""
    from safetensors.torch import load

    # copies, which lie in memory as torch aligns it
    return {name: tensor.clone() for name, tensor in load(stored).items()}
