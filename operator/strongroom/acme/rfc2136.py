"""TXT records by dynamic updates of a zone (RFC 2136), authenticated by TSIG (RFC 8945)."""

from __future__ import annotations

from typing import Final

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.update

from strongroom.acme.deadline import Deadline
from strongroom.acme.sockets import addresses_of
from strongroom.domain.acmesettings import Rfc2136
from strongroom.domain.errors import IssuerUnavailable, Refused
from strongroom.domain.reach import Reach

TTL: Final = 60
"""Seconds that others may keep a record."""

_SECONDS: Final = 10.0
_PASSING: Final = (dns.rcode.SERVFAIL,)


class Rfc2136Solver:
    """A ``Solver``."""

    challenge: Final = "dns-01"

    def __init__(self, settings: Rfc2136, propagation: int, reach: Reach) -> None:
        self._settings = settings
        self._reach = reach
        self.propagation = propagation
        self._who = f"the DNS server {settings.server}"
        self._key = dns.tsig.Key(settings.key_name, settings.secret, settings.algorithm.value)

    def require(self, identifier: str) -> None:
        """Whoever may change the zone may prove its names."""

    def present(self, name: str, value: str, deadline: Deadline) -> None:
        """Add the record to those of its name."""
        update = self._update(name, deadline)
        update.add(dns.name.from_text(name), TTL, dns.rdatatype.TXT, f'"{value}"')
        self._ask(update, deadline)

    def cleanup(self, name: str, value: str, deadline: Deadline) -> None:
        """Delete this record alone."""
        update = self._update(name, deadline)
        update.delete(dns.name.from_text(name), dns.rdatatype.TXT, f'"{value}"')
        self._ask(update, deadline)

    def _update(self, name: str, deadline: Deadline) -> dns.update.UpdateMessage:
        update = dns.update.UpdateMessage(self._zone(name, deadline))
        update.use_tsig(self._key)
        return update

    def _zone(self, name: str, deadline: Deadline) -> dns.name.Name:
        """Return the zone of a name: as it is set, or of the SOA record that the server has for it (RFC 2308)."""
        if self._settings.zone:
            return dns.name.from_text(self._settings.zone)
        query = dns.message.make_query(name, dns.rdatatype.SOA)
        query.use_tsig(self._key)
        answer = self._ask(query, deadline)
        zones = [each.name for each in (*answer.answer, *answer.authority) if each.rdtype == dns.rdatatype.SOA]
        if not zones:
            raise Refused(f"{self._who} has no zone for {name}; set acme.dns01.rfc2136.zone")
        return zones[0]

    def _ask(self, message: dns.message.Message, deadline: Deadline) -> dns.message.Message:
        try:
            answer = dns.query.tcp(message, self._address(), deadline.left(_SECONDS), self._settings.port)
        except (OSError, EOFError, dns.exception.Timeout) as error:
            raise IssuerUnavailable(f"{self._who} cannot be reached: {type(error).__name__}") from error
        except (dns.tsig.PeerError, dns.tsig.BadSignature, dns.message.UnknownTSIGKey) as error:
            raise Refused(f"{self._who} and its TSIG key {self._settings.key_name}: {_word(error)}") from error
        except dns.exception.DNSException as error:
            raise IssuerUnavailable(f"{self._who} answered what is not understood: {_word(error)}") from error
        return self._checked(answer)

    def _checked(self, answer: dns.message.Message) -> dns.message.Message:
        code = answer.rcode()
        if code in _PASSING:
            raise IssuerUnavailable(f"{self._who} answered {dns.rcode.to_text(code)}")
        if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise Refused(f"{self._who} answered {dns.rcode.to_text(code)}; may the TSIG key update the zone?")
        return answer

    def _address(self) -> str:
        return addresses_of(self._settings.server, self._settings.port, self._reach)[0]


def _word(error: Exception) -> str:
    return type(error).__name__
