"""AP-BWE: amplitude and phase of a wide-band spectrum by two streams that add to each other.

Lu et al., arXiv 2401.06387, section III; sizes of the released configuration. Imports torch.
"""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["ap_bwe", "spectra"]

_CHANNELS, _BLOCKS, _KERNEL = 512, 8, 7


class Block(nn.Module):
    """x + γ·f(x): depthwise over frames, then pointwise to three times the width and back."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.frames = nn.Conv1d(width, width, _KERNEL, padding=_KERNEL // 2, groups=width)
        self.channels = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.GELU(), nn.Linear(3 * width, width)
        )
        self.scale = nn.Parameter(torch.empty(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, width, frames), unchanged in shape."""
        y = self.scale * self.channels(self.frames(x).transpose(1, 2))
        out: torch.Tensor = x + y.transpose(1, 2)
        return out


class Entry(nn.Module):
    """A convolution over frames, then a layer norm over channels."""

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(bins, _CHANNELS, _KERNEL, padding=_KERNEL // 2)
        self.norm = nn.LayerNorm(_CHANNELS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, bins, frames) -> (batch, channels, frames)."""
        out: torch.Tensor = self.norm(self.conv(x).transpose(1, 2)).transpose(1, 2)
        return out


class ApBwe(nn.Module):
    """Two streams of blocks; each adds the other before every block."""

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.entries = nn.ModuleList([Entry(bins), Entry(bins)])
        self.amplitude = nn.ModuleList(Block(_CHANNELS) for _ in range(_BLOCKS))
        self.phase = nn.ModuleList(Block(_CHANNELS) for _ in range(_BLOCKS))
        self.norms = nn.ModuleList([nn.LayerNorm(_CHANNELS), nn.LayerNorm(_CHANNELS)])
        self.heads = nn.ModuleList(nn.Linear(_CHANNELS, bins) for _ in range(3))

    def forward(
        self, amplitude: torch.Tensor, phase: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Log amplitude and phase, (batch, bins, frames) each, of the narrow and the wide band."""
        a, p = self.entries[0](amplitude), self.entries[1](phase)
        for first, second in zip(self.amplitude, self.phase, strict=True):
            a = a + p
            p = p + a
            a, p = first(a), second(p)
        a, p = (norm(x.transpose(1, 2)) for norm, x in zip(self.norms, (a, p), strict=True))
        added, real, imaginary = self.heads[0](a), self.heads[1](p), self.heads[2](p)
        wide = amplitude + added.transpose(1, 2)
        return wide, torch.atan2(imaginary, real).transpose(1, 2)


def ap_bwe(n_fft: int = 1024) -> nn.Module:
    """For spectra of n_fft/2 + 1 bins."""
    with torch.device("meta"):
        return ApBwe(n_fft // 2 + 1)


def spectra(frames: int, n_fft: int = 1024) -> tuple[torch.Tensor, torch.Tensor]:
    """An amplitude and a phase of so many frames, on the meta device."""
    shape = 1, n_fft // 2 + 1, frames
    return torch.empty(shape, device="meta"), torch.empty(shape, device="meta")
