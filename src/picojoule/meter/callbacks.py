"""Meters for trainers: callbacks of transformers and Lightning, made when they are asked for."""

from __future__ import annotations

from typing import Any

from picojoule.extras import require
from picojoule.meter.session import Meter, meter
from picojoule.quantity import Evidence

__all__ = ["lightning_callback", "transformers_callback"]


def transformers_callback(m: Meter | None = None) -> Any:
    """A TrainerCallback for `Trainer(callbacks=[...])`; its `meter` has the joules.

    Logs energy_j and energy_per_step_j once they are known. Raises MissingExtra without
    transformers.
    """
    base = require("transformers", "models").TrainerCallback

    class EnergyCallback(base):  # type: ignore[misc,valid-type]
        """Joules of a training run."""

        def __init__(self) -> None:
            self.meter = m or meter()
            self._ours = not self.meter.running

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            _enter(self.meter)

        def on_step_end(self, args: Any, *_: Any, **__: Any) -> None:
            each = getattr(args, "train_batch_size", 1)
            self.meter.step(each * getattr(args, "gradient_accumulation_steps", 1))

        def on_epoch_end(self, *_: Any, **__: Any) -> None:
            self.meter.epoch()

        def on_log(self, _args: Any, state: Any, *_: Any, **given: Any) -> None:
            # The trainer has copied the line into its history before it calls us.
            lines = [given.get("logs"), *getattr(state, "log_history", [])[-1:]]
            for line in lines if self.meter.running else ():
                if line is not None:
                    line.update(summary(self.meter))

        def on_train_end(self, *_: Any, **__: Any) -> None:
            _leave(self.meter, self._ours)

    return EnergyCallback()


def lightning_callback(m: Meter | None = None) -> Any:
    """A Callback for Lightning's `Trainer(callbacks=[...])`; its `meter` has the joules.

    Takes the `lightning` package. Raises MissingExtra without it.
    """
    base = require("lightning.pytorch", "lightning").Callback

    class EnergyCallback(base):  # type: ignore[misc,valid-type]
        """Joules of a training run."""

        def __init__(self) -> None:
            super().__init__()
            self.meter = m or meter()
            self._ours = not self.meter.running

        def on_train_start(self, *_: Any) -> None:
            _enter(self.meter)

        def on_train_batch_end(self, _t: Any, _m: Any, _o: Any, batch: Any, *_: Any) -> None:
            self.meter.step(samples_in(batch))

        def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
            self.meter.epoch()
            module.log_dict(summary(self.meter))

        def on_train_end(self, *_: Any) -> None:
            _leave(self.meter, self._ours)

        def on_exception(self, *_: Any) -> None:
            _leave(self.meter, self._ours)

    return EnergyCallback()


def _enter(m: Meter) -> None:
    if not m.running:
        m.__enter__()


def _leave(m: Meter, ours: bool) -> None:
    """End the meter, unless the caller started it: then the block is theirs to leave."""
    if ours and m.running:
        m.__exit__(None, None, None)


def summary(m: Meter) -> dict[str, float]:
    """Joules so far and per step, for a trainer's log; without what is unknown."""
    pairs = {"energy_j": m.energy, "energy_per_step_j": m.steps.per_step}
    return {n: q.value for n, q in pairs.items() if q.evidence is not Evidence.UNAVAILABLE}


def samples_in(batch: Any) -> int:
    """The length of the first thing in a batch that has one: a tensor's first dimension."""
    if isinstance(batch, dict):
        batch = next(iter(batch.values()), None)
    elif isinstance(batch, list | tuple):
        batch = batch[0] if batch else None
    shape = getattr(batch, "shape", None)
    return int(shape[0]) if shape is not None and len(shape) else 1
