"""Parts of ``spec`` of a VaultCertificate: who issues it, its key, its names. The words are cert-manager's."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from strongroom.domain.casettings import PREFIX
from strongroom.domain.certificates import CLIENT_AUTH, SERVER_AUTH, Usage, canonical_issuer
from strongroom.domain.keytypes import Curve, KeySpec, KeyType
from strongroom.kinds.shapes import Shape, rules

KEY_USAGES: Final[dict[str, Usage]] = {
    "digital signature": Usage.DIGITAL_SIGNATURE,
    "content commitment": Usage.NON_REPUDIATION,
    "key encipherment": Usage.KEY_ENCIPHERMENT,
    "data encipherment": Usage.DATA_ENCIPHERMENT,
    "key agreement": Usage.KEY_AGREEMENT,
    "cert sign": Usage.KEY_CERT_SIGN,
    "crl sign": Usage.CRL_SIGN,
    "encipher only": Usage.ENCIPHER_ONLY,
    "decipher only": Usage.DECIPHER_ONLY,
}
EXTENDED_USAGES: Final = {
    "server auth": SERVER_AUTH,
    "client auth": CLIENT_AUTH,
    "code signing": "1.3.6.1.5.5.7.3.3",
    "email protection": "1.3.6.1.5.5.7.3.4",
    "timestamping": "1.3.6.1.5.5.7.3.8",
    "ocsp signing": "1.3.6.1.5.5.7.3.9",
}

UsageWord = Literal[
    "digital signature", "content commitment", "key encipherment", "data encipherment", "key agreement", "cert sign",
    "crl sign", "encipher only", "decipher only", "server auth", "client auth", "code signing", "email protection",
    "timestamping", "ocsp signing",
]  # fmt: skip

_SIZES: Final = (
    "!has(self.size) || (self.algorithm == 'RSA' ? self.size in [2048, 3072, 4096] : self.size in [256, 384, 521])",
    "size of an RSA key is 2048, 3072 or 4096; of an ECDSA key 256, 384 or 521",
)
_CURVES: Final = {256: Curve.P256, 384: Curve.P384, 521: Curve.P521}


class IssuerReference(Shape):
    """Who issues the certificate."""

    name: Annotated[
        str,
        Field(
            description="`Self`: the certificate's own key signs it. `Unknown`: somebody outside issues it; the "
            "signing request is in the vault's API, and the certificate is merged there. Any other: an issuer that "
            "the vault has an account with. With `kind: VaultCertificate`: a certificate of the same vault that is a "
            "CA, by its name there.",
            min_length=1,
            max_length=127,
            pattern="^[0-9a-zA-Z-]+$",
        ),
    ] = "Self"
    kind: Annotated[Literal["Issuer", "VaultCertificate"], Field(description="What the name is the name of.")] = (
        "Issuer"
    )

    @property
    def issuer(self) -> str:
        """The same in domain words."""
        return PREFIX + self.name if self.kind == "VaultCertificate" else canonical_issuer(self.name)


class PermittedNames(Shape):
    """What a CA may name."""

    dns_domains: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=253)], ...],
        Field(
            description="DNS domains; names below them are permitted, too. No IP addresses are, then.",
            min_length=1,
            max_length=32,
            json_schema_extra={"x-kubernetes-list-type": "set"},
        ),
    ]


class NameConstraints(Shape):
    """Bounds of a CA that clients check, in all that is issued below it (RFC 5280, section 4.2.1.10)."""

    permitted: Annotated[PermittedNames, Field(description="What it may name, and nothing else.")]


class PrivateKey(Shape):
    """The certificate's key."""

    model_config = ConfigDict(json_schema_extra=rules(_SIZES))

    algorithm: Annotated[Literal["RSA", "ECDSA"], Field(description="The type of the key.")] = "RSA"
    size: Annotated[
        int | None,
        Field(
            description="Bits: 2048, 3072, 4096 of an RSA key (default 2048), 256, 384, 521 of an ECDSA key (256).",
            ge=256,
            le=4096,
        ),
    ] = None
    rotation_policy: Annotated[
        Literal["Always", "Never"],
        Field(description="`Always`: each version has a key of its own. `Never`: the key is kept."),
    ] = "Always"
    protection: Annotated[
        Literal["Software", "HSM"],
        Field(
            description="`HSM`: the key is made in the HSM, signs there and never leaves it; that needs a vault of the "
            "tier `Premium`, and no target can hold it."
        ),
    ] = "Software"

    @property
    def spec(self) -> KeySpec:
        """The same in domain words; ``InvalidInput`` for a size that it cannot have."""
        hsm = self.protection == "HSM"
        if self.algorithm == "RSA":
            return KeySpec(KeyType.RSA, self.size or 2048, hsm=hsm)
        return KeySpec(KeyType.EC, curve=_CURVES.get(self.size or 256), hsm=hsm)
