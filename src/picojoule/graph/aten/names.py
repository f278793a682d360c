"""Sorting ATen operators into kinds: by PyTorch's own tags, and by these names."""

from __future__ import annotations

from typing import Any

import torch

from picojoule.graph.ir import Kind

__all__ = ["is_free", "kind_of", "reads_self"]

_NORMS = frozenset(
    """native_layer_norm native_group_norm native_batch_norm _native_batch_norm_legit
    _native_batch_norm_legit_no_training _native_batch_norm_legit_functional
    cudnn_batch_norm _batch_norm_with_update _batch_norm_no_update batch_norm_backward
    miopen_batch_norm _fused_rms_norm native_layer_norm_backward native_group_norm_backward
    native_batch_norm_backward cudnn_batch_norm_backward _fused_rms_norm_backward
    _weight_norm_interface renorm""".split()
)
_SOFTMAX = frozenset(
    """_softmax _log_softmax _softmax_backward_data _log_softmax_backward_data _safe_softmax
    _masked_softmax""".split()
)
_REDUCE = frozenset(
    """sum mean amax amin aminmax max min argmax argmin var var_mean std std_mean prod any
    all norm linalg_vector_norm logsumexp nansum nll_loss_forward nll_loss_backward
    nll_loss2d_forward nll_loss2d_backward mse_loss mse_loss_backward count_nonzero median
    mode dist binary_cross_entropy smooth_l1_loss huber_loss equal""".split()
)
_SCAN = frozenset("cumsum cumprod cummax cummin logcumsumexp".split())
_SORT = frozenset("sort topk argsort kthvalue multinomial _unique2 unique_dim".split())
_GATHER = frozenset(
    """embedding embedding_dense_backward index index_select gather scatter scatter_add
    scatter_ scatter_add_ scatter_reduce index_put index_put_ _unsafe_index
    _unsafe_index_put index_add index_add_ index_copy index_copy_ index_fill index_fill_
    take masked_select masked_scatter _embedding_bag _embedding_bag_forward_only
    grid_sampler_2d nonzero bucketize searchsorted one_hot gather_backward
    index_select_backward _index_put_impl_ histc bincount
    max_pool2d_with_indices_backward""".split()
)
_COPY = frozenset(
    """copy_ copy clone cat stack constant_pad_nd _to_copy fill fill_ full full_like zeros
    ones zeros_like ones_like zero_ arange slice_scatter select_scatter diagonal_scatter
    repeat repeat_interleave roll flip tril triu tril_ triu_ select_backward slice_backward
    new_zeros new_ones new_full scalar_tensor eye linspace tril_indices triu_indices
    reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d
    reflection_pad2d_backward diag_embed im2col col2im unfold_backward pixel_shuffle
    pixel_unshuffle contiguous as_strided_copy resize_ masked_fill masked_fill_ where rand
    randn randint randperm rand_like randn_like normal normal_ uniform_ bernoulli_ bernoulli
    expand_copy permute_copy split_with_sizes_copy upsample_nearest1d upsample_nearest2d
    upsample_nearest2d_backward channel_shuffle""".split()
)
_POINTWISE = frozenset(
    """native_dropout native_dropout_backward dropout upsample_bilinear2d upsample_bicubic2d
    upsample_bilinear2d_backward upsample_linear1d _upsample_bilinear2d_aa
    _upsample_bicubic2d_aa gelu_backward silu_backward glu glu_backward addcmul_ addcdiv_
    lerp_ isnan isinf complex polar threshold_backward hardtanh_backward hardswish_backward
    hardsigmoid_backward sigmoid_backward tanh_backward elu_backward leaky_relu_backward
    softplus_backward _prelu_kernel _prelu_kernel_backward celu_ random_ floor_divide cross
    linalg_cross _fused_dropout hardswish hardswish_ log_sigmoid_forward log_sigmoid_backward
    rrelu_with_noise""".split()
)
_POOLS = frozenset(
    """max_pool2d_with_indices max_pool3d_with_indices avg_pool1d avg_pool2d avg_pool3d
    _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_max_pool2d max_pool1d
    adaptive_avg_pool1d avg_pool2d_backward _adaptive_avg_pool2d_backward
    avg_pool3d_backward adaptive_max_pool2d_backward""".split()
)
# No data moves, or only metadata does. `empty` allocates.
_FREE = frozenset(
    """_unsafe_view _reshape_alias detach detach_ lift_fresh lift_fresh_copy alias empty
    empty_like empty_strided new_empty new_empty_strided empty_permuted _local_scalar_dense
    is_same_size sym_size sym_stride sym_numel sym_storage_offset resize_ set_
    requires_grad_ transpose_ t_ squeeze_ unsqueeze_ _has_compatible_shallow_copy_type
    unsafe_split unsafe_split_with_sizes unsafe_chunk as_strided_ _assert_async
    _assert_scalar _assert_tensor_metadata _nested_tensor_size pin_memory record_stream
    result_type item is_pinned""".split()
)
_WRITES_SELF = frozenset(
    """copy_ fill_ zero_ normal_ uniform_ zeros_like ones_like full_like rand_like
    randn_like new_zeros new_ones new_full""".split()
)

_KINDS = (
    (Kind.NORM, _NORMS),
    (Kind.SOFTMAX, _SOFTMAX),
    (Kind.REDUCE, _REDUCE),
    (Kind.SCAN, _SCAN),
    (Kind.SORT, _SORT),
    (Kind.GATHER, _GATHER),
    (Kind.COPY, _COPY),
    (Kind.POOL, _POOLS),
    (Kind.ELEMENTWISE, _POINTWISE),
)


def is_free(func: Any) -> bool:
    """Whether a call moves no data: views, allocation, bookkeeping."""
    name = func._schema.name.split("::")[-1]
    return func.namespace in ("prim", "profiler") or name in _FREE or _is_view(func)


def _is_view(func: Any) -> bool:
    returns = func._schema.returns
    return bool(returns) and all(
        r.alias_info is not None and not r.alias_info.is_write for r in returns
    )


def kind_of(func: Any, name: str) -> Kind:
    """The kind of an operator that is not a contraction; CUSTOM when nothing knows it."""
    # In-place twins (add_, relu_) are the same work.
    base = name if name in _COPY | _GATHER else name.removesuffix("_")
    for kind, names in _KINDS:
        if name in names or base in names:
            return kind
    pointwise = torch.Tag.pointwise in func.tags or name.startswith("_foreach_")
    return Kind.ELEMENTWISE if pointwise else Kind.CUSTOM


def reads_self(name: str) -> bool:
    """Whether a copying call reads its first argument rather than overwriting or measuring it."""
    return name not in _WRITES_SELF
