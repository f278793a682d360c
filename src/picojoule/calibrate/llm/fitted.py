"""Constants of `serving` by name, and the steps of deployments that they predict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np

from picojoule.calibrate.llm.deployment import Deployment, Facts, facts
from picojoule.calibrate.llm.serving import Constants, Steps, steps
from picojoule.calibrate.measured_set import Floats

__all__ = ["HOLDS", "SHARED", "Fitted", "Row", "Task", "holding"]

SHARED = "shared"  # in place of a GPU's name: what all have in common


class Task(msgspec.Struct, frozen=True):
    """What a request of a task holds besides its output. Pixels: of an image, of a video frame."""

    prompt_tokens: float
    image_mpixels: float = 0.0
    frame_mpixels: float = 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """A model that serves a task. note: what had to be assumed.

    time_s, decode_s: measured seconds of a mean step and of one without prefill, NaN where there
    are none; read when fitting, never when predicting.
    """

    model: str
    deployment: Deployment
    task: str
    note: str | None = None
    time_s: float = field(default=math.nan, compare=False)
    decode_s: float = field(default=math.nan, compare=False)


class Fitted(msgspec.Struct, frozen=True):
    """constants: name -> GPU or "shared" -> value. stall_s: GPU -> task -> seconds."""

    constants: dict[str, dict[str, float]]
    stall_s: dict[str, dict[str, float]]
    tasks: dict[str, Task]

    def price(self, deployments: Sequence[Deployment]) -> Steps:
        """Time, power and energy of the mean step of deployments that hold their own prompts.

        No other server shares their host. A GPU without constants of its own gets the shared ones.
        """
        known = facts(deployments)
        return steps(known, self._constants(deployments, np.zeros(len(deployments))))

    def steps(self, rows: Sequence[Row]) -> Steps:
        """The same of rows of a benchmark, whose tasks say what requests hold."""
        deployments = [row.deployment for row in rows]
        tasks = [self.tasks[row.task] for row in rows]
        held = (np.array([getattr(task, name) for task in tasks], float) for name in HOLDS)
        stall = [self.stall_s.get(r.deployment.gpu.name, {}).get(r.task, 0.0) for r in rows]
        known = holding(facts(deployments), *held)
        shared = np.where(known.gpus == 1, np.array(stall, float), 0.0)
        return steps(known, self._constants(deployments, shared))

    def _constants(self, deployments: Sequence[Deployment], stall_s: Floats) -> Constants:
        names = [d.gpu.name for d in deployments]
        values = {
            name: np.array([of.get(gpu, of[SHARED]) for gpu in names])
            for name, of in self.constants.items()
        }
        return Constants(**values, stall_s=stall_s)


HOLDS = tuple(Task.__struct_fields__)


def holding(known: Facts, prompt: Floats, image: Floats, frame: Floats) -> Facts:
    """Facts with what requests hold: prompt tokens, megapixels of an image, of a video frame."""
    return replace(
        known, prompt_tokens=prompt, image_mpixels=image, video_mpixels=frame * known.video_frames
    )
