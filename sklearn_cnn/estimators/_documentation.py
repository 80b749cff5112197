"""What the docstrings of classifier and regressor share."""

import re
from textwrap import indent

_PARAMETERS = """\
architecture : str, callable or torch.nn.Module, default="auto"
    The network. "auto" is "simple", stages of convolutions with pooling between them;
    or "multirocket" for up to 4,000 signals of at least 10 values ("minirocket" for
    regression), unless parameters are set that shape convolutions or their training, or
    ``partial_fit`` is called. The others, and which of the parameters below each obeys,
    are listed by :func:`~sklearn_cnn.available_architectures`. "torchvision:NAME" and
    "timm:NAME" are networks of these libraries. A callable ``(n_channels,
    spatial_shape, n_outputs)`` returns a :class:`torch.nn.Module` that maps (n_samples,
    n_channels, \\*spatial_shape) to (n_samples, n_outputs); those of the parameters
    below that it names as keywords are passed on, unless they are None where that is
    the default, so that they can be searched over. A module is copied, and trained from
    the weights that it has; it must give n_outputs values for each sample.
filters : sequence of int or None, default=None
    Number of filters of each stage. None leaves it to the architecture; "simple"
    doubles from 32 up to 256, with as many stages as the longest axis of the images can
    be halved down to 2, but at most 5, or as many as leave 16 positions of a longer
    one.
blocks_per_stage : int, sequence of int or None, default=None
    Number of convolutions in each stage, or of residual blocks. None leaves it to the
    architecture: 1 for "simple".
kernel_size : int, sequence of int or None, default=None
    Size of the filters along each spatial axis, in pixels. None leaves it to the
    architecture: 3 for "simple", as two small filters in a row see as far as a large
    one and cost less.
stride : int or sequence of int, default=1
    Step of the first convolution of each stage, in pixels.
padding : {"same", "valid"}, default="same"
    "same" surrounds images by zeros, so that a convolution of stride 1 keeps their
    size; "valid" lets them shrink by ``kernel_size - 1``.
activation : {"relu", "relu6", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid", \
"identity"}, default="relu"
    Function after each convolution and hidden dense layer.
normalization : {"batch", "layer"} or None, default="batch"
    Between convolution and activation. "batch" [1]_ speeds up training most; "layer"
    [2]_ looks at each sample by itself, for very small batches.
pooling : {"max", "avg", "stride"} or None, default="max"
    How the resolution is halved between stages: by the maximum or the average of 2x2
    pixels, by a convolution of stride 2, or not at all.
global_pooling : {"avg", "max", "flatten"} or None, default=None
    How the last feature maps become a vector: one number per map, or "flatten", which
    keeps every position apart and costs many weights. None leaves it to the
    architecture: "avg" for "simple".
hidden_layer_sizes : sequence of int or None, default=None
    Widths of hidden dense layers before the output. None leaves it to the architecture:
    () for "simple", as global pooling leaves little to do for them.
dropout : float or None, default=None
    Probability of dropping each input of each dense layer while training [3]_, in
    [0, 1). None leaves it to the architecture: 0 for "simple", as batch normalisation
    regularises already.
conv_dropout : float or None, default=None
    Probability of dropping a whole feature map at the end of each stage, in [0, 1).
    None is 0.1 where "simple" learns classes of grey images and ``filters`` and
    ``dropout`` are None too, and 0 elsewhere.
image_size : int, (int, int) or None, default=None
    Height and width to which a backbone of torchvision or timm resizes images, in
    pixels; an integer is both. None is what its weights were trained on, mostly 224,
    and without weights the size of the images. Less is faster, by its square.
weights : str, path, torch.nn.Module, dict of torch.Tensor or None, default=None
    Weights to start from: the path of a ``.safetensors`` or ``.pt`` file with the state
    dict of a network, whose head is left out, or such a network or state dict itself;
    or, for a backbone, "DEFAULT" or the name of weights that its library publishes,
    which are downloaded unless they are there. None starts from random ones.
freeze : "backbone", int, str or None, default=None
    Stages whose weights stay as they are: all before the head, so many of the first
    ones, or those up to and including the named one. Their batch normalisation and
    dropout behave as at prediction. In a network of your own the stages are its
    children but the last, or layers in these, as in "features.4". None trains all.
freeze_batch_norm : bool or "auto", default="auto"
    Whether batch normalisation uses the means and standard deviations that it came
    with, and keeps them, while its weights and all others learn. A few images of
    another kind know them worse than those of a whole pretraining. "auto" is True for a
    backbone of torchvision or timm with ``weights``, and False for all others.
input_shape : sequence of int or None, default=None
    What a flat row holds, for example (28, 28) or (32, 32, 3); one entry may be -1, as
    in :func:`numpy.reshape`. None reads a 2-D ``X`` as 1-D signals.
spatial_dims : {"auto", 1, 2, 3}, default="auto"
    Number of spatial axes. "auto" takes a 2-D ``X`` (without ``input_shape``) for
    signals, 3-D for grey images, 4-D for images with channels and 5-D for volumes with
    channels.
unequal_length : bool, default=False
    Whether samples are signals that may end before others: ``X`` is a list of arrays of
    several lengths, or an array with NaN behind the end of the shorter ones. What is
    behind the end is zero to convolutions, and left out of global pooling.
data_format : {"channels_last", "channels_first"}, default="channels_last"
    Where the channel axis of ``X`` is. The default is that of matplotlib, PIL and
    scikit-image.
input_scaling : {"standardize"} or None, default="standardize"
    "standardize" subtracts the mean of each channel over the training samples and
    divides by its standard deviation, so that images of any range train alike. A
    backbone with weights of its library is given the mean and standard deviation that
    these were trained with, which take pixels for 0 to 255 (65,535 for uint16) if they
    are integers and for 0 to 1 if they are floats.
augmentation : callable, None or "auto", default="auto"
    Random changes of the training images, drawn anew in each epoch and never made at
    validation or prediction: one of :mod:`sklearn_cnn.augmentation`, such as
    ``RandomCrop()``, a :class:`~sklearn_cnn.augmentation.Compose` of several, or any
    callable, such as a transform of torchvision or kornia. It is called on batches
    (n_samples, n_channels, \\*spatial_shape) with the values of ``X``, before they are
    standardised, and must keep the shape. "auto" makes changes so small that they leave
    the class alone, where all of a network learns classes of images or volumes from
    random weights in :meth:`fit`: ``RandomAffine(10, translate=1/16, scale=0.1,
    padding_mode="edge")`` for grey images, ``RandomCrop(1/16, padding_mode="edge")``
    for others, and nothing for numbers, signals, and sides below 8. None changes
    nothing.
test_time_augmentation : bool, default=False
    Whether predictions are averages over the views of each sample that ``augmentation``
    implies, the sample itself among them: its mirror image for ``RandomFlip``, moved
    ones for ``RandomCrop`` (see :meth:`~sklearn_cnn.augmentation.Augmentation.views`).
    They take as many times as long. It can be switched after the fit, which it does not
    change. False by default, as most fits get more from more epochs.
weight_decay : float, sequence of float or "auto", default="auto"
    L2 penalty: ``weight_decay * weight`` is added to the gradient of each weight (for
    "adamw", subtracted from the weight at the learning rate [4]_). Biases and
    normalisation are left out. A sequence has one value for each stage, in order, and
    for the head; parts beyond its end have none, so ``(1e-4,)`` is the first stage
    alone. "auto" is 0.01, the default of :class:`torch.optim.AdamW`, and 0.05 for
    classes of colour images that a network learns from random weights.
optimizer : {"adamw", "adam", "sgd", "rmsprop"}, default="adamw"
    "adamw" [4]_ needs the least tuning.
learning_rate : float or "auto", default="auto"
    Peak of the schedule. "auto" is 0.01, which is high, as suits a one-cycle schedule
    with batch normalisation; take about 0.001 without either. It is 0.001 for a
    backbone of torchvision or timm with ``weights``.
backbone_learning_rate : float or "auto", default="auto"
    Factor on ``learning_rate`` for everything before the head. "auto" is 0.3 for a
    backbone of torchvision or timm with ``weights``, and 1 for all others.
momentum : float, default=0.9
    Nesterov momentum of ``optimizer="sgd"``, in [0, 1); no other optimizer uses it.
lr_schedule : {"auto", "one_cycle", "cosine", "step", "constant", "plateau"}, \
default="auto"
    How the learning rate moves over the epochs: "one_cycle" rises for 30 % of the
    training and falls to zero [5]_, which reaches a good score in few epochs; "cosine"
    falls from the start; "step" falls to a tenth after each third; "plateau" stays, and
    falls to zero in the last 30 %, which with ``early_stopping`` begin as soon as
    validation stalls. "auto" is "plateau" with ``early_stopping``, as the best epochs
    of "one_cycle" are its last ones, and "one_cycle" without.
batch_size : int or "auto", default="auto"
    Largest number of samples in a training step. "auto" is 32 for up to 1,000 samples,
    64 for up to 10,000, and 128 beyond; at least 64 for classes of images of several
    channels, and 64 for "lite" and the InceptionTime networks.
max_iter : int or "auto", default="auto"
    Number of epochs. "auto" makes about 800 steps, in 4 to 60 epochs; for classes of
    grey images, which are augmented more, 1,200 steps in 4 to 100 epochs; 500 steps for
    "lite" and 250 for the InceptionTime networks. A head that is solved takes one.
max_time : float or None, default=None
    Seconds within which :meth:`fit` is to end, in place of ``max_iter``: a short trial
    tells how long an epoch takes, and with it their number, so that the schedule comes
    to its end. With few samples that may be more epochs than are of use. None is as
    many as ``max_iter`` says. A head that is solved takes the time that it needs.
freeze_epochs : int, default=0
    How many of the epochs first train the head alone; then what ``freeze`` leaves
    trains with a schedule of its own [6]_.
early_stopping : bool, "loss" or "score", default=False
    Whether to stop when validation stalls, and to restore the weights of the best
    epoch: that of the smallest validation loss with "loss" or True, and of the highest
    validation score with "score", that is of the accuracy or R². Without ``X_val`` a
    stratified part of the samples is held out for it.
validation_fraction : float, default=0.1
    Share of the samples that ``early_stopping`` holds out, in (0, 1).
n_iter_no_change : int, default=10
    Number of epochs without improvement after which ``early_stopping`` stops, or lets
    the learning rate of "plateau" fall before it does.
tol : float, default=1e-4
    Smallest change of the validation loss, or score, for the better that counts as an
    improvement.
warm_start : bool, default=False
    Whether :meth:`fit` goes on from the weights and input statistics of the last fit,
    with a new schedule. Parameters of the network must then stay as they were.
device : str, default="auto"
    Where to compute: "cpu", "cuda", "cuda:1", "mps". "auto" takes a GPU if there is
    one; of several the processes of ``n_jobs`` take one each, in turn.
precision : {"auto", "float32", "bfloat16", "float16", "float64"}, default="auto"
    Number format of the training. "auto" multiplies in bfloat16 where the hardware does
    so natively and the network is large enough to gain, in float16 with a scaled loss
    on GPUs that have only that, and otherwise in float32; predictions are then made in
    float32. Naming one fixes it for both. "float16" needs a GPU.
compile : bool, default=False
    Whether to run the network through :func:`torch.compile`. It takes 10 s to a minute
    before the first step, in which nothing shows, and pays in long trainings on a GPU
    only. Averages over networks or views are predicted without it.
callbacks : list of skorch callbacks or None, default=None
    Told of epochs and batches. Copies of them are used (see ``net_.callbacks_``), which
    point to the same objects: a list, a trial or a writer is your own.
checkpoint_dir : str, path or None, default=None
    Directory in which :meth:`fit` keeps the last state of the training, and the best
    network. A fit of the same data and parameters goes on from the last state, to the
    same bits; each other fit has a subdirectory of its own. None writes nothing.
checkpoint_interval : int or datetime.timedelta, default=1
    Epochs, or time, from one write to the next; whatever it is, Ctrl-C writes the last
    epoch that was finished. 1 loses least; take more where epochs last less than a
    second.
n_networks : int, default=1
    Number of networks that are trained on the same data and averaged [7]_: in their
    probabilities, or their targets. They differ in initial weights, order of samples,
    dropout and augmentation; the first is the one that ``n_networks=1`` gives. On a CPU
    they train side by side, in as many threads as torch may use, and to the same bits
    in any number of threads; one after the other with ``callbacks`` or ``compile``.
random_state : int, RandomState instance or None, default=None
    Seeds initial weights, order of samples, dropout, augmentation and hold-out. The
    same integer gives the same bits on one machine; global random state is never
    touched.
verbose : int, default=0
    Whether to show a bar over the epochs, below what "auto" stands for. It moves within
    epochs as well, and what takes more than a second besides them, such as opening
    files, features of a frozen backbone or predictions, has a bar of its own. 2 adds a
    line with sizes and one for each epoch."""

