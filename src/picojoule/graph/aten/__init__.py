"""From one ATen call to ops: which loop dims it has and which tensors index them.

Contractions (matrix products, convolutions, attention) are told exactly; everything else is sorted
into kinds. What nothing knows becomes CUSTOM: priced by its bytes and listed, never dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from picojoule.graph.aten.attention import attention, attention_backward
from picojoule.graph.aten.convolutions import conv, conv_backward
from picojoule.graph.aten.names import is_free, kind_of
from picojoule.graph.aten.parts import Call, Part, tensors_in
from picojoule.graph.aten.products import bmm, grouped_mm, mm, mv
from picojoule.graph.aten.streams import fused_update, gather, pool, streamed
from picojoule.graph.ir import Kind

__all__ = ["Call", "Part", "parts_of", "tensors_in"]


def parts_of(call: Call) -> list[Part]:
    """The ops that one call stands for; empty for views and bookkeeping."""
    if is_free(call.func):
        return []
    if (contraction := _CONTRACTIONS.get(call.name)) is not None:
        return contraction(call)
    kind = kind_of(call.func, call.name)
    if kind is Kind.GATHER:
        return [gather(call)]
    return [pool(call) if kind is Kind.POOL else streamed(kind, call)]


Handler = Callable[[Call], list[Part]]


def _table(names: Iterable[str], handler: Handler) -> dict[str, Handler]:
    return dict.fromkeys(names, handler)


_CONTRACTIONS: dict[str, Handler] = {
    **_table(("mm", "addmm", "_int_mm", "_scaled_mm", "_addmm_activation", "addmm_"), mm),
    **_table(("bmm", "baddbmm", "baddbmm_"), bmm),
    **_table(("_grouped_mm",), grouped_mm),
    **_table(("mv", "addmv", "addmv_", "dot", "vdot"), mv),
    **_table(("convolution", "_convolution", "convolution_overrideable"), conv),
    **_table(("convolution_backward",), conv_backward),
    **_table(
        (
            "_scaled_dot_product_flash_attention",
            "_scaled_dot_product_flash_attention_for_cpu",
            "_scaled_dot_product_efficient_attention",
            "_scaled_dot_product_cudnn_attention",
            "_scaled_dot_product_fused_attention_overrideable",
            "_scaled_dot_product_attention_math",
            "_scaled_dot_product_attention_math_for_mps",
        ),
        attention,
    ),
    **_table(
        (
            "_scaled_dot_product_flash_attention_backward",
            "_scaled_dot_product_flash_attention_for_cpu_backward",
            "_scaled_dot_product_efficient_attention_backward",
            "_scaled_dot_product_cudnn_attention_backward",
        ),
        attention_backward,
    ),
    **_table(("_fused_sgd_", "_fused_adam_", "_fused_adamw_", "_fused_adagrad_"), fused_update),
}
