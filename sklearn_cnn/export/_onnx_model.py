"""What a service needs to predict from an ONNX file: no torch is loaded here."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from math import prod

import joblib
import numpy as np

from sklearn_cnn.export._onnx_extra import require
from sklearn_cnn.export._onnx_file import BrokenFileError, check_bytes
from sklearn_cnn.images import take_rows

#: Of the description in the metadata; a reader refuses those that are newer.
FORMAT = 1
#: Values of the input that are computed at a time: what fits into the caches, about.
_BATCH_VALUES = 3 << 13
#: Seconds of work that are worth starting threads.
_WORTH_THREADS = 0.005
_TYPES = {
    "tensor(bool)": "bool",
    "tensor(double)": "float64",
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    **{
        f"tensor({sign}int{bits})": f"{sign}int{bits}"
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
}
#: Types that labels may have; strings have whatever length they need.
LABEL_TYPES = {*_TYPES.values(), "str", "object"}
OUTPUTS = {
    "classifier": ("label", "probabilities"),
    "multilabel": ("label", "probabilities"),
    "regressor": ("target",),
}


class OnnxModel:
    """The bytes of a file, its description, and the session that computes.

    Parameters
    ----------
    content : bytes
        Of the file.

    Raises
    ------
    BrokenFileError
        If they are not what ``to_onnx`` writes.
    """

    def __init__(self, content):
        check_bytes(content)
        self.content = content
        self._session = _session(content)
        about = self._session.get_modelmeta().custom_metadata_map
        try:
            self.about = {
                key.partition(".")[2]: json.loads(value)
                for key, value in about.items()
                if key.startswith("sklearn_cnn.") and key != "sklearn_cnn.sha256"
            }
            self._read_description()
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as e:
            if isinstance(e, BrokenFileError):
                raise
            raise BrokenFileError("its description is damaged") from e

    def __getstate__(self):
        return {"content": self.content}

    def __setstate__(self, state):
        self.__init__(state["content"])

    def _read_description(self):
        if self.about["format"] > FORMAT:
            raise BrokenFileError(
                "it was written by a newer sklearn_cnn, "
                f"{self.about['versions']['sklearn_cnn']}: update this one"
            )
        self.task = self.about["task"]
        (entry,) = self._session.get_inputs()
        self._name = entry.name
        self.dtype = np.dtype(_TYPES[entry.type])
        self.shape = tuple(entry.shape[1:])
        given = [output.name for output in self._session.get_outputs()]
        sizes_known = all(type(n) is int and n > 0 for n in self.shape)
        if given != [*OUTPUTS[self.task]] or not sizes_known:
            raise ValueError
        self.form = _as_form(self.about["input"], prod(self.shape))
        if self.task != "regressor":
            self.classes = _as_labels(self.about["classes"], self.about["label_type"])

    def run(self, array, output, n_threads):
        """Compute an output for all rows of an array, or of images on disk."""
        n_rows = len(array)
        size = max(1, _BATCH_VALUES // prod(self.shape))
        starts = range(0, n_rows, size)
        begin = time.perf_counter()
        first = self._run(array, slice(0, size), output)
        elapsed = time.perf_counter() - begin
        if n_rows <= size:
            return first
        result = np.empty((n_rows, *first.shape[1:]), first.dtype)
        result[:size] = first

        def compute(start):
            rows = slice(start, start + size)
            result[rows] = self._run(array, rows, output)

        rest = starts[1:]
        n_threads = min(n_threads or available_threads(), len(rest))
        if n_threads < 2 or elapsed * len(rest) < _WORTH_THREADS:
            for start in rest:
                compute(start)
        else:
            with ThreadPoolExecutor(n_threads) as pool:
                for _ in pool.map(compute, rest):
                    pass
        return result

    def _run(self, array, rows, output):
        taken = self.as_input(take_rows(array, rows))
        (result,) = self._session.run([output], {self._name: taken})
        return result

    def as_input(self, rows):
        """Give rows the type and the shape that the graph takes."""
        return _as_dtype(rows, self.dtype).reshape(len(rows), *self.shape)


def _as_dtype(values, dtype):
    """Give values the type that the graph takes, if that changes none of them."""
    if values.dtype == dtype:
        return values
    with np.errstate(all="ignore"):
        converted = values.astype(dtype)
        lossless = np.can_cast(values.dtype, dtype) or (
            np.array_equal(converted, values)
            # an integer of 64 bits that is compared with a float is rounded before
            and np.array_equal(converted.astype(values.dtype), values)
        )
    if not lossless:
        raise ValueError(
            f"X has dtype {values.dtype} and values that {dtype}, which the file "
            f"takes, does not hold. Pass X.astype({dtype.name!r}) if rounding is "
            "meant, or write the file by to_onnx with "
            f"input_dtype={values.dtype.name!r}."
        )
    return converted


def available_threads():
    """Count the threads that this process may use."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    n = joblib.cpu_count()
    return max(1, min(n, int(limit))) if limit.isdecimal() else n


def _session(content):
    onnxruntime = require("onnxruntime", "load_onnx")
    options = onnxruntime.SessionOptions()
    # each of our threads computes on its own: no thread waits, or spins, for others
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # a folder that cannot be: a graph reads no other file
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", os.devnull + "/none"
    )
    try:
        return onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime's own kinds have no common base
        reason = str(error).strip().splitlines()[0][:300]
        raise BrokenFileError(f"ONNX Runtime refuses it: {reason}") from error


def _as_labels(labels, kind):
    """Give the labels as an array of a type, as they were."""
    if kind not in LABEL_TYPES or not isinstance(labels, list):
        raise ValueError
    if not all(isinstance(label, bool | int | float | str) for label in labels):
        raise ValueError
    return np.array(labels, dtype=kind)


def _as_form(form, n_values):
    """Check what the file says of X, by which X is checked."""
    shape, names = tuple(form["input_shape_"]), form["feature_names_in_"]
    given, n_features = form["input_shape"], form["n_features_in_"]
    unequal = form.get("unequal_length", False)  # older files do not have it
    proper = (
        all(type(n) is int and n > 0 for n in (*shape, n_features))
        and prod(shape) == n_values
        and (given is None or all(type(n) is int for n in given))
        and form["spatial_dims"] in ("auto", 1, 2, 3)
        and form["data_format"] in ("channels_last", "channels_first")
        and type(unequal) is bool
        and (names is None or all(isinstance(name, str) for name in names))
    )
    if not proper:
        raise ValueError
    return {
        **form,
        "unequal_length": unequal,
        "input_shape_": shape,
        "input_shape": None if given is None else tuple(given),
        "feature_names_in_": names and np.array(names, dtype=object),
    }
