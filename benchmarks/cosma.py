"""Non-compulsory bytes of a scratchpad: the program with divide and conquer against greedy ones.

    python benchmarks/cosma.py [network ...]

Baselines run in the order of the program: evict what was used least recently (LRU), evict what is
needed last (Belady), and Belady in the best of the orders that `schedule` tries, which tells the
value of the order from that of the program.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from picojoule.cost.scratchpad import dag_of, greedy, schedule
from picojoule.cost.scratchpad.divide import orders
from picojoule.graph.trace import trace

SIZES = (1.0, 1.1, 1.25, 1.5)  # of the largest task


class Found(NamedTuple):
    """Bytes moved by each plan. placed: whether addresses were found."""

    network: str
    tasks: int
    budget_b: int
    ours_b: int
    lru_b: int
    belady_b: int
    best_order_b: int
    placed: bool
    seconds: float

    @property
    def saved(self) -> float:
        """Share of the LRU traffic that isn't moved."""
        return 1 - self.ours_b / self.lru_b if self.lru_b else 0.0


def cbr(i: int, o: int, k: int = 3, stride: int = 1, groups: int = 1) -> nn.Module:
    """Convolution, batch norm, ReLU."""
    conv = nn.Conv2d(i, o, k, stride, k // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(o), nn.ReLU())


class Inception(nn.Module):
    """Szegedy et al., CVPR 2015, table 1."""

    def __init__(self, i: int, a: int, b0: int, b: int, c0: int, c: int, d: int) -> None:
        super().__init__()
        self.a = cbr(i, a, 1)
        self.b = nn.Sequential(cbr(i, b0, 1), cbr(b0, b))
        self.c = nn.Sequential(cbr(i, c0, 1), cbr(c0, c, 5))
        self.d = nn.Sequential(nn.MaxPool2d(3, 1, 1), cbr(i, d, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.a(x), self.b(x), self.c(x), self.d(x)), 1)


class Separable(nn.Module):
    """ReLU, depthwise and pointwise convolution, batch norm."""

    def __init__(self, c: int, k: int) -> None:
        super().__init__()
        depthwise = nn.Conv2d(c, c, k, 1, k // 2, groups=c)
        self.layers = nn.Sequential(nn.ReLU(), depthwise, nn.Conv2d(c, c, 1), nn.BatchNorm2d(c))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class DartsCell(nn.Module):
    """Normal cell of DARTS V2 (Liu et al., ICLR 2019, figure 4), its dilated one as separable."""

    width = 4

    def __init__(self, before: int, last: int, c: int) -> None:
        super().__init__()
        self.a, self.b = cbr(before, c, 1), cbr(last, c, 1)
        self.ops = nn.ModuleList(Separable(c, 3) for _ in range(6))

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        a, b, o = self.a(a), self.b(b), self.ops
        n0, n1 = o[0](a) + o[1](b), o[2](a) + o[3](b)
        return torch.cat((n0, n1, o[4](b) + a, a + o[5](n0)), 1)


class NasCell(nn.Module):
    """Normal cell of NASNet-A (Zoph et al., CVPR 2018, figure 4)."""

    width = 6

    def __init__(self, before: int, last: int, c: int) -> None:
        super().__init__()
        self.a, self.b = cbr(before, c, 1), cbr(last, c, 1)
        self.ops = nn.ModuleList(Separable(c, k) for k in (3, 5, 5, 3, 3))

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        a, h, o = self.a(a), self.b(b), self.ops
        pool = lambda x: functional.avg_pool2d(x, 3, 1, 1)  # noqa: E731
        parts = (o[0](h) + h, o[3](a) + o[1](h), pool(h) + a, pool(a) + pool(a), o[2](a) + o[4](a))
        return torch.cat((a, *parts), 1)


class Cells(nn.Module):
    """A stem and cells that read the two results before them, at CIFAR size."""

    def __init__(self, cell: type[DartsCell] | type[NasCell], c: int, n: int) -> None:
        super().__init__()
        self.stem, widths = cbr(3, 3 * c), [3 * c, 3 * c, *[cell.width * c] * n]
        self.cells = nn.ModuleList(cell(widths[i], widths[i + 1], c) for i in range(n))
        self.head = nn.Linear(cell.width * c, 10)

    def forward(self, x: Tensor) -> Tensor:
        a = b = self.stem(x)
        for cell in self.cells:
            a, b = b, cell(a, b)
        return self.head(b.mean((2, 3)))


class Basic(nn.Module):
    """ResNet's basic block (He et al., CVPR 2016)."""

    def __init__(self, i: int, o: int, stride: int) -> None:
        super().__init__()
        self.a = cbr(i, o, 3, stride)
        self.b = nn.Sequential(nn.Conv2d(o, o, 3, 1, 1), nn.BatchNorm2d(o))
        self.short = nn.Conv2d(i, o, 1, stride) if i != o else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.b(self.a(x)) + self.short(x))


class Block(nn.Module):
    """A transformer layer, pre-norm."""

    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.q, self.k, self.v, self.o = (nn.Linear(d, d) for _ in range(4))
        self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))

    def forward(self, x: Tensor) -> Tensor:
        y = self.n1(x)
        q, k, v = (
            f(y).unflatten(-1, (self.heads, -1)).transpose(1, 2) for f in (self.q, self.k, self.v)
        )
        x = x + self.o(functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return x + self.mlp(self.n2(x))


def resnet18() -> nn.Module:
    """ResNet-18."""
    stages = ((64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1),
              (256, 512, 2), (512, 512, 1))  # fmt: skip
    blocks = [Basic(*s) for s in stages]
    return nn.Sequential(cbr(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1), *blocks)


def inception() -> nn.Module:
    """Blocks 3a to 4b of GoogLeNet."""
    return nn.Sequential(
        Inception(192, 64, 96, 128, 16, 32, 32),
        Inception(256, 128, 128, 192, 32, 96, 64),
        nn.MaxPool2d(3, 2, 1),
        Inception(480, 192, 96, 208, 16, 48, 64),
        Inception(512, 160, 112, 224, 24, 64, 64),
    )


Network = tuple[Callable[[], nn.Module], tuple[int, ...]]

NETWORKS: dict[str, Network] = {
    "darts": (lambda: Cells(DartsCell, 16, 4), (1, 3, 32, 32)),
    "nasnet": (lambda: Cells(NasCell, 32, 3), (1, 3, 32, 32)),
    "inception": (inception, (1, 192, 28, 28)),
    "resnet18": (resnet18, (1, 3, 224, 224)),
    "transformer": (lambda: nn.Sequential(*(Block(384, 6) for _ in range(4))), (1, 256, 384)),
}


def measure(name: str, network: Network, size: float) -> Found:
    """All plans of one network on a scratchpad of `size` times its largest task, each replayed."""
    build, shape = network
    dag = dag_of(trace(build().eval(), (torch.zeros(*shape),)))
    budget_b = int(size * max(dag.needs_b(task) for task in dag.tasks))
    start = time.perf_counter()
    ours = schedule(dag, budget_b, time_limit_s=20)
    seconds = time.perf_counter() - start
    lru, belady = (greedy(dag, budget_b, evict=e) for e in ("lru", "farthest"))
    ordered = [greedy(dag, budget_b, order, "farthest") for order in orders(dag)]
    for plan in (ours, lru, belady, *ordered):
        plan.check(dag, budget_b)
    moved = [plan.moved_b(dag) for plan in (ours, lru, belady)]
    best = min(plan.moved_b(dag) for plan in ordered)
    return Found(name, len(dag.tasks), budget_b, *moved, best, bool(ours.addresses), seconds)


def main(names: list[str]) -> None:
    """One row per network and size."""
    columns = ("bytes", "ours", "LRU", "Belady", "ordered")
    print(f"{'network':12} tasks", *(f"{c:>9}" for c in columns), "saved  s")
    for name in names or NETWORKS:
        for size in SIZES:
            f = measure(name, NETWORKS[name], size)
            print(
                f"{f.network:12} {f.tasks:5} {f.budget_b:9} {f.ours_b:9} {f.lru_b:9} {f.belady_b:9}"
                f" {f.best_order_b:9} {f.saved:5.0%} {f.seconds:4.1f}"
                f"{'' if f.placed else '  no addresses found'}",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
