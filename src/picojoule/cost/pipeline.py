"""System pipelines: sources, links and processors, from samples per second to watts and F1.

Equations of Olin-Ammentorp et al., "Modeling performance of data collection systems for
high-energy physics", APL Machine Learning 2 (2024) 046113, for each node of a tree::

    message_b = Σ bytes of its inputs + bytes it adds
    ops       = a·message_b + b·message_b² + c·message_b³        (its work per message)
    power_w   = joule_per_op · ops · messages per second
    link_w    = joule_per_bit · 8 · message_b · messages per second that it sends

A processor that rejects keeps 1 of `reduction` messages. Its score of an irrelevant message is
normal (0, 1), of a relevant one normal (skill, spread), and the threshold is where it keeps just
that share; or its rates of both kinds are given. A source's relevant share is 1 over the product
of all reductions downstream, so that a perfect system keeps exactly the relevant messages.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec
from scipy.optimize import brentq
from scipy.special import ndtr

from picojoule.errors import InputError, nearest
from picojoule.files import read_text

__all__ = ["Flow", "Node", "Pipeline", "Result", "load_pipeline"]

MAX_BYTES = 1_000_000


class Node(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A source or a processor.

    to: the node it sends to; None for the last. bytes: of data that it adds to a message.
    rate_hz: samples per second of a source. joule_per_bit: of its outgoing link.
    joule_per_op, ops: joules per operation and polynomial of operations in message bytes, without
    a constant term: (a, b, c) for a·x + b·x² + c·x³. reduction: it keeps 1 message of so many.
    skill, spread: its scores of relevant messages. keeps: in place of skill, the share that it
    keeps of (irrelevant, relevant) messages.
    """

    name: str
    to: str | None = None
    bytes: float = 0.0
    rate_hz: float | None = None
    joule_per_bit: float | None = None
    joule_per_op: float = 0.0
    ops: tuple[float, ...] = ()
    reduction: float = 1.0
    skill: float | None = None
    spread: float = 1.0
    keeps: tuple[float, float] | None = None


class Flow(NamedTuple):
    """What one node does. relevant_hz, irrelevant_hz: messages that it sends."""

    message_b: float
    input_hz: float
    relevant_hz: float
    irrelevant_hz: float
    power_w: float
    link_w: float

    @property
    def output_hz(self) -> float:
        """Messages per second that it sends."""
        return self.relevant_hz + self.irrelevant_hz


@dataclass(frozen=True, slots=True)
class Result:
    """A pipeline's flows by node, and its sums. relevant_hz: relevant samples at the sources."""

    flows: Mapping[str, Flow]
    last: str
    relevant_hz: float

    @property
    def node_w(self) -> float:
        """Watts of all nodes."""
        return sum(f.power_w for f in self.flows.values())

    @property
    def link_w(self) -> float:
        """Watts of all links."""
        return sum(f.link_w for f in self.flows.values())

    @property
    def power_w(self) -> float:
        """Watts of nodes and links."""
        return self.node_w + self.link_w

    @property
    def f1(self) -> float:
        """2·TP / (2·TP + FP + FN) of the last node against all relevant samples."""
        kept = self.flows[self.last]
        missed = self.relevant_hz - kept.relevant_hz
        return 2 * kept.relevant_hz / (2 * kept.relevant_hz + kept.irrelevant_hz + missed)

    @property
    def joule_per_relevant_sample(self) -> float:
        """Joules per relevant sample that the last node keeps; inf when it keeps none."""
        kept = self.flows[self.last].relevant_hz
        return self.power_w / kept if kept else float("inf")


class Pipeline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nodes that form a tree towards the last one. scale: divides all watts, for a technology
    that does the same work with less; sources must sample alike."""

    name: str
    nodes: tuple[Node, ...]
    scale: float = 1.0

    def run(self) -> Result:
        """Flows, watts and F1. Raises InputError for what isn't a tree, an unknown node, a missing
        rate or energy, and a negative or impossible number."""
        order = _ordered(self)
        relevant = _relevant_share(self, order)
        flows: dict[str, Flow] = {}
        for node in order:
            inputs = [flows[n.name] for n in self.nodes if n.to == node.name]
            flows[node.name] = _flow(node, inputs, relevant, self.scale)
        rate_hz = max(n.rate_hz for n in order if n.rate_hz is not None)
        return Result(flows, order[-1].name, relevant * rate_hz)


def load_pipeline(path: str | Path) -> Pipeline:
    """A pipeline from a TOML file of [[nodes]]. Raises InputError with the file's name."""
    text = read_text(Path(path), MAX_BYTES)
    try:
        return msgspec.convert(tomllib.loads(text), Pipeline)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise InputError(f"not a pipeline: {error}", where=str(path)) from error


