"""Which keys may be released, and what may be said about that of a version. Pure; the policies are ``releasepolicies``.

Whether a version is exportable is decided when it is made: a token makes it differently. To whom it is released may
change afterwards, unless the policy says that it may not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strongroom.domain import releasepolicies
from strongroom.domain.apiobjects import Wanted
from strongroom.domain.errors import InvalidInput, KeyDisabled, NotReleasable
from strongroom.domain.objects import Attributes
from strongroom.domain.releasepolicies import ReleasePolicy


def check_new(wanted: Wanted) -> None:
    """Raise ``InvalidInput`` unless an exportable key, and no other, gets a release policy that can be read."""
    if wanted.release_policy is None:
        if wanted.exportable:
            raise InvalidInput("attributes.exportable: needs a release_policy, which says to whom the key is released")
        if wanted.release_policy_immutable:
            raise InvalidInput("release_policy.data: is required")
        return
    if not wanted.exportable:
        raise InvalidInput("release_policy: is for exportable keys only (attributes.exportable)")
    releasepolicies.parse(wanted.release_policy)


def check_change(present: Attributes, wanted: Wanted) -> None:
    """Raise ``InvalidInput`` unless the release policy of a version may become this."""
    if wanted.release_policy is None and not wanted.release_policy_immutable:
        return
    if not present.exportable:
        raise InvalidInput("release_policy: this version is not exportable, which is decided when a version is made")
    if wanted.release_policy is not None:
        releasepolicies.parse(wanted.release_policy)


def policy_of(version: Attributes) -> ReleasePolicy:
    """Return the policy of a version that may be released; ``KeyDisabled``, ``NotReleasable``.

    ``nbf`` and ``exp`` do not matter, as in Azure Key Vault: nor do they for decrypting.
    """
    if not version.enabled:
        raise KeyDisabled("Operation release is not allowed on a disabled key.")
    if not version.exportable or not version.release_policy:
        raise NotReleasable(
            "this version of the key is not exportable; a version that is made with attributes.exportable and a "
            "release_policy can be released"
        )
    try:
        return releasepolicies.parse(version.release_policy)
    except InvalidInput as wrong:
        raise NotReleasable(
            f"the policy of this version cannot be read, so it is released to nobody: {wrong}"
        ) from None


def check_attested(policy: ReleasePolicy, issuer: str, claims: Mapping[str, Any]) -> None:
    """Raise ``NotReleasable`` unless an attestation, which was verified, satisfies the policy."""
    if releasepolicies.allows(policy, issuer, claims):
        return
    if not releasepolicies.names(policy, issuer):
        raise NotReleasable(f"release_policy: does not name {issuer}, whose attestation this is")
    raise NotReleasable(f"release_policy: the claims of the attestation are not what it demands of {issuer}")
