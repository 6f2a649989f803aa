from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Refusal(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REFUSAL_UNSPECIFIED: _ClassVar[Refusal]
    REFUSAL_INVALID: _ClassVar[Refusal]
    REFUSAL_KEY_REFUSED: _ClassVar[Refusal]

class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STATE_UNSPECIFIED: _ClassVar[State]
    STATE_STARTING: _ClassVar[State]
    STATE_SERVING: _ClassVar[State]
    STATE_TOKEN_LOST: _ClassVar[State]
    STATE_UNINITIALISED: _ClassVar[State]
    STATE_LOGIN_REFUSED: _ClassVar[State]
    STATE_TOKEN_REFUSED: _ClassVar[State]
    STATE_DRAINING: _ClassVar[State]
REFUSAL_UNSPECIFIED: Refusal
REFUSAL_INVALID: Refusal
REFUSAL_KEY_REFUSED: Refusal
STATE_UNSPECIFIED: State
STATE_STARTING: State
STATE_SERVING: State
STATE_TOKEN_LOST: State
STATE_UNINITIALISED: State
STATE_LOGIN_REFUSED: State
STATE_TOKEN_REFUSED: State
STATE_DRAINING: State

class WrappedKey(_message.Message):
    __slots__ = ("world", "key_class", "usage", "owner", "version", "blob", "mac")
    WORLD_FIELD_NUMBER: _ClassVar[int]
    KEY_CLASS_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    BLOB_FIELD_NUMBER: _ClassVar[int]
    MAC_FIELD_NUMBER: _ClassVar[int]
    world: str
    key_class: str
    usage: str
    owner: str
    version: int
    blob: bytes
    mac: bytes
    def __init__(self, world: _Optional[str] = ..., key_class: _Optional[str] = ..., usage: _Optional[str] = ..., owner: _Optional[str] = ..., version: _Optional[int] = ..., blob: _Optional[bytes] = ..., mac: _Optional[bytes] = ...) -> None: ...

class GenerateKekRequest(_message.Message):
    __slots__ = ("owner", "version")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    owner: str
    version: int
    def __init__(self, owner: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class DestroyKeksRequest(_message.Message):
    __slots__ = ("owner", "below")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    BELOW_FIELD_NUMBER: _ClassVar[int]
    owner: str
    below: int
    def __init__(self, owner: _Optional[str] = ..., below: _Optional[int] = ...) -> None: ...

class DestroyKeksResponse(_message.Message):
    __slots__ = ("destroyed",)
    DESTROYED_FIELD_NUMBER: _ClassVar[int]
    destroyed: int
    def __init__(self, destroyed: _Optional[int] = ...) -> None: ...

class WrapDekRequest(_message.Message):
    __slots__ = ("kek", "dek_id", "seed")
    KEK_FIELD_NUMBER: _ClassVar[int]
    DEK_ID_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    kek: WrappedKey
    dek_id: str
    seed: bytes
    def __init__(self, kek: _Optional[_Union[WrappedKey, _Mapping]] = ..., dek_id: _Optional[str] = ..., seed: _Optional[bytes] = ...) -> None: ...

class WrapDekResponse(_message.Message):
    __slots__ = ("wrapped",)
    WRAPPED_FIELD_NUMBER: _ClassVar[int]
    wrapped: bytes
    def __init__(self, wrapped: _Optional[bytes] = ...) -> None: ...

class UnwrapDekRequest(_message.Message):
    __slots__ = ("kek", "dek_id", "wrapped")
    KEK_FIELD_NUMBER: _ClassVar[int]
    DEK_ID_FIELD_NUMBER: _ClassVar[int]
    WRAPPED_FIELD_NUMBER: _ClassVar[int]
    kek: WrappedKey
    dek_id: str
    wrapped: bytes
    def __init__(self, kek: _Optional[_Union[WrappedKey, _Mapping]] = ..., dek_id: _Optional[str] = ..., wrapped: _Optional[bytes] = ...) -> None: ...

class UnwrapDekResponse(_message.Message):
    __slots__ = ("seed",)
    SEED_FIELD_NUMBER: _ClassVar[int]
    seed: bytes
    def __init__(self, seed: _Optional[bytes] = ...) -> None: ...

class KeySpec(_message.Message):
    __slots__ = ("type", "size", "curve", "exponent")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    CURVE_FIELD_NUMBER: _ClassVar[int]
    EXPONENT_FIELD_NUMBER: _ClassVar[int]
    type: str
    size: int
    curve: str
    exponent: int
    def __init__(self, type: _Optional[str] = ..., size: _Optional[int] = ..., curve: _Optional[str] = ..., exponent: _Optional[int] = ...) -> None: ...

class ObjectKey(_message.Message):
    __slots__ = ("spec", "public", "wrapped")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_FIELD_NUMBER: _ClassVar[int]
    WRAPPED_FIELD_NUMBER: _ClassVar[int]
    spec: KeySpec
    public: bytes
    wrapped: WrappedKey
    def __init__(self, spec: _Optional[_Union[KeySpec, _Mapping]] = ..., public: _Optional[bytes] = ..., wrapped: _Optional[_Union[WrappedKey, _Mapping]] = ...) -> None: ...

class MakeKeyRequest(_message.Message):
    __slots__ = ("spec", "owner", "exportable")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    EXPORTABLE_FIELD_NUMBER: _ClassVar[int]
    spec: KeySpec
    owner: str
    exportable: bool
    def __init__(self, spec: _Optional[_Union[KeySpec, _Mapping]] = ..., owner: _Optional[str] = ..., exportable: _Optional[bool] = ...) -> None: ...

class TakeKeyRequest(_message.Message):
    __slots__ = ("spec", "owner", "private", "exportable")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_FIELD_NUMBER: _ClassVar[int]
    EXPORTABLE_FIELD_NUMBER: _ClassVar[int]
    spec: KeySpec
    owner: str
    private: bytes
    exportable: bool
    def __init__(self, spec: _Optional[_Union[KeySpec, _Mapping]] = ..., owner: _Optional[str] = ..., private: _Optional[bytes] = ..., exportable: _Optional[bool] = ...) -> None: ...

class Use(_message.Message):
    __slots__ = ("spec", "key", "owner", "algorithm", "operation", "value", "iv", "tag", "aad", "signature")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    IV_FIELD_NUMBER: _ClassVar[int]
    TAG_FIELD_NUMBER: _ClassVar[int]
    AAD_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    spec: KeySpec
    key: WrappedKey
    owner: str
    algorithm: str
    operation: str
    value: bytes
    iv: bytes
    tag: bytes
    aad: bytes
    signature: bytes
    def __init__(self, spec: _Optional[_Union[KeySpec, _Mapping]] = ..., key: _Optional[_Union[WrappedKey, _Mapping]] = ..., owner: _Optional[str] = ..., algorithm: _Optional[str] = ..., operation: _Optional[str] = ..., value: _Optional[bytes] = ..., iv: _Optional[bytes] = ..., tag: _Optional[bytes] = ..., aad: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class UseKeysRequest(_message.Message):
    __slots__ = ("uses",)
    USES_FIELD_NUMBER: _ClassVar[int]
    uses: _containers.RepeatedCompositeFieldContainer[Use]
    def __init__(self, uses: _Optional[_Iterable[_Union[Use, _Mapping]]] = ...) -> None: ...

class Made(_message.Message):
    __slots__ = ("value", "iv", "tag", "valid")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    IV_FIELD_NUMBER: _ClassVar[int]
    TAG_FIELD_NUMBER: _ClassVar[int]
    VALID_FIELD_NUMBER: _ClassVar[int]
    value: bytes
    iv: bytes
    tag: bytes
    valid: bool
    def __init__(self, value: _Optional[bytes] = ..., iv: _Optional[bytes] = ..., tag: _Optional[bytes] = ..., valid: _Optional[bool] = ...) -> None: ...

class Used(_message.Message):
    __slots__ = ("made", "refusal", "detail")
    MADE_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    made: Made
    refusal: Refusal
    detail: str
    def __init__(self, made: _Optional[_Union[Made, _Mapping]] = ..., refusal: _Optional[_Union[Refusal, str]] = ..., detail: _Optional[str] = ...) -> None: ...

class UseKeysResponse(_message.Message):
    __slots__ = ("used",)
    USED_FIELD_NUMBER: _ClassVar[int]
    used: _containers.RepeatedCompositeFieldContainer[Used]
    def __init__(self, used: _Optional[_Iterable[_Union[Used, _Mapping]]] = ...) -> None: ...

class UseKeysAnswer(_message.Message):
    __slots__ = ("response", "failure")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    response: UseKeysResponse
    failure: Failure
    def __init__(self, response: _Optional[_Union[UseKeysResponse, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("code", "state", "detail")
    CODE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    code: int
    state: State
    detail: str
    def __init__(self, code: _Optional[int] = ..., state: _Optional[_Union[State, str]] = ..., detail: _Optional[str] = ...) -> None: ...

class ReleaseKeyRequest(_message.Message):
    __slots__ = ("spec", "key", "owner", "target", "digest")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    spec: KeySpec
    key: WrappedKey
    owner: str
    target: bytes
    digest: str
    def __init__(self, spec: _Optional[_Union[KeySpec, _Mapping]] = ..., key: _Optional[_Union[WrappedKey, _Mapping]] = ..., owner: _Optional[str] = ..., target: _Optional[bytes] = ..., digest: _Optional[str] = ...) -> None: ...

class ReleaseKeyResponse(_message.Message):
    __slots__ = ("wrapped",)
    WRAPPED_FIELD_NUMBER: _ClassVar[int]
    wrapped: bytes
    def __init__(self, wrapped: _Optional[bytes] = ...) -> None: ...

class RandomRequest(_message.Message):
    __slots__ = ("size",)
    SIZE_FIELD_NUMBER: _ClassVar[int]
    size: int
    def __init__(self, size: _Optional[int] = ...) -> None: ...

class RandomResponse(_message.Message):
    __slots__ = ("octets",)
    OCTETS_FIELD_NUMBER: _ClassVar[int]
    octets: bytes
    def __init__(self, octets: _Optional[bytes] = ...) -> None: ...

class StatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatusResponse(_message.Message):
    __slots__ = ("state", "detail", "world", "geography", "token", "sessions", "cached_keys", "made_objects", "restarts", "logins", "worlds")
    STATE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    WORLD_FIELD_NUMBER: _ClassVar[int]
    GEOGRAPHY_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    CACHED_KEYS_FIELD_NUMBER: _ClassVar[int]
    MADE_OBJECTS_FIELD_NUMBER: _ClassVar[int]
    RESTARTS_FIELD_NUMBER: _ClassVar[int]
    LOGINS_FIELD_NUMBER: _ClassVar[int]
    WORLDS_FIELD_NUMBER: _ClassVar[int]
    state: State
    detail: str
    world: str
    geography: str
    token: TokenInfo
    sessions: int
    cached_keys: int
    made_objects: int
    restarts: int
    logins: int
    worlds: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, state: _Optional[_Union[State, str]] = ..., detail: _Optional[str] = ..., world: _Optional[str] = ..., geography: _Optional[str] = ..., token: _Optional[_Union[TokenInfo, _Mapping]] = ..., sessions: _Optional[int] = ..., cached_keys: _Optional[int] = ..., made_objects: _Optional[int] = ..., restarts: _Optional[int] = ..., logins: _Optional[int] = ..., worlds: _Optional[_Iterable[str]] = ...) -> None: ...

class TokenInfo(_message.Message):
    __slots__ = ("label", "manufacturer", "model", "serial", "hardware_version", "firmware_version", "library", "mechanisms")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    MANUFACTURER_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    HARDWARE_VERSION_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_VERSION_FIELD_NUMBER: _ClassVar[int]
    LIBRARY_FIELD_NUMBER: _ClassVar[int]
    MECHANISMS_FIELD_NUMBER: _ClassVar[int]
    label: str
    manufacturer: str
    model: str
    serial: str
    hardware_version: str
    firmware_version: str
    library: str
    mechanisms: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, label: _Optional[str] = ..., manufacturer: _Optional[str] = ..., model: _Optional[str] = ..., serial: _Optional[str] = ..., hardware_version: _Optional[str] = ..., firmware_version: _Optional[str] = ..., library: _Optional[str] = ..., mechanisms: _Optional[_Iterable[str]] = ...) -> None: ...
