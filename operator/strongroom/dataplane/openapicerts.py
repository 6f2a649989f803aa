"""What is published of the operations on certificates."""

from __future__ import annotations

from typing import Final

from strongroom.dataplane import certpaths
from strongroom.dataplane.openapientries import NAMED, PAGING, VERSIONED, Entry
from strongroom.dataplane.operations import Operation

_ALL: Final = "/certificates"
_LIVE: Final = "/certificates/{name}"
_VERSION: Final = "/certificates/{name}/{version}"
_DELETED: Final = "/deletedcertificates/{name}"
_CONTACTS: Final = "/certificates/contacts"
_ISSUER: Final = "/certificates/issuers/{name}"
_LISTED: Final = ("includePending", *PAGING)
_OF_ONE: Final = ("GetCertificate", "GetCertificatePolicy", "DeleteCertificate", "GetCertificateVersions")
_PENDING: Final = ("GetCertificateOperation", "UpdateCertificateOperation", "DeleteCertificateOperation")
_OF_DELETED: Final = ("GetDeletedCertificate", "RecoverDeletedCertificate", "PurgeDeletedCertificate")


def _bundle(
    method: str,
    path: str,
    id: str,
    operation: Operation,
    summary: str,
    parameters: tuple[str, ...] = NAMED,
    body: str = "",
    links: tuple[str, ...] = (),
    status: int = 200,
) -> Entry:
    return Entry(
        method,
        path,
        id,
        operation,
        summary,
        "CertificateBundle",
        parameters,
        body,
        etag=True,
        links=links,
        status=status,
    )


def _operation(method: str, id: str, operation: Operation, summary: str, body: str = "") -> Entry:
    return Entry(method, _LIVE + "/pending", id, operation, summary, "CertificateOperation", NAMED, body)


def _issuer(method: str, id: str, operation: Operation, summary: str, body: str = "") -> Entry:
    return Entry(method, _ISSUER, id, operation, summary, "IssuerBundle", NAMED, body)


def _contacts(method: str, id: str, operation: Operation, summary: str, body: str = "") -> Entry:
    return Entry(method, _CONTACTS, id, operation, summary, "Contacts", (), body)


_ONE: Final = (
    Entry(
        "post",
        _LIVE + "/create",
        "CreateCertificate",
        certpaths.CREATE,
        "Ask for a new version by a policy.",
        "CertificateOperation",
        NAMED,
        "CertificateCreateParameters",
        links=(*_PENDING, *_OF_ONE),
        status=202,
    ),
    _bundle(
        "post",
        _LIVE + "/import",
        "ImportCertificate",
        certpaths.IMPORT,
        "Bring a certificate in with its key, as PKCS #12 or PEM.",
        NAMED,
        "CertificateImportParameters",
        _OF_ONE,
    ),
    _bundle("get", _LIVE, "GetCertificate", certpaths.GET, "Get the newest version."),
    _bundle("get", _VERSION, "GetCertificateVersion", certpaths.GET, "Get a version.", VERSIONED),
    _bundle(
        "patch",
        _LIVE,
        "UpdateCertificate",
        certpaths.UPDATE,
        "Change attributes of the newest version, and the policy.",
        NAMED,
        "CertificateUpdateParameters",
    ),
    _bundle(
        "patch",
        _VERSION,
        "UpdateCertificateVersion",
        certpaths.UPDATE,
        "Change attributes of one version, and the policy.",
        VERSIONED,
        "CertificateUpdateParameters",
    ),
    Entry(
        "delete",
        _LIVE,
        "DeleteCertificate",
        certpaths.DELETE,
        "Delete softly, with all versions, their keys and secrets.",
        "DeletedCertificateBundle",
        NAMED,
        links=_OF_DELETED,
    ),
    Entry(
        "get",
        _LIVE + "/versions",
        "GetCertificateVersions",
        certpaths.LIST_VERSIONS,
        "List the versions of a certificate.",
        "CertificateListResult",
        NAMED + PAGING,
    ),
    Entry(
        "get",
        _LIVE + "/policy",
        "GetCertificatePolicy",
        certpaths.GET_POLICY,
        "Get the policy by which versions are made.",
        "CertificatePolicy",
        NAMED,
    ),
    Entry(
        "patch",
        _LIVE + "/policy",
        "UpdateCertificatePolicy",
        certpaths.UPDATE_POLICY,
        "Change the policy by which versions are made.",
        "CertificatePolicy",
        NAMED,
        "CertificatePolicyParameters",
    ),
    _operation("get", "GetCertificateOperation", certpaths.GET_PENDING, "Get the operation that makes a version."),
    _operation(
        "patch",
        "UpdateCertificateOperation",
        certpaths.UPDATE_PENDING,
        "Cancel the operation that makes a version.",
        "CertificateOperationUpdateParameter",
    ),
    _operation(
        "delete", "DeleteCertificateOperation", certpaths.DELETE_PENDING, "Forget the operation that makes a version."
    ),
    _bundle(
        "post",
        _LIVE + "/pending/merge",
        "MergeCertificate",
        certpaths.MERGE,
        "Bring in the certificate that an issuer outside made.",
        NAMED,
        "CertificateMergeParameters",
        status=201,
    ),
    Entry(
        "post",
        _LIVE + "/backup",
        "BackupCertificate",
        certpaths.BACKUP,
        "Back up all versions of a certificate, encrypted.",
        "BackupCertificateResult",
        NAMED,
        links=("RestoreCertificate",),
    ),
)

