"""Reading weights, and what happens when they do not fit."""

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from sklearn_cnn.architectures.simple import simple_cnn
from sklearn_cnn.architectures.weights import (
    adapt_channels,
    fingerprint,
    is_file,
    load_weights,
    read_state_dict,
)

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


def small_network(n_channels=1, n_outputs=3, filters=(4, 6)):
    return simple_cnn(n_channels, (8, 8), n_outputs, filters=filters)


def copied(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def assert_equal(state, other):
    assert state.keys() == other.keys()
    for name in state:
        torch.testing.assert_close(state[name], other[name], rtol=0, atol=0)


def test_is_file_tells_paths_from_names(tmp_path, monkeypatch):
    assert is_file(Path("somewhere")) and is_file("a/b") and is_file("a.pth")
    assert not is_file("DEFAULT") and not is_file("a1_in1k") and not is_file(None)
    monkeypatch.chdir(tmp_path)
    Path("plain").touch()
    assert is_file("plain")


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth"])
def test_files_of_both_kinds_are_read(tmp_path, suffix):
    state = {"a": torch.arange(3.0), "b": torch.ones(2, 2)}
    path = tmp_path / f"weights{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(state, path)
    assert_equal(read_state_dict(path), state)
    assert_equal(read_state_dict(str(path)), state)


@pytest.mark.parametrize("wrapper", ["state_dict", "model", "model_state_dict"])
def test_a_checkpoint_is_unwrapped(tmp_path, wrapper):
    state = {"a": torch.arange(3.0)}
    torch.save({"epoch": 3, wrapper: state}, tmp_path / "checkpoint.pt")
    assert_equal(read_state_dict(tmp_path / "checkpoint.pt"), state)


def test_a_missing_file_is_named(tmp_path):
    path = tmp_path / "none.pth"
    with pytest.raises(FileNotFoundError, match=re.escape(f"weights='{path}' is not")):
        read_state_dict(path)


@pytest.mark.parametrize("content", [b"", b"<html>Not found</html>", b"hello" * 20])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_other_files_are_refused(tmp_path, content, suffix):
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"weights='.*cannot be read .*download it"):
        read_state_dict(path)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_half_a_file_is_refused(tmp_path, suffix):
    path = tmp_path / f"half{suffix}"
    save = save_file if suffix == ".safetensors" else torch.save
    save({"a": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"cannot be read .*incomplete"):
        read_state_dict(path)


def test_code_in_a_file_is_not_run(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "module.pth")
    with pytest.raises(ValueError, match=r"could run code.*state_dict\(\), path\)"):
        read_state_dict(tmp_path / "module.pth")


@pytest.mark.parametrize(
    "content, described",
    [
        ({"epoch": 3, "lr": 0.1}, "a dict with the keys 'epoch', 'lr'"),
        ({}, "an empty dict"),
        ([torch.zeros(2)], "a list"),
    ],
)
def test_a_file_without_tensors_by_name_is_refused(tmp_path, content, described):
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(ValueError, match=f"must hold tensors by name.*{described}"):
        read_state_dict(tmp_path / "other.pt")


def test_all_weights_but_those_of_the_head_are_loaded(tmp_path):
    source, target = small_network(n_outputs=5), small_network(n_outputs=3)
    save_file(source.state_dict(), tmp_path / "w.safetensors")
    head = copied(target.head)
    load_weights(target, tmp_path / "w.safetensors")
    assert_equal(copied(target.head), head)
    assert_equal(copied(target.stages), copied(source.stages))


def test_a_file_without_a_head_and_without_batch_counts_is_enough(tmp_path):
    source, target = small_network(), small_network()
    state = {
        name: tensor
        for name, tensor in source.state_dict().items()
        if not name.startswith("head.") and "num_batches" not in name
    }
    torch.save(state, tmp_path / "w.pt")
    load_weights(target, tmp_path / "w.pt")
    assert_equal(copied(target.stages), copied(source.stages))


def test_a_module_without_a_head_must_match_fully(tmp_path):
    source = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4))
    torch.save(source.state_dict(), tmp_path / "w.pt")
    target = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4))
    load_weights(target, tmp_path / "w.pt")
    assert_equal(copied(target), copied(source))
    with pytest.raises(ValueError, match=r"2 have another shape: 1.weight \(4, 3\) in"):
        load_weights(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 5)), tmp_path / "w.pt")


