"""A Graph from any nn.Module, by watching the operators that it calls on fake tensors.

No weights are allocated and nothing is computed: parameters become fake tensors of the same shape
and dtype on one fake device, so counts can't depend on where the model lives.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from picojoule.errors import TraceError
from picojoule.graph.aten import Call, Part, parts_of, tensors_in
from picojoule.graph.ir import Edge, Graph, Op, Operand, Phase, Role

__all__ = ["OPTIMIZERS", "from_torch"]

# foreach and fused variants are off where one op per parameter tells more.
OPTIMIZERS: dict[str, Callable[[list[Tensor]], torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9, fused=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-3, fused=True),
}


def from_torch(
    model: nn.Module | Callable[[], nn.Module],
    inputs: Any,
    *,
    training: bool = False,
    optimizer: str = "sgd",
    real: bool = False,
    name: str | None = None,
) -> Graph:
    """Trace one forward pass, or one training step (forward, backward, update).

    model: a module, or a function that builds one (it is called on the meta device, so that a
    model larger than memory can be traced). inputs: one tensor or array, a tuple of positional
    inputs, or a dict of keyword inputs. real: run on the real tensors, for models whose control
    flow reads values. Raises TraceError when the model can't be run this way.
    """
    module = _build(model)
    recorder = _Recorder(module)
    args, kwargs = _arguments(inputs)
    with _quiet(), contextlib.nullcontext() if real else FakeTensorMode(allow_non_fake_inputs=True):
        state = dict(_state(module)) if real else _fake_state(module)
        if not real:
            args, kwargs = tree_map(_fake, args), tree_map(_fake, kwargs)
        _run(module, state, args, kwargs, recorder, optimizer if training else None)
    return recorder.graph(name or type(module).__name__)


def _build(model: nn.Module | Callable[[], nn.Module]) -> nn.Module:
    if isinstance(model, nn.Module):
        return model
    with torch.device("meta"):
        built = model()
    if not isinstance(built, nn.Module):
        raise TraceError("not a model", got=type(built).__name__, expected="a torch.nn.Module")
    return built


def _arguments(inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(inputs, Mapping):
        return (), {str(k): _tensor(v) for k, v in inputs.items()}
    if isinstance(inputs, tuple | list):
        return tuple(_tensor(v) for v in inputs), {}
    return (_tensor(inputs),), {}


def _tensor(value: Any) -> Any:
    # Arrays of numpy, and nothing else, become tensors; None, flags and lists go through.
    return torch.as_tensor(value) if type(value).__module__ == "numpy" else value


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """One path for every machine: no fused encoder fast path, no oneDNN recurrent layers."""
    fast, onednn = torch.backends.mha.get_fastpath_enabled(), torch._C._get_mkldnn_enabled()
    log = logging.getLogger("torch._subclasses.fake_tensor")  # logs errors that we report
    level = log.level
    log.setLevel(logging.CRITICAL)
    torch.backends.mha.set_fastpath_enabled(False)
    torch._C._set_mkldnn_enabled(False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        torch._C._set_mkldnn_enabled(onednn)
        log.setLevel(level)


def _state(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from module.named_parameters(remove_duplicate=False)
    yield from module.named_buffers(remove_duplicate=False)


def _fake(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="cpu")


def _fake_state(module: nn.Module) -> dict[str, Tensor]:
    """Fake twins of parameters and buffers; tied ones stay tied."""
    made: dict[int, Tensor] = {}
    for _, t in _state(module):
        if id(t) not in made:
            twin = _fake(t.detach())
            # requires_grad is kept without training too: ATen folds batches of a product by it.
            is_parameter = isinstance(t, nn.Parameter)
            made[id(t)] = nn.Parameter(twin, t.requires_grad) if is_parameter else twin
    return {name: made[id(t)] for name, t in _state(module)}


def _run(
    module: nn.Module, state: dict[str, Tensor], args: Any, kwargs: Any, recorder: _Recorder,
    optimizer: str | None,
) -> None:  # fmt: skip
    was_training = module.training
    module.train(optimizer is not None)
    recorder.adopt(state)
    try:
        with torch.set_grad_enabled(optimizer is not None), recorder.watching():
            out = torch.func.functional_call(module, state, args, kwargs)
            if optimizer is not None:
                _learn(out, list(state.values()), recorder, optimizer)
    except DataDependentOutputException as error:
        raise TraceError(
            f"control flow reads the value of a tensor ({error.func})",
            where=recorder.here(), fix="trace with real=True, which runs the model once",
        ) from error  # fmt: skip
    except (RuntimeError, TypeError, ValueError, IndexError, AssertionError) as error:
        raise TraceError(
            f"the model failed on these inputs: {error}",
            where=recorder.here(), got=_describe(args, kwargs),
            fix="pass the inputs that model.forward takes",
        ) from error  # fmt: skip
    finally:
        module.train(was_training)


def _describe(args: Any, kwargs: Any) -> str:
    def shape(t: Tensor) -> str:
        return f"{str(t.dtype).removeprefix('torch.')}{list(t.shape)}"

    named = [f"{k}={shape(v)}" for k, v in kwargs.items() if isinstance(v, Tensor)]
    return ", ".join([*(shape(t) for t in tensors_in(args)), *named])


def _learn(out: Any, state: list[Tensor], recorder: _Recorder, optimizer: str) -> None:
    if optimizer not in OPTIMIZERS:
        raise TraceError("unknown optimizer", got=optimizer, expected=" or ".join(OPTIMIZERS))
    values = list(out.values()) if isinstance(out, Mapping) else out
    heads = [t for t in tensors_in(values) if t.requires_grad and t.is_floating_point()]
    if not heads:
        raise TraceError("nothing to train: no output depends on a parameter that requires grad")
    # The loss itself is the user's; a sum stands in for it and costs one pass over the outputs.
    loss = torch.stack([t.float().sum() for t in heads]).sum()
    recorder.phase = Phase.BACKWARD
    loss.backward()  # type: ignore[no-untyped-call]
    params = list({id(p): p for p in state if p.grad is not None}.values())
    recorder.phase = Phase.UPDATE
    for p in params:
        recorder.adopt_gradient(p)
        OPTIMIZERS[optimizer]([p]).step()


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Turns the calls that it sees into ops, with module path, phase and data edges."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.phase = Phase.FORWARD
        self._paths = {id(m): path for path, m in module.named_modules()}
        self._classes = {path: type(m).__name__ for path, m in module.named_modules()}
        self._stack: list[str] = []
        self._roles: dict[int, Role] = {}
        self._owner: dict[int, str] = {}
        self._maker: dict[int, int] = {}
        self._alive: list[Any] = []  # keeps storages, so that their addresses stay unique
        self._module_of_node: dict[int, str] = {}
        self._names: dict[str, int] = {}
        self._ops: list[Op] = []
        self._edges: list[Edge] = []

    def adopt(self, state: Mapping[str, Tensor]) -> None:
        """Note which storages hold parameters and buffers, and whose they are."""
        for name, t in state.items():
            self._roles[_key(t)] = Role.WEIGHT
            self._owner.setdefault(_key(t), name.rpartition(".")[0])
            self._alive.append(t.untyped_storage())

    def adopt_gradient(self, p: Tensor) -> None:
        """A parameter's gradient belongs to the parameter's module."""
        if p.grad is not None:
            self._owner[_key(p.grad)] = self._owner.get(_key(p), "")

    def here(self) -> str | None:
        """The module that runs now."""
        return next((path for path in reversed(self._stack) if path), None)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Record until the end of the block."""
        enter = register_module_forward_pre_hook(self._enter)
        leave = register_module_forward_hook(self._leave, always_call=True)
        try:
            with self:
                yield
            self._stack.clear()
        finally:
            enter.remove()
            leave.remove()

    def _enter(self, module: nn.Module, _: Any) -> None:
        if (path := self._paths.get(id(module))) is not None:
            self._stack.append(path)

    def _leave(self, module: nn.Module, _: Any, __: Any) -> None:
        # always_call also runs on errors, and then the stack still says where.
        if id(module) in self._paths and self._stack and sys.exc_info()[0] is None:
            self._stack.pop()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        module = self._module(tensors_in(args))
        out = func(*args, **kwargs)
        for part in parts_of(Call(func, args, kwargs, out, self._role)):
            self._record(part, str(func._schema.name).replace("::", "."), module)
        return out

    def _role(self, t: Tensor) -> Role:
        return self._roles.get(_key(t), Role.INPUT)

    def _module(self, tensors: Sequence[Tensor]) -> str:
        """Forward: the module that runs. Backward: the one that made the autograd node. Update:
        the one that owns the parameter."""
        if self.phase is Phase.UPDATE:
            return next((self._owner[k] for t in tensors if (k := _key(t)) in self._owner), "")
        if self.phase is Phase.BACKWARD:
            node = torch._C._current_autograd_node()
            return self._module_of_node.get(node._sequence_nr(), "") if node is not None else ""
        module = self._stack[-1] if self._stack else ""
        # Below autograd the node of this call has just taken the number before the next one.
        self._module_of_node.setdefault(torch._C._autograd._get_sequence_nr() - 1, module)
        return module

    def _record(self, part: Part, target: str, module: str) -> None:
        short = target.rsplit(".", maxsplit=1)[-1].strip("_") + (
            f".{part.label}" if part.label else ""
        )
        base = f"{module}/{short}" if module else short
        seen = self._names.get(base, 0)
        self._names[base] = seen + 1
        index = len(self._ops)
        self._link(part.slots, index)
        self._ops.append(
            Op(
                name=base if not seen else f"{base}#{seen + 1}",
                kind=part.kind,
                dims=part.dims,
                operands=tuple(operand for operand, _ in part.slots),
                phase=self.phase,
                module=module,
                target=target,
            )
        )

    def _link(self, operands: Sequence[tuple[Operand, Tensor | None]], index: int) -> None:
        for number, (operand, t) in enumerate(operands):
            if t is None:
                # On-chip values pass between the neighbouring parts of one call.
                if operand.role is Role.INPUT and self._ops:
                    self._edges.append(Edge(index - 1, index, number))
                continue
            key = _key(t)
            if operand.role is not Role.OUTPUT and key in self._maker:
                self._edges.append(Edge(self._maker[key], index, number))
            if operand.role is Role.OUTPUT:
                self._maker[key] = index
                self._alive.append(t.untyped_storage())

    def graph(self, name: str) -> Graph:
        """What was seen so far."""
        notes = [f"not counted, priced by bytes: {target}" for target in self._uncounted()]
        return Graph(name, tuple(self._ops), tuple(self._edges), self._classes, tuple(notes))

    def _uncounted(self) -> list[str]:
        return list(dict.fromkeys(op.target for op in self._ops if op.kind == "custom"))


def _key(t: Tensor) -> int:
    return int(t.untyped_storage()._cdata)