def _ordered(pipeline: Pipeline) -> list[Node]:
    """Nodes with every sender before its receiver; checks each, and that one is the last."""
    nodes = {n.name: n for n in pipeline.nodes}
    if not nodes:
        raise InputError("a pipeline of no nodes", where=pipeline.name)
    if len(nodes) < len(pipeline.nodes):
        raise InputError("two nodes have one name", where=pipeline.name)
    for node in pipeline.nodes:
        _check(node, nodes, any(n.to == node.name for n in pipeline.nodes))
    if not 0 < pipeline.scale < float("inf"):
        raise InputError("scale is not possible", where=pipeline.name, got=pipeline.scale)
    order: list[Node] = []
    while len(order) < len(nodes):
        done = {n.name for n in order}
        waiting = {n.to for n in pipeline.nodes if n.name not in done}
        ready = [n for n in pipeline.nodes if n.name not in done and n.name not in waiting]
        if not ready:
            left = ", ".join(sorted(nodes.keys() - done))
            what = "nodes send to each other in a circle"
            raise InputError(what, where=pipeline.name, got=left)
        order += ready
    ends = [n.name for n in pipeline.nodes if n.to is None]
    if len(ends) != 1:
        what, fix = "a pipeline has one last node", "give all others a `to`"
        raise InputError(what, where=pipeline.name, got=ends, expected="one without `to`", fix=fix)
    return order


def _check(node: Node, nodes: Mapping[str, Node], fed: bool) -> None:
    def bad(what: str, got: object = None, expected: object = None, fix: str | None = None) -> None:
        raise InputError(what, where=node.name, got=got, expected=expected, fix=fix)

    if node.to is not None and node.to not in nodes:
        bad(f"sends to {node.to!r}, which is no node", fix=nearest(node.to, nodes))
    if node.to is not None and node.joule_per_bit is None:
        bad("missing constant joule_per_bit: it sends to another node")
    if fed == (node.rate_hz is not None):
        bad("a source needs rate_hz, and a node with inputs has none", got=node.rate_hz)
    if node.rate_hz is not None and not 0 < node.rate_hz < float("inf"):
        bad("rate_hz is not possible", got=node.rate_hz, expected="a finite number above 0")
    if node.ops and not node.joule_per_op:
        bad("missing constant joule_per_op: it does ops")
    numbers = (node.bytes, node.joule_per_bit or 0, node.joule_per_op)
    if not all(0 <= n < float("inf") for n in numbers):
        bad("a number is not possible", got=numbers, expected="finite numbers >= 0")
    if not (1 <= node.reduction < float("inf") and 0 < node.spread < float("inf")):
        bad("reduction or spread is not possible", expected="reduction >= 1 and spread > 0")
    if node.reduction > 1 and (node.skill is None) == (node.keeps is None):
        bad("a node that rejects needs either skill or keeps")
    if node.keeps is not None and not all(0 <= share <= 1 for share in node.keeps):
        bad("keeps is a pair of shares", got=node.keeps, expected="each in 0..1")


def _relevant_share(pipeline: Pipeline, order: list[Node]) -> float:
    if len({n.rate_hz for n in order if n.rate_hz is not None}) > 1:
        raise InputError("sources sample at different rates", where=pipeline.name)
    share = 1.0
    for node in order:
        share /= node.reduction
    return share


def _flow(node: Node, inputs: list[Flow], relevant: float, scale: float) -> Flow:
    message_b = node.bytes + sum(i.message_b for i in inputs)
    # Inputs are parts of one event, so an event arrives once, at the rate of its parts.
    good = max((i.relevant_hz for i in inputs), default=relevant * (node.rate_hz or 0.0))
    bad = max((i.irrelevant_hz for i in inputs), default=(1 - relevant) * (node.rate_hz or 0.0))
    keeps_bad, keeps_good = _kept(node, bad, good)
    ops = sum(k * message_b ** (i + 1) for i, k in enumerate(node.ops))
    if not 0 <= ops < float("inf"):
        raise InputError(
            f"does {ops:g} ops per message", where=node.name, expected="a polynomial >= 0"
        )
    sent_hz = keeps_bad * bad + keeps_good * good
    power_w = node.joule_per_op * ops * (good + bad) / scale
    link_w = (node.joule_per_bit or 0.0) * 8 * message_b * sent_hz / scale if node.to else 0.0
    return Flow(message_b, good + bad, keeps_good * good, keeps_bad * bad, power_w, link_w)


def _kept(node: Node, bad: float, good: float) -> tuple[float, float]:
    """Shares of irrelevant and relevant messages that a node keeps."""
    if node.keeps is not None:
        return node.keeps
    skill, spread, total = node.skill, node.spread, good + bad
    if node.reduction == 1 or skill is None or total == 0:
        return 1.0, 1.0

    def kept(threshold: float) -> tuple[float, float]:
        return float(ndtr(-threshold)), float(ndtr((skill - threshold) / spread))

    def surplus(threshold: float) -> float:
        k = kept(threshold)
        return (bad * k[0] + good * k[1]) / total - 1 / node.reduction

    far = 40.0 * (1 + spread) + abs(skill)  # beyond it all or nothing is kept
    return kept(float(brentq(surplus, -far, far, xtol=1e-12)))
