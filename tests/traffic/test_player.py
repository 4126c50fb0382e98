"""What a player of real time calls late."""

from traffic.scenario import UP
from traffic.wires.player import STALL, Player, PortView, Seen


class Receives:
    """A tester that takes what comes, and sends nothing."""

    def receive(self, *_):
        return []

    def is_data(self, _):
        return False


def player(start):
    made = Player(Receives(), None)
    made.start = start
    return made


def test_a_timer_that_was_due_before_the_start_is_late_from_then_on():
    late = player(start=STALL)
    late.ran(due=0, now=STALL + 30)
    assert (late.latest, late.stalled) == (30, 0)
    late.ran(due=2 * STALL, now=4 * STALL)
    assert (late.latest, late.stalled) == (2 * STALL, 2 * STALL)


def test_a_frame_that_came_before_the_start_is_late_from_then_on(monkeypatch):
    late = player(start=1000)
    monkeypatch.setattr("traffic.wires.player.monotonic_ns", lambda: 1030)
    line = PortView("h0", lower=True, port=0)
    late.take(0, line, Seen(400, False, bytes(60)))
    assert (late.latest, late.rows) == (30, [])
    late.take(0, line, Seen(1010, True, bytes(60)))
    assert late.rows == [(10, 0, UP, bytes(60), 1)]
