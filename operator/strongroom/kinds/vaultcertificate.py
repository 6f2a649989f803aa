"""VaultCertificate, v1alpha1: its schema, and what the controller keeps of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.functional_validators import AfterValidator

from strongroom.domain import certificates
from strongroom.domain.attributes import UNDECLARED, DeclaredAttributes
from strongroom.domain.certificates import (
    UNKNOWN,
    Action,
    AlternativeNames,
    CertificatePolicy,
    LifetimeAction,
)
from strongroom.domain.errors import InvalidInput
from strongroom.domain.rollouts import Workload
from strongroom.domain.targets import SecretType, TargetSpec
from strongroom.kinds import certificaterules, keystores, names
from strongroom.kinds.certificatepolicy import PolicyShape
from strongroom.kinds.certificateshapes import (
    EXTENDED_USAGES,
    KEY_USAGES,
    IssuerReference,
    NameConstraints,
    PrivateKey,
    UsageWord,
)
from strongroom.kinds.declaring import (
    Tags,
    VaultReference,
    asked,
    name_in_vault,
    named,
    same_object_name,
    vault_reference,
)
from strongroom.kinds.durations import DURATION, DURATION_LENGTH, between, duration_rules, parse_duration
from strongroom.kinds.keystores import Keystores
from strongroom.kinds.rollouts import RolloutTarget
from strongroom.kinds.shapes import Shape, checked, rules, without_values
from strongroom.kinds.targets import TARGET_RULES, Target

_SET: Final = {"x-kubernetes-list-type": "set"}
SHORTEST: Final = 3600
LONGEST: Final = 3650 * 86_400
_LIFE: Final = "must be at least 1h and at most 3650d"
_DEFAULT_DURATION: Final = "90d"
_BEFORE: Final = "must be at least 5m and at most 3650d"
_TLS_KEYS: Final = (("ca.crt", "ca"), ("tls.crt", "certificate"), ("tls.key", "privateKey"))
_CERTIFICATES_ONLY: Final = _TLS_KEYS[:2]

_Name = Annotated[str, Field(min_length=1, max_length=253)]
_Duration = Annotated[str, Field(min_length=DURATION_LENGTH[0], max_length=DURATION_LENGTH[1], pattern=DURATION)]


class CertificateTarget(Target):
    """A native Secret that holds the current version."""

    model_config = ConfigDict(json_schema_extra=rules(*TARGET_RULES, *keystores.TARGET_RULES))

    type: Annotated[
        SecretType,
        Field(
            description="Type of the Secret. `kubernetes.io/tls` needs the private key; `Opaque` may hold the "
            "certificates alone. A Secret whose type changes is made anew."
        ),
    ] = SecretType.TLS
    keystores: Annotated[
        Keystores | None,
        Field(
            description="Files under a password, for Java and others, beside the rest; with the type `Opaque` only "
            "what is named here, in `keys` and in `template`."
        ),
    ] = None

    @model_validator(mode="after")
    def _no_file_twice(self) -> Self:
        if self.keystores:
            keystores.check_names(self.keys, self.template.data if self.template else None)
        return self

    def to_domain(self, namespace: str) -> TargetSpec:
        """See ``Target``."""
        found = super().to_domain(namespace)
        return replace(found, keystores=self.keystores.to_domain()) if self.keystores else found


class VaultCertificateSpec(Shape):
    """What the certificate should be."""

    model_config = ConfigDict(
        json_schema_extra=rules(same_object_name("VaultCertificate"), *certificaterules.RULES, *keystores.SPEC_RULES)
    )

    vault_ref: Annotated[VaultReference, vault_reference("VaultCertificate", "certificate")]
    object_name: Annotated[str | None, name_in_vault("certificate")] = None
    policy: Annotated[
        PolicyShape | None,
        Field(
            description="How versions are made, as a certificate policy of Azure Key Vault's REST API, in place of the "
            "fields from `issuerRef` to `exportable`. What it leaves out is as in Azure."
        ),
    ] = None
    issuer_ref: Annotated[IssuerReference | None, Field(description="Who issues it. Default: `Self`.")] = None
    common_name: Annotated[
        str | None,
        Field(
            description="The subject's common name; at most 64 characters. Clients look at `dnsNames`, not at it.",
            min_length=1,
            max_length=64,
        ),
    ] = None
    subject: Annotated[
        str | None,
        Field(
            description="The whole subject (RFC 4514), in place of `commonName`: `CN=app.example,O=Example,C=DE`.",
            min_length=1,
            max_length=1024,
        ),
    ] = None
    dns_names: Annotated[
        tuple[_Name, ...],
        Field(
            description="DNS names that it is for; `*.example.org` stands for one label.",
            max_length=100,
            json_schema_extra=_SET,
        ),
    ] = ()
    ip_addresses: Annotated[
        tuple[Annotated[str, Field(min_length=2, max_length=45)], ...],
        Field(description="IPv4 and IPv6 addresses that it is for.", max_length=100, json_schema_extra=_SET),
    ] = ()
    uris: Annotated[
        tuple[Annotated[str, Field(min_length=3, max_length=512)], ...],
        Field(description="URIs that it is for, such as SPIFFE ids.", max_length=100, json_schema_extra=_SET),
    ] = ()
    email_addresses: Annotated[
        tuple[_Name, ...], Field(description="E-mail addresses that it is for.", max_length=100, json_schema_extra=_SET)
    ] = ()
    duration: Annotated[
        _Duration | None,
        Field(
            description="How long a version is valid: `2160h`, `90d` (the default). Issuers may give less.",
            json_schema_extra=rules(*duration_rules(SHORTEST, LONGEST, _LIFE)),
        ),
        AfterValidator(checked(between(SHORTEST, LONGEST, _LIFE))),
    ] = None
    renew_before: Annotated[
        _Duration | None,
        Field(
            description="How long before the end of a version the next one is made. Default: a third of its life.",
            json_schema_extra=rules(*duration_rules(300, LONGEST, _BEFORE)),
        ),
        AfterValidator(checked(between(300, LONGEST, _BEFORE))),
    ] = None
    renew_before_percentage: Annotated[
        int | None,
        Field(description="The same, as so many hundredths of the life of a version.", ge=1, le=99),
    ] = None
    usages: Annotated[
        tuple[UsageWord, ...],
        Field(
            description="What the certificate's key may be used for. Default: `digital signature`, of an RSA key also "
            "`key encipherment`, and `server auth`; of a CA `cert sign` and `crl sign`.",
            max_length=15,
            json_schema_extra=_SET,
        ),
    ] = ()
    private_key: Annotated[PrivateKey | None, Field(description="Its key. Default: RSA with 2048 bits.")] = None
    is_ca: Annotated[
        bool | None, Field(alias="isCA", description="Whether it may issue certificates itself. Default: `false`.")
    ] = None
    name_constraints: Annotated[
        NameConstraints | None, Field(description="Of a CA: bounds of what it may issue certificates for.")
    ] = None
    path_length: Annotated[
        int | None,
        Field(description="Of a CA: how many CAs may follow it in a chain. Default: any number.", ge=0, le=16),
    ] = None
    exportable: Annotated[
        bool | None,
        Field(
            description="Whether the private key may be read from the vault. Default: `true`, of a key in the HSM "
            "`false`."
        ),
    ] = None
    enabled: Annotated[
        bool | None,
        Field(description="`false` withdraws the certificate's key and secret: they are refused to readers."),
    ] = None
    tags: Annotated[
        Tags | None,
        Field(description="Labels of the version for readers of the API, at most 15. They hold nothing secret."),
    ] = None
    target: Annotated[
        CertificateTarget | None,
        Field(
            description="A native Secret that holds the current version. Without `keys` and `template` it has "
            "`tls.crt` (with the chain), `ca.crt`, and `tls.key` where the private key may leave the vault. It is "
            "never written with a certificate that is not for its key. `keys` and `template` may use the fields "
            "`certificate`, `leaf`, `chain`, `ca`, `privateKey` and `combined` (the key, then the certificates), and, "
            "in DER, `leafDer` and `privateKeyDer` (PKCS #8)."
        ),
    ] = None
    rollout_restart_targets: Annotated[
        tuple[RolloutTarget, ...],
        Field(
            description="Workloads that are restarted when the target holds another version.",
            max_length=16,
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = ()
    deletion_policy: Annotated[
        Literal["Delete", "Retain"],
        Field(
            description="What becomes of the certificate in the vault when this resource is deleted. `Delete`: it is "
            "deleted softly. `Retain`: it stays, and is renewed as before; a VaultCertificate of this namespace can "
            "take it over again."
        ),
    ] = "Delete"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = self.model_dump(by_alias=True, exclude_unset=True, exclude_none=True)
        if self.policy is not None and not given.keys().isdisjoint(certificaterules.IN_POLICY):
            raise ValueError(certificaterules.ONE_OF_TWO)
        if self.common_name and self.subject:
            raise ValueError(certificaterules.ONE_SUBJECT)
        if self.renew_before and self.renew_before_percentage:
            raise ValueError(certificaterules.ONE_TIME)
        if self.exportable and self._key.protection == "HSM":
            raise ValueError(certificaterules.KEPT)
        if self.target and self.target.type is SecretType.TLS and not self.lets_out:
            raise ValueError(certificaterules.PRIVATE)
        if self.target and self.target.keystores and self.target.keystores.private and not self.lets_out:
            raise ValueError(keystores.PRIVATE)
        try:
            certificates.check(self.recipe)
        except InvalidInput as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def lets_out(self) -> bool:
        """May the private key be read?"""
        if self.policy is not None:
            return self.policy.to_domain().exportable
        return self._key.protection == "Software" and self.exportable is not False

    @property
    def recipe(self) -> CertificatePolicy:
        """How versions are made, in domain words; ``InvalidInput`` for a size that the key cannot have."""
        return self._mapped if self.policy is None else self.policy.to_domain()

    @property
    def _key(self) -> PrivateKey:
        return self.private_key or PrivateKey()

    @property
    def _mapped(self) -> CertificatePolicy:
        """From the words of cert-manager."""
        spec, life, ca = self._key.spec, parse_duration(self.duration or _DEFAULT_DURATION), bool(self.is_ca)
        usages = tuple(KEY_USAGES[word] for word in self.usages if word in KEY_USAGES)
        ekus = tuple(EXTENDED_USAGES[word] for word in self.usages if word in EXTENDED_USAGES)
        if not self.usages and not ca:
            ekus = (certificates.SERVER_AUTH,)
        issuer = (self.issuer_ref or IssuerReference()).issuer
        return CertificatePolicy(
            spec,
            self.subject or (f"CN={_escaped(self.common_name)}" if self.common_name else ""),
            AlternativeNames(self.email_addresses, self.dns_names, (), self.uris, self.ip_addresses),
            issuer,
            exportable=self.lets_out,
            reuse_key=self._key.rotation_policy == "Never",
            ekus=ekus,
            usages=usages or (certificates.ca_usages() if ca else certificates.default_usages(spec)),
            lifetime=life,
            ca=ca,
            actions=(self._renewal(issuer, life),),
            permitted=self.name_constraints.permitted.dns_domains if self.name_constraints else (),
            path_length=self.path_length,
        )

    def _renewal(self, issuer: str, life: int) -> LifetimeAction:
        action = Action.EMAIL if issuer == UNKNOWN else Action.RENEW
        if self.renew_before_percentage:
            return LifetimeAction(action, percentage=100 - self.renew_before_percentage)
        before = parse_duration(self.renew_before) if self.renew_before else life // 3
        return LifetimeAction(action, before=before)


def _escaped(text: str | None) -> str:
    """Return a value as it stands in a distinguished name (RFC 4514, section 2.4)."""
    return "".join(f"\\{character}" if character in ',+"\\<>;=#' else character for character in text or "")


@dataclass(frozen=True, slots=True)
class VaultCertificateResource:
    """One VaultCertificate as the controller holds it."""

    namespace: str
    name: str
    uid: str
    generation: int
    deleting: bool
    vault: str
    object_name: str
    recipe: CertificatePolicy
    attributes: DeclaredAttributes = UNDECLARED
    target: TargetSpec | None = None
    restarts: tuple[Workload, ...] = ()
    retain: bool = False  # the object stays when the resource goes
    renew: str = ""  # values of the annotations of these names
    sync: str = ""
    recover: bool = False
    revoke: str = ""

    @property
    def all_targets(self) -> tuple[TargetSpec, ...]:
        """The Secrets that hold it."""
        return (self.target,) if self.target else ()

    @property
    def has_targets(self) -> bool:
        """Is anything of it written into the cluster?"""
        return self.target is not None

    @property
    def passwords(self) -> frozenset[str]:
        """The names, in lower case, of the secrets that are passwords of its keystores."""
        return frozenset(each.password.secret.lower() for target in self.all_targets for each in target.keystores)


def parse_vaultcertificate(body: Mapping[str, Any]) -> VaultCertificateResource:
    """Read a VaultCertificate.

    Raises InvalidInput with field paths; what the API server accepted once may be too old.
    """
    meta = body["metadata"]
    with without_values():
        spec = VaultCertificateSpec.model_validate(body.get("spec") or {})
    annotations = meta.get("annotations") or {}
    return VaultCertificateResource(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        generation=meta["generation"],
        deleting="deletionTimestamp" in meta,
        vault=spec.vault_ref.name,
        object_name=named(spec.object_name, meta["name"]),
        recipe=spec.recipe,
        attributes=DeclaredAttributes(
            enabled=spec.enabled, tags=tuple(sorted(spec.tags.items())) if spec.tags is not None else None
        ),
        target=_target(spec, meta["namespace"]),
        restarts=tuple(each.to_domain() for each in spec.rollout_restart_targets),
        retain=spec.deletion_policy == "Retain",
        renew=asked(annotations, names.RENEW),
        sync=asked(annotations, names.SYNC),
        recover=annotations.get(names.RECOVER) == "true",
        revoke=asked(annotations, names.REVOKE),
    )


def _target(spec: VaultCertificateSpec, namespace: str) -> TargetSpec | None:
    """A target has what servers look for; one of type tls whatever else it names."""
    if spec.target is None:
        return None
    target = spec.target.to_domain(namespace)
    named_here = {key for key, _ in (*target.keys, *target.template)}
    if (named_here or target.keystores) and target.type is not SecretType.TLS:
        return target
    wanted = _TLS_KEYS if spec.lets_out else _CERTIFICATES_ONLY
    more = tuple(pair for pair in wanted if pair[0] not in named_here)
    return replace(target, keys=tuple(sorted((*target.keys, *more))))
