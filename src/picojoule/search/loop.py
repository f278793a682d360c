"""pj.optimize: predict, build, verify, time; keep what is proven."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from picojoule.chips import Chip, load_chip
from picojoule.deploy import RUNTIMES, Worker, WorkerError, read_card, write_card
from picojoule.errors import InputError, TraceError, nearest
from picojoule.graph import Graph
from picojoule.meter import Timing, time_interleaved
from picojoule.quantity import Evidence, Quantity
from picojoule.search.attempt import Attempt, attempt, verified
from picojoule.search.candidate import Candidate, Recipe
from picojoule.search.contest import Outcome, decide, priced, runs_here
from picojoule.search.damage import FORMATS
from picojoule.search.front import Front
from picojoule.search.lab import Lab
from picojoule.search.modelled import accepted, attempt_modelled, compared, hopeless, predict_mixed
from picojoule.search.predict import predict, shortlist
from picojoule.search.trials import Finished, Trials, environment, study_name
from picojoule.spec import Spec, load_spec
from picojoule.verify import Accuracy, drift

__all__ = ["Progress", "optimize"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a search is: `done` of `total` steps, and what it does now."""

    done: int
    total: int
    doing: str


@dataclass(frozen=True)
class _Settings:
    chip: Chip
    max_drop: float
    threads: int
    budget_s: float
    seed: int
    directory: Path
    formats: tuple[str, ...]
    energy_budget_j: float | None
    tell: Callable[[Progress], None]


