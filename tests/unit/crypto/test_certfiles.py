"""Certificate files of every form, of our own and of other programs, and what is none."""

from __future__ import annotations

import base64
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs7,
    pkcs12,
)
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.crypto import certfiles, der, pfx, pfxwriting
from strongroom.crypto.certfiles import Bundle
from strongroom.crypto.der import OCTETS, SEQUENCE, Element
from strongroom.domain.errors import InvalidInput

PASSWORD = "correct hörse"
AT, LATER = datetime(2026, 1, 1), datetime(2036, 1, 1)
openssl_only = pytest.mark.skipif(not shutil.which("openssl"), reason="needs the command openssl")
java_only = pytest.mark.skipif(not shutil.which("java"), reason="needs the command java")

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def ec_key(curve: type[ec.EllipticCurve] = ec.SECP256R1, number: int = 0) -> ec.EllipticCurvePrivateKey:
    """Return a key; another one for each number."""
    return ec.generate_private_key(curve())


KEYS: dict[str, Callable[[], Private]] = {
    "rsa": rsa_key,
    "p256": ec_key,
    "p521": lambda: ec_key(ec.SECP521R1),
    "p256k": lambda: ec_key(ec.SECP256K1),
}


def named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def made(subject: str, key: object, issuer: str, signer: Private) -> bytes:
    public = key.public_key()  # type: ignore[attr-defined]
    builder = x509.CertificateBuilder(named(issuer), named(subject), public, 1, AT, LATER)
    own = x509.SubjectKeyIdentifier.from_public_key(public)
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return (
        builder.add_extension(own, False).add_extension(above, False).sign(signer, SHA256()).public_bytes(Encoding.DER)
    )


@cache
def chain(name: str = "p256") -> tuple[bytes, ...]:
    """Leaf, two CAs above it, and one of somebody else."""
    key, lower, root = KEYS[name](), ec_key(number=1), ec_key(number=2)
    return (
        made("leaf", key, "lower", lower),
        made("lower", lower, "root", root),
        made("root", root, "root", root),
        made("lower", ec_key(number=3), "root", ec_key(number=3)),  # of the same name, another key
    )


def pkcs8(key: object, password: str = "", encoding: Encoding = Encoding.DER) -> bytes:
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return key.private_bytes(encoding, PrivateFormat.PKCS8, encryption)  # type: ignore[attr-defined, no-any-return]


def pem_key(key: object, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return key.private_bytes(Encoding.PEM, form, NoEncryption())  # type: ignore[attr-defined, no-any-return]


def p12(key: object, certificates: tuple[bytes, ...], password: str = PASSWORD) -> bytes:
    leaf, *others = map(x509.load_der_x509_certificate, certificates)
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"name", key, leaf, others, encryption)  # type: ignore[arg-type]


def public(key: Private) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def run(*command: str, given: bytes = b"") -> bytes:
    done = subprocess.run(command, capture_output=True, check=False, input=given)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("count", [1, 3])
def test_what_is_written_is_read(name: str, count: int) -> None:
    certificates = chain(name)[:count]
    bundle = Bundle(pkcs8(KEYS[name]()), certificates, 0)
    assert certfiles.read(certfiles.pkcs12(bundle.private, certificates), "", pem=False) == bundle
    assert certfiles.read(certfiles.pem(bundle.private, certificates), "", pem=True) == bundle
    assert "private" not in repr(bundle)
    assert certfiles.pkcs12(bundle.private, certificates) == certfiles.pkcs12(bundle.private, certificates)


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("password", ["", PASSWORD])
def test_a_pkcs12_file_of_another_library_is_read(name: str, password: str) -> None:
    bundle = certfiles.read(p12(KEYS[name](), chain(name), password), password, pem=False)
    assert bundle == Bundle(pkcs8(KEYS[name]()), chain(name), 0)