def test_weights_of_another_architecture_change_nothing(tmp_path):
    torch.save(small_network(filters=(4, 7, 8)).state_dict(), tmp_path / "w.pt")
    target = small_network(filters=(4, 6))
    before = copied(target)
    with pytest.raises(ValueError) as caught:
        load_weights(target, tmp_path / "w.pt")
    message = str(caught.value)
    assert "w.pt' does not fit the network" in message
    assert "another architecture" in message
    assert re.search(r"\d are unknown: stages\.stage3.*, \.\.\.", message)
    assert re.search(r"\d have another shape: stages\.stage2.* \(7, 4, 3, 3\)", message)
    assert_equal(copied(target), before)


def test_missing_weights_are_listed(tmp_path):
    source = small_network()
    state = {k: v for k, v in source.state_dict().items() if "stage1" not in k}
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(
        ValueError, match=r"are missing: stages\.stage1\.0\.conv\.conv\.wei"
    ):
        load_weights(small_network(), tmp_path / "w.pt")


def test_the_first_convolution_takes_another_number_of_channels(tmp_path):
    source, target = small_network(n_channels=3), small_network(n_channels=1)
    torch.save(source.state_dict(), tmp_path / "w.pt")
    load_weights(target, tmp_path / "w.pt")
    grey = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(
        target.eval().features(grey),
        source.eval().features(grey.expand(-1, 3, -1, -1)),
    )


@pytest.mark.parametrize("n_channels", [1, 2, 4, 13])
@pytest.mark.parametrize("n_dims", [1, 2, 3])
def test_adapted_weights_respond_alike_to_equal_channels(n_dims, n_channels):
    layer = CONVOLUTIONS[n_dims](3, 5, 3, bias=False).double()
    if n_channels > 1:  # a sum fits any filters, a scale those that weigh all alike
        layer.weight.data[:] = layer.weight.data[:, :1]
    adapted = CONVOLUTIONS[n_dims](n_channels, 5, 3, bias=False).double()
    adapted.weight.data = adapt_channels(layer.weight.detach(), n_channels)
    x = torch.randn(2, 1, *[6] * n_dims).double()
    torch.testing.assert_close(
        adapted(x.expand(-1, n_channels, *x.shape[2:])),
        layer(x.expand(-1, 3, *x.shape[2:])),
    )


def test_adapted_weights_repeat_the_channels_in_turn():
    weight = torch.randn(5, 3, 3, 3)
    assert adapt_channels(weight, 3) is weight
    torch.testing.assert_close(adapt_channels(weight, 1)[:, 0], weight.sum(1))
    four = adapt_channels(weight, 4)
    torch.testing.assert_close(four, weight[:, [0, 1, 2, 0]] * 3 / 4)


@pytest.mark.parametrize(
    "prefix", ["module.", "model.", "backbone.", "_orig_mod.", "module.encoder_q."]
)
def test_a_prefix_of_all_names_is_left_out(tmp_path, prefix):
    source, target = small_network(), small_network()
    state = {prefix + name: tensor for name, tensor in source.state_dict().items()}
    torch.save(state, tmp_path / "w.pt")
    with pytest.warns(UserWarning, match=f"w.pt' has '{re.escape(prefix)}' before"):
        load_weights(target, tmp_path / "w.pt")
    assert_equal(copied(target.stages), copied(source.stages))


def test_what_is_beside_the_prefix_is_said_to_be_unused(tmp_path):
    source, target = small_network(), small_network()
    names = ("module.encoder_q.", "module.encoder_k.")
    state = {
        name + key: tensor + i
        for i, name in enumerate(names)
        for key, tensor in source.state_dict().items()
    }
    torch.save({**state, "module.queue": torch.zeros(3)}, tmp_path / "w.pt")
    with pytest.warns(UserWarning, match=r"encoder_q.*other tensors .*encoder_k"):
        load_weights(target, tmp_path / "w.pt")
    assert_equal(copied(target.stages), copied(source.stages))


