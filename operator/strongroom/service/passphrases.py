"""The words of passphrases: the EFF's long list (https://www.eff.org/dice), as the library xkcdpass ships it."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Final

from strongroom.domain.errors import Refused
from strongroom.domain.passwords import LONGEST_WORD

WORDS: Final = 7776
"""Six to the fifth: five dice choose a word."""

_WORD: Final = re.compile(r"[a-z]+(-[a-z]+)?")


@cache
def words() -> tuple[str, ...]:
    """Return the list. Read once. ``Refused`` when the installed library holds another one.

    The file is read without the library's own reader, which falls back to whatever dictionary the system has.
    """
    return parse_words(files("xkcdpass").joinpath("static", "eff-long").read_text("ascii"))


def parse_words(text: str) -> tuple[str, ...]:
    """Read the list, one word a line. ``Refused`` when it is not what the entropy of a passphrase counts on."""
    found = tuple(text.splitlines())
    if len(found) != WORDS or len(set(found)) != WORDS:
        raise Refused(f"the word list of the library xkcdpass does not hold {WORDS} different words; install it again")
    if not all(_WORD.fullmatch(word) and len(word) <= LONGEST_WORD for word in found):
        raise Refused("the word list of the library xkcdpass holds something else than words; install it again")
    return found
