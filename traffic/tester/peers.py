"""The emulated devices of a testbed: they do as a scenario's peers say, and keep state while those change.

They stand in for the devices around the one under test, do what their specifications say and judge nothing.
"""

from collections.abc import Iterable, Mapping

from traffic.frames.codec import Codec, Decoded
from traffic.scenario import GsfPeer, GspPeer, HostAddress, peer_key
from traffic.tester.emulated_gsf import EmulatedGsf
from traffic.tester.emulated_gsp import EmulatedGsp
from traffic.tester.emulation import Adjacency, Neighbourhood, Surroundings

Device = EmulatedGsf | EmulatedGsp


class Peers:
    """All emulated devices, reached by their links and hosts."""

    def __init__(
        self, surroundings: Surroundings, codec: Codec, hosts: Mapping[str, HostAddress], links: Iterable[str]
    ) -> None:
        self.around = Neighbourhood(surroundings, codec, hosts, {link: Adjacency() for link in links})
        self._devices: dict[tuple[str, int, str], Device] = {}
        self._at_link: dict[str, Device] = {}

    def configure(self, specs: Iterable[GsfPeer | GspPeer], origin: int) -> None:
        """Let these peers, and no others, live from `origin` on, without what hosts sent before."""
        wanted = {peer_key(spec): spec for spec in specs}
        for key in self._devices.keys() - wanted.keys():
            self._devices.pop(key).alive = False
        for device in self._devices.values():
            if isinstance(device, EmulatedGsp):
                device.drop_backlog()
        self.change(wanted.values(), origin)

    def change(self, specs: Iterable[GsfPeer | GspPeer], origin: int) -> None:
        """Let some peers behave otherwise from `origin` on; a new one begins to greet then."""
        for spec in specs:
            device = self._devices.get(peer_key(spec))
            if isinstance(spec, GsfPeer):
                if not isinstance(device, EmulatedGsf):
                    device = EmulatedGsf(self.around, spec, origin)
                    self.around.surroundings.at(origin, device.greet)
                device.adopt(spec, origin)
            else:
                if not isinstance(device, EmulatedGsp):
                    device = EmulatedGsp(self.around, spec, origin)
                    self.around.surroundings.at(origin, device.greet)
                device.adopt(spec, origin)
            self._devices[peer_key(spec)] = device
        gsfs = [device for device in self._devices.values() if isinstance(device, EmulatedGsf)]
        gsps = [device for device in self._devices.values() if isinstance(device, EmulatedGsp)]
        self.around.paths = [*gsfs]
        self.around.ends = {gsp.spec.node: gsp for gsp in gsps}
        self._at_link = {gsf.link: gsf for gsf in gsfs} | {
            link: gsp for gsp in gsps for link in gsp.spec.links
        }

    def receive(self, link: str, frame: bytes, now: int) -> None:
        """Take a frame that arrived on a fabric link; what is no valid message is ignored."""
        device = self._at_link.get(link)
        message = self.around.codec.decode(frame) if device is not None else None
        if device is None or message is None or not message.valid_crc:
            return
        adjacency = self.around.adjacent[link]
        if message.message == "HELLO":
            self._heard(adjacency, device.spec.node, message, now)
            adjacency.address = frame[6:12]
        elif message.message == "FAULT":
            adjacency.reaches.discard(message.fields["node"])
        else:
            device.receive(message, frame, now)

    def carrier(self, link: str, *, up: bool) -> None:
        """Forget the neighbour of a link that lost its carrier."""
        if not up:
            self.around.adjacent[link] = Adjacency(self.around.adjacent[link].address)

    def from_host(self, host: str, frame: bytes, now: int) -> None:
        """Take a frame that a host behind an emulated GSP sends; without that GSP it is lost."""
        for device in self._devices.values():
            if isinstance(device, EmulatedGsp) and host in device.spec.hosts:
                device.from_host(frame, now)

    def _heard(self, adjacency: Adjacency, own: int, message: Decoded, now: int) -> None:
        adjacency.node = message.fields["source"]
        adjacency.sequence = message.fields["sequence"]
        adjacency.heard_at = now
        adjacency.two_way = message.fields["heard_node"] == own
        adjacency.reaches = {entry["node"] for entry in message.entries}
