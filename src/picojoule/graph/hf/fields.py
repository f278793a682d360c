"""Reading a Hugging Face `config.json`: bounded, typed, and never executed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from picojoule.errors import TraceError

__all__ = ["Fields", "is_config", "read_config"]

_MAX_BYTES = 10 * 2**20
# Larger than any model; keeps a hostile config from filling the memory with layers.
_MAX_SIZE, MAX_LAYERS = 2**32, 4096
_MISSING = "give the config.json of the checkpoint; save_pretrained() writes all its fields"


def is_config(value: object) -> bool:
    """Whether `value` looks like the content of a Hugging Face config: it names a model_type."""
    return isinstance(value, Mapping) and isinstance(value.get("model_type"), str)


def read_config(config: Any) -> tuple[Mapping[str, Any], str]:
    """The fields of `config`, and where they come from, for messages.

    config: a path of a config.json or of its folder, a mapping, or an object with `to_dict()`.
    Raises TraceError when it is none of these, is over 10 MB, or is no JSON object.
    """
    if isinstance(config, Mapping):
        return config, "config"
    if isinstance(config, str | Path):
        path = Path(config)
        path = path / "config.json" if path.is_dir() else path
        return _load(path), str(path)
    if callable(getattr(config, "to_dict", None)):
        return _object(config.to_dict(), type(config).__name__), type(config).__name__
    raise TraceError(
        "not a model config", got=type(config).__name__, expected="a path, a mapping, or to_dict()"
    )


def _load(path: Path) -> Mapping[str, Any]:
    try:
        if not path.is_file():
            raise TraceError("no such config file", where=str(path), fix="check the path")
        if (size := path.stat().st_size) > _MAX_BYTES:
            raise TraceError(
                "too large for a config", where=str(path), got=f"{size} bytes", expected="≤ 10 MB"
            )
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise TraceError(
            f"not a JSON config: {error}", where=str(path), fix="give a config.json"
        ) from None
    return _object(loaded, str(path))


def _object(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TraceError(
            "not a JSON object", where=where, got=type(value).__name__, expected="an object"
        )
    return value


class Fields:
    """Typed access to a config. The first of several names is the one that messages use.

    where: the config's place. defaults: what the model's class assumes for absent fields.
    """

    def __init__(
        self, values: Mapping[str, Any], where: str, defaults: Mapping[str, Any] | None = None
    ) -> None:
        self.values, self.where = values, where
        self.defaults = defaults or {}

    def raw(self, *names: str) -> Any:
        """The first of `names` that is set, else the default, else None."""
        given = (self.values[n] for n in names if self.values.get(n) is not None)
        return next(given, self.defaults.get(names[0]))

    def optional(self, *names: str) -> int | None:
        """A positive integer, or None when absent, null or 0. Raises TraceError otherwise."""
        value = self.raw(*names)
        if value is None or (value == 0 and not isinstance(value, bool)):
            return None
        return self._positive(names[0], value)

    def size(self, *names: str) -> int:
        """A positive integer. Raises TraceError when it is absent or anything else."""
        value = self.raw(*names)
        if value is None:
            raise TraceError(f"config has no {names[0]}", where=self.where, fix=_MISSING)
        return self._positive(names[0], value)

    def count(self, name: str, default: int) -> int:
        """An integer that may be 0. Raises TraceError for anything else."""
        value = self.raw(name)
        return default if value is None else value if value == 0 else self._positive(name, value)

    def flag(self, name: str, default: bool) -> bool:
        """True or false. Raises TraceError for anything else."""
        value = self.raw(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.wrong(name, value, "true or false")
        return value

    def wrong(self, name: str, got: object, expected: str) -> TraceError:
        """The error for a field that can't be."""
        return TraceError(
            f"config field {name} is wrong", where=self.where, got=repr(got)[:80], expected=expected
        )

    def _positive(self, name: str, value: object) -> int:
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or not 0 < value <= _MAX_SIZE:  # type: ignore[operator]
            raise self.wrong(name, value, "a positive whole number")
        assert isinstance(value, int)  # noqa: S101  (for mypy)
        return value
