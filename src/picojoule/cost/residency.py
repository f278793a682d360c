"""Where an operand is served from, and which memory levels its bytes cross.

- Data served from level k crosses level k and every level inside it.
- Weights and state persist, and are read once per pass: least-recently-used eviction keeps them
  only where all of them fit together in half a level. Otherwise they come from the outermost.
- An activation whose op has its whole working set in half a level is served from that level.
- on_chip data is made and used inside one kernel: it never reaches the outermost level.
- Levels with roles serve only those: a microcontroller reads weights from flash, the rest from
  SRAM.

Half a level, because code, the next op and associativity conflicts take the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

from picojoule.chips.chip import Memory
from picojoule.cost.units import is_activation
from picojoule.graph import Graph, Op, Operand

__all__ = ["path_of", "persistent_bytes", "working_set"]

_SHARE = 0.5


def persistent_bytes(graph: Graph) -> float:
    """Bytes of all weights and state of `graph`."""
    return sum(op.bytes_of(o) for op in graph.ops for o in op.operands if not is_activation(o))


def working_set(op: Op) -> float:
    """Bytes of the operands of one run of `op` that reach memory."""
    return sum(op.bytes_of(o) for o in op.operands if not o.on_chip)


def path_of(
    operand: Operand, memory: Sequence[Memory], working_set_b: float, persistent_b: float
) -> Sequence[Memory]:
    """The levels that the bytes of `operand` cross, outermost first."""
    levels = [m for m in memory if m.serves(operand.role)]
    if operand.on_chip:
        return levels[-1:] if levels[-1:] != list(memory[:1]) else []
    needed = working_set_b if is_activation(operand) else persistent_b
    fits = [i for i, m in enumerate(levels) if needed <= _SHARE * m.capacity_bytes.value]
    return levels[fits[-1] if fits else 0 :]
