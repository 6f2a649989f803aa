"""What a request leaves in the audit journal."""

from __future__ import annotations

from strongroom.dataplane.errors import Fault
from strongroom.dataplane.visit import Visit
from strongroom.domain.audit import AuditEvent, AuditIdentity, Phase
from strongroom.domain.identity import Caller


def event(visit: Visit, phase: Phase, *, monotonic: float, status: int = 0, fault: Fault | None = None) -> AuditEvent:
    """Return the event of a request as far as it got."""
    head = visit.view.head if visit.view else None
    verdict, admission = visit.verdict, visit.admission
    request = visit.request
    return AuditEvent(
        operation=visit.name,
        time=visit.at,
        vault=visit.ref,
        vault_id=head.id if head else "",
        tenant=head.tenant if head else "",
        object_id=visit.subject_url,
        phase=phase,
        status=status,
        code=fault.reason if fault else "",
        description=fault.message if fault else "",
        duration_ms=(monotonic - visit.began) * 1000,
        caller_address=visit.origin,
        correlation_id=visit.id,
        api_version=visit.api_version,
        request_uri=f"{visit.place.base}{request.path_qs}",
        client_info=request.headers.get("User-Agent", ""),
        identity=identity_of(visit.caller),
        policy_match=verdict.policy if verdict else None,
        rbac=verdict.rbac if verdict else None,
        address_authorized=admission.allowed if admission else None,
        trusted_service=bool(admission and admission.trusted),
        tls_version=_tls(visit),
    )


def identity_of(caller: Caller | None) -> AuditIdentity:
    """Return what records say of a caller; None: nobody is known."""
    if caller is None:
        return AuditIdentity()
    return AuditIdentity(
        caller.name, caller.uid, caller.issuer, caller.application, caller.namespace, caller.pod, len(caller.groups)
    )


def _tls(visit: Visit) -> str:
    transport = visit.request.transport
    connection = transport.get_extra_info("ssl_object") if transport else None
    return connection.version() or "" if connection else ""
