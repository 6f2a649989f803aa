"""The word list."""

from __future__ import annotations

import pytest

from strongroom.domain.errors import Refused
from strongroom.service.passphrases import parse_words, words


def test_the_list_is_that_of_the_eff() -> None:
    assert len(set(words())) == 7776
    assert (words()[0], words()[-1]) == ("abacus", "zoom")


def test_no_word_begins_with_another() -> None:
    """Otherwise two rows of words could make one passphrase, which would then be more likely than others."""
    assert not any(word[:end] in set(words()) for word in words() for end in range(1, len(word)))


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        (lambda listed: listed[1:], "7776 different"),
        (lambda listed: [*listed, "another"], "7776 different"),
        (lambda listed: [*listed[:-1], listed[0]], "7776 different"),
        (lambda listed: [*listed[:-1], "Zoom"], "something else"),
        (lambda listed: [*listed[:-1], "z" * 10], "something else"),
        (lambda listed: [*listed[:-1], "11111 zoom"], "something else"),
    ],
    ids=["short", "long", "twice", "capital", "too long", "with dice"],
)
def test_another_list_is_refused(changed: object, complaint: str) -> None:
    assert callable(changed)
    with pytest.raises(Refused, match=complaint):
        parse_words("\n".join(changed(list(words()))))
