"""The bytes of an ONNX file, which hold its own checksum, and are read with suspicion.

They are a message of Protocol Buffers: fields of a number, a kind and a length.
"""

import hashlib

#: Begins the last field of a file: an entry of metadata_props, whose value is a hash.
_SEAL = b"\x72\x56\x0a\x12sklearn_cnn.sha256\x12\x40"
_HASH_LENGTH = 64
#: Which fields hold further messages, by the kind of message.
_WITHIN = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse",
        23: "sparse",
    },
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
#: Fields of a tensor that say that its values are in another file.
_EXTERNAL = {13, 14}
_MAX_DEPTH = 50


class BrokenFileError(ValueError):
    """Bytes are not what this library wrote."""


def sealed(body):
    """Append a checksum to a model, as an entry of its metadata."""
    return body + _SEAL + hashlib.sha256(body).hexdigest().encode()


def check_bytes(content):
    """Refuse what is no ONNX file, was changed, or points to other files.

    Raises
    ------
    BrokenFileError
        With the reason.
    """
    view = memoryview(content)
    _walk(view, "model", 0)
    body = view[: -len(_SEAL) - _HASH_LENGTH]
    if view[len(body) : -_HASH_LENGTH] != _SEAL:
        raise BrokenFileError("it does not end with the checksum that to_onnx writes")
    if hashlib.sha256(body).hexdigest().encode() != view[-_HASH_LENGTH:]:
        raise BrokenFileError("its checksum does not fit, so that it was changed")


def _walk(view, kind, depth):
    if depth > _MAX_DEPTH:
        raise BrokenFileError("its graphs are nested too deeply")
    for number, content in _fields(view):
        if kind == "tensor" and number in _EXTERNAL and content:
            raise BrokenFileError(
                "it keeps values in another file (external data), which is never read"
            )
        inner = _WITHIN[kind].get(number)
        if inner is not None:
            if isinstance(content, int):
                raise BrokenFileError("it is no ONNX file, or damaged")
            _walk(content, inner, depth + 1)


def _fields(view):
    """Give the number and the content of every field."""
    place = 0
    while place < len(view):
        tag, place = _varint(view, place)
        kind = tag & 7
        if kind == 0:
            content, place = _varint(view, place)
            yield tag >> 3, content
            continue
        if kind == 2:
            length, place = _varint(view, place)
        else:
            length = {1: 8, 5: 4}.get(kind)
        if length is None or length > len(view) - place or not tag >> 3:
            raise BrokenFileError("it is no ONNX file, or was cut off")
        yield tag >> 3, view[place : place + length]
        place += length


def _varint(view, place):
    """Read an integer of seven bits in each byte; gives the place after it."""
    value = shift = 0
    for byte in view[place : place + 10]:
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
    raise BrokenFileError("it is no ONNX file, or was cut off")
