"""Figures about users' keys, and the table of them: each operation by the API, at the sidecar, in the bare module."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]

API, SIDECAR, MODULE, ENGINE = "API", "sidecar", "module", "engine"
PLACES = (API, SIDECAR, MODULE, ENGINE)


@dataclass(frozen=True)
class Measured:
    """A second's calls, and how long they took in microseconds."""

    rate: float
    p50: float
    p99: float


def measured(taken: list[float], seconds: float, callers: int) -> Measured:
    """Return the figures of calls that took so many seconds each.

    Callers asked for ``seconds``; the last answers came later, which counts where calls are slow.
    """
    if not taken:
        return Measured(0.0, 0.0, 0.0)
    taken.sort()
    spent = max(seconds, sum(taken) / callers)
    return Measured(len(taken) / spent, 1e6 * taken[len(taken) // 2], 1e6 * taken[int(len(taken) * 0.99)])


def key_row(label: str, place: str, callers: int, seen: Measured, *, hsm: bool, azure: float | None = None) -> Row:
    """Return one measurement. ``azure``: what one of its vaults allows, a second."""
    kept = "HSM" if hsm else "software"
    return {
        "name": f"keys {kept} {label}, {place}, {callers} caller{'s' if callers > 1 else ''}",
        "value": round(seen.rate, 1),
        "unit": "per s",
        "p50_us": round(seen.p50),
        "p99_us": round(seen.p99),
        "azure_per_s": azure,
        "of": f"{kept} {label}",
        "place": place,
        "callers": callers,
    }


def show(rows: Iterable[Row]) -> None:
    """Print a line for each operation and number of callers: rate (p50/p99 in milliseconds) by place, and Azure's."""
    table: dict[tuple[str, int], dict[str, Row]] = {}
    for each in rows:
        table.setdefault((each["of"], each["callers"]), {})[each["place"]] = each
    if not table:
        return
    heads = "".join(f"{place + ' /s (p50/p99 ms)':>30}" for place in PLACES)
    print(f"\n{'':<42}{'callers':>8}{heads}{'API/module':>12}{'sidecar/module':>16}{'Azure /s':>10}{'API/Azure':>11}")
    for (of, callers), places in table.items():
        figures = "".join(f"{_figures(places.get(place)):>30}" for place in PLACES)
        shares = f"{_ratio(places, API, MODULE):>12}{_ratio(places, SIDECAR, MODULE):>16}"
        azure = (places.get(API) or {}).get("azure_per_s")
        print(f"{of:<42}{callers:>8}{figures}{shares}{azure or '-':>10}{_times(places.get(API), azure):>11}")


def _figures(found: Row | None) -> str:
    if found is None:
        return "-"
    return f"{found['value']:,.1f} ({found['p50_us'] / 1000:.2f}/{found['p99_us'] / 1000:.2f})"


def _ratio(places: dict[str, Row], one: str, other: str) -> str:
    if one not in places or other not in places or not places[other]["value"]:
        return "-"
    return f"{100 * places[one]['value'] / places[other]['value']:.0f} %"


def _times(found: Row | None, azure: float | None) -> str:
    return f"{found['value'] / azure:.1f} x" if found and azure else "-"
