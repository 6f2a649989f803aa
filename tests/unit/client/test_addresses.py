"""Which URLs are a vault's, and which links may be followed with a token."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.client.addresses import VaultAddress, read_endpoint
from strongroom.domain.errors import InvalidInput

DEMO = VaultAddress("demo", "default", "kv.example", 8443)


@pytest.mark.parametrize(
    ("url", "audience", "again"),
    [
        ("https://demo.default.kv.example", "https://kv.example", "https://demo.default.kv.example"),
        ("https://demo.default.kv.example/", "https://kv.example", "https://demo.default.kv.example"),
        ("https://Demo.Default.KV.example:443", "https://kv.example", "https://demo.default.kv.example"),
        ("https://demo.default.kv.example:8443", "https://kv.example:8443", DEMO.url),
        ("https://demo.default.internal", "https://internal", "https://demo.default.internal"),
    ],
)
def test_a_vaults_url(url: str, audience: str, again: str) -> None:
    found = VaultAddress.of(url)
    assert (found.vault, found.namespace) == ("demo", "default")
    assert (found.audience, found.url) == (audience, again)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "demo.default.kv.example",
        "http://demo.default.kv.example",
        "https://localhost:8443",
        "https://demo.default",
        "https://127.0.0.1:8443",
        "https://demo..kv.example",
        "https://x.default.kv.example",
        "https://demo.default.kv.example/secrets",
        "https://demo.default.kv.example?a=b",
        "https://demo.default.kv.example#a",
        "https://user:word@demo.default.kv.example",
        "https://demo.default.kv.example:port",
        "https://demo.default.kv.example:70000",
        "https://demo.default.kv.example\\@evil.example",
        "https://demo.default.kv.example\r\nHost: evil",
        "https://demo.default.kv.exämple",
        "https://demo.de\tfault.kv.example",
        "https://[::1]",
        "https://[::1",
        "https://demo.default." + "a" * 600,
        "https://demo.default." + "a" * 64,
    ],
)
def test_what_is_not_a_vaults_url(url: str) -> None:
    with pytest.raises(InvalidInput, match="a vault's URL is"):
        VaultAddress.of(url)


@given(st.text())
def test_any_text_is_a_url_or_refused(text: str) -> None:
    try:
        found = VaultAddress.of("https://" + text)
    except InvalidInput:
        return
    assert VaultAddress.of(found.url) == found


@pytest.mark.parametrize(
    ("link", "followed"),
    [
        (f"{DEMO.url}/secrets?api-version=7.4&$skiptoken=a", True),
        (DEMO.url.upper().replace("HTTPS", "https"), True),
        ("https://demo.default.kv.example/secrets", False),
        ("https://demo.default.kv.example:8444/secrets", False),
        ("http://demo.default.kv.example:8443/secrets", False),
        ("https://other.default.kv.example:8443/secrets", False),
        ("https://evil.example:8443/secrets", False),
        ("https://demo.default.kv.example:8443@evil.example/secrets", False),
        ("https://evil.example/https://demo.default.kv.example:8443", False),
        ("https://a@demo.default.kv.example:8443/secrets", False),
        ("//demo.default.kv.example:8443/secrets", False),
        ("/secrets", False),
        ("https://demo.default.kv.example:x/", False),
        (f"{DEMO.url}/\\@evil.example/", False),
        (f"{DEMO.url}/secrets\n", False),
    ],
)
def test_only_links_to_the_same_vault_are_followed(link: str, followed: bool) -> None:
    assert DEMO.holds(link) is followed


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("127.0.0.1", ("127.0.0.1", None)),
        ("127.0.0.1:8443", ("127.0.0.1", 8443)),
        ("[::1]:8443", ("::1", 8443)),
        ("localhost:1", ("localhost", 1)),
    ],
)
def test_an_endpoint(text: str, found: tuple[str, int | None]) -> None:
    assert read_endpoint(text) == found


@pytest.mark.parametrize("text", ["", ":8443", "https://a", "a/b", "a:b", "a@b", "[::1", "a:65536"])
def test_what_is_no_endpoint(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_endpoint(text)
