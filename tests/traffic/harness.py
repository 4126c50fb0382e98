"""Two testers back to back on one fabric link, so that emulated devices meet each other and nobody else."""

from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

from traffic.frames.codec import codec
from traffic.frames.roce import host_addresses, identify
from traffic.scenario import DOWN, GsfPeer, GspPeer, Reach, Scenario
from traffic.tester.tester import NEVER, TesterPort, VirtualTester

LINK = "gsp0-gsf0"
DELAY = 500
HOSTS = host_addresses(4, per_gsp=2)
LEFT = GspPeer(1, ("h0", "h1"), (LINK,))
SPINE = GsfPeer(0x100, LINK, (Reach(2, 8000),))
RIGHT = GspPeer(2, ("h2", "h3"))


@dataclass
class Pair:
    """`left` is GSP 1 on the link, `right` the GSF with GSP 2 behind it; `seen` is all that passed."""

    left: VirtualTester = field(
        default_factory=lambda: VirtualTester(
            [TesterPort(LINK, 8000, b"\2\x47\0\1\0\2", "fabric")], HOSTS, "open-1"
        )
    )
    right: VirtualTester = field(
        default_factory=lambda: VirtualTester(
            [TesterPort(LINK, 8000, b"\2\x47\1\0\0\0", "fabric")], HOSTS, "open-1"
        )
    )
    seen: list[tuple[int, str, object]] = field(default_factory=list)
    now: int = 0

    def __post_init__(self):
        self._flying = []
        self._order = count().__next__

    def play(self, left=(LEFT,), right=(SPINE, RIGHT), scenario=Scenario(), far=Scenario(), until=2_000_000):  # noqa: B008
        self.left.play(Scenario(peers=tuple(left)) + scenario, self.now)
        self.right.play(Scenario(peers=tuple(right)) + far, self.now)
        self.run(self.now + until)
        return self

    def run(self, until):
        sides = {"left": (self.left, self.right), "right": (self.right, self.left)}
        while True:
            due = min(self.left.due, self.right.due, self._flying[0][0] if self._flying else NEVER)
            if due > until:
                break
            self.now = due
            while self._flying and self._flying[0][0] <= due:
                _, _, side, frame = heappop(self._flying)
                self._carry(side, sides[side][0].receive(0, frame, due))
            for side, (tester, _) in sides.items():
                if tester.due <= due:
                    self._carry(side, tester.wake(due))
        self.now = until

    def _carry(self, side, sends):
        for _, frame in sends:
            message = codec("open-1").decode(frame)
            self.seen.append((self.now, side, message))
            other = "right" if side == "left" else "left"
            arrival = self.now + max(len(frame), 60) + 24 + DELAY
            heappush(self._flying, (arrival, self._order(), other, frame))

    def messages(self, name, side):
        return [message for _, s, message in self.seen if s == side and message and message.message == name]

    def times(self, name, side):
        return [time for time, s, message in self.seen if s == side and message and message.message == name]

    def delivered(self, host):
        frames = [*self.left.host_frames, *self.right.host_frames]
        return [identify(frame) for _, name, way, frame in frames if name == host and way == DOWN]


def warm(**peers):
    """A pair whose link has been up for a while; nothing of that time is in `seen`."""
    pair = Pair().play(**peers, until=400_000)
    pair.seen.clear()
    return pair
