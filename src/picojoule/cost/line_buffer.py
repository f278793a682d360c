"""What a convolution with moving taps keeps on chip when its offsets are bounded.

A k × k window whose taps move by at most R rows touches 2R + k rows of its input, so a buffer of
so many lines serves it while the input streams by once. Without a bound, each tap is a random
access to memory (CoDeNet, FPGA 2021, arXiv 2006.08357).
"""

from __future__ import annotations

from picojoule.errors import InputError

__all__ = ["line_buffer_bytes", "lines_needed", "random_access_bytes", "streamed_bytes"]


def lines_needed(kernel: int, bound: int) -> int:
    """Rows that a window of `kernel` rows with offsets of −bound to bound touches: 2R + k."""
    if kernel < 1 or bound < 0:
        raise InputError("not a window", got=(kernel, bound), expected="kernel ≥ 1, bound ≥ 0")
    return 2 * bound + kernel


def line_buffer_bytes(
    width: int, channels: int, kernel: int, bound: int, bytes_each: float
) -> float:
    """Bytes of the lines that stay on chip."""
    return lines_needed(kernel, bound) * _row(width, channels, bytes_each)


def streamed_bytes(height: int, width: int, channels: int, bytes_each: float) -> float:
    """Bytes read through a line buffer: every input once."""
    return height * _row(width, channels, bytes_each)


def random_access_bytes(
    height: int, width: int, channels: int, kernel: int, bytes_each: float
) -> float:
    """Bytes read without a bound: every tap of every output by itself."""
    lines_needed(kernel, 0)
    return kernel**2 * streamed_bytes(height, width, channels, bytes_each)


def _row(width: int, channels: int, bytes_each: float) -> float:
    if width < 1 or channels < 1 or not bytes_each > 0:
        raise InputError("not a row of an image", got=(width, channels, bytes_each))
    return width * channels * bytes_each