def optimize(
    model: Any,
    data: Any = None,
    *,
    evaluate: Callable[[Callable[..., Any]], Accuracy] | None = None,
    train: Callable[[Any], Any] | None = None,
    on: str | Path | Chip = "x86-avx512",
    max_drop: float = 0.01,
    trials: int = 12,
    runtimes: Iterable[str] = tuple(RUNTIMES),
    prune_ratios: Iterable[float] = (0.25, 0.5),
    formats: Iterable[str] = FORMATS,
    energy_budget_j: float | None = None,
    budget_s: float = 45,
    seed: int = 0,
    storage: str | None = None,
    directory: str | Path | None = None,
    threads: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Front:
    """Search runtime × precision × channel pruning for fewer joules at a bounded accuracy drop.

    For a chip that is not this machine, also the format of each layer, modelled only.

    model: the path of a spec file, or an nn.Module or .onnx path with `data` (calibration batches),
    `evaluate(predict) -> Accuracy` and, for pruning, `train(model)`. on: the target chip.
    max_drop: largest drop of accuracy, to hold with 95% confidence. trials: how many recipes are
    built, those with the least predicted energy first; fp32 paths always are. runtimes: which to
    search. formats: what each layer may have on a chip elsewhere, none to leave that out;
    energy_budget_j: joules per call there that one such plan has to meet. budget_s: seconds of
    the final timing. storage: an Optuna storage URL (SQLite in `directory` by default).
    directory: artefacts and trials; a rerun with the same inputs resumes there.

    Ctrl-C ends the building; what is finished is still timed and returned. Raises SpecError,
    TraceError, ChipError or InputError for unusable inputs.
    """
    spec = _spec(model, data, evaluate, train)
    spec.needs_evaluate()
    chip = on if isinstance(on, Chip) else load_chip(on)
    if not 0 <= max_drop <= 1:
        raise InputError("max_drop out of range", got=max_drop, expected="0 .. 1, e.g. 0.01")
    if energy_budget_j is not None and runs_here(chip):
        raise InputError(
            "an energy budget is for formats by layer, which no runtime here has",
            got=f"{energy_budget_j:g} J on {chip.name}", fix="name a chip that is not this machine",
        )  # fmt: skip
    count = threads or len(os.sched_getaffinity(0))
    folder = Path(directory or f"picojoule-{spec.name}").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    tell = progress or (lambda _: None)
    s = _Settings(
        chip, max_drop, count, budget_s, seed, folder, tuple(formats), energy_budget_j, tell
    )  # fmt: skip
    env = environment(count)
    store = Trials(storage or f"sqlite:///{folder / 'trials.db'}", study_name(spec, env))
    return _search(spec, s, store, env, trials, _known(runtimes), tuple(prune_ratios))


def _spec(model: Any, data: Any, evaluate: Any, train: Any) -> Spec:
    if isinstance(model, Spec):
        return model
    if isinstance(model, str | Path) and Path(model).suffix != ".onnx":
        return load_spec(model)
    name = Path(model).stem if isinstance(model, str | Path) else type(model).__name__.lower()
    return Spec.of(name, model, data, evaluate, train)


def _known(runtimes: Iterable[str]) -> set[str]:
    chosen = set(runtimes)
    for name in chosen - set(RUNTIMES):
        raise InputError("unknown runtime", got=repr(name), fix=nearest(name, RUNTIMES))
    return chosen


def _search(
    spec: Spec, s: _Settings, store: Trials, env: dict[str, str], keep: int, runtimes: set[str],
    ratios: tuple[float, ...],
) -> Front:  # fmt: skip
    s.tell(Progress(0, 0, "predicting"))
    lab = Lab(spec, s.directory, round_to=16, seed=s.seed)
    allowed, why = lab.prune_ratios(ratios)
    notes = [why] if why else []
    first = Recipe("onnxruntime" if lab.is_onnx else "torch-eager", "fp32")
    predicted = _predict(lab, s.chip, runtimes | {first.runtime}, allowed, notes)
    fp32 = {r for r in predicted if r.precision == "fp32" and not r.prune_ratio}
    chosen, skipped = shortlist(predicted, keep, fp32)
    # Baselines first: after an interruption a saving is still judged against the best of them.
    order = sorted(chosen, key=lambda r: (r != first, r not in fp32))
    if s.formats and not runs_here(s.chip):
        s.tell(Progress(0, 0, "choosing formats by layer"))
        mixed = predict_mixed(
            spec, lab, s.chip, store, s.formats, s.energy_budget_j, s.threads, notes
        )  # fmt: skip
        predicted |= mixed
        order += mixed
    with contextlib.ExitStack() as workers:
        attempts = _build(spec, lab, order, predicted, s, store, workers, notes)
        timings = _time(attempts, s, notes)
    done = [_final(a, timings, s.chip) for a in attempts]
    built = {a.candidate.recipe for a in attempts}
    left = [
        Candidate(r, "skipped", "interrupted before it was built", predicted_energy=predicted[r])
        for r in order
        if r not in built
    ]
    outcome = decide(compared([*done, *left, *skipped], s.chip), timings, first.name, s.chip)
    front = Front(
        spec.name, s.chip.name, s.max_drop, outcome.candidates, first.name, outcome.baseline,
        outcome.chosen, outcome.verdict, s.directory, tuple(dict.fromkeys(notes)), env, s.seed,
    )  # fmt: skip
    _finish(front, outcome)
    return front


def _recipes(lab: Lab, runtimes: set[str], ratios: Iterable[float]) -> list[Recipe]:
    """Every precision of the runtimes, and pruned variants. What a runtime can't do is refused
    when it is built, with the reason."""
    usable = [r for r in RUNTIMES.values() if r.name in runtimes]
    if lab.is_onnx:
        usable = [r for r in usable if not r.name.startswith("torch")]
    return [Recipe(r.name, p, x) for x in (0.0, *ratios) for r in usable for p in r.precisions]


def _predict(
    lab: Lab, chip: Chip, runtimes: set[str], ratios: tuple[float, ...], notes: list[str]
) -> dict[Recipe, Quantity]:
    graphs: dict[float, Graph] = {}
    for ratio in (0.0, *ratios):
        try:
            graphs[ratio] = lab.graph(ratio)
        except TraceError:
            raise
        except InputError as error:
            notes.append(f"{ratio:.0%} of channels: {error.what}")
    if strangers := sorted(runtimes - set(chip.runtime)):
        default = chip.pick_runtime()
        notes.append(f"{chip.name} has no constants for {', '.join(strangers)}: "
                     f"predicted as its default, {default}")  # fmt: skip
    unknown = Quantity(float("nan"), float("nan"), float("nan"), "J", Evidence.UNAVAILABLE)
    ledgers = predict(_recipes(lab, runtimes, [r for r in ratios if r in graphs]), graphs, chip)
    totals = {recipe: ledger.total() for recipe, ledger in ledgers.items()}
    return {r: t.energy if t.coverage > 0 else unknown for r, t in totals.items()}


def _build(
    spec: Spec, lab: Lab, order: list[Recipe], predicted: dict[Recipe, Quantity], s: _Settings,
    store: Trials, workers: contextlib.ExitStack, notes: list[str],
) -> list[Attempt]:  # fmt: skip
    """Attempts in order; the first is the reference, without which there is no search."""
    finished = store.finished()
    attempts: list[Attempt] = []
    try:
        for number, recipe in enumerate(order):
            s.tell(Progress(number, len(order) + 1, f"building {recipe.name}"))
            reference = attempts[0] if attempts else None
            if (skipped := hopeless(recipe, attempts, predicted[recipe])) is not None:
                attempts.append(skipped)
                continue
            old = finished.get(recipe)
            made = _resumed(old, predicted[recipe], reference, s) if old else None
            if made is None:
                made = _attempt(recipe, spec, lab, predicted[recipe], reference, s)
                scores = () if made.accuracy is None else tuple(made.accuracy.scores.tolist())
                store.record(made.candidate, scores)
            if made.worker is not None:
                workers.callback(made.worker.close)
            if not attempts:
                _check_reference(spec, lab, made)
            attempts.append(made)
    except KeyboardInterrupt:
        notes.append("interrupted: run the same command again to resume")
        if not attempts:
            raise
    return attempts


def _attempt(
    recipe: Recipe, spec: Spec, lab: Lab, predicted: Quantity, reference: Attempt | None,
    s: _Settings,
) -> Attempt:  # fmt: skip
    if recipe.formats:
        return attempt_modelled(
            recipe, lab, spec, threads=s.threads, predicted=predicted, reference=reference,
            max_drop=s.max_drop,
        )  # fmt: skip
    folder = s.directory / "candidates" / recipe.slug
    shutil.rmtree(folder, ignore_errors=True)
    return attempt(
        recipe, lambda: lab.source(recipe.prune_ratio), spec, folder, threads=s.threads,
        predicted=predicted, reference=reference, max_drop=s.max_drop,
    )  # fmt: skip


def _resumed(
    old: Finished, predicted: Quantity, reference: Attempt | None, s: _Settings
) -> Attempt | None:
    """An earlier trial with its artefact loaded again; None when it has to be made anew, because
    it failed (a busy machine may have been the reason) or its artefact is gone. Its joules are
    predicted anew, since it may have been for another chip."""
    if not old.scores:
        return None
    candidate = replace(old.candidate, predicted_energy=predicted)
    folder = s.directory / "candidates" / candidate.recipe.slug
    try:
        accuracy = Accuracy(old.scores)
        judged = accepted(verified(candidate, accuracy, reference, s.max_drop))
        needed = reference is None or judged.status == "verified"
        worker = Worker(folder, threads=s.threads).start() if needed else None
    except (InputError, WorkerError):
        return None
    return Attempt(judged, accuracy, worker)


def _check_reference(spec: Spec, lab: Lab, reference: Attempt) -> None:
    """The captured program must do what the module does, or everything after is about another
    model."""
    if reference.worker is None or reference.accuracy is None:
        raise TraceError(f"the model can't be run: {reference.candidate.reason}", where=spec.name)
    if (original := lab.original()) is None:
        return
    batch = lab.source(0.0).example
    outputs = original(*batch)
    tensors = outputs if isinstance(outputs, tuple | list) else [outputs]
    wanted = [t.detach().numpy() for t in tensors if hasattr(t, "detach")]
    got = reference.worker.predict(*batch)
    if len(wanted) == len(got) and drift(wanted, got).relative_error > 1e-3:
        raise TraceError(
            "the captured program and the module disagree", where=spec.name,
            got=f"relative error {drift(wanted, got).relative_error:.2g}",
            fix="make forward deterministic: call model.eval(), remove randomness",
        )  # fmt: skip


def _time(attempts: list[Attempt], s: _Settings, notes: list[str]) -> dict[str, Timing]:
    bursters = {a.candidate.name: a.worker for a in attempts
                if a.worker is not None and a.candidate.status == "verified"}  # fmt: skip
    latest: dict[str, Timing] = {}
    total = len(attempts) + 1

    def on_round(number: int, timings: Any) -> None:
        latest.update(timings)
        s.tell(Progress(total - 1, total, f"timing {len(bursters)} candidates, round {number}"))

    try:
        return time_interleaved(bursters, budget_s=s.budget_s, seed=s.seed, on_round=on_round)
    except KeyboardInterrupt:
        notes.append("interrupted while timing: intervals are wider than they could be")
        return latest


def _final(a: Attempt, timings: dict[str, Timing], chip: Chip) -> Candidate:
    timing = timings.get(a.candidate.name)
    return a.candidate if timing is None else priced(a.candidate, timing, chip)


def _finish(front: Front, outcome: Outcome) -> None:
    """Cards get their results, and the chosen artefact goes to `best/`."""
    for c in outcome.candidates:
        folder = front.directory / "candidates" / c.recipe.slug
        if c.accuracy is not None and (folder / "card.json").is_file():
            versions = {"versions": dict(front.environment)}
            write_card(folder, {**read_card(folder), "result": c.to_dict(), **versions})
    if front.chosen is not None:
        best = front.directory / "best"
        shutil.rmtree(best, ignore_errors=True)
        front.export(best)