@openssl_only
@pytest.mark.parametrize(
    "options",
    [[], ["-legacy"], ["-legacy", "-descert"], ["-nomac"], ["-keypbe", "NONE", "-certpbe", "NONE"],
     ["-keypbe", "aes-128-cbc", "-macalg", "sha512", "-iter", "100000"], ["-certpbe", "NONE"], ["-macalg", "sha1"]],
    ids=" ".join,
)  # fmt: skip
@pytest.mark.parametrize("password", ["", "word"])
def test_a_pkcs12_file_of_openssl_is_read(options: list[str], password: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(pem_key(rsa_key()))
    (tmp_path / "chain").write_bytes(certfiles.pem(b"", chain("rsa")))
    made = run("openssl", "pkcs12", "-export", "-inkey", f"{tmp_path}/key", "-in", f"{tmp_path}/chain",
               "-passout", f"pass:{password}", *options)  # fmt: skip
    assert certfiles.read(made, password, pem=False) == Bundle(pkcs8(rsa_key()), chain("rsa"), 0)
    if "NONE" not in options:
        with pytest.raises(InvalidInput, match="this password"):
            certfiles.read(made, "another", pem=False)


@pytest.mark.parametrize(
    ("name", "password", "count"),
    [
        ("no-password", "", 1),  # nothing is hashed in the place of an empty password
        ("name-all-no-pwd", "", 3),
        ("name-unicode-pwd", "password", 3),
        ("cert-rc2-key-3des", "cryptography", 1),
        ("cert-none-key-none", "cryptography", 1),
    ],
)
def test_a_published_file_is_read(name: str, password: str, count: int) -> None:
    vectors = pytest.importorskip("cryptography_vectors", reason="the files are in PyPI's cryptography_vectors")
    with vectors.open_vector_file(f"pkcs12/{name}.p12", "rb") as file:
        content = file.read()
    bundle = certfiles.read(content, password, pem=False)
    assert (len(bundle.chain), bundle.leaf) == (count, 0)


def in_pieces(element: Element) -> bytes:
    """The element in BER: every length indefinite, every octet string in pieces."""
    if element.tag == OCTETS:
        half = len(element.content) // 2
        pieces = [der.write(OCTETS, each) for each in (element.content[:half], element.content[half:])]
        return b"\x24\x80" + b"".join(pieces) + b"\0\0"
    if not element.tag & 0x20:
        return element.whole
    return bytes([element.tag, 0x80]) + b"".join(map(in_pieces, element.children)) + b"\0\0"


@pytest.mark.parametrize("password", ["", PASSWORD])
def test_a_pkcs12_file_in_ber_is_read(password: str) -> None:
    file = p12(ec_key(), chain(), PASSWORD) if password else certfiles.pkcs12(pkcs8(ec_key()), chain())
    assert certfiles.read(in_pieces(der.read(file)), password, pem=False).chain == chain()


@openssl_only
@pytest.mark.parametrize("name", KEYS)
def test_openssl_reads_what_is_written(name: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(certfiles.pkcs12(pkcs8(KEYS[name]()), chain(name)[:3]))
    text = run("openssl", "pkcs12", "-in", f"{tmp_path}/a", "-passin", "pass:", "-nodes")
    assert certfiles.read(text, "", pem=True) == Bundle(pkcs8(KEYS[name]()), chain(name)[:3], 0)
    (tmp_path / "a").write_bytes(certfiles.pkcs12(b"", chain(name)[:3]))
    text = run("openssl", "pkcs12", "-in", f"{tmp_path}/a", "-passin", "pass:", "-nodes")
    assert (text.count(b"BEGIN CERTIFICATE"), text.count(b"KEY")) == (3, 0)


@java_only
def test_java_reads_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(certfiles.pkcs12(pkcs8(rsa_key()), chain("rsa")[:3]))
    (tmp_path / "A.java").write_text(
        """class A { public static void main(String[] a) throws Exception {
             var store = java.security.KeyStore.getInstance("PKCS12");
             store.load(new java.io.FileInputStream(a[0]), new char[0]);
             var name = store.aliases().nextElement();
             System.out.print(store.getKey(name, new char[0]).getAlgorithm());
             System.out.print(store.getCertificateChain(name).length); } }"""
    )
    assert run("java", f"{tmp_path}/A.java", f"{tmp_path}/a") == b"RSA3"


def older_encrypted(key: Private) -> bytes:
    """By RFC 1421."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"word"))


FORMS = {
    "pkcs8": lambda key: (pkcs8(key, encoding=Encoding.PEM), ""),
    "older": lambda key: (pem_key(key, PrivateFormat.TraditionalOpenSSL), ""),
    "older encrypted": lambda key: (older_encrypted(key), "word"),
    "encrypted": lambda key: (pkcs8(key, PASSWORD, Encoding.PEM), PASSWORD),
    "needless password": lambda key: (pkcs8(key, encoding=Encoding.PEM), PASSWORD),
}


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("form", FORMS)
def test_pem_is_read_in_any_order(name: str, form: str) -> None:
    text, password = FORMS[form](KEYS[name]())
    leaf, lower, root, _ = chain(name)
    content = (
        certfiles.pem(b"", [root, lower]) + b"words\r\n" + text.replace(b"\n", b"\r\n") + certfiles.pem(b"", [leaf])
    )
    bundle = certfiles.read(content, password, pem=True)
    assert bundle == Bundle(pkcs8(KEYS[name]()), (root, lower, leaf), 2)
    assert certfiles.leaf_first(bundle) == Bundle(bundle.private, (leaf, lower, root), 0)


def test_issuers_follow_the_leaf_and_strangers_come_last() -> None:
    leaf, lower, root, stranger = chain()
    bundle = certfiles.leaf_first(Bundle(b"", (stranger, root, leaf, lower), 2))
    assert bundle.chain == (leaf, lower, root, stranger)


P7 = {
    "der": lambda certificate: certificate,
    "pem": lambda certificate: certfiles.pem(b"", [certificate]),
    "p7b": lambda certificate: p7([certificate], Encoding.DER),
    "p7 pem": lambda certificate: p7([certificate], Encoding.PEM),
}


def p7(certificates: list[bytes], encoding: Encoding) -> bytes:
    return pkcs7.serialize_certificates([x509.load_der_x509_certificate(each) for each in certificates], encoding)


@pytest.mark.parametrize("form", P7)
def test_a_merge_is_read_in_every_form(form: str) -> None:
    leaf, lower, root, _ = chain()
    parts = [P7[form](each) for each in (root, leaf, lower, leaf)]
    assert certfiles.read_chain(parts, public(ec_key())) == (leaf, lower, root)
    assert certfiles.read_chain([P7[form](leaf)], public(ec_key())) == (leaf,)


@pytest.mark.parametrize("encoding", [Encoding.DER, Encoding.PEM])
def test_a_merge_of_one_file_is_read(encoding: Encoding) -> None:
    leaf, lower, root, _ = chain()
    assert certfiles.read_chain([p7([root, lower, leaf], encoding)], public(ec_key())) == (leaf, lower, root)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (lambda: [], "1 to 32"),
        (lambda: [b""], "no certificate"),
        (lambda: [chain()[0][:-1]], "no certificate"),
        (lambda: [certfiles.pem(b"", chain())[:-20]], "without its end"),
        (lambda: [certfiles.pem(b"", chain()).replace(b"MII", b"NII")], "damaged"),
        (lambda: [chain()[1]], "none of the certificates is for the key"),
        (lambda: [chain()[0]] * 33, "32"),
        (lambda: [b"\0" * (certfiles.FILE_OCTETS + 1)], "octets"),
    ],
)
def test_what_is_no_merge_is_refused(parts: Callable[[], list[bytes]], words: str) -> None:
    with pytest.raises(InvalidInput, match=f"^x5c: .*{words}"):
        certfiles.read_chain(parts(), public(ec_key()))


def test_a_certificate_and_a_key_are_compared() -> None:
    certfiles.check_pair(chain()[0], public(ec_key()))
    with pytest.raises(InvalidInput, match="another key"):
        certfiles.check_pair(chain()[1], public(ec_key()))


@cache
def odd(kind: str) -> tuple[object, bytes]:
    key: object = {
        "rsa1024": lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505
        "p224": lambda: ec.generate_private_key(ec.SECP224R1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate,
        "dsa": lambda: dsa.generate_private_key(1024),  # noqa: S505
    }[kind]()
    return key, made("odd", key, "lower", ec_key(number=1))


@pytest.mark.parametrize("pem", [True, False])
@pytest.mark.parametrize(
    ("kind", "words"),
    [("rsa1024", "1024 bits; .*2048"), ("p224", "curve"), ("ed25519", "neither RSA nor EC"), ("dsa", "neither RSA")],
)
def test_a_key_of_another_kind_is_refused(kind: str, words: str, pem: bool) -> None:
    key, certificate = odd(kind)
    content = pem_key(key) + certfiles.pem(b"", [certificate]) if pem else p12(key, (certificate,))
    with pytest.raises(InvalidInput, match=words):
        certfiles.read(content, PASSWORD, pem=pem)


def text(*parts: bytes) -> bytes:
    return b"".join(parts)


@pytest.mark.parametrize(
    ("content", "password", "pem", "words"),
    [
        (lambda: b"", "", False, "neither PKCS #12 nor PEM"),
        (lambda: b"", "", True, "is not PEM; of a PKCS #12 file"),
        (lambda: p12(ec_key(), chain()), PASSWORD, True, "is not PEM; of a PKCS #12 file"),
        (lambda: certfiles.pem(pkcs8(ec_key()), chain()), "", False, "is PEM; its secret_props"),
        (lambda: b"\0" * (certfiles.FILE_OCTETS + 1), "", False, "octets"),
        (lambda: p12(ec_key(), chain()), "x" * 1025, False, "^pwd: "),
        (lambda: p12(ec_key(), chain()), "\ud800", False, "damaged"),
        (lambda: p12(ec_key(), chain()), "", False, "this password"),
        (lambda: p12(ec_key(), chain()), "wrong", False, "this password"),
        (lambda: p12(ec_key(), chain())[:-9], PASSWORD, False, "damaged"),
        (lambda: p12(None, chain()), PASSWORD, False, "has no private key; a certificate is imported with its key"),
        (lambda: certfiles.pkcs12(b"", chain()), "", False, "has no private key"),
        (lambda: certfiles.pem(b"", chain()), "", True, "has no private key"),
        (lambda: certfiles.pkcs12(pkcs8(ec_key()), chain("rsa")), "", False, "none of its certificates"),
        (lambda: pem_key(ec_key()), "", True, "1 to 32 certificates"),
        (lambda: text(certfiles.pem(pkcs8(ec_key()), chain() * 9)), "", True, "1 to 32 certificates"),
        (lambda: certfiles.pkcs12(pkcs8(ec_key()), chain() * 9), "", False, "1 to 32 certificates"),
        (lambda: text(pem_key(rsa_key()), certfiles.pem(b"", chain())), "", True, "none of its certificates"),
        (lambda: text(pem_key(ec_key()) * 2, certfiles.pem(b"", chain())), "", True, "more than one private key"),
        (lambda: b"-----BEGIN A-----\n" * 9, "", True, "without its end"),
        (lambda: b"-----BEGIN A-----\n-----END A-----" * 200, "", True, "128 blocks"),
        (lambda: pkcs8(ec_key(), PASSWORD, Encoding.PEM), "", True, "give its password"),
        (lambda: pkcs8(ec_key(), PASSWORD, Encoding.PEM), "wrong", True, "this password"),
        (lambda: b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "", True, "is damaged"),
        (
            lambda: b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nA\n-----END ENCRYPTED PRIVATE KEY-----",
            "a",
            True,
            "password",
        ),
        (lambda: text(pem_key(ec_key()), certfiles.pem(b"", chain()).replace(b"MII", b"NII")), "", True, "is damaged"),
    ],
)
def test_what_is_no_certificate_file_is_refused(
    content: Callable[[], bytes], password: str, pem: bool, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        certfiles.read(content(), password, pem=pem)


def shrouded(iterations: int) -> bytes:
    """A key under a password that is hashed so often. Whoever opens it finds nothing."""
    salt, sha256 = der.write(OCTETS, b"s" * 16), pfxwriting._algorithm(pfxwriting.HMAC_SHA256, b"\x05\0")
    numbers = der.write(SEQUENCE, salt, pfxwriting._number(iterations), sha256)
    cipher = pfxwriting._algorithm(pfxwriting._AES256_CBC, der.write(OCTETS, b"i" * 16))
    scheme = der.write(SEQUENCE, pfxwriting._algorithm(pfxwriting._PBKDF2, numbers), cipher)
    return der.write(SEQUENCE, pfxwriting._algorithm(pfxwriting._PBES2, scheme), der.write(OCTETS, b"c" * 64))


OFTEN = 2**31 - 1


def seen(iterations: int) -> bytes:
    bag = pfxwriting.bag(pfxwriting.SHROUDED_KEY_BAG, shrouded(iterations))
    return pfxwriting.file([pfxwriting.data(der.write(SEQUENCE, bag))], b"\0\0", b"salt", 1)


def hidden(iterations: int) -> bytes:
    bag = pfxwriting.bag(pfxwriting.SHROUDED_KEY_BAG, shrouded(iterations))
    first = pfxwriting._encrypted_data(der.write(SEQUENCE, bag, pfxwriting._certificate(chain()[0], b"")))
    second = pfxwriting.data(der.write(SEQUENCE, pfxwriting._key(pkcs8(ec_key()), b"")))
    return pfxwriting.file([first, second], b"\0\0", b"salt", 1)


def often_mac() -> bytes:
    *parts, mac = der.read(hidden(1)).children
    info, salt, *_ = mac.children
    numbers = der.write(SEQUENCE, info.whole, salt.whole, pfxwriting._number(OFTEN))
    return der.write(SEQUENCE, *(each.whole for each in parts), numbers)


def scrypt() -> bytes:
    return seen(1).replace(pfxwriting._PBKDF2, pfx._SCRYPT)


def pem_often() -> bytes:
    body = base64.encodebytes(shrouded(OFTEN))
    return b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + body + b"-----END ENCRYPTED PRIVATE KEY-----\n"


@pytest.mark.parametrize("content", [lambda: seen(OFTEN), often_mac, scrypt, lambda: in_pieces(der.read(seen(OFTEN)))])
def test_no_file_decides_how_long_it_takes(content: Callable[[], bytes]) -> None:
    before = time.process_time()
    with pytest.raises(InvalidInput, match=r"hashed too often|damaged"):
        certfiles.read(content(), "", pem=False)
    assert time.process_time() - before < 1


def test_no_pem_file_decides_how_long_it_takes() -> None:
    with pytest.raises(InvalidInput, match="hashed too often"):
        certfiles.read(pem_often(), "word", pem=True)


@pytest.mark.parametrize("file", [lambda: hidden(OFTEN), lambda: in_pieces(der.read(hidden(OFTEN)))])
def test_a_key_that_hides_among_certificates_is_never_opened(file: Callable[[], bytes]) -> None:
    """A parser that goes through the file opens it before it comes to the other key: minutes."""
    before = time.process_time()
    bundle = certfiles.read(file(), "", pem=False)
    assert (bundle.chain, bundle.private) == (chain()[:1], pkcs8(ec_key()))
    assert time.process_time() - before < 1


def wide(depth: int) -> bytes:
    content = b"\x05\0" * 100
    content = (b"\x30\x80" + content + b"\0\0") * 1200
    for _ in range(depth):
        content = b"\x30\x80" + content + b"\0\0"
    return pfxwriting.file([pfxwriting.data(content)], None)


@pytest.mark.parametrize("content", [wide(0), wide(18), b"\x30\x80" * 131_072, b"-----BEGIN A-----" * 15_000])
def test_a_deep_or_wide_file_is_refused_soon(content: bytes) -> None:
    before = time.process_time()
    with pytest.raises(InvalidInput):
        certfiles.read(content, "", pem=b"BEGIN" in content)
    assert time.process_time() - before < 5


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with octets changed, or cut short."""
    octets = bytearray(content)
    for _ in range(draw(st.integers(0, 3))):
        octets[draw(st.integers(0, len(octets) - 1))] ^= 1 << draw(st.integers(0, 7))
    return bytes(octets[: draw(st.integers(0, len(octets)) | st.just(len(octets)))])


FILES: list[tuple[Callable[[], bytes], str, bool]] = [
    (cache(lambda: p12(ec_key(), chain())), PASSWORD, False),
    (cache(lambda: certfiles.pkcs12(pkcs8(ec_key()), chain())), "", False),
    (cache(lambda: certfiles.pem(pkcs8(ec_key()), chain())), "", True),
    (cache(lambda: pkcs8(ec_key(), PASSWORD, Encoding.PEM) + certfiles.pem(b"", chain())), PASSWORD, True),
    (cache(lambda: in_pieces(der.read(p12(ec_key(), chain()[:1])))), PASSWORD, False),
    (cache(lambda: pfxwriting.file(p12_contents(), None)), PASSWORD, False),
]


def p12_contents() -> list[bytes]:
    """Without a MAC nothing shows the damage before the content is read."""
    content = der.read(p12(ec_key(), chain())).children[1].children[1].children[0].octets
    return [each.whole for each in der.read(content).children]


@pytest.mark.filterwarnings("ignore")  # of odd names and serial numbers
@pytest.mark.parametrize("file", range(len(FILES)))
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_file_is_read_or_invalid(file: int, data: st.DataObject) -> None:
    content, password, pem = FILES[file]
    try:
        bundle = certfiles.read(data.draw(damaged(content())), password, pem=pem)
        certfiles.leaf_first(bundle)
    except InvalidInput:
        return
    certfiles.check_pair(bundle.chain[bundle.leaf], public(ec_key()))


@pytest.mark.filterwarnings("ignore")
@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_merge_is_read_or_invalid(data: st.DataObject) -> None:
    form = P7[data.draw(st.sampled_from(sorted(P7)))]
    try:
        assert certfiles.read_chain([data.draw(damaged(form(each))) for each in chain()[:2]], public(ec_key()))
    except InvalidInput:
        return


@given(st.binary(max_size=300), st.text(max_size=5), st.booleans())
def test_any_octets_are_invalid(content: bytes, password: str, pem: bool) -> None:
    for each in (content, b"-----BEGIN CERTIFICATE-----\n" + content + b"-----END CERTIFICATE-----"):
        with pytest.raises(InvalidInput):
            certfiles.read(each, password, pem=pem)
        with pytest.raises(InvalidInput):
            certfiles.read_chain([each], public(ec_key()))
