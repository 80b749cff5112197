"""What generated programs pass, as expressions."""


def _texts(block):
    """Take expressions apart, which have | or an end of line between them."""
    return block.strip().replace("\n", "|").split("|")


#: What nobody means as a value of anything, or means seldom.
JUNK = _texts("""
None|True|False|0|1|2|-1|3|0.5|1.5|-0.5|1e300|-1e300|1e-310|2**31|10**9|10**400
float('nan')|float('inf')|-float('inf')|'a'|''|'auto'|b'a'|()|[]|{}|(1,)|(2, 2)|[1, [2]]
(0.5, 0.5)|(2, 2, 2)|('a', 'b')|(None, 1)|(True, True)|(-1, -1)|(2**31, 2**31)|{1, 2}
{'a': 1}|range(2)|iter([1])|np.array(2)|np.array([2, 2])|np.array([[1.5]])|np.int8(2)
np.float32(0.5)|np.bool_(True)|np.str_('a')|torch.tensor(2)|torch.tensor([0.5, 0.5])
pd.Series([1, 2])|pd.NA|pd.NaT|np.datetime64('2020')|1j|object()|int|len|lambda *a: None
'x' * 5000|[0] * 5000|np.zeros(5000)|decimal.Decimal('0.5')|fractions.Fraction(1, 2)
""")

