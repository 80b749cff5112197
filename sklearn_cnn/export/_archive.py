"""The file of a model: an archive that is checked before anything of it is used.

It is a zip archive as skops writes it, whose weights are members in the format of
safetensors, with a description that people can read. Nothing of it is ever extracted.
"""

import hashlib
import io
import json
import re
import reprlib
import zipfile
import zlib
from math import prod

import numpy as np

FORMAT, VERSION = "sklearn_cnn", 1
DESCRIPTION, SCHEMA = "metadata.json", "schema.json"

_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}\.(json|safetensors|npy|npz|bin)")
_MAX_MEMBERS = 100_000
#: How many times larger than stored a member of text may be.
_MAX_RATIO = 100
_BEGINS, _ENDS, _DIRECTORY_END = b"PK\x03\x04", b"PK\x05\x06", 22
_HOW_TO_SAVE = "Save the model again by sklearn_cnn.save(model, path)."


def write(file, description, members):
    """Write members, a dict of names and bytes, and a description with their sums."""
    sums = {name: _checksum(content) for name, content in members.items()}
    head = {"format": FORMAT, "format_version": VERSION, **description}
    text = json.dumps({**head, "members": sums}, indent=2, ensure_ascii=False)
    members = {DESCRIPTION: text.encode(), **members}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)  # of 1980: equal models make equal files
            info.external_attr = 0o644 << 16
            if name.endswith(".json"):
                info.compress_type = _compression(content)
            archive.writestr(info, content)


def read(path):
    """Read a file whole and check it; give its bytes and its description.

    Raises
    ------
    ValueError
        If it is damaged, was changed, is of another format or of a newer version.
    """
    with open(path, "rb") as file:
        begin = file.read(4)
        if begin != _BEGINS:
            raise ValueError(f"{path} {_what_it_is(begin)}")
        content = begin + file.read()
    try:
        if content[-_DIRECTORY_END:][:4] != _ENDS:
            raise ValueError("its end is missing")
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _require_format(archive, path)
            _check_entries(archive, len(content))
            members = {name: archive.read(name) for name in archive.namelist()}
        description = _description(members.pop(DESCRIPTION))
        for name, member in members.items():
            _check_content(name, member)
        _check_sums(description["members"], members)
        schema = json.loads(members[SCHEMA])
    except _OtherFormat as error:
        raise ValueError(f"{path} {error}") from None
    except Exception as error:  # damaged bytes make the readers fail in any way
        reason = str(error).strip().partition("\n")[0][:200] or type(error).__name__
        raise ValueError(
            f"{path} is damaged, incomplete or was changed ({reason}), and nothing of "
            f"it was loaded. Copy it again. {_HOW_TO_SAVE}"
        ) from error
    return content, description, schema


class _OtherFormat(Exception):
    """A file that is whole, and not of this version of this format."""


def _compression(content):
    small = len(zlib.compress(content)) * _MAX_RATIO > len(content)
    return zipfile.ZIP_DEFLATED if small else zipfile.ZIP_STORED


def _what_it_is(begin):
    if begin[:1] == b"\x80":
        return (
            "is a pickle, which can run any code when it is loaded. Unpickle it, if "
            "you trust whoever made it, and save the model by sklearn_cnn.save."
        )
    return f"is not a file of sklearn_cnn.save, or damaged. {_HOW_TO_SAVE}"


def _require_format(archive, path):
    names = archive.namelist()
    if DESCRIPTION in names:
        return
    if SCHEMA in names:
        raise _OtherFormat(
            "is a file of skops.io.dump. Load it by skops.io.load, or "
            f"{_HOW_TO_SAVE[0].lower()}{_HOW_TO_SAVE[1:]}"
        )
    if any(name.endswith(".pkl") for name in names):
        raise _OtherFormat(
            "is a file of torch.save. Pass its path as weights= of an estimator, if it "
            "holds the weights of a network."
        )
    raise _OtherFormat(f"is an archive of another kind. {_HOW_TO_SAVE}")


def _check_entries(archive, n_bytes):
    """Refuse names that are paths, and sizes that the file does not have."""
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if len(names) > _MAX_MEMBERS or len(set(names)) < len(names):
        raise ValueError("members of the archive occur twice, or are too many")
    for entry in entries:
        name = entry.filename
        if not _NAME.fullmatch(name):
            raise ValueError(f"the archive has a member {name[:60]!r}")
        text = name.endswith(".json") and entry.compress_type == zipfile.ZIP_DEFLATED
        if not text and entry.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{name} is compressed")
        times = _MAX_RATIO if text else 1
        if entry.flag_bits & 1 or entry.file_size > times * entry.compress_size:
            raise ValueError(f"{name} is larger than it can be")
    if sum(entry.compress_size for entry in entries) > n_bytes:
        raise ValueError("the archive holds more than its members")


