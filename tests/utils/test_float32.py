"""Products on a GPU are those of float32, and the user's settings come back."""

import threading

import torch

from sklearn_cnn.utils._float32 import full_float32

OPERATIONS = (
    torch.backends.cudnn.conv,
    torch.backends.cudnn.rnn,
    torch.backends.cuda.matmul,
)


def settings():
    return [operation.fp32_precision for operation in OPERATIONS]


def test_settings_come_back():
    before = settings()
    assert "tf32" in before
    with full_float32():
        assert settings() == ["ieee"] * 3
        with full_float32():
            pass
        assert settings() == ["ieee"] * 3
    assert settings() == before
    # torch refuses to tell where old and new settings contradict each other
    assert torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32


def test_a_setting_for_all_stays_one_for_all():
    cudnn = torch.backends.cudnn
    try:
        cudnn.fp32_precision = "tf32"
        with full_float32():
            assert settings() == ["ieee"] * 3
        cudnn.fp32_precision = "ieee"
        assert torch.backends.cuda.matmul.fp32_precision == "ieee"
    finally:
        cudnn.fp32_precision = "none"
        cudnn.allow_tf32 = True


def test_the_last_of_several_threads_brings_them_back():
    before, entered, may_leave = settings(), threading.Event(), threading.Event()

    def stay():
        with full_float32():
            entered.set()
            may_leave.wait()

    with full_float32():
        thread = threading.Thread(target=stay)
        thread.start()
        entered.wait()
    assert settings() == ["ieee"] * 3
    may_leave.set()
    thread.join()
    assert settings() == before
