"""Steps on a GPU that are recorded once and then replayed, as a CUDA graph.

To launch the kernels of a small step one by one takes Python longer than the GPU takes
to run them.
"""

import logging
from contextlib import nullcontext
from functools import lru_cache

import torch

from sklearn_cnn.inference import give_back_memory, has_hooks
from sklearn_cnn.training.batches import Batch
from sklearn_cnn.training.execution import WholeBatches
from sklearn_cnn.training.looking import Looking
from sklearn_cnn.utils._generators import generator_states, set_generator_states

#: Steps of a phase that are worth a recording, which takes as long as a few.
_MIN_STEPS = 32
#: Multiply-adds of a forward pass beyond which a GPU is slower than what launches.
_LARGE_STEP = 1 << 36
#: Packages whose layers do nothing on the host that would have to be done anew.
_KNOWN_PACKAGES = {"sklearn_cnn", "torch", "torchvision"}

logger = logging.getLogger(__name__)


def recording_pays(run, cost):
    """Tell whether the steps of a phase can be recorded, and gain from that.

    ``cost`` are the multiply-adds of the forward pass of a batch.
    """
    device = torch.device(run.batches.prepare.device)
    n_steps = run.phase.epochs * run.batches.n_batches
    if device.type != "cuda" or n_steps < _MIN_STEPS or cost > _LARGE_STEP:
        return False
    packages = {type(layer).__module__.split(".")[0] for layer in run.trained.modules()}
    seen = run.listeners or has_hooks(run.trained)
    return packages <= _KNOWN_PACKAGES and not seen


class RecordedBatches(WholeBatches):
    """Each batch as a whole, by a recording for each of their sizes."""

    def __init__(self, network, objective):
        super().__init__(network, objective)
        self._recordings, self._pool = {}, None
        self._records = True

    def __exit__(self, *error):
        self._recordings, self._pool = {}, None
        super().__exit__(*error)

    def backward(self, batch):  # noqa: D102
        recording = self._recording_of(batch)
        if recording is None:
            return super().backward(batch)
        return recording.replay(batch)

    def _recording_of(self, batch):
        shapes = (t if t is None else (t.shape, t.dtype, t.stride()) for t in batch)
        # numbers that are recorded too
        smoothing = getattr(self.objective.loss, "label_smoothing", None)
        form = (smoothing, self.n_samples, *shapes)
        if form not in self._recordings and self._records:
            if self._pool is None:
                self._pool = torch.cuda.graph_pool_handle()
            try:
                self._recordings[form] = Recording(self, batch, self._pool)
            except RuntimeError:
                # no room, or something that cannot be recorded: step by step, then
                logger.debug("Training steps are not recorded", exc_info=True)
                self._records, self._recordings = False, {}
        return self._recordings.get(form)


class Recording:
    """The kernels of the forward and the backward pass of batches of one form.

    Parameters
    ----------
    execution : RecordedBatches
        Computes a batch.
    batch : Batch
        One of the form.
    pool : tuple of int
        Memory that the recordings of a phase share, as they run in turn.
    """

    def __init__(self, execution, batch, pool):
        self.parameters = list(execution.network.parameters())
        self.batch = Batch(*(t if t is None else torch.clone(t) for t in batch))
        self.graph = torch.cuda.CUDAGraph()
        stream = _stream(self.batch.images.device)
        try:
            self._warm_up(execution, stream)
            give_back_memory()  # which the pool of the graph is made of
            with torch.cuda.stream(stream):
                self._record(execution, pool)
            self.gradients = [parameter.grad for parameter in self.parameters]
        finally:
            self._forget_gradients()

    def _record(self, execution, pool):
        generator = torch.cuda.default_generators[torch.cuda.current_device()]
        spare = generator.clone_state()
        # other threads, which read images, may go on meanwhile
        self.graph.capture_begin(pool=pool, capture_error_mode="thread_local")
        try:
            try:
                self.results = execution._backward(self.batch, 1)
            finally:
                self.graph.capture_end()
        except RuntimeError:
            # where that fails, torch leaves its generator in the midst of a recording
            generator.graphsafe_set_state(spare)
            raise

    def _warm_up(self, execution, stream):
        """Run it before, as kernels are loaded at their first use, without a trace."""
        device, buffers = self.batch.images.device, list(execution.network.buffers())
        kept = [buffer.clone() for buffer in buffers]
        states = generator_states(str(device))
        computing = torch.cuda.current_stream(device)
        stream.wait_stream(computing)
        looking = Looking()
        try:
            with torch.cuda.stream(stream):
                for context in (looking, nullcontext()):
                    with context:
                        execution._backward(self.batch, 1)
                    self._forget_gradients()
        finally:
            computing.wait_stream(stream)
            set_generator_states(str(device), states)
            for buffer, value in zip(buffers, kept, strict=True):
                buffer.copy_(value)
        if looking.found:
            raise RuntimeError(f"{looking.found} needs values, which no recording has")

    def _forget_gradients(self):
        for parameter in self.parameters:
            parameter.grad = None

    def replay(self, batch):
        """Compute another batch; the results are overwritten by the next one."""
        for own, other in zip(self.batch, batch, strict=True):
            if own is not None:
                own.copy_(other, non_blocking=True)
        self.graph.replay()
        for parameter, gradient in zip(self.parameters, self.gradients, strict=True):
            parameter.grad = gradient
        return self.results


@lru_cache
def _stream(device):
    # one for all: cuBLAS keeps memory for each that it has seen
    return torch.cuda.Stream(device)
