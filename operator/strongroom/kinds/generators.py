"""``spec.generate`` of a VaultSecret."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import ConfigDict, Field

from strongroom.domain import generation as domain
from strongroom.domain.content import FIELD_NAME, FIELDS
from strongroom.domain.errors import InvalidInput
from strongroom.domain.generation import BCRYPT_COSTS, BCRYPT_OCTETS
from strongroom.kinds.keypairs import KeyPair, SshKeyPair
from strongroom.kinds.passwords import Passphrase, Password
from strongroom.kinds.policies import Policy
from strongroom.kinds.randomness import EncodedRandomBytes, RandomBytes, Uuid
from strongroom.kinds.shapes import rules


class Htpasswd(Policy):
    """A user name and a random password, and both as a line of a password file."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                f"self.password.length <= {BCRYPT_OCTETS}",
                f"password.length is at most {BCRYPT_OCTETS}: bcrypt would look at no more",
            )
        )
    )

    username: Annotated[
        str,
        Field(
            description="The user's name: printable ASCII without blank and colon, not beginning with `#`. Visible in "
            "this resource.",
            min_length=1,
            max_length=128,
            pattern=f"^{domain.USERNAME.pattern}$",
        ),
    ]
    password: Annotated[
        Password,
        Field(
            description=f"How the password is made; at most {BCRYPT_OCTETS} characters, more of which bcrypt ignores."
        ),
    ] = Password()
    cost: Annotated[
        int,
        Field(
            description="How much work each check of a password is: 10 takes a server some 60 ms, each step more "
            "twice that. A random password does not need it; a long one is better.",
            ge=min(BCRYPT_COSTS),
            le=max(BCRYPT_COSTS),
        ),
    ] = min(BCRYPT_COSTS)

    def to_domain(self) -> domain.Htpasswd:
        """Return the same in domain words."""
        return domain.Htpasswd(self.username, self.password.to_domain(), self.cost)


def _exactly_one(*fields: str) -> tuple[str, str]:
    """The rule that one of some fields is present, and the complaint of it."""
    present = ", ".join(f"has(self.{field})" for field in fields)
    return f"[{present}].exists_one(x, x)", f"exactly one of {', '.join(fields[:-1])} and {fields[-1]} is required"


_TEXTS: Final = ("password", "passphrase", "uuid", "randomBytes")
_ONE_OF_FIELD: Final = _exactly_one(*_TEXTS, "literal")
_ONE_OF_GENERATE: Final = _exactly_one(*_TEXTS, "sshKeyPair", "keyPair", "htpasswd", "fields")


class FieldPolicy(Policy):
    """Exactly one way to make one of several fields."""

    model_config = ConfigDict(json_schema_extra=rules(_ONE_OF_FIELD))

    password: Annotated[Password | None, Field(description="A random password.")] = None
    passphrase: Annotated[Passphrase | None, Field(description="Random words.")] = None
    uuid: Annotated[Uuid | None, Field(description="A random UUID; write `{}`.")] = None
    random_bytes: Annotated[EncodedRandomBytes | None, Field(description="Random bytes, written as text.")] = None
    literal: Annotated[
        str | None,
        Field(
            description="A text that is not secret and belongs to the rest: a user name, a host. It is visible in "
            "this resource to all who can read it; never write a password here.",
            max_length=domain.LITERAL_LENGTH,
        ),
    ] = None

    def to_domain(self) -> domain.FieldPolicy:
        """Return the same in domain words."""
        policies = (self.password, self.passphrase, self.uuid, self.random_bytes)
        chosen: list[domain.FieldPolicy] = [policy.to_domain() for policy in policies if policy is not None]
        chosen += [] if self.literal is None else [domain.Literal(self.literal)]
        if len(chosen) != 1:
            raise InvalidInput(_ONE_OF_FIELD[1])
        return chosen[0]


class Generate(Policy):
    """Exactly one way to make a value."""

    model_config = ConfigDict(json_schema_extra=rules(_ONE_OF_GENERATE))

    password: Annotated[
        Password | None,
        Field(description="A random password, for people and for systems that want text. `{}` takes the defaults."),
    ] = None
    passphrase: Annotated[
        Passphrase | None,
        Field(description="Random words, for what people read and type. `{}` takes the defaults."),
    ] = None
    uuid: Annotated[
        Uuid | None,
        Field(description="A random UUID (version 4 of RFC 9562, 122 random bits) in lower case; write `{}`."),
    ] = None
    random_bytes: Annotated[
        RandomBytes | None,
        Field(description="Random bytes, for keys, salts and cookie secrets. `{}` takes the defaults."),
    ] = None
    ssh_key_pair: Annotated[
        SshKeyPair | None,
        Field(
            description="A key pair for SSH, in two fields: `privateKey` in the format of OpenSSH, without a "
            "passphrase, and `publicKey`, a line of `authorized_keys`. `{}` takes the defaults."
        ),
    ] = None
    key_pair: Annotated[
        KeyPair | None,
        Field(
            description="A key pair in PEM, in two fields: `privateKey` (PKCS #8, not encrypted) and `publicKey` "
            "(SubjectPublicKeyInfo). `{}` takes the defaults."
        ),
    ] = None
    htpasswd: Annotated[
        Htpasswd | None,
        Field(
            description="A user name with a random password, in three fields: `username`, `password`, and `auth`, a "
            "line `user:hash` (bcrypt, `$2y$`) of the password files of nginx and Apache."
        ),
    ] = None
    fields: Annotated[
        dict[Annotated[str, Field(pattern=f"^{FIELD_NAME.pattern}$")], FieldPolicy] | None,
        Field(
            description=f"Several texts that are made together and rotate together, by name: 1 to {FIELDS}. A name "
            "consists of letters, digits and underscores, at most 63, and begins with no digit. Together they may "
            "have 25600 bytes, counted as the JSON object in which they are kept.",
            min_length=1,
            max_length=FIELDS,
            json_schema_extra=rules(
                (
                    f"self.all(name, name.matches('^{FIELD_NAME.pattern}$'))",
                    "a field is named by letters, digits and underscores, at most 63, no digit first",
                )
            ),
        ),
    ] = None

    def to_domain(self) -> domain.Generate:
        """Return the same in domain words. Raises InvalidInput for combinations that no value can satisfy."""
        texts = (self.password, self.passphrase, self.uuid, self.random_bytes)
        groups = (self.ssh_key_pair, self.key_pair, self.htpasswd)
        chosen: list[domain.Generate] = [policy.to_domain() for policy in texts if policy is not None]
        chosen += [policy.to_domain() for policy in groups if policy is not None]
        if self.fields is not None:
            chosen.append(domain.Fields(tuple((name, each.to_domain()) for name, each in sorted(self.fields.items()))))
        if len(chosen) != 1:
            raise InvalidInput(_ONE_OF_GENERATE[1])
        return chosen[0]
