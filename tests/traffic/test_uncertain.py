"""Where a tester cannot tell the order, devices are judged in the order that favours them."""

from tests.traffic.test_recording import data, grant, play, request
from traffic.recordings.recording import Recording
from traffic.recordings.uncertain import in_favour
from traffic.scenario import DOWN, UP


def numbers(recording, name, field, within):
    columns = in_favour(recording.columns, within)
    return [getattr(message, field) for message in Recording(columns).fabric.messages(name)]


def grants(*taps):
    """GRANTs of gsp1, as (time, link, granted)."""
    return play(*((time, link, UP, grant(granted)) for time, link, granted in taps))


def test_numbers_that_fell_on_another_link_within_the_span_rise():
    recording = grants((100, "gsp1-gsf0", 32_768), (150, "gsp1-gsf1", 16_384))
    assert numbers(recording, "GRANT", "granted", 60) == [16_384, 32_768]


def test_numbers_that_fell_later_than_that_stay_so():
    recording = grants((100, "gsp1-gsf0", 32_768), (200, "gsp1-gsf1", 16_384))
    assert numbers(recording, "GRANT", "granted", 60) == [32_768, 16_384]


def test_one_link_has_an_order():
    recording = grants((100, "gsp1-gsf0", 32_768), (150, "gsp1-gsf0", 16_384))
    assert numbers(recording, "GRANT", "granted", 60) == [32_768, 16_384]


def test_no_message_passes_another_on_its_own_link():
    recording = grants((100, "gsp1-gsf0", 3), (120, "gsp1-gsf1", 4), (140, "gsp1-gsf1", 2))
    assert numbers(recording, "GRANT", "granted", 60) == [3, 4, 2]


def test_a_wrap_is_no_fall():
    last = (1 << 32) - 1
    payload = bytes(60)
    recording = play(
        (100, "gsp0-gsf0", UP, data(last, 0, payload)), (120, "gsp0-gsf1", UP, data(0, 0, payload))
    )
    assert numbers(recording, "DATA", "sequence", 60) == [last, 0]


def test_what_a_device_receives_is_left_alone():
    recording = play((100, "gsp0-gsf0", DOWN, grant(9)), (120, "gsp0-gsf1", DOWN, grant(3)))
    assert in_favour(recording.columns, 60) is recording.columns


def test_requests_count_by_demand_first():
    recording = play((100, "gsp0-gsf0", UP, request(9, 1)), (120, "gsp0-gsf1", UP, request(5, 2)))
    assert numbers(recording, "REQUEST", "demand", 60) == [5, 9]


def test_a_tester_that_knows_the_order_changes_nothing():
    recording = grants((100, "gsp1-gsf0", 2), (101, "gsp1-gsf1", 1))
    assert in_favour(recording.columns, 0) is recording.columns


def overdrawn(within, grant_at, *more):
    """Rows of DATA beyond the grant, of a frame of 84 octets that leaves at 1100 on one link.

    What is sent to a device takes 500 ns.
    """
    taps = [*more, (1100, "gsp0-gsf0", UP, data(0, 0, bytes(60))), (grant_at, "gsp0-gsf1", DOWN, grant(84))]
    columns = in_favour(play(*sorted(taps, key=lambda tap: tap[0])).columns, within)
    return [row for account in Recording(columns).credit.accounts(source="gsp0") for row in account.overdrawn]


def test_a_grant_that_may_have_come_before_the_data_did():
    assert overdrawn(60, 590) == []
    assert overdrawn(60, 650) == []
    assert overdrawn(60, 670) != []
    assert overdrawn(0, 650) != []


def test_a_grant_takes_along_what_came_before_it_on_its_link():
    other = grant(9, generation=8)
    assert overdrawn(60, 650, (620, "gsp0-gsf1", DOWN, other)) == []
    taps = [(620, "gsp0-gsf1", DOWN, other), (650, "gsp0-gsf1", DOWN, grant(84))]
    recording = play(*taps, (1100, "gsp0-gsf0", UP, data(0, 0, bytes(60))))
    assert numbers(recording, "GRANT", "generation", 60) == [8, 1]
