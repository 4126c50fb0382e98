"""Formats that people write, each with its pattern and its words: addresses, ids and names."""

from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address
from typing import Annotated, Final

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

CLAUSE_ID: Final = r"^[A-Z][A-Z0-9]*(-[A-Z0-9]+)+$"
PREFIX: Final = r"^[A-Z][A-Z0-9]*(-[A-Z0-9]+)*$"
SLUG: Final = r"^[a-z0-9]+(-[a-z0-9]+)*$"
FACT_ID: Final = r"^F[1-9][0-9]*$"
FIELD_NAME: Final = r"^[a-z][a-z0-9_]*$"
MAC: Final = r"^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$"
IP: Final = r"^[0-9]{1,3}(\.[0-9]{1,3}){3}$"
FORMATS: Final[Mapping[str, str]] = {
    CLAUSE_ID: "words of capitals and digits with hyphens between them, as in PKTC-ONE-PATH",
    PREFIX: "capitals and digits, as in PKTC",
    SLUG: "small letters and digits with single hyphens, as in one-path",
    FACT_ID: "F and a number, as in F12",
    FIELD_NAME: "small letters, digits and underscores, as in hop_limit",
    MAC: "six octets in hexadecimal with colons in quotes, as in '02:00:00:00:01:00'",
    IP: "four numbers up to 255 with dots, as in 198.18.1.0",
}
"""What to write, by the pattern that asks for it."""


def _fault(fault: str, mend: str) -> PydanticCustomError:
    return PydanticCustomError("fault", "{fault}; {mend}", {"fault": fault, "mend": mend})


def _somebodys(mac: str) -> str:
    if mac == "00:00:00:00:00:00":
        raise _fault(f"is {mac}, nobody's", "write the address that is meant")
    return mac


def _of_one(mac: str) -> str:
    if int(mac[:2], 16) & 1:
        raise _fault(f"is {mac}, a group's", "write that of one host")
    return mac


def _of_a_host(address: str) -> str:
    try:
        ip = IPv4Address(address)
    except AddressValueError as error:
        raise _fault(f"is {address}", "write four numbers up to 255, without leading zeros") from error
    if ip.is_multicast or ip.is_unspecified or ip == IPv4Address("255.255.255.255"):
        raise _fault(f"is {address}, not that of one host", "write that of one host")
    return address


Mac = Annotated[str, StringConstraints(pattern=MAC, to_lower=True), AfterValidator(_somebodys)]
"""A MAC address, in small letters once it is read."""
StationMac = Annotated[Mac, AfterValidator(_of_one)]
"""The MAC address of one station."""
HostIp = Annotated[str, StringConstraints(pattern=IP), AfterValidator(_of_a_host)]
"""The IPv4 address of one host."""
