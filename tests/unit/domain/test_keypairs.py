"""Which key pairs can be asked for."""

from __future__ import annotations

import pytest

from strongroom.domain.errors import InvalidInput
from strongroom.domain.keypairs import Algorithm, KeyPair, SshKeyPair, SshKeyType


@pytest.mark.parametrize(
    ("kind", "sizes", "wrong"),
    [
        (SshKeyType.ED25519, (0,), (256, 2048)),
        (SshKeyType.RSA, (0, 2048, 2056, 4096), (1024, 2047, 4097)),
        (SshKeyType.ECDSA, (0, 256, 384, 521), (255, 512, 2048)),
    ],
)
def test_sizes_of_ssh_keys(kind: SshKeyType, sizes: tuple[int, ...], wrong: tuple[int, ...]) -> None:
    for size in sizes:
        SshKeyPair(kind, size)
    for size in wrong:
        with pytest.raises(InvalidInput, match="size"):
            SshKeyPair(kind, size)


@pytest.mark.parametrize(
    ("algorithm", "sizes", "wrong"),
    [
        (Algorithm.ED25519, (0,), (256, 2048)),
        (Algorithm.RSA, (0, 2048, 3072, 4096), (1024, 2049, 8192)),
        (Algorithm.EC, (0, 256, 384, 521), (255, 512, 2048)),
    ],
)
def test_sizes_of_keys(algorithm: Algorithm, sizes: tuple[int, ...], wrong: tuple[int, ...]) -> None:
    for size in sizes:
        KeyPair(algorithm, size)
    for size in wrong:
        with pytest.raises(InvalidInput, match="size"):
            KeyPair(algorithm, size)


@pytest.mark.parametrize("comment", ["two\nlines", "ü", "\t", "x" * 129])
def test_a_comment_is_one_line_of_ascii(comment: str) -> None:
    SshKeyPair(comment="alice @ laptop")
    with pytest.raises(InvalidInput, match="comment"):
        SshKeyPair(comment=comment)
