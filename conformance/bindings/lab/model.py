"""The laboratory's file (its IXIT) as it is written: tester, devices under test, cables, parameters."""

from typing import Annotated, Final, Literal

from pydantic import Field, JsonValue

from spec.formats import HostIp, StationMac
from spec.model import Number, Record, Words
from traffic.trex.probe import ASYNC_PORT, RPC_PORT

Ability = Literal["counters", "events", "state", "rest", "management", "configure", "link events", "restart"]
PortNumber = Annotated[int, Field(ge=0, le=255)]
NodeId = Annotated[int, Field(ge=1, le=0xFFFF)]
Socket = Annotated[int, Field(ge=1, le=0xFFFF)]
Nanoseconds = Annotated[int, Field(ge=0)]

ANSWER: Final = 10.0
"""Seconds that an adapter has for an answer where the file says nothing."""
OPERATOR: Final = 600.0
"""The same of an operator at the bench."""
HOST: Final = r"h[0-9]{1,4}"
FABRIC: Final = r"gsp[0-9]{1,4}-gsf[0-9]{1,4}(\.[0-9]{1,4})?"


class Limits(Record):
    """What the laboratory declares of its tester in the place of what is measured or assumed.

    `reaction_ns` is how long it takes to answer a frame, `timestamps_ns` how far the time of a frame may be
    off, `rate_mbps` what it carries in all while it stands in for devices, `whole_octets` the longest frame,
    without FCS, that it receives whole, as a loop of two of its ports showed. `lacks` gives the reason for
    each capability that it does not have.
    """

    reaction_ns: Nanoseconds | None = None
    timestamps_ns: Nanoseconds | None = None
    rate_mbps: Annotated[int, Field(ge=1)] | None = None
    whole_octets: Annotated[int, Field(ge=60)] | None = None
    lacks: dict[str, Words] = Field(default_factory=dict)


class TrexTester(Record):
    """A TRex server; `client` is the folder of the client tree it ships, `timeout` in s is an answer's."""

    kind: Literal["trex"]
    host: Words
    rpc_port: Socket = RPC_PORT
    async_port: Socket = ASYNC_PORT
    user: Words = "gse-cts"
    client: Words | None = None
    timeout: Annotated[float, Field(gt=0)] = 3.0
    limits: Limits = Field(default_factory=Limits)


class InterfacesTester(Record):
    """Network interfaces of the machine that runs the suite."""

    kind: Literal["interfaces"]
    limits: Limits = Field(default_factory=Limits)


def _usual_timeout(given: dict[str, object]) -> float:
    return OPERATOR if given.get("adapter") == "prompt" else ANSWER


class Management(Record):
    """How a device is managed: `none`, `exec`, `prompt`, an entry point of `gse.adapters`, or `module:Class`.

    `command` is for `exec`; `timeout` (s) is how long one answer may take, 10 where it is not given and 600
    of an operator; `options` reach the adapter as they are.
    """

    adapter: Words = "none"
    abilities: tuple[Ability, ...] = ()
    command: tuple[Words, ...] = ()
    timeout: Annotated[float, Field(gt=0)] = Field(default_factory=_usual_timeout)
    options: dict[str, JsonValue] = Field(default_factory=dict)


class DeviceUnderTest(Record):
    """A device by its role and node id."""

    role: Literal["GSP", "GSF"]
    node: NodeId
    management: Management = Field(default_factory=Management)


class End(Record):
    """A port of a device: its GSE port number, and what the device itself calls it."""

    port: PortNumber
    name: Words | None = None


class Cable(Record):
    """A link at `speed` Mbit/s between device ports, or from one to a port of the tester.

    `tester` is the number of a TRex port or the name of an interface; `inside` says that both ends are
    devices under test and the tester sees nothing of it.
    """

    tester: Annotated[int, Field(ge=0)] | Words | None = None
    inside: bool = False
    speed: Annotated[int, Field(ge=10, le=1_600_000)]
    ends: dict[str, End] = Field(min_length=1)


class HostEntry(Record):
    """A host with other addresses than those of the suite, by the node and port where it sits."""

    node: NodeId
    port: PortNumber
    mac: StationMac
    ip: HostIp


class BenchFile(Record):
    """The file. Devices are called gsp0, gsf0, ..., links h0, h1, ... and gsp0-gsf0, gsp0-gsf0.1, ...

    `case_timeout` is how long, in s, any case may take, where what follows from the adapters does not suit.
    """

    name: Words
    tester: Annotated[TrexTester | InterfacesTester, Field(discriminator="kind")]
    devices: dict[str, DeviceUnderTest] = Field(min_length=1)
    links: dict[str, Cable] = Field(min_length=1)
    hosts: tuple[HostEntry, ...] = ()
    parameters: dict[str, Number | Words] = Field(default_factory=dict)
    case_timeout: Annotated[float, Field(gt=0)] | None = None
