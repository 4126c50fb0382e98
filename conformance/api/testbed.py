"""The testbed as a case sees it: the names of its parts, the parameters in force, and `play`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from conformance.api.binding import Driver, Setup
from conformance.api.memory import release_memory
from conformance.api.outcomes import (
    BenchError,
    BenchGone,
    DeviceEnded,
    Inconclusive,
    TesterLimited,
    UndeclaredNeed,
)
from conformance.api.testbeds import Topology
from conformance.judge.expect import Expect
from spec.wire import WireProfile, load_profile
from traffic.recordings.recording import Columns, Link, Recording, Trouble
from traffic.scenario import HostAddress, Peer, Scenario, peer_key

Value = int | float | str
IMPLIED: Final = frozenset({"reactive peer", "configure"})
WORTH: Final = {
    "bench": BenchError,
    "device": BenchError,
    "measurement": Inconclusive,
    "limit": TesterLimited,
    "gone": BenchGone,
}
"""What a play is worth, by what its trouble breaks; of devices those that are not under test."""


@dataclass
class Guard:
    """While a case judges, only what it declares may be asked of its recordings; None is no limit."""

    declared: frozenset[str] | None


@dataclass(frozen=True, eq=False, kw_only=True)
class GuardedColumns(Columns):
    """The data of a recording that refuses its case what the case does not declare."""

    guard: Guard

    def need(self, capability: str, *, whole: bool = False) -> None:
        """Raise UndeclaredNeed for what the case does not declare, BeyondRecording for what is not there."""
        if self.guard.declared is not None and capability not in self.guard.declared:
            raise UndeclaredNeed(f"the case asks for {capability} and does not declare it; add it to @needs")
        super().need(capability, whole=whole)


class Testbed:
    """A testbed with names for its parts.

    `recordings` holds every play so far, `spoilt` the one that says nothing of the devices and ends the case.
    """

    def __init__(self, setup: Setup, driver: Driver, needs: frozenset[str], expect: Expect) -> None:
        self._setup = setup
        self._driver = driver
        self._expect = expect
        self.guard = Guard(needs | IMPLIED)
        self.needs = needs
        self.scenarios: list[Scenario] = []
        self.recordings: list[Recording] = []
        self.spoilt: list[Recording] = []
        self.read: set[str] = set()

    @property
    def topology(self) -> Topology:
        """Devices and links."""
        return self._setup.topology

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names of the hosts."""
        return self.topology.hosts

    @property
    def links(self) -> tuple[str, ...]:
        """Names of the links that are really there, host links first."""
        return tuple(link.name for link in self.topology.links if self.topology.bound(link))

    @property
    def uplinks(self) -> tuple[str, ...]:
        """Names of the fabric links of the devices under test."""
        return tuple(link.name for link in self._fabric())

    @property
    def gsps(self) -> tuple[str, ...]:
        """Names of the GSPs, emulated ones included."""
        return tuple(name for name, node in self.topology.nodes.items() if node.role == "GSP")

    @property
    def gsfs(self) -> tuple[str, ...]:
        """Names of the GSFs, emulated ones included."""
        return tuple(name for name, node in self.topology.nodes.items() if node.role == "GSF")

    @property
    def addresses(self) -> Mapping[str, HostAddress]:
        """Addresses of each host, and the node and port where it sits."""
        return self.topology.addresses

    def host(self, index: int) -> str:
        """Name of a host; -1 is the last one, which sits farthest from the first."""
        return self.hosts[index]

    @property
    def wire_profile(self) -> str:
        """Name or path of the wire profile of the run, to craft fabric frames with."""
        return self._setup.facts.wire_profile

    @property
    def profile(self) -> WireProfile:
        """The wire profile of the run: its fields, what they can hold, and code points by name."""
        return load_profile(self.wire_profile)

    def node(self, name: str) -> int:
        """Node id of a device."""
        return self.topology.nodes[name].id

    def uplinks_of(self, name: str) -> tuple[str, ...]:
        """Names of the fabric links of one device."""
        return tuple(link.name for link in self.topology.ports(name) if link.fabric)

    def parameter(self, name: str) -> Any:  # noqa: ANN401 - a number or a word
        """Value of a parameter in force."""
        self.read.add(name)
        return self._setup.facts.parameters[name].value

    def declared(self, option: str) -> bool:
        """Whether a device under test is declared to have an option of the ICS."""
        return any(node.ics.get(option) is True for node in self._setup.facts.nodes.values())

    @property
    def peers(self) -> tuple[Peer, ...]:
        """The well-behaved peers that stand for emulated devices."""
        return self._setup.peers

    def peer(self, name: str, link: str | None = None) -> Any:  # noqa: ANN401 - GsfPeer or GspPeer, by name
        """Return the well-behaved peer that stands for an emulated device, to be varied with `replace`.

        An emulated GSF is one peer a link; name the link where there are several.
        """
        node = self.node(name)
        for peer in self._setup.peers:
            if peer.node == node and (link is None or getattr(peer, "link", link) == link):
                return peer
        raise KeyError(name if link is None else f"{name} on {link}")

    def play(self, scenario: Scenario, *, fresh: bool = False) -> Recording:
        """Play a scenario and give what came of it. Emulated devices that it says nothing of behave well.

        `fresh` plays on devices that have just started instead of quiesced ones.
        """
        undeclared = needs_of(scenario, self.hosts) - self.needs
        if undeclared:
            words = ", ".join(sorted(undeclared))
            raise UndeclaredNeed(
                f"the scenario needs {words} and the case does not declare it; add it to @needs"
            )
        if any(impairment.kind == "corrupt" for impairment in scenario.impairments):
            self.profile.checked()
        whole = Scenario(peers=self._setup.peers) + scenario
        self._refuse_strangers(whole)
        number = len(self.recordings) + 1
        recording = self._driver.play(whole, number, fresh=fresh)
        data = {item.name: getattr(recording.columns, item.name) for item in fields(Columns)}
        guarded = Recording(GuardedColumns(**data | {"play": number}, guard=self.guard))
        ended = self._ended(guarded)
        if ended is None:
            self._refuse_spoilt(guarded, number)
        self.scenarios.append(whole)
        self.recordings.append(guarded)
        release_memory(len(guarded.columns.blob))
        self._expect.play, self._expect.only_play = number, number == 1
        self._expect.tardy = max(self._expect.tardy, recording.columns.tardy)
        if ended is not None:
            what = f"what {ended.node} does until play {number} ends"
            self._expect.that(False, what, "work", ended.words)
            raise DeviceEnded(f"play {number} ended with {ended.node}: {ended.words}")
        return guarded

    def _ended(self, recording: Recording) -> Trouble | None:
        """Return what became of the device under test with which the play ended; None where it did not."""
        trouble = recording.columns.trouble
        if trouble is None or trouble.breaks != "device":
            return None
        return trouble if self.topology.nodes[trouble.node].status == "under test" else None

    def _refuse_spoilt(self, recording: Recording, number: int) -> None:
        """Raise what a play is worth of which the bench spoilt the recording; it is kept as evidence."""
        trouble = recording.columns.trouble
        if trouble is None and recording.columns.capture_losses:
            words = f"the capture lost {recording.columns.capture_losses} frames in play {number}"
            trouble = Trouble("bench", words)
        if trouble is None and (cut := recording.columns.cut):
            mend = "what had not come by then may have been on its way; raise play_limit"
            trouble = Trouble("measurement", f"play {number} was broken off at {cut}: {mend}")
        if trouble is not None:
            self.spoilt.append(recording)
            raise WORTH[trouble.breaks](trouble.words)

    def close(self) -> None:
        """Give the testbed back."""
        self._driver.close()

    def _fabric(self) -> Iterator[Link]:
        return (link for link in self.topology.links if link.fabric and self.topology.bound(link))

    def _refuse_strangers(self, scenario: Scenario) -> None:
        known = {peer_key(peer) for peer in self._setup.peers}
        for peer in scenario.peers:
            if peer_key(peer) not in known:
                raise BenchError(f"the scenario has a peer {peer_key(peer)} where nothing is emulated")


def needs_of(scenario: Scenario, hosts: tuple[str, ...]) -> frozenset[str]:
    """Capabilities of the binding that a scenario cannot be played without."""
    found = {
        "impairments": scenario.impairments,
        "link events": scenario.links,
        "management": scenario.management,
        "pfc": scenario.pauses,
        "raw frames": [frame for frame in scenario.frames if frame.port not in hosts],
    }
    own = frozenset(name for name, parts in found.items() if parts)
    return own.union(*(needs_of(trigger.then, hosts) for trigger in scenario.triggers))
