"""Models of torchvision and timm as backbones."""

import copy
import inspect
import pickle
import sys

import pytest
import torch
from torchvision import models

from sklearn_cnn.architectures.backbones import Resize
from sklearn_cnn.architectures.libraries import find
from sklearn_cnn.architectures.weights import load_weights

#: Models, the images they get here, and the length of their feature vectors.
RUN = {
    "torchvision:resnet18": ((32, 32), 512),
    "torchvision:mobilenet_v3_small": ((32, 32), 1024),
    "torchvision:squeezenet1_1": ((32, 32), 512),
    "torchvision:shufflenet_v2_x0_5": ((32, 32), 1024),
    "torchvision:regnet_y_400mf": ((32, 32), 440),
    "torchvision:densenet121": ((32, 32), 1024),
    "torchvision:mnasnet0_5": ((32, 32), 1280),
    "torchvision:mc3_18": ((2, 16, 16), 512),
    "timm:resnet10t": ((32, 32), 512),
    "timm:mobilenetv3_small_050": ((32, 32), 1024),
}
#: The same where only shapes are computed: large, or slow to initialise.
SHAPES = {
    "torchvision:alexnet": ((224, 224), 4096),
    "torchvision:convnext_tiny": ((64, 64), 768),
    "torchvision:efficientnet_b0": ((64, 64), 1280),
    "torchvision:googlenet": ((96, 96), 1024),
    "torchvision:inception_v3": ((299, 299), 2048),
    "torchvision:maxvit_t": ((224, 224), 512),
    "torchvision:mobilenet_v2": ((64, 64), 1280),
    "torchvision:resnet50": ((64, 64), 2048),
    "torchvision:swin_t": ((64, 64), 768),
    "torchvision:vgg11": ((64, 64), 4096),
    "torchvision:vit_b_16": ((224, 224), 768),
    "torchvision:r3d_18": ((4, 32, 32), 512),
    "torchvision:s3d": ((16, 224, 224), 1024),
    "torchvision:mvit_v2_s": ((16, 224, 224), 768),
    "timm:vit_tiny_patch16_224": ((224, 224), 192),
    "timm:coat_tiny": ((224, 224), 152),
    "timm:convnext_atto": ((64, 64), 320),
    "timm:tresnet_m": ((64, 64), 2048),
    "timm:efficientformer_l1": ((224, 224), 448),
}


def build(architecture, shape, n_channels=3, n_outputs=3, weights=None, **keywords):
    builder, _ = find(architecture, weights)
    return builder(n_channels, shape, n_outputs, **keywords)


@pytest.fixture(scope="module")
def resnet18():
    """The model of torchvision, with its own classifier."""
    return models.get_model("resnet18", weights=None)


def check_backbone(net, shape, n_features):
    stages = net.stage_parameters()
    in_stages = [id(p) for parameters in stages.values() for p in parameters]
    assert sorted(in_stages) == sorted(id(p) for p in net.body.parameters())
    assert list(net.stage_modules()) == list(stages) and all(stages.values())
    assert net.input_statistics is None and net.input_size is None
    x = torch.ones(2, 4, *shape)
    for training in (True, False):
        features = net.train(training).features(x)
        assert features.shape == net.feature_maps(x).shape == (2, n_features)
        assert net(x).shape == (2, 3)


@pytest.mark.parametrize("architecture", RUN)
def test_backbones_compute(architecture):
    shape, n_features = RUN[architecture]
    net = build(architecture, shape, n_channels=4)
    check_backbone(net, shape, n_features)
    x = torch.randn(2, 4, *shape)
    assert net(x).isfinite().all()


@pytest.mark.parametrize("architecture", SHAPES)
def test_backbones_have_the_right_shapes(architecture):
    shape, n_features = SHAPES[architecture]
    with torch.device("meta"):
        check_backbone(build(architecture, shape, n_channels=4), shape, n_features)


