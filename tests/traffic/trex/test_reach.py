"""What a server sends and counts is measured, not believed."""

import pytest

from spec.errors import InputError
from traffic.trex.client import connect
from traffic.trex.data import LONGEST
from traffic.trex.reach import Reach, measured
from traffic.trex_stand_in.quirks import Quirks
from traffic.trex_stand_in.server import StandIn
from traffic.trex_stand_in.wires import cable


def reach(api, **quirks):
    with (
        StandIn(cable(), api=api, quirks=Quirks(**quirks)) as server,
        connect(server.host, rpc_port=server.rpc_port, async_port=server.async_port, user="me") as trex,
    ):
        trex.acquire([0, 1])
        return Reach.common(measured(trex, [0, 1]).values())


def test_a_server_without_quirks_sends_what_it_takes(api):
    found = reach(api)
    assert (found.pushed, found.streamed) == (LONGEST, LONGEST)


@pytest.mark.parametrize("limit", [60, 1500, 9099, LONGEST - 1])
def test_the_longest_push_that_leaves_is_found_to_the_octet(api, limit):
    found = reach(api, push=limit)
    assert (found.pushed, found.streamed) == (limit, LONGEST)


def test_the_longest_streamed_frame_is_found_to_the_octet(api):
    assert reach(api, stream=9100).streamed == 9100


def test_a_server_that_starts_late_streams_what_it_takes(api):
    assert reach(api, start=400, stream=9100).streamed == 9100


def test_counters_that_lag_are_waited_for(api):
    assert reach(api, lag=300).lag >= 0.25


@pytest.mark.parametrize(("text", "word"), [("cutt=1", "cutt"), ("cut=x", "cut=x"), ("cut", "cut")])
def test_a_quirk_that_there_is_not_is_refused(text, word):
    with pytest.raises(InputError, match=word):
        Quirks.read(text)


def test_quirks_are_read():
    assert Quirks.read("cut=9214,lag=3") == Quirks(cut=9214, lag=3)
