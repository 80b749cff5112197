"""torch's global random generators, which all threads of a process share."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import RLock, local
from typing import Any

import torch

#: Held by whoever seeds, draws from and restores the global generators, so that fits in
#: several threads neither take numbers from each other nor restore each other's states.
_generators = RLock()
#: Whether this thread works for one that holds the lock, and waits for it.
_helper = local()


def _forget_the_lock() -> None:
    global _generators
    _generators = RLock()


if hasattr(os, "register_at_fork"):
    # a thread that held it in the parent is not there in the child
    os.register_at_fork(after_in_child=_forget_the_lock)


def _locked() -> AbstractContextManager[Any]:
    return nullcontext() if getattr(_helper, "of_a_holder", False) else _generators


@contextmanager
def helping_a_holder() -> Iterator[None]:
    """Work for the thread that holds the lock, one such thread at a time."""
    _helper.of_a_holder = True
    try:
        yield
    finally:
        _helper.of_a_holder = False


@contextmanager
def generator_restored() -> Iterator[None]:
    """Restore the generator of the CPU on exit, whatever was drawn from it."""
    with _locked(), torch.random.fork_rng(devices=[]):
        yield


@contextmanager
def seeded(seed: int, device: str) -> Iterator[None]:
    """Seed torch's global generators, and restore them on exit.

    Everything draws from them: initialisation, dropout, user code. One thread at a
    time: the generators are those of the whole process.
    """
    kind = torch.device(device).type
    accelerator = torch.get_device_module(kind) if kind != "cpu" else None
    # of several GPUs the current one is meant by the calls below
    current = torch.cuda.device(device) if kind == "cuda" else nullcontext()
    with _locked(), current:
        cpu_state = torch.get_rng_state()
        accelerator_state = accelerator and accelerator.get_rng_state()
        try:
            seed_generators(device, seed)
            yield
        finally:
            torch.set_rng_state(cpu_state)
            if accelerator:
                accelerator.set_rng_state(accelerator_state)


def seed_generators(device: str, seed: int) -> None:
    """Seed the generators that draw for a device, inside of ``seeded``."""
    kind = torch.device(device).type
    torch.default_generator.manual_seed(seed)
    if kind != "cpu":
        torch.get_device_module(kind).manual_seed(seed)


def generator_states(device: str) -> list[torch.Tensor]:
    """Give the states of the generators that ``seeded`` has seeded."""
    kind = torch.device(device).type
    states = [torch.get_rng_state()]
    if kind != "cpu":
        states.append(torch.get_device_module(kind).get_rng_state())
    return states


def set_generator_states(device: str, states: list[torch.Tensor]) -> None:
    """Give the generators those states; of another device, as far as both have them."""
    kind = torch.device(device).type
    torch.set_rng_state(states[0])
    if kind != "cpu" and len(states) > 1:
        torch.get_device_module(kind).set_rng_state(states[1])


@contextmanager
def usual_modes() -> Iterator[None]:
    """Compute with gradients, in float32, on the CPU by default, and reproducibly.

    The user's own modes come back on exit, also where Ctrl-C interrupts torch's own
    context managers. One thread at a time: most are those of the whole process.
    """
    cudnn = torch.backends.cudnn
    # as a context it slows down every call of torch
    elsewhere = torch.get_default_device().type != "cpu"
    on_cpu = torch.device("cpu") if elsewhere else nullcontext()
    with _locked(), on_cpu:
        flags = cudnn.deterministic, cudnn.benchmark
        dtype, gradients = torch.get_default_dtype(), torch.is_grad_enabled()
        try:
            torch.set_default_dtype(torch.float32)
            cudnn.deterministic, cudnn.benchmark = True, False
            with torch.inference_mode(False), torch.enable_grad():
                yield
        finally:
            torch.set_default_dtype(dtype)
            torch.set_grad_enabled(gradients)
            cudnn.deterministic, cudnn.benchmark = flags