#: Good values and values at the border, of parameters of these names anywhere.
VALUES = {
    "architecture": "'simple'|'lenet'|'resnet18'|'simpel'|torch.nn.Flatten()|"
    "lambda c, s, n: torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(n))|"
    "'torchvision:nothing'|'timm:nothing'|torch.nn.Linear|'inception_time'|"
    "'vgg11'",
    "filters": "(2,)|[1, 2]|(2, 2)|np.array([3])|range(1, 3)|(1,) * 9|(0,)|(2.0,)",
    "blocks_per_stage": "1|2|(1,)|(1, 2)|np.int64(1)|0",
    "kernel_size": "1|2|3|5|(3, 3)|(1, 5)|(3,)|50|np.array([3, 3])|0",
    "stride": "1|2|(2, 1)|(1, 3)|9|0",
    "hidden_layer_sizes": "()|(3,)|[2, 2]|(0,)|(1,) * 20",
    "dropout": "0.0|0.5|0.99|1.0|0|None",
    "conv_dropout": "None|0.0|0.5|0.99|1.0",
    "weights": "None|'DEFAULT'|'missing.pt'|'empty.safetensors'|"
    "torch.nn.Linear(2, 2)|{'a': torch.ones(2)}|pathlib.Path('.')",
    "image_size": "None|32|(6, 8)|0|(1, 2, 3)|4096|True|2.5",
    "freeze_batch_norm": "'auto'|True|False|1|'a'",
    "freeze": "1|2|'backbone'|99",
    "input_shape": "(6, 6)|(36,)|(3, -1)|(-1,)|(12, 3)|(2, 3, 6)|(3, 4, 3, 1)|(7, 6)|"
    "np.array([6, 6])|[6, 6, 1]|(6.0, 6.0)|(float('inf'), 6)|(10**400, 6)",
    "spatial_dims": "1|2|3|'auto'|4",
    "weight_decay": "0|0.1|(0.1,)|(0.1, 0.1)|[0.0, 1.0]|np.array([0.1])|1e100|"
    "(0.1,) * 9",
    "learning_rate": "1e-3|1.0|1e-30|100|1e10|1e19|1e29",
    "backbone_learning_rate": "0.1|1.0|1e-30",
    "momentum": "0.0|0.5|0.999|1.0",
    "batch_size": "1|2|7|8|1000|'auto'|2**40|np.int64(4)",
    "max_iter": "1|2|0|-1|1.5|True|'auto'|None|'a'|(1,)|float('inf')|np.int64(1)",
    "max_time": "None|None|0.01|0.2|np.float32(0.1)|1e-9|0|-1|True|'a'|float('nan')",
    "freeze_epochs": "0|1|2|-1",
    "early_stopping": "True|False|'loss'|'score'|'auto'|1",
    "validation_fraction": "0.1|0.5|0.9|1e-9|0.999|0|1",
    "n_iter_no_change": "1|5|0|10**9",
    "tol": "0|0.1|1e300|float('inf')|-1",
    "device": "'cpu'|'auto'|'meta'|'cuda'|'cuda:99'|'cpu:3'|'mps'|'junk'|"
    "'privateuseone'",
    "precision": "'float32'|'float64'|'bfloat16'|'auto'|'float16'",
    "compile": "False|None|'a'|0|2|()|np.bool_(False)",
    "callbacks": "[]|None|[1]|[('a', 1)]|(1,)|[len]|[None]",
    "checkpoint_dir": "None|'states'|pathlib.Path('states')|'a/b/c'|'x' * 5000|'a\\0b'",
    "checkpoint_interval": "1|2|datetime.timedelta(seconds=1)|datetime.timedelta(0)",
    "n_networks": "1|2|3|0|-1|1.5|True|None|'a'|np.int64(2)|(2,)|float('nan')",
    "test_time_augmentation": "True|True|False|None|1|'a'",
    "return_std": "True|False",
    "random_state": "0|None|np.random.RandomState(0)|2**32 - 1|2**32|-1|"
    "np.random.default_rng(0)",
    "verbose": "0|1|2|True|-1|None",
    "label_smoothing": "0.0|0.1|0.999|1.0|-0.1",
    "class_weight": "'balanced'|{0: 1, 1: 2}|{1: 0}|{0: 0, 1: 0}|{0: -1}|{'a': 1}|"
    "[{0: 1, 1: 2}] * 3|[{}]|{0: float('nan')}|{0: 1e300}|{0: 'a'}|{0: 1e-300}|{}",
    "estimator": "None|CNNClassifier(filters=(2,), max_iter=1)|CNNRegressor|"
    "FrozenEstimator(CNNClassifier())|FrozenEstimator(fitted)|FrozenEstimator(1)|"
    "fitted",
    "layer": "None|'stages'|'stages.stage0'|'head'|'pool'|'nothing'|'stages.'",
    "augmentation": "None|RandomFlip()|MixUp()|RandomCrop(1)|RandomAffine()|RandomFlip|"
    "Compose([RandomFlip(), CutMix()])|[RandomFlip()]|lambda x: x|"
    "lambda x: x[:1]|lambda x: x * float('nan')|RandomFlip(p=2)|ColorJitter()|"
    "RandomErasing(p=1.0)",
    "steps": "[RandomFlip()]|[('a', RandomFlip()), ('b', MixUp())]|['passthrough']|[]|"
    "[MixUp(), CutMix()]|[('a', RandomFlip()), ('a', RandomFlip())]|[torch.neg]|"
    "[1]|[RandomFlip]|[('steps', RandomFlip())]|(RandomFlip(),)|"
    "[('a__b', RandomFlip())]",
    "size": "3|6|12|(3, 4)|[6, 6]|1|0|(6,)|(2, 2, 2)|2**15 + 1|2**40|(2**40, 1)|"
    "np.array([4, 4])",
    "padding": "0|1|2|(1, 2)|[(0, 1), (2, 0)]|0.1|0.99|(0.5, 1)|'same'|'valid'|6|-1",
    "fill": "'auto'|0|1|-1|0.5|255|256|1e300|np.float32(2)",
    "scale": "1|0.5|2.0|(0.5, 1.5)|(0.02, 0.33)|0|(1, 0)|1e-300|(0.0, 1.0)",
    "offset": "0|1|-2.5|1e200",
    "channels": "0|-1|(0,)|[0, 0]|(2, 1, 0)|[True]|slice(1)|9",
    "shape": "(6, 6)|(36,)|(-1,)|(6, -1)|(3, 4, 3)|36|(7, 7)|(0,)|(-1, -1)|(2,) * 70",
    "orientations": "1|9|2|0|10**6",
    "pixels_per_cell": "1|2|(2, 3)|3|0|9",
    "cells_per_block": "1|2|(1, 2)|3|0",
    "n_clusters": "1|2|5|np.int64(3)|10**9",
    "patch_size": "'auto'|1|2|(2, 3)|6|7|0",
    "grid_size": "1|2|(1, 2)|(2, 2, 2)|6|7|0",
    "n_patches": "2|10|10**9|0",
    "n_jobs": "None|1|0",
    "n_workers": "None|1|2|0",
    "cache_bytes": "'auto'|0|1|1000|10**9|-1",
    "resize": "'stretch'|'pad'|'crop'|'fit'",
    "max_pixels": "None|1|36|10**9|0",
    "classes": "None|['a']|['b']|'a'|[]",
    "max_per_class": "None|1|3|0",
    "mode": "'L'|'RGB'|'RGBA'|'I;16'|None|'CMYK'",
    "pages": "None|0|1|'channels'|'depth'|-1",
    "p": "0|1|0.5|1.0|2|-1e-9",
    "axis": "-1|0|(0, 1)|[-1, -2]|2|(0, 0)|()",
    "axes": "(-2, -1)|(0, 1)|(1, 0)|(0,)|(0, 0)|(0, 2)",
    "degrees": "0|10|(90, 90)|(-10, 5)|-1|1e30|(5, -5)",
    "translate": "0|0.1|(0.1, 0.5)|0.999|1",
    "shear": "0|10|(0, 80)|81|(-80, 80)",
    "brightness": "0|0.2|(1.5, 1.5)|2|(0, 0)",
    "contrast": "0|0.2|(1.5, 1.5)|2|(0, 0)",
    "saturation": "0|0.2|(1.5, 1.5)|2|(0, 0)",
    "hue": "0|0.2|(-0.5, 0.5)|0.6",
    "std": "0|0.1|(0, 1)|1e30|-1",
    "alpha": "0.2|1|1e-9|1e9|0|1e-300",
    "ratio": "1|3.3|1e9|0.5|0",
}
#: Without junk: what is right there, and takes for ever.
OWN_ALONE = ("max_iter", "max_time", "compile", "n_jobs", "n_networks", "n_workers")