def test_shapes_behind_a_prefix_are_compared(tmp_path):
    state = small_network(filters=(4, 7)).state_dict()
    torch.save({f"module.{k}": v for k, v in state.items()}, tmp_path / "w.pt")
    with (
        pytest.warns(UserWarning, match=r"'module\.'"),
        pytest.raises(ValueError, match=r"have another shape: stages\.stage2"),
    ):
        load_weights(small_network(), tmp_path / "w.pt")


def test_a_prefix_before_the_names_of_a_library(tmp_path):
    from torchvision.models import resnet18

    from sklearn_cnn.architectures import build

    source = resnet18()
    state = {f"module.{k}": v for k, v in source.state_dict().items()}
    torch.save(state, tmp_path / "w.pt")
    arguments = ("torchvision:resnet18", 3, (32, 32), 2, {}, {}, tmp_path / "w.pt")
    with pytest.warns(UserWarning, match=r"'module\.' before"):
        network = build(*arguments)
    torch.testing.assert_close(network.body.conv1.weight, source.conv1.weight)


@pytest.mark.filterwarnings("ignore:.*quant.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*:UserWarning")
@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lambda t: t.to_sparse(), "sparse"),
        (lambda t: t.to("meta"), "meta"),
        (lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8), "quantised"),
        (lambda t: t + 0j, "complex"),
    ],
)
def test_tensors_without_plain_values_are_refused(tmp_path, spoil, kind):
    state = small_network().state_dict()
    name = "stages.stage1.0.conv.conv.weight"
    state[name] = spoil(state[name])
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(ValueError, match=rf"plain tensors.*1 are not: {name} \({kind}"):
        load_weights(small_network(), tmp_path / "w.pt")


@pytest.mark.parametrize("n_channels", [1, 3])
def test_a_first_convolution_of_no_channels_is_refused(tmp_path, n_channels):
    state = small_network().state_dict()
    name = "stages.stage1.0.conv.conv.weight"
    state[name] = state[name][:, :0]
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(ValueError, match=r"another shape: .*weight \(4, 0, 3, 3\)"):
        load_weights(small_network(n_channels), tmp_path / "w.pt")


@pytest.mark.parametrize("size", [(40_000, 40_000), (0, 8), (1 << 40, 1)])
def test_images_are_not_resized_to_whatever_a_file_says(tmp_path, size):
    from sklearn_cnn.architectures import build

    arguments = ("torchvision:resnet18", 3, (32, 32), 2, {}, {})
    state = build(*arguments).state_dict()
    state["resize._extra_state"] = torch.tensor(size)
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(ValueError, match=r"resized to \[.*1 to 2048 pixels"):
        build(*arguments, tmp_path / "w.pt")


def test_a_name_too_long_for_a_file_is_cut_in_the_message():
    with pytest.raises(FileNotFoundError, match="is not a file") as caught:
        read_state_dict("x" * 5000 + ".pt")
    assert len(str(caught.value)) < 1000


def test_weights_in_memory_are_those_of_a_file(tmp_path):
    given = small_network()
    torch.save(given.state_dict(), tmp_path / "weights.pt")
    expected = small_network(n_outputs=5)
    load_weights(expected, tmp_path / "weights.pt")
    for weights in (given, given.state_dict(), {"state_dict": given.state_dict()}):
        found = small_network(n_outputs=5)
        load_weights(found, weights)
        for name, tensor in found.state_dict().items():
            if not name.startswith("head."):
                assert torch.equal(tensor, expected.state_dict()[name])
        assert fingerprint(weights) == fingerprint(given)
    given.head.output.bias.data[0] += 1
    assert fingerprint(given) != fingerprint(small_network())


@pytest.mark.parametrize(
    "weights, message",
    [
        ({}, "weights, a dict, must hold tensors by name, but it holds an empty dict"),
        ({"a": 1}, "weights, a dict, must hold tensors by name"),
        (nn.LazyLinear(2), "weights, a LazyLinear, .* are not: weight .lazy, without"),
        (nn.Linear(2, 2), "weights, a Linear, does not fit the network"),
    ],
)
def test_weights_in_memory_that_do_not_fit(weights, message):
    with pytest.raises(ValueError, match=message):
        load_weights(small_network(), weights)
