"""What a version of a certificate holds as named fields, which native Secrets are made of."""

from __future__ import annotations

from dataclasses import replace

from strongroom.crypto import certfacts
from strongroom.crypto.certfiles import pem
from strongroom.domain.certificatematerial import CertificateMaterial
from strongroom.domain.content import Content
from strongroom.domain.objects import Attributes, Kind, ObjectHead, Version
from strongroom.domain.vaults import VaultHead
from strongroom.store.parts import PartStore
from strongroom.store.sealed import SealedStore


class CertificateFields(PartStore):
    """A store of certificates whose versions open as fields, of PEM unless their names end in ``Der``.

    ``certificate``: the certificate and its chain without the root, for servers. ``leaf`` and ``chain``: the same
    apart. ``ca``: the last of the chain. ``privateKey`` and ``combined`` (key, then certificates) where the key may
    leave the vault. ``leafDer``, ``privateKeyDer`` (PKCS #8, RFC 5958): the same in DER.
    """

    def __init__(self, store: SealedStore) -> None:
        super().__init__(store, Kind.CERTIFICATE)

    async def version(self, vault: VaultHead, head: ObjectHead, version: str, *, fresh: bool = True) -> Version:
        """See ``Store``."""
        opened = await super().version(vault, head, version, fresh=fresh)
        content = Content.of_octets(_fields(CertificateMaterial.unpack(opened.payload), opened.attributes))
        return replace(opened, payload=content.payload, layout=content.layout)


def _fields(material: CertificateMaterial, attributes: Attributes) -> dict[str, bytes]:
    whole = material.leaf_first
    chain = whole[:-1] if len(whole) > 1 and _is_root(whole[-1]) else whole  # clients have roots already
    fields = {"certificate": pem(b"", chain), "leaf": pem(b"", chain[:1]), "ca": pem(b"", whole[-1:])}
    fields["leafDer"] = chain[0]
    if len(chain) > 1:
        fields["chain"] = pem(b"", chain[1:])
    private = material.key.private if attributes.exportable else b""
    if private:
        fields |= {"privateKey": pem(private, ()), "combined": pem(private, chain), "privateKeyDer": private}
    return fields


def _is_root(certificate: bytes) -> bool:
    facts = certfacts.facts(certificate)
    return facts.subject == facts.issuer
