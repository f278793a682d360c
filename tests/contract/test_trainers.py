"""The callbacks inside the real trainers of transformers and Lightning, on a simulated sensor."""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from meter_fakes import FakeSensor, Source, counter  # noqa: E402

from picojoule.meter.callbacks import lightning_callback, transformers_callback  # noqa: E402
from picojoule.meter.session import meter  # noqa: E402
from picojoule.quantity import Evidence  # noqa: E402

WATTS, SAMPLES, BATCH, EPOCHS = 10.0, 32, 8, 2
STEPS = SAMPLES // BATCH * EPOCHS


@pytest.fixture
def simulated():
    """A meter on one sensor of 10 W."""
    source = Source(time.monotonic)
    return meter([FakeSensor(source, {counter("c"): 1.0})], period_s=0.01, sync=None)


@pytest.fixture(autouse=True)
def others_warnings():
    """What the trainers warn of inside themselves isn't ours to judge."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Data(torch.utils.data.Dataset):
    def __len__(self):
        return SAMPLES

    def __getitem__(self, index):
        return {"x": torch.full((4,), float(index)), "labels": torch.tensor(index % 2)}


def check(m, seconds):
    assert m.steps.count == STEPS
    assert sum(block.samples for block in m.steps.blocks) == STEPS * BATCH
    assert [epoch.steps for epoch in m.steps.epochs] == [STEPS // EPOCHS] * EPOCHS
    assert m.energy.evidence is Evidence.MEASURED
    assert 0 < m.energy.value <= 1.05 * WATTS * seconds


def test_transformers(simulated, tmp_path):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(4, 2)

        def forward(self, x, labels):
            logits = self.linear(x)
            return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}

    options = transformers.TrainingArguments(
        output_dir=str(tmp_path), num_train_epochs=EPOCHS, per_device_train_batch_size=BATCH,
        report_to=[], disable_tqdm=True, use_cpu=True, save_strategy="no", logging_steps=2,
    )  # fmt: skip
    callback = transformers_callback(simulated)
    began = time.monotonic()
    trainer = transformers.Trainer(
        model=Net(), args=options, train_dataset=Data(), callbacks=[callback]
    )
    trainer.train()
    check(callback.meter, time.monotonic() - began)
    assert any("energy_j" in line for line in trainer.state.log_history)


def test_lightning(simulated, tmp_path):
    lightning = pytest.importorskip("lightning.pytorch")

    class Net(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(4, 2)

        def training_step(self, batch, _):
            return torch.nn.functional.cross_entropy(self.linear(batch["x"]), batch["labels"])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.01)

    callback = lightning_callback(simulated)
    trainer = lightning.Trainer(
        max_epochs=EPOCHS, callbacks=[callback], accelerator="cpu", logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        default_root_dir=tmp_path,
    )  # fmt: skip
    began = time.monotonic()
    trainer.fit(Net(), torch.utils.data.DataLoader(Data(), BATCH))
    check(callback.meter, time.monotonic() - began)
    assert "energy_j" in trainer.callback_metrics