_MANY: Final = (
    Entry("get", _ALL, "GetCertificates", certpaths.LIST, "List certificates.", "CertificateListResult", _LISTED),
    _bundle(
        "post",
        _ALL + "/restore",
        "RestoreCertificate",
        certpaths.RESTORE,
        "Restore a certificate from its backup.",
        (),
        "CertificateRestoreParameters",
    ),
    Entry(
        "get",
        "/deletedcertificates",
        "GetDeletedCertificates",
        certpaths.LIST_DELETED,
        "List deleted certificates.",
        "DeletedCertificateListResult",
        _LISTED,
    ),
    Entry(
        "get",
        _DELETED,
        "GetDeletedCertificate",
        certpaths.GET_DELETED,
        "Get a deleted certificate.",
        "DeletedCertificateBundle",
        NAMED,
    ),
    _bundle(
        "post",
        _DELETED + "/recover",
        "RecoverDeletedCertificate",
        certpaths.RECOVER,
        "Recover a deleted certificate.",
        links=_OF_ONE,
    ),
    Entry("delete", _DELETED, "PurgeDeletedCertificate", certpaths.PURGE, "Purge a deleted certificate.", "", NAMED),
)

_AROUND: Final = (
    _contacts("get", "GetCertificateContacts", certpaths.GET_CONTACTS, "Get whom to tell of certificates."),
    _contacts(
        "put",
        "SetCertificateContacts",
        certpaths.SET_CONTACTS,
        "Say whom to tell of certificates.",
        "ContactsParameters",
    ),
    _contacts("delete", "DeleteCertificateContacts", certpaths.DELETE_CONTACTS, "Tell nobody of certificates."),
    Entry(
        "get",
        _ALL + "/issuers",
        "GetCertificateIssuers",
        certpaths.LIST_ISSUERS,
        "List the issuers that the vault has accounts with.",
        "CertificateIssuerListResult",
        PAGING,
    ),
    _issuer("get", "GetCertificateIssuer", certpaths.GET_ISSUER, "Get an issuer, without its password."),
    _issuer("put", "SetCertificateIssuer", certpaths.SET_ISSUER, "Set an issuer.", "CertificateIssuerSetParameters"),
    _issuer(
        "patch",
        "UpdateCertificateIssuer",
        certpaths.UPDATE_ISSUER,
        "Change what is mentioned of an issuer.",
        "CertificateIssuerUpdateParameters",
    ),
    _issuer("delete", "DeleteCertificateIssuer", certpaths.DELETE_ISSUER, "Delete an issuer."),
)

ENTRIES: Final = (*_ONE, *_MANY, *_AROUND)
