"""Messages on a stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.hsm.frames import BrokenFrame, Frames, framed
from strongroom.hsm.states import MAX_MESSAGE_OCTETS


@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(1, 20))
def test_messages_come_out_as_they_went_in_however_the_stream_is_cut(messages: list[bytes], step: int) -> None:
    stream, frames, taken = b"".join(map(framed, messages)), Frames(), list[bytes]()
    for start in range(0, len(stream), step):
        frames.feed(stream[start : start + step])
        while frames.is_whole():
            message = frames.take()
            assert message is not None
            taken.append(message)
    assert taken == messages
    assert frames.is_empty()


def test_half_a_frame_is_not_taken() -> None:
    frames = Frames()
    frames.feed(framed(b"text")[:-1])
    assert frames.take() is None
    assert not frames.is_empty()


def test_the_longest_message_is_taken() -> None:
    frames = Frames()
    frames.feed(framed(bytes(MAX_MESSAGE_OCTETS)))
    assert frames.take() == bytes(MAX_MESSAGE_OCTETS)


@pytest.mark.parametrize("length", [MAX_MESSAGE_OCTETS + 1, 2**32 - 1])
def test_a_length_that_no_message_has_is_refused_before_the_message_comes(length: int) -> None:
    frames = Frames()
    frames.feed(length.to_bytes(4, "big"))
    with pytest.raises(BrokenFrame, match=f"^a frame of {length} octets$"):
        frames.is_whole()
    with pytest.raises(BrokenFrame):
        frames.take()
