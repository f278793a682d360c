"""Change the model, or the formats in its graph."""

from picojoule.transforms.prune import prune_channels
from picojoule.transforms.retarget import retarget

__all__ = ["prune_channels", "retarget"]
