"""From where a vault may be reached. Pure.

Network rules narrow what policies grant; they never grant anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from strongroom.domain.errors import InvalidInput

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class DefaultAction(StrEnum):
    """What happens to whom no rule lets in."""

    ALLOW = "Allow"
    DENY = "Deny"


@dataclass(frozen=True)
class NetworkRules:
    """A vault's rules. ``selectors``: labels of the namespaces whose pods are let in, each a conjunction."""

    default: DefaultAction = DefaultAction.ALLOW
    ranges: tuple[str, ...] = ()
    selectors: tuple[tuple[tuple[str, str], ...], ...] = ()
    bypass: bool = True  # trusted services need no rule

    @cached_property
    def networks(self) -> tuple[Network, ...]:
        """The ranges, parsed."""
        return tuple(parse_range(text) for text in self.ranges)

    @property
    def restricts(self) -> bool:
        """Whether anybody can be turned away."""
        return self.default is DefaultAction.DENY


def by_address(rules: NetworkRules, address: Address | None) -> bool:
    """Whether an address is in one of the ranges."""
    return address is not None and any(address.version == net.version and address in net for net in rules.networks)


def by_namespace(rules: NetworkRules, labels: Mapping[str, str] | None) -> bool:
    """Whether a namespace with these labels is let in; None: it is not proven to be the caller's."""
    return labels is not None and any(
        all(labels.get(key) == value for key, value in selector) for selector in rules.selectors
    )


def parse_range(text: str) -> Network:
    """Read an address or a CIDR range; ``InvalidInput``. Host bits must be zero: a typing error must not widen it."""
    try:
        return ip_network(text)
    except ValueError:
        raise InvalidInput("must be an IPv4 or IPv6 address or a CIDR range whose host bits are zero") from None


@lru_cache(maxsize=4096)
def parse_address(text: str) -> Address | None:
    """Read a peer address; None when it is none. An IPv4 address in IPv6 clothes is the IPv4 address."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def client_address(peer: str, forwarded: str, proxies: tuple[Network, ...]) -> Address | None:
    """Return the caller's address: the peer's, or what a trusted proxy says of it.

    ``forwarded`` is the header X-Forwarded-For. It is read from the right, as long as the address that wrote an entry
    is a proxy of ours: whatever stands further left is the caller's own claim.
    """
    address = parse_address(peer)
    for entry in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
        if address is None or not any(address.version == net.version and address in net for net in proxies):
            break
        address = parse_address(entry)
    return address