@pytest.mark.parametrize(
    "architecture, stages",
    [
        ("resnet18", "conv1 layer1 layer2 layer3 layer4"),
        ("mobilenet_v2", " ".join(f"features.{i}" for i in range(19))),
        ("alexnet", "features.0 features.3 features.6 features.8 features.10 "
         "classifier.1 classifier.4"),
        ("vit_b_16", "conv_proj " + " ".join(
            f"encoder.layers.encoder_layer_{i}" for i in range(12))),
        ("maxvit_t", "stem blocks.0 blocks.1 blocks.2 blocks.3 classifier"),
    ],
)  # fmt: skip
def test_stages_have_names_in_order(architecture, stages):
    with torch.device("meta"):
        net = build(f"torchvision:{architecture}", (224, 224))
    assert list(net.stage_modules()) == stages.split()


def test_what_has_no_weights_of_its_own_joins_a_stage():
    with torch.device("meta"):
        net = build("torchvision:resnet18", (32, 32))
        vit = build("torchvision:vit_b_16", (224, 224))
    assert net.stage_modules()["conv1"] == [net.body.conv1, net.body.bn1]
    first = {id(p) for p in vit.stage_parameters()["conv_proj"]}
    assert id(vit.body.class_token) in first
    assert id(vit.body.encoder.pos_embedding) in first
    assert vit.stage_modules()["encoder.layers.encoder_layer_11"][-1] is (
        vit.body.encoder.ln
    )


def test_spatial_dims():
    assert find("torchvision:resnet18", None)[1] == (2,)
    assert find("torchvision:r3d_18", None)[1] == (3,)
    assert find("timm:resnet18", None)[1] == (2,)


def test_the_builder_takes_the_parameters_of_the_head():
    builder, _ = find("torchvision:mobilenet_v2", None)
    keywords = list(inspect.signature(builder).parameters)[3:]
    assert keywords == ["image_size", "hidden_layer_sizes", "activation", "dropout"]
    with torch.device("meta"):
        own = builder(3, (32, 32), 5)
        given = builder(
            3, (32, 32), 5, hidden_layer_sizes=(7,), activation="tanh", dropout=0.6
        )
    assert [type(m).__name__ for m in own.head] == ["ValueDropout", "Dense"]
    assert own.head.dropout.p == 0.2  # torchvision's
    assert given.head.dropout.p == given.head.dropout0.p == 0.6
    assert given.head.dense0.weight.shape == (7, 1280)


def test_the_model_is_torchvisions_own_up_to_its_last_layer(resnet18):
    net = build("torchvision:resnet18", (32, 32))
    net.body.load_state_dict(resnet18.state_dict(), strict=False)
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        expected = resnet18.eval()(x)
        features = net.eval().features(x)
    torch.testing.assert_close(resnet18.fc(features), expected)


def test_new_first_layers_keep_the_scale_of_the_library():
    torch.manual_seed(0)
    rgb = build("torchvision:resnet18", (32, 32)).body.conv1
    many = build("torchvision:resnet18", (32, 32), n_channels=12).body.conv1
    assert many.weight.shape == (64, 12, 7, 7) and many.in_channels == 12
    ratio = rgb.weight.std() / many.weight.std()
    assert 1.9 < ratio < 2.1  # four times as many inputs


@pytest.mark.parametrize("spatial", [(20, 30), (5, 20, 30)])
def test_resizing_is_frame_by_frame(spatial):
    x = torch.rand(2, 3, *spatial)
    resized = Resize((16, 16))(x)
    assert resized.shape == (2, 3, *spatial[:-2], 16, 16)
    frame = torch.nn.functional.interpolate(
        x.reshape(-1, 1, 20, 30)[5:6], (16, 16), mode="bilinear", antialias=True
    )
    torch.testing.assert_close(resized.reshape(-1, 16, 16)[5], frame[0, 0])
    assert Resize((20, 30))(x) is x and Resize()(x) is x


def test_backbones_can_be_copied_and_pickled():
    net = build("torchvision:mobilenet_v3_small", (32, 32)).eval()
    net.expect_library_images()
    x = torch.rand(1, 3, 40, 40)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other.input_size == (224, 224)
        torch.testing.assert_close(other(x), net(x))


# ------------------------------------------------------------------ weights


