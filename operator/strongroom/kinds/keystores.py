"""``spec.target.keystores`` of a VaultCertificate. The words are cert-manager's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from strongroom.domain.content import VALUE
from strongroom.domain.keystores import ALIAS, FILES, KeystoreFormat, KeystoreProfile, KeystoreSpec, Password
from strongroom.kinds import names
from strongroom.kinds.certificaterules import LETS_OUT
from strongroom.kinds.imports import FieldName
from strongroom.kinds.shapes import Shape, rules

KEYSTORE: Final = "Keystore"
TRUSTSTORE: Final = "Truststore"

_NONE: Final = "keystores has jks, pkcs12, or both"
_TAKEN: Final = f"with keystores, neither keys nor template.data names {', '.join(FILES)}"
PRIVATE: Final = (
    "a keystore holds the private key: it needs exportable true and privateKey.protection Software, of a policy "
    "key_props.exportable true and a kty without -HSM; truststores do not: stores: [Truststore]"
)


class PasswordReference(Shape):
    """A secret of the same vault."""

    name: Annotated[
        str,
        Field(
            description="Its name in the vault: that of a VaultSecret, or its `objectName`. It has 6 to 128 characters "
            "of printable ASCII. A new version of it is a keystore written anew.",
            min_length=1,
            max_length=127,
            pattern=names.OBJECT_NAME,
        ),
    ]
    key: Annotated[FieldName, Field(description="Which field of the secret. A single value is the field `value`.")] = (
        VALUE
    )


class JksKeystore(Shape):
    """A keystore and a truststore in the format of old Java. SHA-1 alone protects the key: prefer `pkcs12`."""

    password_secret_ref: Annotated[
        PasswordReference, Field(description="The password of both files, and of the key in the keystore.")
    ]
    alias: Annotated[
        str,
        Field(
            description="Name of the key in the keystore: lower-case letters, digits, -, _ and ., at most 63.",
            min_length=1,
            max_length=63,
            pattern="^[a-z0-9][-a-z0-9_.]{0,62}$",
        ),
    ] = ALIAS
    stores: Annotated[
        tuple[Literal["Keystore", "Truststore"], ...],
        Field(
            description="Which files are written. `Keystore`: the private key and the certificate with its chain. "
            "`Truststore`: the CA alone, under the alias `ca`.",
            min_length=1,
            max_length=2,
            json_schema_extra={"x-kubernetes-list-type": "set"},
        ),
    ] = (KEYSTORE, TRUSTSTORE)


class Pkcs12Keystore(JksKeystore):
    """A keystore and a truststore in PKCS #12 (RFC 7292)."""

    profile: Annotated[
        KeystoreProfile,
        Field(
            description="Algorithms. `Modern2023`: AES-256-CBC, PBKDF2 and a MAC with SHA-256; Java reads it since "
            "8u301 and 11.0.12. `LegacyDES`: Triple DES and SHA-1, for what is older."
        ),
    ] = KeystoreProfile.MODERN_2023


class Keystores(Shape):
    """Files under a password."""

    model_config = ConfigDict(json_schema_extra=rules(("has(self.jks) || has(self.pkcs12)", _NONE)))

    jks: Annotated[JksKeystore | None, Field(description="`keystore.jks` and `truststore.jks`.")] = None
    pkcs12: Annotated[Pkcs12Keystore | None, Field(description="`keystore.p12` and `truststore.p12`.")] = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.jks is None and self.pkcs12 is None:
            raise ValueError(_NONE)
        return self

    @property
    def private(self) -> bool:
        """Is the private key in any of them?"""
        return any(KEYSTORE in each.stores for each in (self.jks, self.pkcs12) if each)

    def to_domain(self) -> tuple[KeystoreSpec, ...]:
        """Return the same in domain words."""
        jks = (_to_domain(KeystoreFormat.JKS, self.jks),) if self.jks else ()
        if self.pkcs12 is None:
            return jks
        return (*jks, _to_domain(KeystoreFormat.PKCS12, self.pkcs12, self.pkcs12.profile))


TARGET_RULES: Final = tuple(
    (f"!has(self.keystores) || !has({path.partition('.data')[0]}) || !{path}.exists(key, key in {list(FILES)})", _TAKEN)
    for path in ("self.keys", "self.template.data")
)
"""What a target with keystores must not name itself."""

SPEC_RULES: Final = tuple(
    (
        f"!has(self.target) || !has(self.target.keystores) || !has(self.target.keystores.{each}) || "
        f"!('{KEYSTORE}' in self.target.keystores.{each}.stores) || {LETS_OUT}",
        PRIVATE,
    )
    for each in ("jks", "pkcs12")
)
"""No keystore of a key that stays in the vault."""


def check_names(*given: Mapping[str, str] | None) -> None:
    """``ValueError`` when one of these keys of the data is a keystore's."""
    if any(name in FILES for each in given for name in each or ()):
        raise ValueError(_TAKEN)


def _to_domain(
    format: KeystoreFormat, shape: JksKeystore, profile: KeystoreProfile = KeystoreProfile.MODERN_2023
) -> KeystoreSpec:
    reference = shape.password_secret_ref
    return KeystoreSpec(
        format,
        Password(reference.name, reference.key),
        shape.alias,
        profile,
        private=KEYSTORE in shape.stores,
        trust=TRUSTSTORE in shape.stores,
    )
