"""Messages between a worker process and its client: a JSON header, then raw arrays.

    magic "PJW1" | header length, uint32 little-endian | header, JSON | bytes of each array

The header lists each array's shape and dtype. No pickle: neither side can make the other run code.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from picojoule.deploy.runtime import Array
from picojoule.errors import PicojouleError

__all__ = ["WireError", "pack", "unpack"]

_MAGIC = b"PJW1"
_MAX_HEADER_BYTES = 1 << 20
_MAX_ARRAY_BYTES = 4 << 30


class WireError(PicojouleError):
    """The bytes aren't a message."""


def pack(header: dict[str, Any], arrays: Sequence[Array] = ()) -> bytes:
    """One message as bytes."""
    specs = [[list(array.shape), array.dtype.name] for array in arrays]
    text = json.dumps({**header, "arrays": specs}).encode()
    body = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)
    return _MAGIC + struct.pack("<I", len(text)) + text + body


def unpack(read: Callable[[int], bytes]) -> tuple[dict[str, Any], list[Array]]:
    """Read one message; `read(n)` returns exactly n bytes. Raises WireError for garbage."""
    start = read(8)
    if start[:4] != _MAGIC:
        raise WireError("not a message", got=repr(start), expected=repr(_MAGIC))
    (length,) = struct.unpack("<I", start[4:])
    if length > _MAX_HEADER_BYTES:
        raise WireError("header too long", got=length, expected=f"<= {_MAX_HEADER_BYTES} bytes")
    try:
        header = json.loads(read(length))
        specs = [_spec(*spec) for spec in header.pop("arrays")]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise WireError(f"bad header: {error}") from error
    return header, [_array(read, shape, dtype) for shape, dtype in specs]


def _spec(shape: list[int], dtype: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    kind = np.dtype(dtype)
    if kind.kind not in "biuf" or any(type(n) is not int or n < 0 for n in shape):
        raise ValueError(f"array of shape {shape} and dtype {dtype}")
    if math.prod(shape) * kind.itemsize > _MAX_ARRAY_BYTES:
        raise ValueError(f"array of shape {shape} is larger than {_MAX_ARRAY_BYTES} bytes")
    return tuple(shape), kind


def _array(read: Callable[[int], bytes], shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    data = bytearray(read(math.prod(shape) * dtype.itemsize))  # writable, as torch wants it
    return np.frombuffer(data, dtype).reshape(shape)