def test_a_file_with_the_librarys_names(tmp_path, resnet18):
    torch.save(resnet18.state_dict(), tmp_path / "resnet18.pth")
    net = build("torchvision:resnet18", (32, 32), weights=tmp_path / "resnet18.pth")
    head = net.head.output.weight.clone()
    load_weights(net, tmp_path / "resnet18.pth")
    assert torch.equal(net.body.layer4[1].conv2.weight, resnet18.layer4[1].conv2.weight)
    assert torch.equal(net.head.output.weight, head)
    assert net.input_size == (224, 224)
    assert net.input_statistics == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def test_grey_images_get_the_weights_of_colour(tmp_path, resnet18):
    torch.save(resnet18.state_dict(), tmp_path / "resnet18.pth")
    net = build("torchvision:resnet18", (224, 224), n_channels=1)
    load_weights(net, tmp_path / "resnet18.pth")
    mean, std = net.input_statistics
    assert mean == pytest.approx((0.449,)) and std == pytest.approx((0.226,))
    grey = torch.rand(1, 1, 224, 224)
    with torch.no_grad():
        expected = resnet18.eval()(grey.expand(-1, 3, -1, -1))
        features = net.eval().features(grey)
    torch.testing.assert_close(resnet18.fc(features), expected, rtol=1e-4, atol=1e-4)


def test_a_file_with_our_own_names_leaves_images_alone(tmp_path):
    source = build("torchvision:squeezenet1_1", (32, 32), n_outputs=7)
    torch.save(source.state_dict(), tmp_path / "own.pt")
    net = build("torchvision:squeezenet1_1", (32, 32))
    load_weights(net, tmp_path / "own.pt")
    assert torch.equal(net.body.features[0].weight, source.body.features[0].weight)
    assert net.input_statistics is None and net.input_size is None


def test_a_file_of_another_model(tmp_path, resnet18):
    torch.save(resnet18.state_dict(), tmp_path / "resnet18.pth")
    with torch.device("meta"):
        net = build("torchvision:resnet34", (32, 32))
    with pytest.raises(ValueError, match=r"missing: body\.layer1\.2\.conv1\.weight"):
        load_weights(net, tmp_path / "resnet18.pth")
    assert net.input_size is None


@pytest.mark.parametrize(
    "name, old, new",
    [
        ("densenet121", "denselayer1.norm.1.", "denselayer1.norm1."),
        ("vit_b_16", "mlp.linear_2.", "mlp.3."),
    ],
)
def test_old_names_of_torchvision_are_known(name, old, new):
    with torch.device("meta"):
        net = build(f"torchvision:{name}", (224, 224))
        state = models.get_model(name, weights=None).state_dict()
    assert any(new in key for key in state)
    renamed = net.from_library({k.replace(new, old): v for k, v in state.items()})
    body = {f"body.{key}" for key in net.body.state_dict()}
    assert renamed.keys() == body


def test_auxiliary_classifiers_are_left_out():
    with torch.device("meta"):
        net = build("torchvision:inception_v3", (299, 299))
        library = models.get_model("inception_v3", weights=None, init_weights=False)
    renamed = net.from_library(library.state_dict())
    assert renamed.keys() == {f"body.{key}" for key in net.body.state_dict()}
    net.expect_library_images()
    # torchvision's transform_input converts to these
    assert net.input_statistics == ((0.5,) * 3, (0.5,) * 3)


def test_a_file_name_tells_which_weights_it_has(tmp_path):
    file = tmp_path / "vit_b_16_swag-9ac1b537.pth"
    with torch.device("meta"):
        net = build("torchvision:vit_b_16", (32, 32), weights=file)
    net.expect_library_images()
    assert net.input_size == (384, 384)


