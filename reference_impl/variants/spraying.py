"""Correct devices that choose paths, and find out about them, otherwise."""

from reference_impl import codec
from reference_impl.codec import Header
from reference_impl.device import Device
from reference_impl.parts.liveness import Link, Liveness, Reach
from reference_impl.parts.paths import Path, PathTable
from reference_impl.parts.sprayer import PathShare, Sprayer
from reference_impl.parts.transit import TransitBackpressure, TransitForwarder
from reference_impl.variants import variant


@variant("SPRAY-EVEN", "SPRAY-NO-STICKINESS")
class DrawsAmongEquals(Sprayer):
    """Draws the path at random where several have carried equally little.

    The clauses bound the difference between paths; whose turn it is among equals is open.
    """

    def choose(self, node: int) -> PathShare | None:
        """Draw one of the least."""
        shares = self.shares_to(node)
        least = min((share.carried / share.weight for share in shares), default=0)
        equals = [share for share in shares if share.carried / share.weight == least]
        return self.device.random.choice(equals) if equals else None


@variant("SPRAY-EVEN", "SPRAY-SINGLE-FLOW-ALL-PATHS")
class BeginsAtTheFirstPort(Sprayer):
    """Begins with the same path to every node, always.

    No clause asks for a random start; the balance holds for each destination by itself.
    """

    def fresh_shares(self, node: int) -> list[PathShare]:
        """Return them in the order of the ports."""
        return [PathShare(path, self.weight(path)) for path in self.paths.to(node)]


@variant("GRANT-CONTROL-FIRST", "GRANT-REQUEST-ON-DEMAND")
class SignalsOnOneLink(Sprayer):
    """Sends every REQUEST, GRANT and BACKPRESSURE to a node on the first live path.

    The paths of control messages are not spoken of.
    """

    def control_path(self, node: int) -> Path | None:
        """Take the first one."""
        return next(iter(self.paths.live(node)), None)


@variant("GRANT-CONTROL-FIRST", "GRANT-OLDER-IGNORED")
class SignalsOnAnyLink(Sprayer):
    """Draws the path of every REQUEST, GRANT and BACKPRESSURE at random.

    The paths of control messages are not spoken of, and one that overtakes another says nothing older.
    """

    def control_path(self, node: int) -> Path | None:
        """Draw one."""
        paths = self.paths.live(node)
        return self.device.random.choice(paths) if paths else None