_ATTRIBUTES = """\
n_features_in_ : int
    Number of values in a sample; 1 if ``X`` was a column of images.
feature_names_in_ : ndarray of shape (`n_features_in_`,)
    Names of the columns, if ``X`` was a DataFrame with string column names.
input_shape_ : tuple of int
    Shape of a sample, channel axis included.
n_outputs_ : int
    Number of outputs of the network.
architecture_ : str, callable or torch.nn.Module
    The network's architecture, which "auto" leaves to the data.
module_ : torch.nn.Module
    The trained network; of several, one that gives their average, and has them as
    ``networks``.
input_mean_ : ndarray of shape (n_channels,) or None
    What ``input_scaling`` subtracts from each channel before the network; None if
    pixels are left alone.
input_scale_ : ndarray of shape (n_channels,) or None
    What it divides each channel by after that.
net_ : skorch.NeuralNet
    What trained it; of several networks only ``estimators_`` have one.
history_ : pandas.DataFrame
    One row per epoch: train_loss, valid_loss, valid_score, learning_rate (of the last
    step) and seconds. NaN where there was no validation. Of several networks, this and
    what follows is of the first.
loss_curve_ : list of float
    Training loss of every epoch.
validation_scores_ : list of float or None
    Validation score of every epoch.
n_iter_ : int
    Number of epochs trained.
max_iter_ : int
    Number of epochs that the last fit was planned for: what "auto" or ``max_time`` came
    to. Early stopping may end it before.
best_iter_ : int
    Epoch, from 1, of the smallest validation loss (training loss without validation);
    of the highest validation score with ``early_stopping="score"``.
best_loss_ : float
    Loss of that epoch.
estimators_ : list of estimators
    The networks of ``n_networks``, each as a fitted estimator of one network that
    shares its weights: for their predictions one by one, for displays, and for their
    ``history_``, ``net_`` and the like.
n_parameters_ : int
    Number of weights, of all networks.
device_ : str
    Where it was trained.
precision_ : str
    In which precision it was trained."""

