"""The security-officer ceremony: makes the world key and the world MAC key of a geography, or their next version.

::

    1  SO    stage world key, stage MAC key       public objects: an SO session cannot touch private ones
    2  user  copy the MAC key to its final form   private, not modifiable
    3  user  copy the world key                   ← commit point: from here on the token has this version
    4  user  destroy both staged keys

A ceremony killed before 3 leaves debris that never protected anything: the next run removes it and starts over. Killed
after 3, the next run only tidies up. A finished world key is never destroyed or replaced, whatever else is missing.
"""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.hsm.sidecar import staging, trial, world
from strongroom.hsm.sidecar.logins import Logins
from strongroom.hsm.sidecar.world import WorldId

_GEOGRAPHY_BITS = 128


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a ceremony found or made."""

    world: WorldId
    made: bool  # False: it was there already


class Ceremony(Logins):
    """Makes worlds. Raises what the sessions raise, and ``TokenUnfit``."""

    __slots__ = ()

    def perform(self, geography: str, *, dedicated: bool = False) -> Outcome:
        """Make the world of ``geography`` unless the token has a world; repair what a killed ceremony left.

        The security officer's PIN is only asked for when there is something to make. ``dedicated``: the world can
        never leave this token.
        """
        with self.user() as session:
            found = world.find_any(session)
            staging.clear(self, session, found)
            if found:
                world.check_topology(world.current(found), dedicated=dedicated)
                return Outcome(world.current(found).id, made=False)
            made = WorldId(geography, session.generate_random(_GEOGRAPHY_BITS), 1)
        if not dedicated:
            trial.run(self, found)
        self._make(made, dedicated=dedicated)
        return Outcome(made, made=True)

    def rotate(self) -> Outcome:
        """Make the next version of the world, which unwraps at once and wraps only once it is put in force.

        While one waits to be put in force no further one is made: run again after a crash, this only tidies up.
        ``Uninitialised`` when there is no world yet.
        """
        with self.user() as session:
            found = world.find_worlds(session)
            staging.clear(self, session, found)
            newest = world.newest(found)
            dedicated = world.is_dedicated(newest)
        if not newest.in_force:
            return Outcome(newest.id, made=False)
        made = WorldId(newest.id.geography, newest.id.geography_id, newest.id.version + 1)
        self._make(made, dedicated=dedicated)
        return Outcome(made, made=True)

    def activate(self) -> Outcome:
        """Put the newest version in force: from now on it wraps new keys. Older ones go on unwrapping."""
        with self.user() as session:
            newest = world.newest(world.find_worlds(session))
            if newest.in_force:
                return Outcome(newest.id, made=False)
            self.announce(f"putting version {newest.id.version} of the world key in force")
            world.put_in_force(session, newest.id)
        return Outcome(newest.id, made=True)

    def _make(self, new: WorldId, *, dedicated: bool) -> None:
        with self.officer() as session:
            staging.stage(self, session, new, dedicated=dedicated)
        with self.user() as session:
            staging.finish(self, session, new)
            staging.clear(self, session, world.find_worlds(session))