DTYPES = (
    "bool int8 uint8 int16 uint16 int32 uint32 int64 uint64 float16 float32 float64 "
    "longdouble complex64 complex128 object str bytes M8[s] m8[s] >f4 >i2 i4,f8 V4 "
    "datetime64 T"
).split()
TORCH_DTYPES = (
    "bool uint8 int8 int16 int32 int64 uint16 uint32 uint64 float16 bfloat16 float32 "
    "float64 float8_e4m3fn float8_e5m2 complex64"
).split()
#: Shapes that images may have, of eight samples.
SHAPES = _texts("""
(8, 6, 6)|(8, 6, 6)|(8, 6, 6)|(8, 6, 6, 1)|(8, 6, 6, 3)|(8, 36)|(8, 5, 5, 5, 1)
(8, 4, 4, 4)|(8, 12, 2)|(8, 1, 1)|(8, 1)|(8, 3, 6, 6)|(8, 1, 9)
""")
FILLS = _texts("""
rng.normal(size={0})|rng.normal(size={0})|rng.integers(0, 256, size={0})|rng.random({0})
np.zeros({0})|np.full({0}, 255)|np.full({0}, -7.5)|1e300 * rng.normal(size={0})
1e155 * rng.random({0})|1e-310 * rng.random({0})|1e30 * rng.normal(size={0})
1e-30 * rng.normal(size={0})|with_one(rng.normal(size={0}), np.nan)
with_one(rng.normal(size={0}), np.inf)|with_one(rng.normal(size={0}), 1e300)
np.full({0}, np.nan)|1e9 + 1e-3 * rng.normal(size={0})
2**62 + rng.integers(0, 9, size={0})
""")
LAYOUTS = _texts("""
{}|np.asfortranarray({})|{}[::-1]|{}[..., ::-1]|np.repeat({}, 2, axis=-1)[..., ::2]
read_only({})|np.broadcast_to({}, (8, 6, 6))|{}.T|np.moveaxis({}, 0, -1)
""")
CONTAINERS = _texts("""
{}|list({})|{}.tolist()|tuple({})|tuple({}.tolist())|set({}.ravel().tolist())
{{'image': {}}}|iter({})|(x for x in {})|pd.Series(list({}))|pd.Series({}.ravel())
pd.DataFrame({}.reshape(8, -1))|pd.DataFrame({{'image': list({})}})|objects({})
pd.DataFrame({}.reshape(8, -1)).assign(a='a')|{}.astype(object)|mapped({})
np.ma.array({})|np.ma.masked_less({}, 0)|sp.csr_array({}.reshape(8, -1))
ImageFiles.from_array({})|ImageFiles(files({}))|files({})|torch.as_tensor({})
torch.as_tensor({}).to('meta')|torch.as_tensor({}).to_sparse()
torch.as_tensor({}).double().requires_grad_()|list(torch.as_tensor({}))
torch.as_tensor({}).to(torch.complex64).conj()|torch.as_tensor({}).mT
torch.as_tensor({}).to(torch.complex64).conj().imag
list(torch.as_tensor({}).double().requires_grad_())|[*{}[:7], {}[0][:3]]|[*{}[:7], None]
np.recarray((8,), 'f8')|memoryview({})|{}.tobytes()|np.matrix({}.reshape(8, -1))
[list(x) for x in {}]|collections.deque({})
torch.quantize_per_tensor(torch.as_tensor({}).float(), 0.1, 0, torch.quint8)
torch.utils.data.TensorDataset(torch.as_tensor({}))|{}.astype('T')
""")
NOT_IMAGES = _texts("""
None|5|'a'|'x' * 5000|b'a'|pathlib.Path('.')|object()|[]|()|{}|[None] * 8|['a'] * 8
[[1, 2], [3]] * 4|np.array(5)|np.nan|np.zeros(8)|np.zeros((8, 0))|np.zeros((0, 6, 6))
np.zeros((8, 2, 2, 2, 2, 2))|[[]] * 8|[[[]]] * 8|len|int|[object()] * 8|pd.NA
np.broadcast_to(np.float32(0), (8, 10**5, 10**6))|[pd.NA] * 8|[[pd.NaT]] * 8
pd.DataFrame()|pd.Series(dtype=float)|torch.zeros(()).to('meta')|[1j] * 8
pd.DataFrame({'a': [[1.0]] * 8, 'b': [[2.0]] * 8})|[datetime.date.today()] * 8
[decimal.Decimal(1)] * 8|[[decimal.Decimal(1)]] * 8|[10**400] * 8|[[10**400]] * 8
np.empty((8, 6, 6), 'O')|pd.DataFrame({'a': [pd.NA, 1] * 4})
pd.DataFrame({'a': pd.array([None, 1] * 4, dtype='Int64')})|range(8)
pd.DataFrame({'a': pd.Categorical(['x', 'y'] * 4)})|[{'bytes': b'', 'path': None}]
""")
LABELS = _texts("""
np.arange(8) % 2|np.arange(8) % 3|['a', 'b'] * 4|np.arange(8) / 2|rng.normal(size=8)
np.eye(8, 3, dtype=int)|rng.normal(size=(8, 2))|np.arange(8)[:, None] % 2
np.arange(8) % 2 == 0|torch.arange(8) % 2|torch.arange(8.0).requires_grad_()
torch.arange(8).to(torch.bfloat16)|pd.Series(list('abababab'))|range(8)
pd.Series(list('abababab'), dtype='category')|pd.DataFrame({'a': [0, 1] * 4})
(np.arange(8) % 2).astype(object)|np.arange(8).astype('M8[s]')|np.array(['a'] * 8)
np.arange(8) % 2 * 1j|np.zeros(8)|np.ones((8, 3), int)|sp.csr_array(np.eye(8, 3))
with_one(np.arange(8.0), np.nan)|with_one(np.arange(8.0), np.inf)|[None] * 8
1e300 * rng.normal(size=8)|1e-300 * rng.normal(size=8)|[1, 'a', None, 2.5] * 2
np.arange(7) % 2|np.arange(9) % 2|[]|None|'ab'|'abababab'|5|{}|{1, 2}|iter([0, 1] * 4)
[[0], [0, 1]] * 4|[[0, 1]] * 8|np.zeros((8, 2, 2))|np.zeros((8, 0))|[pd.NA, 1] * 4
[pd.NaT] * 8|[b'a', b'b'] * 4|np.ma.masked_equal(np.arange(8) % 2, 1)|[10**400] * 8
torch.zeros(8).to('meta')|[torch.tensor(0), torch.tensor(1)] * 4|{'a': 1}|object()
np.arange(8, dtype='f2')|np.arange(8, dtype='longdouble')|['a', 1] * 4|[True, 'a'] * 4
np.array([0, 255] * 4)[:, None] * [1, 1]|[-1, 1] * 4|[2**63, 1] * 4|[(1, 2), (3, 4)] * 4
[decimal.Decimal(1), 2] * 4|np.array(['a', 'b'] * 4, 'T')|(i % 2 for i in range(8))
pd.array([0, 1] * 4, dtype='Int64')|pd.array(['a', 'b'] * 4, dtype='string')
pd.interval_range(0, 8)|np.zeros(8, 'i4,f8')|torch.eye(8).to_sparse()
np.arange(8).astype('m8[s]')|[frozenset({1}), frozenset({2})] * 4|np.arange(8) % 1
""")
WEIGHTS = _texts("""
None|None|None|None|np.ones(8)|rng.random(8)|np.arange(8) % 2|1.0|0.0|-1|[1] * 8
np.zeros(8)|np.full(8, np.nan)|np.full(8, np.inf)|-np.ones(8)|np.ones(7)|np.ones((8, 1))
'a'|['a'] * 8|torch.ones(8)|torch.ones(8, requires_grad=True)|pd.Series([1.0] * 8)
np.ones(8) * 1j|[None] * 8|np.full(8, 1e308)|np.full(8, 1e-308)|{}|object()|[[1]] * 8
torch.ones(8).bfloat16()|with_one(np.zeros(8), 1)|with_one(np.ones(8), 1e300)|[]|True
np.ma.masked_less(np.arange(8), 3)|np.ones(8, 'M8[s]')|np.nan|np.ones(8, bool)
with_one(np.ones(8), 1e-200)|sp.csr_array(np.ones((1, 8)))|iter([1] * 8)|pd.NA|10**400
""")