_REFERENCES = """\
.. [1] S. Ioffe and C. Szegedy, "Batch normalization: accelerating deep network training
   by reducing internal covariate shift", ICML 2015.
.. [2] J. Ba, J. Kiros and G. Hinton, "Layer normalization", 2016.
.. [3] N. Srivastava et al., "Dropout: a simple way to prevent neural networks from
   overfitting", JMLR 15, 2014.
.. [4] I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", ICLR 2019.
.. [5] L. Smith and N. Topin, "Super-convergence: very fast training of neural networks
   using large learning rates", 2018.
.. [6] J. Howard and S. Gugger, "fastai: a layered API for deep learning", Information
   11, 2020.
.. [7] B. Lakshminarayanan, A. Pritzel and C. Blundell, "Simple and scalable predictive
   uncertainty estimation using deep ensembles", NeurIPS 2017."""


def documented(cls):
    """Fill the shared parts into the docstring of an estimator.

    Parameters
    ----------
    cls : type
        Its docstring holds ``{parameters}``, ``{attributes}`` and ``{references}``, or
        names of single parameters and attributes in braces.

    Returns
    -------
    cls : type
    """
    shared = {
        "parameters": _PARAMETERS,
        "attributes": _ATTRIBUTES,
        "references": _REFERENCES,
        **_entries(_PARAMETERS),
        **_entries(_ATTRIBUTES),
    }
    for name, text in shared.items():
        cls.__doc__ = cls.__doc__.replace(f"    {{{name}}}", indent(text, "    "))
    return cls


def _entries(section):
    texts = re.split(r"\n(?=\S)", section)
    return {text.partition(" :")[0]: text for text in texts}
