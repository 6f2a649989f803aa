"""Where issuers may be."""

from contextlib import nullcontext

import pytest

from strongroom.domain.errors import Refused
from strongroom.domain.network import parse_range
from strongroom.domain.reach import USUAL, Reach

NEVER_UNASKED = [
    "127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "169.254.169.254", "fe80::1", "fe80::1%eth0", "224.0.0.1",
    "::", "0.0.0.0", "ff02::1", "no address", "",  # noqa: S104 - nothing binds to it
]  # fmt: skip
ELSEWHERE = ["192.0.2.1", "10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1"]


@pytest.mark.parametrize("address", NEVER_UNASKED)
def test_the_controllers_own_addresses_are_out_of_reach_unless_they_are_named(address: str) -> None:
    with pytest.raises(Refused, match=r"acme\.example .*--issuer-networks") as refused:
        USUAL.check("acme.example", address)
    assert not address or address not in str(refused.value), "what a name resolves to inside is told to nobody"


@pytest.mark.parametrize("address", ELSEWHERE)
def test_what_is_elsewhere_is_in_reach(address: str) -> None:
    USUAL.check("acme.example", address)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("10.2.0.1", False),
        ("127.0.0.1", True),
        ("127.0.0.2", False),
        ("2001:db8::9", True),
        ("2001:db9::9", False),
        ("192.0.2.1", False),
    ],
)
def test_where_ranges_are_named_they_are_all(address: str, expected: bool) -> None:
    reach = Reach(tuple(map(parse_range, ("10.1.0.0/16", "127.0.0.1/32", "2001:db8::/32"))))
    with nullcontext() if expected else pytest.raises(Refused):
        reach.check("acme.example", address)
