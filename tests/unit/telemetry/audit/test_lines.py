"""The lines of a chain."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.errors import InvalidInput
from strongroom.telemetry.audit import lines
from strongroom.telemetry.audit.lines import FIRST, LONGEST_LINE, Position

CHAIN = "c" * 32
RECORD = b'{"time":"2025-11-24T16:00:00.000000Z","category":"AuditEvent"}'


def test_a_line_is_the_record_with_its_place_behind() -> None:
    text, end = lines.seal(RECORD, Position(CHAIN))

    assert text == (
        RECORD[:-1] + f',"chain":"{CHAIN}","sequence":1,"previous":"{FIRST}","hash":"{end.hash}"}}\n'.encode()
    )
    assert end.hash == "9c446caf75acde63d83049d5872151cafee8fe02b1573d72a76794129424f033"  # by sha256sum


@given(records=st.lists(st.dictionaries(st.text(max_size=9), st.text(max_size=99), min_size=1), min_size=1, max_size=5))
def test_what_was_sealed_is_read_again_and_hangs_together(records: list[dict[str, str]]) -> None:
    end = Position(CHAIN)
    for record in records:
        before = end
        text, end = lines.seal(orjson.dumps({"r": record}), end)

        line = lines.read(text)

        assert (line.position, line.previous, line.record) == (end, before.hash, {"r": record})


@given(at=st.integers(min_value=0), other=st.integers(min_value=1, max_value=255))
def test_no_octet_can_be_changed(at: int, other: int) -> None:
    text, _ = lines.seal(RECORD, Position(CHAIN))
    at %= len(text)
    changed = text[:at] + bytes([text[at] ^ other]) + text[at + 1 :]

    with pytest.raises(InvalidInput):
        lines.read(changed)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\n", id="end of line"),
        pytest.param(lines.seal(RECORD, Position(CHAIN))[0][:-1], id="no end of line"),
        pytest.param(lines.seal(RECORD, Position(CHAIN))[0][:50], id="cut"),
        pytest.param(b"\0" * 300, id="zeros"),
        pytest.param(lines.seal(b"[1]", Position(CHAIN))[0], id="hashed, but no object"),
        pytest.param(lines.seal(b'{"a":' + b"1" * LONGEST_LINE + b"}", Position(CHAIN))[0], id="too long"),
    ],
)
def test_what_is_no_line(text: bytes) -> None:
    with pytest.raises(InvalidInput):
        lines.read(text)
