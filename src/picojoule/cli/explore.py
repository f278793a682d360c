"""pj explore: a chip's parameters for the least energy, latency and area."""

from __future__ import annotations

import signal
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from picojoule.cli.bounds import within
from picojoule.cli.files import write_text
from picojoule.cli.terminal import Json, Output, emit, working, wrote
from picojoule.errors import InputError, nearest

if TYPE_CHECKING:
    from picojoule.graph import Graph
    from picojoule.search.explore import DesignFront, Space

__all__ = ["explore"]

# Published networks on 224 × 224 images, and how one of a family is named.
_FAMILIES = {
    "efficientformer": "efficientformer:L1",
    "efficientvit": "efficientvit:M0 to efficientvit:M5",
    "squeezenet": "squeezenet",
    "vanillanet": "vanillanet:5 to vanillanet:13",
    "vovnet": "vovnet:27s, vovnet:39 or vovnet:57",
}


def explore(
    space: Annotated[Path, Parameter(help="TOML file with an [explore] table.")],
    /,
    *,
    workload: Annotated[
        tuple[str, ...],
        Parameter(help="A spec (.py), .onnx, config.json, or a published network; repeatable."),
    ] = (),
    objective: Annotated[str, Parameter(help="What to minimise.")] = "energy,latency,area",
    budget_trials: Annotated[int, Parameter(help="Designs to price at most.")] = 200,
    sampler: Annotated[
        Literal["auto", "all", "learn", "random"],
        Parameter(help="auto: all designs if the budget allows, else learn (Optuna)."),
    ] = "auto",
    seed: Annotated[int, Parameter(help="Same seed, same front."), within(0)] = 0,
    prompt: Annotated[int, Parameter(help="Prompt tokens to prefill (config.json).")] = 0,
    context: Annotated[int, Parameter(help="Tokens before one decode step (config.json).")] = 0,
    batch: Annotated[int, Parameter(help="Batch size (config.json).")] = 1,
    workers: Annotated[int, Parameter(help="Processes that price designs.")] = 1,
    output: Output = None,
    json: Json = False,
) -> int:
    """Vary the parameters of a chip for the least energy, latency and area of workloads.

    A parameter that grows takes its energy, area and leakage along. Finished designs are kept in
    trials.jsonl of the output folder, so an interrupted search goes on where it was. The chips on
    the front are written to its folder chips, for pj profile --on.
    """
    from picojoule.search.explore import explore as search
    from picojoule.search.explore import load_space

    if workers < 1:
        raise InputError("--workers starts at 1", got=workers)
    found = load_space(space)
    objectives = [word.strip() for word in objective.split(",")]
    trials = None if output is None else output / "trials.jsonl"
    with working("tracing") as tell:
        graphs = _graphs(workload, {"prompt": prompt, "context": context, "batch": batch})
        with _pool(workers) as executor:
            front = search(
                found, graphs, objectives=objectives, budget=budget_trials, sampler=sampler,
                seed=seed, trials=trials, executor=executor,
                tell=lambda done, of: tell(f"pricing designs of {found.chip.name}", done, of),
            )  # fmt: skip
    _show(front, json, output)
    if output is not None:
        _write_chips(found, front, output / "chips")
    return 0


def _pool(workers: int) -> AbstractContextManager[Executor | None]:
    """Processes that leave Ctrl-C to this one, or none."""
    if workers == 1:
        return nullcontext(None)
    return ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"),
        initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN),
    )  # fmt: skip


def _graphs(names: tuple[str, ...], lengths: dict[str, Any]) -> dict[str, Graph]:
    graphs: dict[str, Graph] = {}
    for name in names:
        if name in graphs:
            raise InputError("a workload is given twice", got=name)
        graphs[name] = _graph(name, lengths)
    return graphs


def _graph(name: str, lengths: dict[str, Any]) -> Graph:
    from picojoule.graph.trace import trace

    path = Path(name)
    file = path / "config.json" if path.is_dir() else path
    if file.suffix == ".py" and file.is_file():
        from picojoule.spec import load_spec

        spec = load_spec(file)
        return trace(spec.model, spec.calibration[0])
    if file.suffix == ".onnx" and file.is_file():
        return trace(file)
    if file.suffix == ".json" and file.is_file():
        return trace(file, **lengths)
    return _published(name)


def _published(name: str) -> Graph:
    """A network of graph.workloads on one image, as "squeezenet" or "vovnet:39"."""
    from importlib import import_module

    from picojoule.extras import require
    from picojoule.graph.trace import trace

    torch = require("torch", "torch")
    family, _, size = name.partition(":")
    if family not in _FAMILIES:
        fix = f"{nearest(family, _FAMILIES)} (or a .py, .onnx or config.json)"
        raise InputError("no such workload", got=name, fix=fix)
    build = getattr(import_module(f"picojoule.graph.workloads.{family}"), family)
    try:
        model = build(*([int(size) if size.isdecimal() and family == "vanillanet" else size]
                        if size else []))  # fmt: skip
    except (KeyError, TypeError):
        raise InputError(f"no such {family}", got=name, expected=_FAMILIES[family]) from None
    return trace(model, (torch.zeros(1, 3, 224, 224, device="meta"),))


def _show(front: DesignFront, json: bool, output: Path | None) -> None:
    from picojoule.report.documents import to_json
    from picojoule.report.documents_explore import explore_document
    from picojoule.report.text_explore import explore_view

    document = explore_document(front)
    emit(document, lambda: explore_view(front), as_json=json)
    if output is not None:
        from picojoule.report.html_explore import explore_page

        write_text(output / "report.json", to_json(document))
        wrote(output / "report.json")
        write_text(output / "report.html", explore_page(front))
        wrote(output / "report.html")


def _write_chips(space: Space, front: DesignFront, folder: Path) -> None:
    from picojoule.report.text_explore import value_text
    from picojoule.search.explore import to_toml, vary

    for point in front.front:
        chip = vary(space.chip, point.values, space.node_nm)
        values = ", ".join(f"{path} {value_text(v)}" for path, v in point.values.items())
        write_text(folder / f"{chip.hash}.toml", to_toml(chip, f"{chip.title}: {values}"))
    wrote(folder)