def _description(content):
    description = json.loads(content)
    if description.get("format") != FORMAT:
        raise _OtherFormat(f"is an archive of another kind. {_HOW_TO_SAVE}")
    version = description["format_version"]
    if type(version) is not int or version < 1:
        raise ValueError(f"format_version is {version!r}")
    if version > VERSION:
        versions = description.get("versions", {})
        made_by = reprlib.repr(versions.get("sklearn_cnn", "a newer version"))
        raise _OtherFormat(
            f"has format {version}, which this version of sklearn_cnn does not know: "
            f"it reads up to format {VERSION}. Upgrade sklearn_cnn; the file was "
            f"written by {made_by}."
        )
    return description


def _check_sums(sums, members):
    if sums.keys() != members.keys():
        odd = sorted(sums.keys() ^ members.keys())[0]
        raise ValueError(f"{odd} is in the archive or in its list of members alone")
    for name, content in members.items():
        if _checksum(content) != sums[name]:
            raise ValueError(f"the checksum of {name} is another")


def _checksum(content):
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _check_content(name, content):
    if name.endswith(".npy"):
        _check_array(name, content)
    elif name.endswith(".npz"):
        with zipfile.ZipFile(io.BytesIO(content)) as nested:
            _check_entries(nested, len(content))
            for inner in nested.namelist():
                _check_array(f"{inner} in {name}", nested.read(inner))


def _check_array(name, content):
    """Refuse arrays of objects, which are pickles, and shapes that are not there."""
    file = io.BytesIO(content)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(np.lib.format.read_magic(file))
    if read_header is None:  # 3.0 is for names of fields beyond Latin-1
        raise ValueError(f"{name} is an array of an unknown format")
    shape, _, dtype = read_header(file)
    if dtype.hasobject:
        raise ValueError(f"{name} holds a pickle")
    if len(content) - file.tell() != prod(shape) * dtype.itemsize:
        raise ValueError(f"{name} has another size than its header says")


def from_skops(dumped):
    """Give the members of a skops file under names, and ids, that do not change.

    Members of equal content are stored once: skops writes an object again wherever it
    occurs, such as the estimators of a ``VotingClassifier`` in two of its attributes.
    """
    members, names, ids = {}, {}, {}
    with zipfile.ZipFile(io.BytesIO(dumped)) as archive:
        schema = json.loads(archive.read(SCHEMA))
        for node in nodes(schema):
            known = node.pop("__id__", None)
            # of plain values it is chance whether equal ones are one
            if known is not None and node["__loader__"] != "JsonNode":
                node["__id__"] = ids.setdefault(known, len(ids) + 1)
            if isinstance(node.get("file"), str):
                name = node["file"]
                if name not in names:
                    content = _uncompressed(name, archive.read(name))
                    _check_content(name, content)  # what load would refuse
                    names[name] = _put(members, name, content)
                node["file"] = names[name]
    text = json.dumps(schema, indent=1).encode()
    return schema, {SCHEMA: text, **dict(members.values())}


def nodes(state):
    """Give every part of a skops schema that stands for an object."""
    waiting = [state]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if isinstance(part.get("__loader__"), str):
                yield part
            waiting.extend(reversed(part.values()))
        elif isinstance(part, list):
            waiting.extend(reversed(part))


def _put(members, name, content):
    key = hashlib.sha256(content).digest()
    if key not in members:
        kind = name.rpartition(".")[2]
        stem = {"npy": "array", "npz": "sparse", "bin": "bytes"}[kind]
        if kind == "bin" and (holds := _holds(content)):
            stem, kind = holds, "safetensors"
        n = 1 + sum(found.startswith(f"{stem}-") for found, _ in members.values())
        members[key] = (f"{stem}-{n}.{kind}", content)
    return members[key][0]


def _holds(content):
    """Tell what tensors are, as their header says; None if there are no tensors."""
    length = int.from_bytes(content[:8], "little")
    if length > len(content) - 8:
        return None
    try:
        header = json.loads(content[8 : 8 + length])
        return {"weights": "weights", "optimizer": "optimizer"}.get(
            header["__metadata__"]["holds"]
        )
    except (ValueError, LookupError, TypeError):
        return None


def _uncompressed(name, content):
    if not name.endswith(".npz"):
        return content
    stored = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as compressed:
        with zipfile.ZipFile(stored, "w") as archive:
            for inner in compressed.namelist():
                archive.writestr(zipfile.ZipInfo(inner), compressed.read(inner))
    return stored.getvalue()
