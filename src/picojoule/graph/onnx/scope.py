"""Names of ops and module paths, from what exporters leave in an ONNX file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

__all__ = ["Names", "Scope"]

_SCOPES, _CLASSES = "pkg.torch.onnx.name_scopes", "pkg.torch.onnx.class_hierarchy"
_QUOTED = re.compile(r"'([^']*)'")


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a body runs: names of its ops begin with `prefix`, and it runs `repeat` times."""

    prefix: str = ""
    module: str = ""
    repeat: int = 1

    def within(self, prefix: str, module: str) -> Scope:
        """The scope of a body inside this one."""
        return Scope(prefix, module, self.repeat)

    def times(self, trips: int) -> Scope:
        """The same scope, run `trips` times."""
        return Scope(self.prefix, self.module, self.repeat * trips)


class Names:
    """Makes op names unique and collects the module tree."""

    def __init__(self) -> None:
        self.modules: dict[str, str] = {}
        self._seen: dict[str, int] = {}

    def place(self, proto: Any, scope: Scope) -> tuple[str, str]:
        """Name and module path of a node: from torch.export's metadata, else from the node's name
        ('/layers.0/attn/MatMul' -> 'layers.0.attn.MatMul' in 'layers.0.attn')."""
        said = {p.key: p.value for p in proto.metadata_props if p.key in (_SCOPES, _CLASSES)}
        if _SCOPES in said:
            paths = _QUOTED.findall(said[_SCOPES])[:-1]
            self._learn(paths, _QUOTED.findall(said.get(_CLASSES, "")))
            module, leaf = (paths[-1] if paths else ""), proto.name.removeprefix("node_")
        else:
            *parts, leaf = [p for p in proto.name.split("/") if p] or [""]
            module = ".".join(_merged(parts))
            if module:
                self.modules.setdefault(module, "")
        leaf = leaf or proto.op_type
        inner = f"{module}.{leaf}" if module else leaf
        name = f"{scope.prefix}.{inner}" if scope.prefix else inner
        return name, module or scope.module

    def _learn(self, paths: list[str], classes: list[str]) -> None:
        for path, name in zip(paths, classes, strict=False):
            self.modules.setdefault(path, name.rpartition(".")[2])

    def unique(self, name: str) -> str:
        """`name`, numbered from its second use on."""
        seen = self._seen[name] = self._seen.get(name, 0) + 1
        return name if seen == 1 else self.unique(f"{name}#{seen}")


def _merged(parts: list[str]) -> list[str]:
    """Exporters repeat a container's name in its child's: 'net', 'net.0' is 'net.0'."""
    # The last part has nothing after it.
    return [p for p, after in zip(parts, [*parts[1:], ""], strict=False)
            if not after.startswith(f"{p}.")]  # fmt: skip
