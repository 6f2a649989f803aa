"""A token is tried with a world that is thrown away, before the true one is in it: one that lets attacks through stays
blank, and no key of a geography ever gets into it.
"""

from __future__ import annotations

from dataclasses import replace

from strongroom.hsm.sidecar import selfcheck, staging
from strongroom.hsm.sidecar.logins import Logins
from strongroom.hsm.sidecar.world import GEOGRAPHY_OCTETS, World, WorldId


def run(logins: Logins, held: dict[str, World]) -> None:
    """Raise what ``selfcheck.check`` and the sessions raise. The worlds of ``held`` stay."""
    trial = replace(logins, announce=lambda what: logins.announce(f"trial: {what}"))
    with trial.officer() as session:
        made = WorldId("trial", session.generate_random(GEOGRAPHY_OCTETS * 8), 1)
        staging.stage(trial, session, made)
    with trial.user() as session:
        try:
            trial.announce("trying the attacks")
            selfcheck.check(session, staging.on_trial(trial, session, made))
        finally:
            staging.clear(trial, session, held)
