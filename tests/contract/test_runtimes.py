"""One contract for every runtime at every precision that it lists, on a CNN and a transformer."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from picojoule.deploy import RUNTIMES, Precision, Unbuildable, source_of
from picojoule.errors import InputError, TraceError

torch = pytest.importorskip("torch")
pytest.importorskip("openvino")
pytest.importorskip("onnxruntime")
nn = torch.nn

THREADS = 2
MIN_COSINE = {
    "fp32": 0.99999, "bf16": 0.999, "int8": 0.97, "int8+bf16": 0.97, "int8w": 0.9999,
    "int4w": 0.99,
}  # fmt: skip
# A CNN with one linear layer, of 16 features: too few for groups of 32, and to ONNX a Gemm.
WITHOUT = {
    ("openvino", "int4w", "cnn"), ("onnxruntime", "int8w", "cnn"), ("onnxruntime", "int4w", "cnn"),
}  # fmt: skip


class Cnn(nn.Module):
    """Dense, depthwise and pointwise convolutions, a residual, and a classifier."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()
        )
        self.block = nn.Sequential(
            nn.Conv2d(16, 16, 3, 1, 1, groups=16, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU6(),
            nn.Conv2d(16, 16, 1),
        )
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = self.stem(x)
        x = torch.relu(x + self.block(x))
        return self.head(x.mean((2, 3)))


class Transformer(nn.Module):
    """Token ids and a mask, learned positions, masked attention, and two outputs."""

    def __init__(self, width=32, heads=4, tokens=16):
        super().__init__()
        self.embed = nn.Embedding(300, width)
        self.position = nn.Embedding(tokens, width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 64), nn.GELU(), nn.Linear(64, width))
        self.heads = heads

    def forward(self, ids, mask):
        batch, tokens = ids.shape
        x = self.embed(ids) + self.position(torch.arange(tokens))
        # As many published models do it: the lowest float32, which is no bfloat16.
        bias = (1.0 - mask[:, None, None, :].to(x.dtype)) * torch.finfo(x.dtype).min
        q, k, v = self.qkv(x).view(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        x = self.norm1(x + self.out(attended.transpose(1, 2).reshape(batch, tokens, -1)))
        x = self.norm2(x + self.mlp(x))
        return x, x[:, 0]


def cnn_and_batches():
    model = Cnn()
    with torch.no_grad():
        for _ in range(10):
            model(torch.randn(8, 3, 16, 16))  # settles the batch norms
    return model.eval(), [torch.randn(2, 3, 16, 16) for _ in range(4)]


def transformer_and_batches():
    mask = torch.ones(2, 16, dtype=torch.int64)
    mask[1, 10:] = 0
    return Transformer().eval(), [(torch.randint(0, 300, (2, 16)), mask) for _ in range(4)]


MAKERS = {"cnn": cnn_and_batches, "transformer": transformer_and_batches}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Per model: its Source and the eager fp32 outputs for the example."""
    torch.manual_seed(0)
    torch.set_num_threads(THREADS)
    made = {}
    for name, make in MAKERS.items():
        model, batches = make()
        source = source_of(model, batches, tmp_path_factory.mktemp(name))
        with torch.no_grad():
            outputs = model(*(torch.tensor(array) for array in source.example))
        expected = outputs if isinstance(outputs, tuple) else (outputs,)
        made[name] = source, [tensor.numpy() for tensor in expected]
    return made


def cosine(a, b):
    return float(a.ravel() @ b.ravel() / np.linalg.norm(a) / np.linalg.norm(b))


def has_bf16():
    info = Path("/proc/cpuinfo")
    return info.exists() and "avx512_bf16" in info.read_text()


SUPPORTED = [
    (name, p, model)
    for name, runtime in RUNTIMES.items()
    for p in runtime.precisions
    for model in MAKERS
    if (name, p, model) not in WITHOUT
]
UNSUPPORTED = [
    (name, p)
    for name, runtime in RUNTIMES.items()
    for p in get_args(Precision)
    if p not in runtime.precisions
]


@pytest.mark.parametrize(("name", "precision", "model"), SUPPORTED)
def test_builds_loads_and_computes_the_same(sources, tmp_path, capfd, name, precision, model):
    source, expected = sources[model]
    runtime = RUNTIMES[name]
    before = [array.copy() for array in source.example]
    runtime.build(source, precision, tmp_path, THREADS)
    run = runtime.load(tmp_path, THREADS)
    outputs = run(*source.example)

    assert [output.shape for output in outputs] == [array.shape for array in expected]
    assert all(output.dtype == np.float32 for output in outputs)
    for output, reference in zip(outputs, expected, strict=True):
        assert cosine(output, reference) > MIN_COSINE[precision]
    for array, copy in zip(source.example, before, strict=True):
        np.testing.assert_array_equal(array, copy)

    kept = [output.copy() for output in outputs]
    run(*(np.zeros_like(array) for array in source.example))
    for output, copy in zip(outputs, kept, strict=True):  # the next call must not overwrite it
        np.testing.assert_array_equal(output, copy)

    check_truth(run.effective_precision, precision)
    assert capfd.readouterr() == ("", "")  # no banners, progress bars or warnings


def check_truth(text, precision):
    if precision == "fp32":
        assert "fp32" in text
        assert "int8" not in text
        assert "bf16" not in text
    elif precision == "bf16" and has_bf16():
        assert text.startswith("bf16")
        assert "asked" not in text
    elif precision.endswith("w"):  # int8w: activations stay in floats
        assert precision in text
        assert "int8" not in text.replace("int8w", "")
    elif precision.startswith("int8"):
        assert "int8" in text.replace("int8w", "")
        assert precision != "int8" or "bf16" not in text


@pytest.mark.parametrize(("name", "precision", "model"), sorted(WITHOUT))
def test_weights_alone_need_a_layer_that_qualifies(sources, tmp_path, name, precision, model):
    with pytest.raises(Unbuildable, match="no linear layer") as caught:
        RUNTIMES[name].build(sources[model][0], precision, tmp_path, THREADS)
    assert precision in str(caught.value)
    assert "that takes a MatMul" in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_weights_alone_are_smaller_and_near_their_bits(tmp_path, name):
    """A stack of wide layers: the files hold what the precision says, and little else."""
    layers = [nn.Linear(256, 256) for _ in range(4)]
    source = source_of(nn.Sequential(*layers), [torch.randn(1, 4, 256)], tmp_path / "work")
    sizes = {}
    for precision in ("fp32", "int8w", "int4w"):
        folder = tmp_path / precision
        folder.mkdir()
        RUNTIMES[name].build(source, precision, folder, THREADS)
        sizes[precision] = sum(file.stat().st_size for file in folder.iterdir())
    weights = 4 * 256 * 256
    assert sizes["fp32"] > 4 * weights
    assert weights < sizes["int8w"] < 1.3 * weights
    assert 0.5 * weights < sizes["int4w"] < 0.85 * weights


@pytest.mark.parametrize(("name", "precision"), UNSUPPORTED)
def test_refuses_other_precisions_with_a_reason(sources, tmp_path, name, precision):
    with pytest.raises(Unbuildable, match=f"{name} can't run") as caught:
        RUNTIMES[name].build(sources["cnn"][0], precision, tmp_path, THREADS)
    assert caught.value.exit_code == 1
    assert caught.value.fix
    assert not list(tmp_path.iterdir())


def test_openvino_says_when_its_hint_was_ignored(sources, tmp_path):
    """A hint that the CPU can't follow must not be repeated as if it were the truth."""
    runtime = RUNTIMES["openvino"]
    runtime.build(sources["cnn"][0], "bf16", tmp_path, THREADS)
    run = runtime.load(tmp_path, THREADS)
    run._asked = "f16"
    assert "(asked for f16, got " in run.effective_precision


def test_a_damaged_artefact_is_the_users_error(sources, tmp_path):
    for name in ("torch-eager", "onnxruntime", "openvino"):
        folder = tmp_path / name
        folder.mkdir()
        RUNTIMES[name].build(sources["cnn"][0], "fp32", folder, THREADS)
        for file in folder.iterdir():
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        with pytest.raises(InputError, match="damaged"):
            RUNTIMES[name].load(folder, THREADS)


@pytest.mark.parametrize(
    "row",
    [
        ["call", "aten.from_file.default", ["/etc/passwd", True, 4], {}],
        ["call", "aten.save.default", [1, "x"], {}],
        ["call", "os.system.default", ["true"], {}],
        ["call", "aten.__class__.default", [], {}],
        ["call", "aten.zeros.default", [{"dtype": "load"}], {}],
        ["call", "aten.zeros.default", [{"eval": "1"}], {}],
        ["weight", "w0; import os"],
        ["submodule", "x"],
    ],
)
def test_a_program_can_only_compute(sources, tmp_path, row):
    import json

    RUNTIMES["torch-eager"].build(sources["cnn"][0], "fp32", tmp_path, THREADS)
    path = tmp_path / "program.json"
    document = json.loads(path.read_text())
    document["nodes"].insert(1, row)
    path.write_text(json.dumps(document))
    with pytest.raises(InputError):
        RUNTIMES["torch-eager"].load(tmp_path, THREADS)


def test_a_model_that_can_not_be_captured_says_why():
    class Branches(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    model = Branches().train()
    with pytest.raises(TraceError, match=r"torch\.export can't capture this model") as caught:
        source_of(model, [torch.ones(2)])
    assert caught.value.fix
    assert model.training  # put back as it was
    with pytest.raises(InputError, match=r"nn\.Module"):
        source_of(lambda x: x, [torch.ones(2)])


def test_bf16_counts_positions_beyond_256(tmp_path):
    """What depends on no input is computed in float32: bfloat16 has no 257."""

    class Positions(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(512, 512, bias=False)
            nn.init.eye_(self.linear.weight)

        def forward(self, x):
            parity = torch.arange(512, dtype=torch.float32) % 2
            return self.linear(x + parity)

    source = source_of(Positions(), [torch.zeros(1, 512)])
    runtime = RUNTIMES["torch-eager"]
    runtime.build(source, "bf16", tmp_path, THREADS)
    (output,) = runtime.load(tmp_path, THREADS)(*source.example)
    np.testing.assert_array_equal(output[0], np.arange(512) % 2)


def test_tied_weights_are_stored_once(tmp_path):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(64, 64, bias=False), nn.Linear(64, 64, bias=False)
            self.b.weight = self.a.weight

        def forward(self, x):
            return self.b(self.a(x))

    for precision, bytes_each in (("fp32", 4), ("bf16", 2)):
        folder = tmp_path / precision
        folder.mkdir()
        source = source_of(Tied(), [torch.ones(1, 64)])
        RUNTIMES["torch-eager"].build(source, precision, folder, THREADS)
        size = (folder / "weights.safetensors").stat().st_size
        assert size < 1.2 * bytes_each * 64 * 64


def test_a_temporary_workdir_goes_with_its_source():
    source = source_of(nn.Linear(2, 2), [torch.ones(1, 2)])
    folder = source.workdir
    assert source.onnx().parent == folder
    del source
    assert not folder.exists()
