"""pj footprint: carbon, water and resources of joules, with sources and ranges."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from picojoule.cli.factors import FactorFile
from picojoule.cli.files import read_json, write_text
from picojoule.cli.terminal import Json, Output, emit, wrote
from picojoule.errors import InputError
from picojoule.quantity import parse_fraction

if TYPE_CHECKING:
    from picojoule.carbon import Contract, Factors, Footprint
    from picojoule.carbon.standards import Sci, Site

__all__ = ["footprint"]


def footprint(
    report: Annotated[
        Path | None, Parameter(help="report.json, or what pj profile|measure|run --json printed.")
    ] = None,
    /,
    *,
    energy: Annotated[str | None, Parameter(help="Energy instead of a report, as 12kWh.")] = None,
    grid: Annotated[str, Parameter(help="Region by ISO code or name; see pj factors.")] = "WOR",
    pue: Annotated[
        str | None, Parameter(help="Facility over IT energy, or a provider: 1.2, google.")
    ] = None,
    wue: Annotated[
        str | None, Parameter(help="Litres on site per kWh of IT, or a provider: 0.3, google.")
    ] = None,
    contract: Annotated[
        str | None, Parameter(help="Bought electricity: a technology or g/kWh: wind, 20.")
    ] = None,
    contract_share: Annotated[str, Parameter(help="Share that the contract covers.")] = "100%",
    hourly: Annotated[
        Path | None, Parameter(help="CSV of hour,g_per_kwh[,kwh] instead of the yearly mean.")
    ] = None,
    device: Annotated[
        str | None, Parameter(help="Hardware, as h100-sxm. Default: the report's chip.")
    ] = None,
    devices: Annotated[float, Parameter(help="How many of it.")] = 1,
    time: Annotated[
        str | None, Parameter(help="How long one run used it, as 3h. Default: the report's.")
    ] = None,
    lifetime: Annotated[str, Parameter(help="How long the hardware lives.")] = "4y",
    utilisation: Annotated[str, Parameter(help="Share of its life that it works.")] = "100%",
    runs: Annotated[float, Parameter(help="How often the work is done.")] = 1,
    unit: Annotated[
        str | None, Parameter(help="Functional unit of the SCI score, as '1000 tokens'.")
    ] = None,
    units: Annotated[float | None, Parameter(help="How many of them the work is.")] = None,
    data_gb: Annotated[float | None, Parameter(help="Gigabytes sent to users.")] = None,
    site: Annotated[
        Literal["own", "cloud"], Parameter(help="Whose machines: decides the GHG scopes.")
    ] = "own",
    card: Annotated[
        Path | None, Parameter(help="File to write a model card's co2_eq_emissions block to.")
    ] = None,
    own: FactorFile = None,
    output: Output = None,
    json: Json = False,
) -> int:
    """Carbon, water, primary energy and resources of a report or an energy.

    By location and by contract, in use and in making the hardware.
    What nobody has published stays unavailable; intervals span the sources.
    """
    from picojoule import carbon
    from picojoule.carbon.amounts import parse_time
    from picojoule.carbon.standards import sci
    from picojoule.report.documents_footprint import footprint_document

    tables = carbon.load_factors(own)
    found = carbon.footprint(
        _what(report, energy),
        grid,
        pue=_rate(pue),
        wue=_rate(wue),
        contract=_contract(contract, contract_share, tables),
        hourly=None if hourly is None else carbon.read_hourly(hourly),
        device=device,
        devices=devices,
        time_s=None if time is None else parse_time(time),
        lifetime_s=parse_time(lifetime),
        utilisation=parse_fraction(utilisation),
        runs=runs,
        data_gb=data_gb,
        factors=tables,
    )
    score = sci(found, unit, units)
    document = footprint_document(found, score, site)
    emit(document, lambda: _view(found, score, site), as_json=json)
    if card is not None:
        _write_card(found, card)
    if output is not None:
        _write_report(output, document, found, score, site)
    return 0


def _what(report: Path | None, energy: str | None) -> Any:
    from picojoule.carbon.amounts import parse_energy

    if (report is None) == (energy is None):
        raise InputError("a footprint of what?", expected="a report or --energy, not both",
                         got="neither" if report is None else "both",
                         fix="pj footprint --energy 12kWh")  # fmt: skip
    if energy is not None:
        return parse_energy(energy)
    assert report is not None  # noqa: S101  (by the check above)
    document = read_json(report)
    if not isinstance(document, dict):
        raise InputError("not a report", where=str(report), got=type(document).__name__)
    _check(document, report)
    return document


def _check(document: dict[str, Any], path: Path) -> None:
    """The ledger in a document has the shape that its schema says."""
    from picojoule.report.documents import LedgerDocument, read_as

    ledger = document if "columns" in document else document.get("ledger")
    if ledger is not None:
        read_as(LedgerDocument, ledger, where=str(path))


def _rate(text: str | None) -> float | str | None:
    """A number, or else the name of a provider."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return text


def _contract(text: str | None, share: str, tables: Factors) -> Contract | None:
    from picojoule.carbon import contract_of

    if text is not None:
        return contract_of(text, parse_fraction(share), tables)
    if parse_fraction(share) != 1:
        raise InputError("--contract-share of which contract?", fix="--contract wind")
    return None


def _view(found: Footprint, score: Sci, site: Site) -> Any:
    from picojoule.report.text_footprint import footprint_view

    return footprint_view(found, score, site)


def _write_card(found: Footprint, path: Path) -> None:
    from picojoule.carbon.model_card import card_of, write_card

    write_text(path, write_card(card_of(found)))
    wrote(path)


def _write_report(
    folder: Path, document: dict[str, Any], found: Footprint, score: Sci, site: Site
) -> None:
    from picojoule.report.documents import to_json
    from picojoule.report.html_footprint import footprint_page

    write_text(folder / "report.json", to_json(document))
    wrote(folder / "report.json")
    write_text(folder / "report.html", footprint_page(found, score, site))
    wrote(folder / "report.html")
