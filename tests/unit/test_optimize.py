"""pj.optimize from end to end on a tiny model, with two runtimes, and what may go wrong."""

import json

import numpy as np
import pytest
import torch
from torch import nn

import picojoule as pj
from picojoule.errors import InputError, SpecError, TraceError
from picojoule.search import loop
from picojoule.search.attempt import attempt

X = torch.randn(64, 1, 8, 8, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 3),
        )  # fmt: skip

    def forward(self, x):
        return self.body(x)


@pytest.fixture
def run(tmp_path):
    model = Net().eval()
    with torch.no_grad():
        answer = model(X).argmax(1)

    def evaluate(predict):
        return pj.Accuracy(predict(X).argmax(1) == answer)

    def go(evaluate=evaluate, **options):
        settings = {"max_drop": 0.2, "budget_s": 3, "threads": 1, "directory": tmp_path / "out",
                    "runtimes": ["onnxruntime", "torch-eager"]}  # fmt: skip
        return pj.optimize(
            model, [x[None] for x in X[:8]], evaluate=evaluate, **(settings | options)
        )

    go.evaluate = evaluate
    return go


def test_search_verifies_exports_and_resumes(run, monkeypatch):
    front = run()
    built = {c.name: c for c in front.candidates}
    assert built["torch-eager fp32"].status in ("front", "dominated", "inconclusive")
    assert built["onnxruntime fp32"].drop == (0, 0, 0)
    assert built["onnxruntime fp32"].effective_precision.startswith("fp32")
    assert any("not pruned" in note for note in front.notes)
    document = front.to_dict()
    assert json.loads(json.dumps(document))["schema"] == "picojoule/optimize/1"

    exported = pj.load(front.export(front.directory / "exported", "onnxruntime fp32"))
    expected = Net().eval()(X).detach().numpy()
    np.testing.assert_allclose(exported(X.numpy()), expected, atol=1e-4)
    card = exported.card
    assert card["result"]["accuracy"]["n"] == 64
    assert card["versions"]["onnxruntime"]

    built = []

    def counted(recipe, *args, **kwargs):
        built.append(recipe)
        return attempt(recipe, *args, **kwargs)

    monkeypatch.setattr(loop, "attempt", counted)
    again = run()
    failed = {c.recipe for c in front.candidates if c.status == "infeasible"}
    assert set(built) == failed  # a busy machine may have been the reason
    assert {r.precision for r in failed} == {"int8w", "int4w"}  # its one linear layer is a Gemm
    same = [(c.name, c.accuracy, c.effective_precision) for c in front.candidates]
    assert sorted(same, key=str) == sorted(
        [(c.name, c.accuracy, c.effective_precision) for c in again.candidates], key=str
    )


def test_interrupted_search_returns_what_is_done_and_goes_on_later(run):
    calls = []

    def interrupted(predict):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return run.evaluate(predict)

    front = run(interrupted)
    assert any("interrupted" in note for note in front.notes)
    assert sum(c.accuracy is not None for c in front.candidates) == 1
    finished = len(calls)
    resumed = run(interrupted)
    assert sum(c.accuracy is not None for c in resumed.candidates) >= 3
    assert len(calls) > finished


def test_pruning_fine_tunes_and_is_verified(run):
    tuned = []
    front = run(train=tuned.append, prune_ratios=(0.5,), trials=8)
    pruned = [c for c in front.candidates if c.recipe.prune_ratio and c.accuracy]
    assert len(tuned) == 1
    assert pruned
    whole = next(c for c in front.candidates if c.name == "onnxruntime fp32")
    assert all(c.size_bytes < whole.size_bytes for c in pruned if c.recipe.precision == "fp32")


def test_nan_accuracy_ends_the_search_but_loses_nothing(run):
    calls = []

    def breaks(predict):
        calls.append(1)
        return run.evaluate(predict) if len(calls) == 1 else pj.Accuracy([float("nan")])

    with pytest.raises(SpecError, match="accuracy is not a number"):
        run(breaks)
    with pytest.raises(SpecError, match="accuracy is not a number"):
        run(breaks)
    assert len(calls) == 3  # the reference was not scored again


def test_wrong_return_type_of_evaluate(run):
    with pytest.raises(SpecError, match=r"expected pj\.Accuracy"):
        run(lambda predict: 0.9)


def test_random_forward_is_refused(tmp_path):
    class Noisy(Net):
        def forward(self, x):
            return self.body(x) + torch.randn(1, 3)

    with pytest.raises(TraceError, match="disagree"):
        pj.optimize(
            Noisy(), [X[:1]], evaluate=lambda p: pj.Accuracy(p(X[:4]).argmax(1) == 0),
            directory=tmp_path, threads=1,
        )  # fmt: skip


def test_unknown_runtime_and_bounds_are_named(run):
    with pytest.raises(InputError, match="did you mean openvino"):
        run(runtimes=["openvinno"])
    with pytest.raises(InputError, match="max_drop out of range"):
        run(max_drop=2)
    with pytest.raises(pj.PicojouleError, match="did you mean"):
        run(on="h100")
