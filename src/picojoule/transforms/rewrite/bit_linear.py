"""The module that ToBitLinear puts in. Imports torch."""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["BitLinear"]


class BitLinear(torch.nn.Linear):
    """Ternary weights, int8 inputs after an RMS norm; gradients pass straight through rounding."""

    @classmethod
    def of(cls, layer: torch.nn.Linear) -> BitLinear:
        """With the weights of `layer`."""
        new = cls(layer.in_features, layer.out_features, layer.bias is not None)
        new.load_state_dict(layer.state_dict())
        return new.to(layer.weight.device, layer.weight.dtype)

    def ternary(self) -> torch.Tensor:
        """γ·clip(round(W/γ), ±1), γ = mean|W|."""
        gamma = self.weight.abs().mean().clamp(min=1e-5)
        return (self.weight / gamma).round().clamp(-1, 1) * gamma

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """(..., in) -> (..., out)."""
        x = torch.nn.functional.rms_norm(input, (self.in_features,))
        step = x.abs().amax(-1, keepdim=True).clamp(min=1e-5) / 127
        coded = (x / step).round().clamp(-128, 127) * step
        x = x + (coded - x).detach()
        w = self.weight + (self.ternary() - self.weight).detach()
        out: Any = torch.nn.functional.linear(x, w, self.bias)
        return out  # type: ignore[no-any-return]
