"""From declared attributes to those of a version."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.attributes import UNDECLARED, DeclaredAttributes
from strongroom.domain.objects import Attributes

NOW = 1_700_000_000
times = st.none() | st.integers(0, 2**40)
texts = st.text(max_size=5)
tags = st.none() | st.dictionaries(texts, texts, max_size=3).map(lambda found: tuple(sorted(found.items())))
declarations = st.builds(
    DeclaredAttributes,
    enabled=st.none() | st.booleans(),
    not_before=times,
    expires=times,
    content_type=st.none() | texts,
    tags=tags,
) | st.builds(DeclaredAttributes, expires_after=st.integers(1, 2**20))
versions = st.builds(
    Attributes,
    created=st.just(NOW),
    updated=st.just(NOW),
    enabled=st.booleans(),
    not_before=times,
    expires=times,
    content_type=texts,
    tags=st.dictionaries(texts, texts, max_size=3),
)


@given(declarations, declarations, versions)
def test_a_version_becomes_what_is_declared_and_keeps_the_rest(
    was: DeclaredAttributes, wanted: DeclaredAttributes, version: Attributes
) -> None:
    after = wanted.applied(version, was.fields, NOW + 1)
    default = Attributes(NOW, NOW)
    for name in ("enabled", "not_before", "expires", "content_type", "tags"):
        declared = getattr(wanted.fresh(NOW), name)
        kept = getattr(default if name in was.fields else version, name)
        assert getattr(after, name) == (declared if name in wanted.fields else kept)
    assert wanted.applied(after, wanted.fields, NOW + 2) is after


@given(declarations, declarations)
def test_a_digest_tells_declarations_apart(one: DeclaredAttributes, other: DeclaredAttributes) -> None:
    assert (one.digest == other.digest) == (one == other)


def test_nothing_declared_is_written_as_nothing() -> None:
    """So that an upgrade finds nothing to apply to what an earlier release stored."""
    assert (UNDECLARED.digest, UNDECLARED.fields) == ("", ())
    assert replace(UNDECLARED, enabled=True).digest != ""