def test_downloaded_weights_are_used(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    entry = models.get_weight("MobileNet_V3_Small_Weights.IMAGENET1K_V1")
    library = models.get_model("mobilenet_v3_small", weights=None)
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    torch.save(library.state_dict(), cache / entry.url.rpartition("/")[2])
    for weights in ("DEFAULT", "IMAGENET1K_V1"):
        net = build("torchvision:mobilenet_v3_small", (64, 64), 1, weights=weights)
        torch.testing.assert_close(
            net.body.features[0][0].weight,
            library.features[0][0].weight.sum(1, keepdim=True),
        )
        assert net.input_size == (224, 224)
        assert len(net.input_statistics[0]) == 1


def test_timm_says_what_its_weights_expect(tmp_path):
    import timm

    library = timm.create_model("resnet10t")
    torch.save(library.state_dict(), tmp_path / "w.pt")
    net = build("timm:resnet10t.c3_in1k", (32, 32), n_channels=2)
    load_weights(net, tmp_path / "w.pt")
    assert net.input_size == (176, 176)
    assert net.input_statistics[0] == pytest.approx((0.449, 0.449), abs=1e-3)
    torch.testing.assert_close(
        net.body.conv1[0].weight, library.conv1[0].weight[:, :2] * 1.5
    )


def test_weights_that_cannot_be_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def no_network(*args, **kwargs):
        raise OSError("Name or service not known")

    monkeypatch.setattr("torch.hub.urlopen", no_network)
    with pytest.raises(
        ValueError,
        match=r"weights='DEFAULT' of architecture='torchvision:resnet18' could not be "
        r"downloaded \(Name or service not known\).*"
        r"download https://download.pytorch.org/models/resnet18-\w+.pth and pass",
    ):
        build("torchvision:resnet18", (32, 32), weights="DEFAULT")


def test_timm_weights_that_cannot_be_downloaded(tmp_path, monkeypatch):
    # otherwise the hub's client tries for most of a minute
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        ValueError,
        match=r"weights='a1_in1k' of architecture='timm:resnet18' could not be "
        r"downloaded.*huggingface.co/timm/resnet18.a1_in1k/.*"
        r"architecture='timm:resnet18.a1_in1k' with the path",
    ):
        build("timm:resnet18", (32, 32), weights="a1_in1k")


class Answered(Exception):
    response = "404"


@pytest.mark.parametrize(
    ("error", "cached", "downloads"),
    [
        (ConnectionError("no route"), None, False),
        (ConnectionError("no route"), "/cache/model.safetensors", True),
        (Answered("not found"), None, True),
    ],
)
def test_timm_is_asked_only_where_it_can_answer(monkeypatch, error, cached, downloads):
    def create(name, pretrained=False, **keywords):
        raise RuntimeError("the hub was asked")

    def no_metadata(url):
        raise error

    monkeypatch.setattr("timm.create_model", create)
    monkeypatch.setattr("huggingface_hub.get_hf_file_metadata", no_metadata)
    monkeypatch.setattr(
        "huggingface_hub.try_to_load_from_cache", lambda *args, **keywords: cached
    )
    reason = "the hub was asked" if downloads else "no route"
    with pytest.raises(ValueError, match=rf"not be downloaded \({reason}\)"):
        build("timm:resnet18", (32, 32), weights="DEFAULT")


# ------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    "architecture, weights, message",
    [
        ("torchvison:resnet18", None, r"unknown library.*Did you mean 'torchvision'"),
        ("torchvision:resnet19", None, r"Did you mean 'resnet1.*list_models"),
        ("torchvision:fcn_resnet50", None, r"not a classification model of"),
        ("timm:resnet_18", None, r"Did you mean 'resnet18.*timm.list_models\(\)"),
        ("timm:resnet18.a9_in1k", None, r"unknown tag.*'a1_in1k'"),
        ("torchvision:resnet50", "IMAGENET1K_V3",
         r"Did you mean 'IMAGENET1K_V\d'.*\['DEFAULT', 'IMAGENET1K_V1', 'IMAGENET1K_V2'"
         r"\]; the path of a file"),
        ("torchvision:vgg16", "IMAGENET1K_FEATURES", r"\['DEFAULT', 'IMAGENET1K_V1'\]"),
        ("torchvision:resnet50", 7, r"weights=7 is not known"),
        ("timm:resnet18", "a9_in1k", r"Did you mean 'a1_in1k'|There are \['DEFAULT'"),
        ("timm:nf_resnet26", "DEFAULT", r"There are none; the path"),
    ],
)  # fmt: skip
def test_unknown_names(architecture, weights, message):
    with pytest.raises(ValueError, match=message):
        find(architecture, weights)


def test_timm_is_optional(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ImportError, match=r"pip install 'sklearn_cnn\[timm\]'"):
        find("timm:resnet18", None)
