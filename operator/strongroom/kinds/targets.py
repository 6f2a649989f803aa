"""``spec.target`` and ``spec.targets``: native Secrets that hold the served version."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.functional_validators import AfterValidator

from strongroom.domain import targets as domain
from strongroom.domain.targets import CreationPolicy, DeletionPolicy, SecretType
from strongroom.kinds import names
from strongroom.kinds.imports import FieldName
from strongroom.kinds.shapes import Shape, rules

KEYS: Final = 64
TEMPLATES: Final = 32
TEMPLATE_LENGTH: Final = 16 * 1024
METADATA: Final = 32
ANNOTATION_LENGTH: Final = 4096

_DATA_KEY: Final = "^([-_a-zA-Z0-9]|[.][-_a-zA-Z0-9])[-._a-zA-Z0-9]{0,252}$"
_QUALIFIED: Final = "^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
_RESERVED: Final = "^([-a-z0-9.]+[.])?(strongroom[.]dev|kubernetes[.]io|k8s[.]io)/"
_FREE: Final = "app.kubernetes.io/"

_BAD_DATA_KEY: Final = (
    "a key of the data has letters, digits, -, _ and ., at most 253, and is not . and does not start .."
)
_BAD_METADATA: Final = (
    "a key is a name of at most 63 letters, digits, -, _ and ., with or without a prefix; the prefixes strongroom.dev, "
    "kubernetes.io and k8s.io are reserved, but for app.kubernetes.io"
)
_TWICE: Final = "keys and template.data name the same key"
_MERGE: Final = "with creationPolicy Merge the Secret keeps its own type and is not made immutable: leave both out"


def _is_data_key(key: str) -> bool:
    return re.fullmatch(_DATA_KEY, key) is not None and not key.endswith("\n")


def _is_metadata_key(key: str) -> bool:
    free = key.startswith(_FREE) or not re.match(_RESERVED, key)
    return re.fullmatch(_QUALIFIED, key) is not None and free


def _all(accepts: Callable[[str], bool], message: str) -> AfterValidator:
    def check(found: Mapping[str, str]) -> Mapping[str, str]:
        if not all(map(accepts, found)):
            raise ValueError(message)
        return found

    return AfterValidator(check)


_DATA_KEY_RULE: Final = rules((f"self.all(key, key.matches('{_DATA_KEY}'))", _BAD_DATA_KEY))
_METADATA_RULE: Final = rules(
    (
        f"self.all(key, key.matches('{_QUALIFIED}') && (key.startsWith('{_FREE}') || !key.matches('{_RESERVED}')))",
        _BAD_METADATA,
    )
)


class TargetTemplate(Shape):
    """Texts made of the version."""

    data: Annotated[
        dict[str, Annotated[str, Field(max_length=TEMPLATE_LENGTH)]],
        Field(
            description="Templates by key of the Secret's data: `url: postgres://app:{{ value | urlencode }}@db/app`. "
            "There are `value` (of a secret that has one), `fields.NAME`, `name`, `namespace` (of the target) and "
            "`version`; the filters `b64encode`, `b64decode`, `b64urlencode`, `urlencode`, `json`, `from_json`, "
            "`sha256`, `upper`, `lower`, `trim`, `replace`, `indent` and `default`; `{% if %}` with `==`, `!=`, `in`, "
            "`is defined`, `and`, `or`, `not`; and `~` to join. At most 16 KiB each.",
            min_length=1,
            max_length=TEMPLATES,
            json_schema_extra=_DATA_KEY_RULE,
        ),
        _all(_is_data_key, _BAD_DATA_KEY),
    ]


TARGET_RULES: Final = (
    ("!has(self.keys) || !has(self.template) || !self.keys.exists(key, key in self.template.data)", _TWICE),
    ("self.creationPolicy != 'Merge' || (self.type == 'Opaque' && !self.immutable)", _MERGE),
)
"""Of every target."""


class Target(Shape):
    """A native Secret that holds the served version."""

    model_config = ConfigDict(json_schema_extra=rules(*TARGET_RULES))

    name: Annotated[
        str,
        Field(
            description="Name of the Secret. One that exists already and is not this object's is never touched: then "
            "`Synced` is False with the reason `TargetConflict`. Only `creationPolicy: Merge` writes into such a one.",
            min_length=1,
            max_length=253,
            pattern=names.SUBDOMAIN,
        ),
    ]
    namespace: Annotated[
        str | None,
        Field(
            description="Namespace of the Secret. Default: that of this resource. Another one needs a grant of the "
            f"Vault (`spec.accessPolicies`) and the other namespace's consent (its annotation `{names.ACCEPT_FROM}`).",
            min_length=1,
            max_length=63,
            pattern="^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        ),
    ] = None
    type: Annotated[
        SecretType,
        Field(
            description="Type of the Secret. The data must be what the type demands, and a certificate must be for its "
            "key; else nothing is written. A Secret whose type changes is made anew."
        ),
    ] = SecretType.OPAQUE
    keys: Annotated[
        dict[str, FieldName] | None,
        Field(
            description="Which field of the secret is under which key of the Secret's data: `{tls.key: privateKey}`. A "
            "single value is the field `value`. Without `keys` and `template`: a single value is under `value` "
            "(`password` for basic-auth, `ssh-privatekey` for ssh-auth, `.dockerconfigjson` for dockerconfigjson), "
            "fields under their own names (`privateKey` under `ssh-privatekey` for ssh-auth; `certificate`, "
            "`privateKey` and `ca` under `tls.crt`, `tls.key` and `ca.crt` for tls).",
            min_length=1,
            max_length=KEYS,
            json_schema_extra=_DATA_KEY_RULE,
        ),
        _all(_is_data_key, _BAD_DATA_KEY),
    ] = None
    template: Annotated[
        TargetTemplate | None,
        Field(description="Texts made of the version. The data has its keys and those of `keys`, and no others."),
    ] = None
    labels: Annotated[
        dict[str, Annotated[str, Field(max_length=63, pattern="^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")]] | None,
        Field(
            description="Labels of the Secret. Those that others set stay.",
            max_length=METADATA,
            json_schema_extra=_METADATA_RULE,
        ),
        _all(_is_metadata_key, _BAD_METADATA),
    ] = None
    annotations: Annotated[
        dict[str, Annotated[str, Field(max_length=ANNOTATION_LENGTH)]] | None,
        Field(
            description="Annotations of the Secret. Those that others set stay.",
            max_length=METADATA,
            json_schema_extra=_METADATA_RULE,
        ),
        _all(_is_metadata_key, _BAD_METADATA),
    ] = None
    immutable: Annotated[
        bool,
        Field(
            description="Whether the Secret's data cannot be changed: kubelets need not watch it. Another version is "
            "then a Secret made anew under the name; running Pods keep what they have."
        ),
    ] = False
    creation_policy: Annotated[
        CreationPolicy,
        Field(
            description="Whose the Secret is. `Owner`: it is made here and goes with this object. `Orphan`: it is made "
            "here, kept up to date, and stays when this object goes. `Merge`: it is somebody else's and must exist; "
            "only the keys named here are written into it, over what is there under them."
        ),
    ] = CreationPolicy.OWNER
    deletion_policy: Annotated[
        DeletionPolicy,
        Field(
            description="What becomes of it when this object does not ask for it any more (and, unless `Orphan`, when "
            "this object is deleted). `Delete`: the Secret is deleted, or, with `Merge`, its keys named here. "
            "`Retain`: it stays as it is and is nobody's."
        ),
    ] = DeletionPolicy.DELETE

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.keys and self.template and set(self.keys) & set(self.template.data):
            raise ValueError(_TWICE)
        if self.creation_policy is CreationPolicy.MERGE and (self.type is not SecretType.OPAQUE or self.immutable):
            raise ValueError(_MERGE)
        return self

    def to_domain(self, namespace: str) -> domain.TargetSpec:
        """Return the same in domain words. ``namespace`` is that of the resource."""
        return domain.TargetSpec(
            namespace=self.namespace or namespace,
            name=self.name,
            type=self.type,
            keys=_texts(self.keys),
            template=_texts(self.template.data if self.template else None),
            labels=_texts(self.labels),
            annotations=_texts(self.annotations),
            immutable=self.immutable,
            creation=self.creation_policy,
            deletion=self.deletion_policy,
        )


def _texts(found: Mapping[str, str] | None) -> domain.Texts:
    return tuple(sorted((found or {}).items()))
