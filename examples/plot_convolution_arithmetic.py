"""
What a convolution computes: windows, padding and stride
========================================================

A convolution is a sum over a sliding window. Here it is written out in three lines of
NumPy, and compared with the first layer of a fitted network: they agree for each
``padding`` and each ``stride``, in their numbers and in the size of the result.
"""

# %%
# The sum over a sliding window
# -----------------------------
#
# ``padding="valid"`` lets the window stay inside of the image; ``padding="same"`` first
# surrounds the image by zeros, so that with a stride of 1 the result has its size. The
# ``stride`` is the step from one window to the next.

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits

from sklearn_cnn import CNNClassifier


def convolve(image, window, stride=1, padding="valid"):
    """Slide a window over an image; multiply and sum at each position."""
    size = len(window)
    if padding == "same":
        image = np.pad(image, ((size - 1) // 2, size // 2))
    patches = np.lib.stride_tricks.sliding_window_view(image, window.shape)
    return (patches[::stride, ::stride] * window).sum(axis=(2, 3))


# %%
# The first layer of a network computes the same
# ----------------------------------------------
#
# A network of one stage is fitted for each combination, without anything between its
# convolution and the result. Its filters slide over the standardised pixels:
# ``net_.prepare`` gives them as the network sees them.

digits = load_digits()
X, y = digits.images, digits.target

print("kernel_size  padding  stride  8x8 becomes  largest difference")
for kernel_size in (2, 3, 5):
    for padding in ("valid", "same"):
        for stride in (1, 2):
            cnn = CNNClassifier(
                filters=(4,),
                kernel_size=kernel_size,
                padding=padding,
                stride=stride,
                normalization=None,
                max_iter=1,
                random_state=0,
            ).fit(X, y)
            layer = cnn.module_.stages[0][0].conv
            pixels = cnn.net_.prepare(X[:1].copy())
            with torch.inference_mode():
                maps = layer(pixels)[0].numpy()
            windows, biases = (p.detach().numpy() for p in layer.parameters())
            by_hand = [
                convolve(pixels[0, 0].numpy(), window, stride, padding) + bias
                for window, bias in zip(windows[:, 0], biases, strict=True)
            ]
            size = "x".join(map(str, maps.shape[1:]))
            error = abs(maps - np.array(by_hand)).max()
            print(f"{kernel_size:11}  {padding:7}  {stride:6}  {size:11}  {error:.0e}")

# %%
# So along an axis of n pixels, "same" gives n / stride results, rounded up, whatever
# the window; "valid" gives (n - kernel_size + 1) / stride, rounded up. The figure shows
# the results for one digit and a window that answers to edges, positive where there is
# ink below and paper above. A square is one result, as large as a pixel of the image.

window = np.array([[-1, -1, -1], [0, 0, 0], [1, 1, 1]])
image = X[0]
panels = {"the digit": image}
for padding in ("same", "valid"):
    for stride in (1, 2):
        result = convolve(image, window, stride, padding)
        panels[f'padding="{padding}"\nstride={stride}'] = result

limit = max(abs(result).max() for result in list(panels.values())[1:])
figure, axes = plt.subplots(1, len(panels), figsize=(10, 2.9), layout="constrained")
for ax, (name, values) in zip(axes, panels.items(), strict=True):
    rows, columns = values.shape
    if name == "the digit":
        ax.imshow(values, cmap="gray_r")
    else:
        shown = ax.imshow(values, cmap="PuOr", vmin=-limit, vmax=limit)
    ax.set(xlim=(-0.5, 7.5), ylim=(7.5, -0.5), xticks=[], yticks=[])
    ax.spines[:].set_color("lightgrey")
    ax.set_title(f"{name}\n{rows}x{columns}", fontsize="medium")
figure.colorbar(shown, ax=axes[-1], label="window sum", shrink=0.8)
figure.suptitle("A 3x3 window for horizontal edges slides over a digit")
plt.show()
