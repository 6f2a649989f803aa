"""Where issuers of certificates may be. Pure.

Whoever has ``setissuers`` in a vault chooses addresses that the controller connects to, from a place in the network
that is not his.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from strongroom.domain.errors import Refused
from strongroom.domain.network import Address, Network, parse_address


@dataclass(frozen=True, slots=True)
class Reach:
    """Addresses in ``networks``; where none is named, all but the controller's own and its link's."""

    networks: tuple[Network, ...] = ()

    def check(self, host: str, address: str) -> None:
        """Raise ``Refused`` unless the address, by which a host is known, may be connected to."""
        parsed = parse_address(address)
        if parsed is None or not self._holds(parsed):
            raise Refused(
                f"{host} is at an address that issuers may not have: the controller's --issuer-networks leave it out"
            )

    def _holds(self, address: Address) -> bool:
        if self.networks:
            return any(address.version == net.version and address in net for net in self.networks)
        return not (
            address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified
        )  # fmt: skip


USUAL: Final = Reach()
"""Where nothing else is set."""
