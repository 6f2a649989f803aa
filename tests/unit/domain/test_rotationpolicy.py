"""When a key is replaced, when its end is told, how long a version lives."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from strongroom.domain import rotationpolicy
from strongroom.domain.codec import decode, encode
from strongroom.domain.errors import InvalidInput
from strongroom.domain.rotationpolicy import DEFAULT, DISTANCE, SHORTEST_LIFE, RotationPolicy, Trigger

DAY = 86_400
MADE = int(datetime(2026, 1, 31, 8, tzinfo=UTC).timestamp())

moments = st.integers(946_684_800, 4_102_444_800)  # 2000 to 2100
lengths = st.one_of(
    st.integers(1, 1_000).map("P{}D".format),
    st.integers(1, 40).map("P{}M".format),
    st.integers(1, 5).map("P{}Y".format),
)
triggers = st.one_of(lengths.map(lambda text: Trigger(text)), lengths.map(lambda text: Trigger("", text)))
policies = st.builds(
    RotationPolicy,
    rotate=st.none() | triggers,
    notify=st.none() | lengths.map(lambda text: Trigger("", text)),
    expiry=st.just("") | lengths,
)


def after(text: str) -> Trigger:
    return Trigger(after_create=text)


def before(text: str) -> Trigger:
    return Trigger(before_expiry=text)


@pytest.mark.parametrize(
    "policy",
    [
        DEFAULT,
        RotationPolicy(),
        RotationPolicy(rotate=after("P7D")),
        RotationPolicy(rotate=after("P2M")),
        RotationPolicy(rotate=after("P2M"), expiry="P6M"),
        RotationPolicy(rotate=after("P2M"), notify=before("P30D"), expiry="P90D"),
        RotationPolicy(rotate=after("P6M"), expiry="P1Y"),
        RotationPolicy(rotate=before("P30D"), expiry="P90D"),
        RotationPolicy(rotate=after("P83D"), expiry="P90D"),
        RotationPolicy(rotate=before("P7D"), expiry="P28D"),
        RotationPolicy(rotate=before("P21D"), expiry="P1M"),
        RotationPolicy(notify=before("P60D"), expiry="P90D"),
        RotationPolicy(notify=before("P60D")),
        RotationPolicy(expiry="P28D"),
        RotationPolicy(expiry="P1M"),
    ],
)
def test_a_policy_that_is_taken(policy: RotationPolicy) -> None:
    rotationpolicy.check(policy)


@pytest.mark.parametrize(
    ("policy", "complaint"),
    [
        (RotationPolicy(rotate=Trigger()), "a Rotate action has either"),
        (RotationPolicy(rotate=Trigger("P90D", "P30D"), expiry="P1Y"), "a Rotate action has either"),
        (RotationPolicy(notify=Trigger()), "a Notify action has either"),
        (RotationPolicy(notify=after("P30D")), "Notify action is triggered by timeBeforeExpiry"),
        (RotationPolicy(rotate=before("P30D")), "needs an expiryTime"),
        (RotationPolicy(rotate=after("thirty days")), "ISO 8601"),
        (RotationPolicy(notify=before("30d")), "ISO 8601"),
        (RotationPolicy(expiry="P0D"), "longer than nothing"),
        (RotationPolicy(expiry="P27D"), "at least 28 days"),
        (RotationPolicy(expiry="PT671H"), "at least 28 days"),
        (RotationPolicy(rotate=after("P6D")), "7 days or more after its creation"),
        (RotationPolicy(rotate=after("PT167H")), "7 days or more after its creation"),
        (RotationPolicy(rotate=before("P84D"), expiry="P90D"), "7 days or more after its creation"),
        (RotationPolicy(rotate=before("P1Y"), expiry="P90D"), "7 days or more after its creation"),
        (RotationPolicy(rotate=after("P84D"), expiry="P90D"), "7 days or more before it expires"),
        (RotationPolicy(rotate=after("P83D"), expiry="P3M"), "7 days or more before it expires"),
        (RotationPolicy(rotate=before("P6D"), expiry="P90D"), "7 days or more before it expires"),
        (RotationPolicy(rotate=after("P1Y"), expiry="P90D"), "7 days or more before it expires"),
    ],
)
def test_a_policy_that_is_refused(policy: RotationPolicy, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        rotationpolicy.check(policy)


def test_the_usual_notice_is_added_where_none_was_sent() -> None:
    assert rotationpolicy.completed(RotationPolicy(expiry="P90D")) == RotationPolicy(
        notify=before("P30D"), expiry="P90D"
    )
    own = RotationPolicy(notify=before("P60D"))
    assert rotationpolicy.completed(own) is own
    assert rotationpolicy.completed(RotationPolicy()) == DEFAULT


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("policy", "end", "due"),
    [
        (DEFAULT, None, None),
        (DEFAULT, at("2027-01-01"), None),
        (RotationPolicy(rotate=after("P90D")), None, MADE + 90 * DAY),
        (RotationPolicy(rotate=after("P1M")), None, at("2026-02-28 08:00")),
        (RotationPolicy(rotate=after("P90D"), expiry="P1Y"), at("2026-02-01"), MADE + 90 * DAY),
        (RotationPolicy(rotate=before("P30D"), expiry="P90D"), MADE + 90 * DAY, MADE + 60 * DAY),
        (RotationPolicy(rotate=before("P1M"), expiry="P90D"), at("2026-07-31"), at("2026-06-30")),
        (RotationPolicy(rotate=before("P30D"), expiry="P90D"), None, None),
        (RotationPolicy(rotate=before("P30D"), expiry="P90D"), MADE + DAY, MADE + 7 * DAY),
        (RotationPolicy(rotate=before("P30D"), expiry="P90D"), MADE - DAY, MADE + 7 * DAY),
    ],
)
def test_when_a_key_is_rotated(policy: RotationPolicy, end: int | None, due: int | None) -> None:
    assert rotationpolicy.rotation_due(policy, MADE, end) == due


@pytest.mark.parametrize(
    ("policy", "end", "due"),
    [
        (DEFAULT, None, None),
        (DEFAULT, MADE + 365 * DAY, MADE + 335 * DAY),
        (DEFAULT, MADE + 30 * DAY, MADE + 20 * DAY),
        (RotationPolicy(), MADE + 365 * DAY, None),
        (RotationPolicy(notify=before("P60D")), MADE + 90 * DAY, MADE + 30 * DAY),
        (RotationPolicy(notify=before("P60D")), MADE + 30 * DAY, MADE),
        (RotationPolicy(notify=before("P1M")), at("2026-07-31"), at("2026-06-30")),
    ],
)
def test_when_its_end_is_told(policy: RotationPolicy, end: int | None, due: int | None) -> None:
    assert rotationpolicy.notice_due(policy, MADE, end) == due


@pytest.mark.parametrize(("expiry", "end"), [("", None), ("P90D", MADE + 90 * DAY), ("P1M", at("2026-02-28 08:00"))])
def test_when_a_version_expires(expiry: str, end: int | None) -> None:
    assert rotationpolicy.expires(RotationPolicy(expiry=expiry), MADE) == end


@given(policies, moments)
def test_of_a_policy_that_is_taken_every_version_keeps_the_distances(policy: RotationPolicy, made: int) -> None:
    try:
        rotationpolicy.check(policy)
    except InvalidInput:
        assume(False)
    end = rotationpolicy.expires(policy, made)
    due = rotationpolicy.rotation_due(policy, made, end)
    assert end is None or end - made >= SHORTEST_LIFE
    assert due is None or due - made >= DISTANCE
    assert due is None or end is None or end - due >= DISTANCE
    assert (due is None) == (policy.rotate is None)


@given(policies, moments, st.none() | moments)
def test_whatever_end_a_version_was_given_it_is_not_replaced_at_once(
    policy: RotationPolicy, made: int, end: int | None
) -> None:
    try:
        rotationpolicy.check(policy)
    except InvalidInput:
        assume(False)
    due = rotationpolicy.rotation_due(policy, made, end)
    told = rotationpolicy.notice_due(policy, made, end)
    assert due is None or due >= made + DISTANCE
    assert told is None or end is None or min(made, end) <= told <= max(made, end)


@given(policies)
def test_it_is_stored_as_it_is(policy: RotationPolicy) -> None:
    assert decode(RotationPolicy, encode(policy)) == policy


def test_the_stored_bytes_are_these() -> None:
    policy = replace(DEFAULT, rotate=after("P60D"), expiry="P90D", created=1, updated=2)
    stored = (
        b'{"created":1,"expiry":"P90D","notify":{"before_expiry":"P30D"},"rotate":{"after_create":"P60D"},"updated":2}'
    )
    assert encode(policy) == stored
