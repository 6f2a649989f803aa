"""What `cryptography` says of users' keys: the other side of everything a token does with them."""

import hashlib
import os

from asn1crypto.keys import PrivateKeyInfo  # type: ignore[import-untyped]
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, hmac, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.padding import PKCS7

from strongroom.domain.algorithms import DIGEST_OCTETS, Algorithm, Family, Given, Hash, Made
from strongroom.domain.keytypes import COORDINATE_OCTETS, Curve, KeySpec, KeyType

HASHES = {
    Hash.SHA1: hashes.SHA1(),  # noqa: S303
    Hash.SHA256: hashes.SHA256(),
    Hash.SHA384: hashes.SHA384(),
    Hash.SHA512: hashes.SHA512(),
}
CURVES: dict[Curve, ec.EllipticCurve] = {
    Curve.P256: ec.SECP256R1(),
    Curve.P384: ec.SECP384R1(),
    Curve.P521: ec.SECP521R1(),
    Curve.P256K: ec.SECP256K1(),
}
KW = {Family.AES_KW: keywrap.aes_key_wrap, Family.AES_KWP: keywrap.aes_key_wrap_with_padding}


def signature_octets(algorithm: Algorithm, spec: KeySpec) -> int:
    """Return how long a signature is."""
    if spec.type is KeyType.RSA:
        return spec.size // 8
    if algorithm.family is Family.HMAC:
        return DIGEST_OCTETS[algorithm.hash]
    assert spec.curve is not None
    return 2 * COORDINATE_OCTETS[spec.curve]


def private_of(spec: KeySpec) -> bytes:
    """Return a fresh key made outside: PKCS #8, or the octets of a symmetric one."""
    if spec.type is KeyType.OCT:
        return os.urandom(spec.size // 8)
    if spec.type is KeyType.RSA:
        return pkcs8(rsa.generate_private_key(65537, spec.size))
    assert spec.curve is not None
    return pkcs8(ec.generate_private_key(CURVES[spec.curve]))


def pkcs8(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def info_of(private: bytes) -> bytes:
    """Return SubjectPublicKeyInfo."""
    public = serialization.load_der_private_key(private, None).public_key()
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def verifies(info: bytes, algorithm: Algorithm, digest: bytes, signature: bytes) -> bool:
    """Verify a signature with the public key."""
    public = serialization.load_der_public_key(info)
    try:
        if isinstance(public, ec.EllipticCurvePublicKey):
            half = len(signature) // 2
            r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
            hashed = ec.ECDSA(utils.Prehashed(HASHES[algorithm.hash]))
            public.verify(utils.encode_dss_signature(r, s), digest, hashed)
            return True
        assert isinstance(public, rsa.RSAPublicKey)
        if algorithm.family is Family.RSA_NULL:
            return public.recover_data_from_signature(signature, padding.PKCS1v15(), None) == digest
        used = HASHES[algorithm.hash]
        pss = padding.PSS(padding.MGF1(used), used.digest_size)
        scheme = pss if algorithm.family is Family.RSA_PSS else padding.PKCS1v15()
        public.verify(signature, digest, scheme, utils.Prehashed(used))
    except InvalidSignature:
        return False
    return True


def encrypted_for(info: bytes, algorithm: Algorithm, text: bytes) -> bytes:
    """Encrypt for an RSA key."""
    public = serialization.load_der_public_key(info)
    assert isinstance(public, rsa.RSAPublicKey)
    if algorithm.family is Family.RSA_V15:
        return public.encrypt(text, padding.PKCS1v15())
    used = HASHES[algorithm.hash]
    return public.encrypt(text, padding.OAEP(padding.MGF1(used), used, None))


def sealed(key: bytes, algorithm: Algorithm, text: bytes, aad: bytes) -> Given:
    """Encrypt or wrap with a symmetric key; return what opens it."""
    if algorithm.family in KW:
        return Given(KW[algorithm.family](key, text))
    if algorithm.family is Family.AES_GCM:
        iv = os.urandom(12)
        made = AESGCM(key).encrypt(iv, text, aad)
        return Given(made[:-16], iv=iv, tag=made[-16:], aad=aad)
    iv = os.urandom(16)
    padder = PKCS7(128).padder()
    padded = padder.update(text) + padder.finalize() if algorithm.family is Family.AES_CBC_PAD else text
    encryptor = Cipher(AES(key), modes.CBC(iv)).encryptor()
    return Given(encryptor.update(padded) + encryptor.finalize(), iv=iv)


def opened(key: bytes, algorithm: Algorithm, made: Made, aad: bytes) -> bytes:
    """Decrypt or unwrap what a token made with a symmetric key."""
    if algorithm.family is Family.AES_KW:
        return keywrap.aes_key_unwrap(key, made.value)
    if algorithm.family is Family.AES_KWP:
        return keywrap.aes_key_unwrap_with_padding(key, made.value)
    if algorithm.family is Family.AES_GCM:
        return AESGCM(key).decrypt(made.iv, made.value + made.tag, aad)
    decryptor = Cipher(AES(key), modes.CBC(made.iv)).decryptor()
    text = decryptor.update(made.value) + decryptor.finalize()
    if algorithm.family is Family.AES_CBC_PAD:
        unpadder = PKCS7(128).unpadder()
        text = unpadder.update(text) + unpadder.finalize()
    return text


def mac(key: bytes, algorithm: Algorithm, text: bytes) -> bytes:
    made = hmac.HMAC(key, HASHES[algorithm.hash])
    made.update(text)
    return made.finalize()


def digest(algorithm: Algorithm) -> bytes:
    """Return what the algorithm signs."""
    if algorithm.hash is Hash.NONE:
        return bytes(range(1, 52))
    return hashlib.new(algorithm.hash.replace("-", "").lower(), b"a message").digest()


def released(target: rsa.RSAPrivateKey, wrapped: bytes, used: Hash) -> bytes:
    """Open what CKM_RSA_AES_KEY_WRAP made: PKCS #8, or the octets of a symmetric key."""
    size = target.key_size // 8
    chosen = HASHES[used]
    passing = target.decrypt(wrapped[:size], padding.OAEP(padding.MGF1(chosen), chosen, None))
    return keywrap.aes_key_unwrap_with_padding(passing, wrapped[size:])


def public_of(released: bytes, spec: KeySpec) -> bytes:
    """Return SubjectPublicKeyInfo of a released PKCS #8, even if its scalar lacks leading zeros, as from Kryoptic."""
    if spec.curve is None:
        return info_of(released)
    scalar = PrivateKeyInfo.load(released)["private_key"].parsed["private_key"].native
    return info_of(pkcs8(ec.derive_private_key(scalar, CURVES[spec.curve])))


def der_length(octets: bytes) -> int:
    """Return how many octets the DER at the beginning has."""
    if octets[1] < 0x80:
        return 2 + octets[1]
    counting = octets[1] & 0x7F
    return 2 + counting + int.from_bytes(octets[2 : 2 + counting], "big")