@variant("SPRAY-HELLO-CONTENT")
class GreetsEarly(Liveness):
    """Says HELLO after anything between half of the interval and the whole of it.

    Two are at most an interval apart; less is as good.
    """

    def tick(self, now: int) -> None:
        """Send them and draw when to do so again."""
        for link in self.links.values():
            self.send_hello(link, now)
        interval = self.device.settings.hello_interval
        self.device.at(now + self.device.random.randint(interval // 2, interval), self.tick)


@variant("SPRAY-EVEN", "SPRAY-WEIGHT-BY-RATE")
class LooksOneContainerAhead(Sprayer):
    """Takes the path on which the next container would be done first.

    The clauses bound the difference between paths, which this does as well.
    """

    def choose(self, node: int) -> PathShare | None:
        """Take the least with the next container counted."""
        ahead = self.device.settings.container_bytes
        shares = self.shares_to(node)
        return min(shares, key=lambda share: (share.carried + ahead) / share.weight, default=None)


@variant("SPRAY-HELLO-LOSS")
class WaitsForAlmostOneMoreHello(Liveness):
    """Takes a link down when nothing was heard for nearly `hello_misses` intervals and a whole one.

    The clause allows `hello_misses` intervals and one more.
    """

    def lifetime(self) -> int:
        """Wait for nine tenths of an interval more."""
        settings = self.device.settings
        return settings.hello_misses * settings.hello_interval + settings.hello_interval * 9 // 10


@variant("SPRAY-HELLO-LOSS")
class WaitsForNoMoreHello(Liveness):
    """Takes a link down when nothing was heard for `hello_misses` intervals and a tenth of one.

    That many are missing then; the clause allows one more interval and asks for none.
    """

    def lifetime(self) -> int:
        """Wait for a tenth of an interval more."""
        settings = self.device.settings
        return settings.hello_misses * settings.hello_interval + settings.hello_interval // 10


@variant("SPRAY-FLAP-DAMPED", "SPRAY-RECOVERY-SHARE")
class HoldsLinksLonger(Liveness):
    """Holds a link that came back for a quarter longer than `flap_hold`.

    The clause says how long a link has to be good at least; its share is due `convergence_max` after that.
    """

    def alive(self, link: Link, now: int) -> None:
        """Hold it, and a quarter longer."""
        super().alive(link, now)
        if link.held_until == now + self.device.settings.flap_hold:
            link.held_until += self.device.settings.flap_hold // 4
            self.device.at(link.held_until, self.release, link)


@variant("SPRAY-FAULT-ANNOUNCED")
class RepeatsFaultsAtOnce(PathTable):
    """Sends the copies of a FAULT one behind the other.

    The clause says how many there are, and when the first one leaves.
    """

    def send_fault(self, now: int, link: Link, node: int, cause: tuple[int, int], copies: int) -> None:
        """Send all of them."""
        for _ in range(copies):
            super().send_fault(now, link, node, cause, 1)


@variant("SPRAY-BACKPRESSURE-WEIGHT")
class RoundsWeights(PathTable):
    """Has 51 weights for a path under back-pressure, and takes the nearest.

    The share may deviate by `spray_tolerance`, which is more than half of such a step at half of the weight.
    """

    def weight(self, link: Link, node: int, rate: int) -> float:
        """Round what is left."""
        whole = self.path_rate(link, rate)
        return whole * round(51 * super().weight(link, node, rate) / whole) / 51 if whole else 0


@variant("SPRAY-GSF-EVEN", "SPRAY-GSF-ONE-LINK")
class DrawsAmongEqualLinks(TransitForwarder):
    """Draws the link of a container at a GSF where several have carried equally little.

    The clause is about the octets of each link in the end.
    """

    def least_used(self, paths: tuple[Path, ...], destination: int) -> Path:
        """Draw the order in which they are looked at."""
        return super().least_used(tuple(self.device.random.sample(paths, len(paths))), destination)


@variant("SPRAY-GSF-ONE-LINK")
class RemembersContainersLonger(TransitForwarder):
    """Remembers at a GSF for ten times as long which link a container took.

    It has to do so while the container is under way; no clause says when it has to forget.
    """

    def memory(self) -> int:
        """Take longer."""
        return 10 * super().memory()


@variant("SPRAY-BACKPRESSURE-WEIGHT", "DGSQ-ON-CONGESTION-CREATED")
class RepeatsBackpressureOften(TransitBackpressure):
    """Repeats back-pressure of a GSF four times in its validity.

    A repeat replaces what was said before; how often it comes is open as long as it is in time.
    """

    def refresh(self, now: int, key: tuple[int, int]) -> None:
        """Repeat it, and plan to do so once more in between."""
        super().refresh(now, key)
        self.device.at(now + self.device.settings.bp_validity // 4, self.repeat, key)

    def repeat(self, now: int, key: tuple[int, int]) -> None:
        """Repeat what holds."""
        episode = self.episodes.get(key)
        for source in episode.sources if episode else ():
            self.send(source, key[1], self.episodes[key].level, now)


@variant("SPRAY-FLAP-DAMPED")
class HoldsLinksAtFirst(Liveness):
    """Holds every link for `flap_hold` before it carries data, at its first start as well.

    A link has to prove itself after it went down; that it has to be trusted sooner at first is not said.
    """

    def damped(self, link: Link) -> bool:  # noqa: ARG002 - it holds all
        """Hold it."""
        return True


@variant("SPRAY-HELLO-CONTENT", "SPRAY-TWO-WAY")
class GreetsBeforeTheWrap(Liveness):
    """Begins the sequence of its HELLO so that it wraps at the fourth.

    It has to count up from message to message; where it begins is open.
    """

    def __init__(self, device: Device, reach: Reach) -> None:
        super().__init__(device, reach)
        for link in self.links.values():
            link.sequence = codec.HELLO_MASK - 3


@variant("SPRAY-HELLO-CONTENT", "SPRAY-HELLO-LOSS")
class GreetsLinksInTurn(Liveness):
    """Says HELLO on each link at another time, after anything between three quarters and all of the interval.

    Two on a link are at most an interval apart; less is as good.
    """

    def tick(self, now: int) -> None:
        """Begin the beat of each link."""
        for link in self.links.values():
            self.greet(now, link)

    def greet(self, now: int, link: Link) -> None:
        """Send one and draw when to do so again."""
        self.send_hello(link, now)
        interval = self.device.settings.hello_interval
        self.device.at(now + self.device.random.randint(interval * 3 // 4, interval), self.greet, link)


@variant("GRANT-CONTROL-FIRST", "SPRAY-GSF-ONE-LINK")
class SpreadsControlAtTheGsf(TransitForwarder):
    """Draws the link of every REQUEST, GRANT and BACKPRESSURE at a GSF that has several.

    The paths of control messages are not spoken of, and one that overtakes another says nothing older.
    """

    def control(self, port: int, frame: bytes, header: Header, now: int) -> None:
        """Draw one of the paths."""
        route = self.route(port, frame, header)
        if route is not None:
            path = self.device.random.choice(route[2])
            self.ports[path.port].send_control(codec.forward(frame, path.prefix), now)


@variant("SPRAY-BACKPRESSURE-WEIGHT", "DGSQ-BACKPRESSURE-RATE")
class ReleasesSooner(TransitBackpressure):
    """Ends back-pressure of a GSF as soon as its queue is down at three quarters of the threshold.

    How short a queue has to be before its sources are let go is open.
    """

    def over(self, queued: int) -> bool:
        """Let them go sooner."""
        return queued <= self.device.settings.bp_threshold * 3 // 4


@variant("SPRAY-BACKPRESSURE-WEIGHT", "DGSQ-ON-CONGESTION-CREATED")
class AsksForHalfOrAll(TransitBackpressure):
    """Asks from a GSF to withhold half or everything, and nothing in between.

    A source obeys the level it is given; which one a GSF gives is open.
    """

    def level(self, queued: int) -> int:
        """Take one of two levels."""
        return 255 if super().level(queued) == 255 else 128
