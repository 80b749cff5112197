"""The same network and training, as others write it."""

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
    "random_state": 0,
}


def reference_cnn(**parameters):
    """The reference CNN as our estimator."""
    return CNNClassifier(**{**REFERENCE, **parameters})


class ReferenceCNN(nn.Module):
    """The reference CNN as everybody writes it."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(64, 128, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(128, 10),
        )

    def forward(self, x):
        return self.net(x)


def standardized(X):
    """Float32 images with a channel axis, as the others need them."""
    X = np.asarray(X, dtype=np.float64)
    return ((X - X.mean()) / X.std()).astype(np.float32)[:, None]


def skorch_fit(X, y, *, epochs, batch_size):
    """Fit the reference CNN with skorch, preprocessing included."""
    net = NeuralNetClassifier(
        ReferenceCNN,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.001,
        max_epochs=epochs,
        batch_size=batch_size,
        train_split=None,
        verbose=0,
        iterator_train__shuffle=True,
    )
    return net.fit(standardized(X), np.asarray(y, dtype=np.int64))


def eager_fit(X, y, *, epochs, batch_size):
    """Fit the reference CNN in a loop over a DataLoader, as tutorials write it."""
    data = torch.utils.data.TensorDataset(
        torch.from_numpy(standardized(X)), torch.from_numpy(np.asarray(y, np.int64))
    )
    loader = torch.utils.data.DataLoader(data, batch_size=batch_size, shuffle=True)
    net, loss = ReferenceCNN(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.001)
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            loss(net(images), labels).backward()
            optimizer.step()
    return net
