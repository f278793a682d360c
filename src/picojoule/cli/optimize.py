"""pj optimize: fewer joules at a bounded accuracy drop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

import picojoule as pj
from picojoule.cli.bounds import within
from picojoule.cli.files import write_text
from picojoule.cli.terminal import Json, emit, folder, say, working, wrote
from picojoule.errors import InputError
from picojoule.quantity import parse_fraction

__all__ = ["optimize"]


def optimize(
    spec: Annotated[Path, Parameter(help="Python file with model, calibration and evaluate.")],
    /,
    *,
    on: Annotated[str, Parameter(help="Chip name, or a chip's TOML file.")] = "x86-avx512",
    max_drop: Annotated[str, Parameter(help="Largest accuracy drop, as 0.01 or 1%.")] = "0.01",
    runtimes: Annotated[
        str | None, Parameter(help="Which to search, as openvino,onnxruntime. Default: all.")
    ] = None,
    trials: Annotated[int | None, Parameter(help="How many candidates to build.")] = None,
    budget_s: Annotated[float | None, Parameter(help="Seconds for the final timing.")] = None,
    seed: Annotated[int, Parameter(help="The same seed gives the same search.")] = 0,
    storage: Annotated[str | None, Parameter(help="Database URL that keeps the trials.")] = None,
    threads: Annotated[
        int | None, Parameter(help="Threads to run on. Default: all."), within(1, 1024)
    ] = None,
    json: Json = False,
    output: Annotated[
        Path | None,
        Parameter(
            name=["--output", "-o"],
            help="Folder for artefacts, trials and the report.",
            validator=folder,
        ),
    ] = None,
) -> int:
    """Search for fewer joules at a bounded accuracy drop, and prove it.

    Run it again with the same arguments to resume an interrupted search.
    Exits with 3 when no saving could be proven or refuted.
    """
    if not spec.is_file():
        raise InputError("no such spec", where=str(spec), fix="give the path of a Python file")
    options = {"budget_s": budget_s, "storage": storage, "threads": threads, "directory": output,
               "trials": trials, "runtimes": runtimes and runtimes.split(",")}  # fmt: skip
    given = {name: value for name, value in options.items() if value is not None}
    with working("starting") as tell:
        front = pj.optimize(
            spec,
            on=on,
            max_drop=parse_fraction(max_drop),
            seed=seed,
            progress=lambda p: tell(p.doing, p.done, p.total),
            **given,
        )
    document, view = _views(front)
    emit(document, view, as_json=json)
    _write(document, Path(front.directory))
    if front.chosen is not None:
        say(f"the chosen model is in {front.directory / 'best'}; pj.load(folder)(x) runs it")
    return 0 if front.chosen is not None else 3


def _views(front: Any) -> tuple[Any, Any]:
    from picojoule.report.documents import OptimizeDocument, read_as
    from picojoule.report.text_front import front_view

    document = read_as(OptimizeDocument, front.to_dict())
    return document, lambda: front_view(document)


def _write(document: Any, folder: Path) -> None:
    from picojoule.report.documents import to_json
    from picojoule.report.html import front_page

    write_text(folder / "report.json", to_json(document))
    write_text(folder / "report.html", front_page(document))
    wrote(folder / "report.json", folder / "report.html")
