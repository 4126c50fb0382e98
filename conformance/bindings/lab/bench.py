"""A laboratory's file, read and checked: every fault is one sentence with the key and the mend."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from conformance.api.marks import CAPABILITIES
from conformance.api.testbeds import host_ip, host_mac
from conformance.bindings.lab.model import FABRIC, HOST, BenchFile, Cable, InterfacesTester, Management
from spec.documents import did_you_mean, load
from spec.errors import InputError
from spec.files import digest
from spec.loader import load_catalogue
from spec.model import Parameter
from traffic.trex.counted import MOST_READ, NS

ASKED_OF_PEOPLE: Final = frozenset({"restart", "configure", "management"})
"""What an operator at the bench can be asked for; nobody pulls a cable to the microsecond."""


@dataclass(frozen=True)
class LabBench:
    """A checked file, by its path and digest."""

    path: Path
    digest: str
    file: BenchFile

    @property
    def name(self) -> str:
        """Name of the bench."""
        return self.file.name

    @property
    def nodes(self) -> Mapping[str, int]:
        """Node ids of the devices under test."""
        return {name: device.node for name, device in self.file.devices.items()}

    @property
    def cables(self) -> Mapping[str, Cable]:
        """Cables by the name of their link."""
        return self.file.links

    def hosts_of(self, device: str) -> list[str]:
        """Names of the host links of a device, in the order of the file."""
        return [name for name, cable in self.cables.items() if is_host(name) and device in cable.ends]

    def at_tester(self) -> dict[str, Cable]:
        """Cables with an end at the tester."""
        return {name: cable for name, cable in self.cables.items() if not cable.inside}

    def standing(self, name: str) -> bool:
        """Whether the devices that a fabric link joins are both under test."""
        return set(ends_of(name)) <= self.file.devices.keys()

    @cached_property
    def values(self) -> dict[str, int | float | str]:
        """Parameters that the bench sets: those of the file, the speed of its hosts' links, and no delay.

        The order of frames is read as quickly as TRex does where the file does not say otherwise.
        """
        hosts = [cable.speed for name, cable in self.cables.items() if is_host(name)]
        speeds = hosts or [cable.speed for cable in self.cables.values()]
        own = {"link_rate": min(speeds), "link_delay": 0, "order_interval": NS // MOST_READ}
        return {**own, **self.file.parameters}


def is_host(link: str) -> bool:
    """Whether a link is a host's."""
    return re.fullmatch(HOST, link) is not None


def ends_of(link: str) -> list[str]:
    """Names of the two devices that a fabric link joins."""
    return link.partition(".")[0].split("-")


def load_bench(path: Path, parameters: Mapping[str, Parameter] | None = None) -> LabBench:
    """Read and check a laboratory's file."""
    file = load(BenchFile, path)
    _Check(path, file, load_catalogue().parameters if parameters is None else parameters).all()
    return LabBench(path, digest(path), file)


