"""The same network and training, as others write it."""

import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from skorch import NeuralNetClassifier
from torch import nn

from sklearn_cnn import CNNClassifier

REFERENCE = {
    "filters": (32, 64, 128),
    "normalization": None,
    "dropout": 0.5,
    "optimizer": "adam",
    "weight_decay": (1e-4,),
    "lr_schedule": "constant",
    "learning_rate": 0.001,
    "augmentation": None,
    "conv_dropout": 0.0,
    "label_smoothing": 0.0,
    "random_state": 0,
}


def reference_cnn(**parameters):
    """The reference CNN as our estimator."""
    return CNNClassifier(**{**REFERENCE, **parameters})


class ReferenceCNN(nn.Module):
    """The reference CNN as everybody writes it."""

    def __init__(self, filters=(32, 64, 128), dropout=0.5):
        super().__init__()
        layers = []
        for i, (before, after) in enumerate(
            zip((1, *filters[:-1]), filters, strict=True)
        ):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
            if i < len(filters) - 1:
                layers.append(nn.MaxPool2d(2))
        self.net = nn.Sequential(
            *layers,
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(filters[-1], 10),
        )

    def forward(self, x):
        return self.net(x)


class TunedCNN(nn.Module):
    """The reference CNN by somebody who knows what PyTorch is fast at."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1),
            nn.MaxPool2d(2),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 64, 3, padding=1),
            nn.MaxPool2d(2),
            nn.ReLU(inplace=True),
            nn.Conv2d(64, 128, 3, padding=1),
            nn.ReLU(inplace=True),
        )
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(128, 10)

    def forward(self, x):
        x = self.features(x).permute(0, 2, 3, 1).flatten(1, 2).mean(dim=1)
        return self.output(self.dropout(x))


def standardized(X):
    """Float32 images with a channel axis, as the others need them."""
    X = np.asarray(X, dtype=np.float64)
    return ((X - X.mean()) / X.std()).astype(np.float32)[:, None]


def skorch_net(*, epochs, batch_size, **parameters):
    """The reference CNN as skorch's estimator."""
    return NeuralNetClassifier(
        ReferenceCNN,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.001,
        max_epochs=epochs,
        batch_size=batch_size,
        train_split=None,
        verbose=0,
        iterator_train__shuffle=True,
        **parameters,
    )


def skorch_fit(X, y, *, epochs, batch_size):
    """Fit the reference CNN with skorch, preprocessing included."""
    net = skorch_net(epochs=epochs, batch_size=batch_size)
    return net.fit(standardized(X), np.asarray(y, dtype=np.int64))


def eager_fit(X, y, *, epochs, batch_size, device="cpu"):
    """Fit the reference CNN in a loop over a DataLoader, as tutorials write it."""
    data = torch.utils.data.TensorDataset(
        torch.from_numpy(standardized(X)), torch.from_numpy(np.asarray(y, np.int64))
    )
    loader = torch.utils.data.DataLoader(data, batch_size=batch_size, shuffle=True)
    net, loss = ReferenceCNN().to(device), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.001)
    for _ in range(epochs):
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            optimizer.zero_grad()
            loss(net(images), labels).backward()
            optimizer.step()
    return net


def tuned_fit(X, y, *, epochs, batch_size, bfloat16, device="cpu"):
    """The same loop with all tricks: batches by index, channels last, fused Adam."""
    images = torch.from_numpy(np.ascontiguousarray(X)).to(device)
    labels = torch.from_numpy(np.asarray(y, np.int64)).to(device)
    mean, std = float(np.mean(X)), float(np.std(X))
    net = TunedCNN().to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.001, fused=True)
    for _ in range(epochs):
        for rows in torch.randperm(len(images), device=device).split(batch_size):
            batch = images[rows].float().sub_(mean).div_(std)[..., None].movedim(-1, 1)
            with torch.autocast(device, torch.bfloat16, enabled=bfloat16):
                outputs = net(batch).float()
            optimizer.zero_grad()
            nn.functional.cross_entropy(outputs, labels[rows]).backward()
            optimizer.step()
    return net


class OnnxModel:
    """A fitted estimator's network in ONNX Runtime, in float32.

    Parameters
    ----------
    cnn : CNNClassifier
        Fitted.
    """

    def __init__(self, cnn):
        import onnxruntime

        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "net.onnx")
            torch.onnx.export(
                cnn.module_.float(),
                (torch.zeros(2, 1, 28, 28),),
                path,
                input_names=["x"],
                dynamic_axes={"x": {0: "n"}},
                dynamo=False,
            )
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = torch.get_num_threads()
            self.session = onnxruntime.InferenceSession(path, options)
        self.mean, self.scale = (
            cnn._predictor.prepare.mean,
            cnn._predictor.prepare.scale,
        )

    def predict(self, X, batch_size=1000):
        """Classify grey images, standardisation included."""
        found = []
        for start in range(0, len(X), batch_size):
            images = X[start : start + batch_size].astype(np.float32)[:, None]
            images = (images - np.float32(self.mean)) / np.float32(self.scale)
            found.append(self.session.run(None, {"x": images})[0].argmax(axis=1))
        return np.concatenate(found)


class KerasProcess:
    """Keras in a process of its own, since its backends do not share one well.

    Parameters
    ----------
    backend : {"tensorflow", "jax"}
        What computes.
    """

    def __init__(self, backend):
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "_keras.py")],
            env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def fit(self, X, y, *, epochs, batch_size, bfloat16=False):
        """Fit the reference CNN there; X is handed over once."""
        path = Path(self.folder.name) / f"{len(X)}.npz"
        if not path.exists():
            np.savez(path, X=X, y=y)
        order = {
            "data": str(path),
            "epochs": epochs,
            "batch_size": batch_size,
            "bfloat16": bfloat16,
        }
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())["seconds"]


def available(*packages):
    """Whether all of some packages are installed; says which is missing."""
    missing = [package for package in packages if find_spec(package) is None]
    for package in missing:
        print(f"left out, since {package} is not installed: {' on '.join(packages)}")
    return not missing