class _Check:
    """Checks what no model can, and raises the first fault."""

    def __init__(self, path: Path, file: BenchFile, parameters: Mapping[str, Parameter]) -> None:
        self.path = path
        self.file = file
        self.parameters = parameters

    def error(self, key: str, fault: str, mend: str) -> InputError:
        return InputError(self.path, key, fault, mend)

    def all(self) -> None:
        self.devices()
        for name, cable in self.file.links.items():
            self.link(name, cable)
        self.alone(
            (f"links.{name}.tester", cable.tester)
            for name, cable in self.file.links.items()
            if cable.tester is not None
        )
        for device in self.file.devices:
            self.alone(
                (f"links.{name}.ends.{device}.port", cable.ends[device].port)
                for name, cable in self.file.links.items()
                if device in cable.ends
            )
        self.hosts()
        self.values()
        for name, item in self.file.devices.items():
            self.management(f"devices.{name}.management", name, item.management)
        self.limits()

    def alone(self, places: Iterable[tuple[str, object]]) -> None:
        """Refuse a value that stands a second time."""
        seen: dict[object, str] = {}
        for key, value in places:
            if value in seen:
                raise self.error(key, f"is {value}, as is {seen[value]}", "give each its own")
            seen[value] = key

    def devices(self) -> None:
        for name, device in self.file.devices.items():
            key = f"devices.{name}"
            if not re.fullmatch(r"gs[pf][0-9]{1,4}", name):
                raise self.error(
                    key, "is no name of the suite", "call devices gsp0, gsp1, ... and gsf0, gsf1, ..."
                )
            if device.role != name[:3].upper():
                mend = "correct the role or the name"
                raise self.error(f"{key}.role", f"is {device.role}, and {name} is a {name[:3].upper()}", mend)
            before = name[:3] + str(int(name[3:]) - 1)
            if not name.endswith("0") and int(name[3:]) and before not in self.file.devices:
                raise self.error(key, f"is there without {before}", "count the devices of a role from 0")
        self.alone((f"devices.{name}.node", item.node) for name, item in self.file.devices.items())

    def link(self, name: str, cable: Cable) -> None:
        key = f"links.{name}"
        if is_host(name):
            self.host(key, cable)
        elif re.fullmatch(FABRIC, name):
            self.fabric(key, name, cable)
        else:
            mend = "call links of hosts h0, h1, ... and those of the fabric gsp0-gsf0, gsp0-gsf0.1, ..."
            raise self.error(key, "is no name of the suite", mend)
        if cable.inside:
            return
        wanted, word = (str, "name of an interface") if self.by_name else (int, "number of a TRex port")
        if cable.tester is None:
            raise self.error(f"{key}.tester", "is missing", f"add the {word}")
        if not isinstance(cable.tester, wanted):
            raise self.error(f"{key}.tester", f"is {cable.tester!r}", f"write the {word}")

    @property
    def by_name(self) -> bool:
        return isinstance(self.file.tester, InterfacesTester)

    def host(self, key: str, cable: Cable) -> None:
        leaves = [name for name, device in self.file.devices.items() if device.role == "GSP"]
        if len(cable.ends) > 1:
            raise self.error(
                f"{key}.ends", f"names {len(cable.ends)} devices", "keep the one that the host is at"
            )
        (device,) = cable.ends
        if device not in leaves:
            raise self.error(f"{key}.ends.{device}", "is no GSP of this file", did_you_mean(device, leaves))
        if cable.inside:
            raise self.error(f"{key}.inside", "is true, and every host is the tester", "remove it")

    def fabric(self, key: str, name: str, cable: Cable) -> None:
        devices = self.file.devices
        wanted = [end for end in ends_of(name) if end in devices]
        if not wanted:
            raise self.error(key, "joins no device of this file", did_you_mean(ends_of(name)[0], devices))
        for end in cable.ends:
            if end not in wanted:
                raise self.error(f"{key}.ends.{end}", "is no device at that link", did_you_mean(end, wanted))
        for end in wanted:
            if end not in cable.ends:
                raise self.error(f"{key}.ends", f"lacks {end}", f"add its port number as {end}: {{port: 0}}")
        if len(wanted) == 2 and not cable.inside:
            raise self.error(
                f"{key}.inside", "is missing", "write inside: true, for both ends are devices under test"
            )
        if len(wanted) == 1 and cable.inside:
            other = next(end for end in ends_of(name) if end not in devices)
            raise self.error(f"{key}.inside", f"is true, and {other} is no device of this file", "remove it")
        if cable.inside and cable.tester is not None:
            raise self.error(
                f"{key}.tester", "is there, and the link is cabled inside", "remove one of the two"
            )

    def hosts(self) -> None:
        places = ((f"hosts[{index}]", (host.node, host.port)) for index, host in enumerate(self.file.hosts))
        self.alone(places)
        self.alone((f"hosts[{index}].mac", host.mac) for index, host in enumerate(self.file.hosts))
        self.alone((f"hosts[{index}].ip", host.ip) for index, host in enumerate(self.file.hosts))
        listed = {(host.node, host.port) for host in self.file.hosts}
        for index, host in enumerate(self.file.hosts):
            mac, ip = bytes.fromhex(host.mac.replace(":", "")), bytes(map(int, host.ip.split(".")))
            for key, octets, written, usual in (
                ("mac", mac, host.mac, host_mac),
                ("ip", ip, host.ip, host_ip),
            ):
                node, port = int.from_bytes(octets[-3:-1]), octets[-1]
                if key == "ip":
                    node &= 0x1FF
                if (node, port) not in listed and octets == usual(node, port):
                    fault = f"is {written}, the suite's for the host at port {port} of node {node}"
                    mend = "choose another, or list that host, too"
                    raise self.error(f"hosts[{index}].{key}", fault, mend)

    def values(self) -> None:
        for name, value in self.file.parameters.items():
            key = f"parameters.{name}"
            if name not in self.parameters:
                raise self.error(key, "is no parameter", did_you_mean(name, self.parameters))
            fault = self.parameters[name].fault_of(value)
            if fault:
                raise self.error(key, fault, "choose a value in its range")

    def management(self, key: str, device: str, management: Management) -> None:
        kind, abilities = management.adapter, set(management.abilities)
        if kind == "none" and (abilities or management.command):
            raise self.error(
                f"{key}.adapter", "is none, yet it has abilities or a command", "name an adapter"
            )
        if kind == "exec" and not management.command:
            raise self.error(f"{key}.command", "is missing", "name the script and its arguments")
        if kind != "exec" and management.command:
            raise self.error(
                f"{key}.command", f"is not for the adapter {kind}", "remove it, or write adapter: exec"
            )
        if kind == "prompt":
            for ability in management.abilities:
                if ability not in ASKED_OF_PEOPLE:
                    mend = f"keep {', '.join(sorted(ASKED_OF_PEOPLE))}"
                    raise self.error(f"{key}.abilities", f"an operator cannot be asked for {ability}", mend)
        if kind in {"exec", "prompt"} and not abilities:
            raise self.error(f"{key}.abilities", "is empty", "list what the adapter can do")
        if "link events" in abilities:
            self.named_ports(device)

    def named_ports(self, device: str) -> None:
        for name, cable in self.file.links.items():
            if device in cable.ends and cable.ends[device].name is None:
                mend = "add what the device calls the port, for its adapter switches it"
                raise self.error(f"links.{name}.ends.{device}.name", "is missing", mend)

    def limits(self) -> None:
        for name in self.file.tester.limits.lacks:
            if name not in CAPABILITIES:
                raise self.error(
                    f"tester.limits.lacks.{name}", "is no capability", did_you_mean(name, CAPABILITIES)
                )
