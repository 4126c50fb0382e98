"""The capture filters that the stand-in TRex server understands: a part of libpcap's language."""

import ipaddress
import re
from collections.abc import Callable
from typing import Final

Match = Callable[[bytes], bool]

_WORDS: Final = re.compile(r"\s*(\(|\)|!|&&|\|\||[^\s()!]+)")
_PROTOCOLS: Final = {"ip": 0x0800, "arp": 0x0806, "ip6": 0x86DD}
_TRANSPORTS: Final = {"icmp": 1, "tcp": 6, "udp": 17}
_TAGS: Final = (b"\x81\x00", b"\x88\xa8", b"\x91\x00")
_ETHER: Final = 14


def match(text: str) -> Match:
    """Compile a filter; ValueError says what is not understood. No text matches every frame.

    Known are `ether proto`, `[ether] [src|dst] host`, `vlan [N]`, `ip`, `arp`, `ip6`, `icmp`, `tcp`, `udp`,
    `[tcp|udp] [src|dst] port`, `and`, `or`, `not` and parentheses. As in libpcap, `and` and `or` bind
    equally, from the left, and each `vlan` moves what stands after it past one tag.
    """
    words = _WORDS.findall(text)
    if "".join(words) != "".join(text.split()):
        raise ValueError(f"syntax error in '{text}'")
    if not words:
        return lambda _: True
    parser = _Parser(words)
    result = parser.expression()
    if parser.words:
        raise ValueError(f"syntax error at '{parser.words[0]}'")
    return result


class _Parser:
    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.shift = 0

    def expression(self) -> Match:
        left = self.unit()
        while self.words and self.words[0] in {"and", "&&", "or", "||"}:
            both = self.words.pop(0) in {"and", "&&"}
            left = _joined(left, self.unit(), both=both)
        return left

    def unit(self) -> Match:
        word = self.take()
        if word in {"not", "!"}:
            inner = self.unit()
            return lambda frame: not inner(frame)
        if word == "(":
            inner = self.expression()
            if self.take() != ")":
                raise ValueError("a parenthesis is not closed")
            return inner
        return self.primitive(word)

    def take(self) -> str:
        if not self.words:
            raise ValueError("the filter ends too early")
        return self.words.pop(0)

    def primitive(self, word: str) -> Match:
        before_port = bool(self.words) and self.words[0] in {"src", "dst", "port"}
        if word in _TRANSPORTS:
            carried = self.transport({_TRANSPORTS[word]})
            return _joined(carried, self.port(self.take()), both=True) if before_port else carried
        if word in _PROTOCOLS:
            return self.protocol(_PROTOCOLS[word])
        if word in {"vlan", "ether"}:
            return self.vlan() if word == "vlan" else self.ether()
        if word == "port" or (word in {"src", "dst"} and self.words[:1] == ["port"]):
            return self.port(word)
        if word in {"src", "dst", "host"}:
            return self.host(word)
        raise ValueError(f"syntax error at '{word}'")

    def vlan(self) -> Match:
        at = 12 + self.shift
        self.shift += 4
        if self.words and self.words[0].isdigit():
            wanted = int(self.words.pop(0))
            return lambda frame: (
                frame[at : at + 2] in _TAGS
                and int.from_bytes(frame[at + 2 : at + 4], "big") & 0xFFF == wanted
            )
        return lambda frame: frame[at : at + 2] in _TAGS

    def ether(self) -> Match:
        word = self.take()
        if word == "proto":
            name = self.take().lstrip("\\")
            return self.protocol(_PROTOCOLS[name] if name in _PROTOCOLS else _number(name, 0xFFFF))
        spans = {"src": (slice(6, 12),), "dst": (slice(0, 6),), "host": (slice(0, 6), slice(6, 12))}
        if word not in spans:
            raise ValueError(f"syntax error at 'ether {word}'")
        text = self.take()
        if text == "host":
            text = self.take()
        try:
            mac = bytes.fromhex(text.replace(":", ""))
        except ValueError:
            mac = b""
        if len(mac) != 6:
            raise ValueError(f"'{text}' is no MAC address")
        return lambda frame: any(frame[span] == mac for span in spans[word])

    def protocol(self, number: int) -> Match:
        at, wanted = 12 + self.shift, number.to_bytes(2, "big")
        return lambda frame: frame[at : at + 2] == wanted

    def transport(self, numbers: set[int]) -> Match:
        is_ip, at = self.protocol(_PROTOCOLS["ip"]), _ETHER + self.shift + 9
        return lambda frame: is_ip(frame) and len(frame) > at and frame[at] in numbers

    def port(self, word: str) -> Match:
        if word != "port" and self.take() != "port":
            raise ValueError(f"'{word}' is not followed by 'port'")
        wanted = _number(self.take(), 0xFFFF).to_bytes(2, "big")
        carried, start = self.transport({6, 17}), _ETHER + self.shift
        offsets = {"src": (0,), "dst": (2,), "port": (0, 2)}[word]

        def matches(frame: bytes) -> bool:
            if not carried(frame):
                return False
            at = start + (frame[start] & 15) * 4
            return any(frame[at + offset : at + offset + 2] == wanted for offset in offsets)

        return matches

    def host(self, word: str) -> Match:
        text = self.take()
        if word != "host" and text == "host":
            text = self.take()
        try:
            address = ipaddress.IPv4Address(text).packed
        except ValueError:
            raise ValueError(f"unknown host '{text}'") from None
        start = _ETHER + self.shift
        ends = {"src": (0,), "dst": (1,), "host": (0, 1)}[word]
        is_ip, is_arp = self.protocol(_PROTOCOLS["ip"]), self.protocol(_PROTOCOLS["arp"])

        def matches(frame: bytes) -> bool:
            if is_ip(frame):
                places = (start + 12, start + 16)
            elif is_arp(frame):
                places = (start + 14, start + 24)
            else:
                return False
            return any(frame[places[end] : places[end] + 4] == address for end in ends)

        return matches


def _joined(left: Match, right: Match, *, both: bool) -> Match:
    if both:
        return lambda frame: left(frame) and right(frame)
    return lambda frame: left(frame) or right(frame)


def _number(text: str, most: int) -> int:
    try:
        number = int(text, 0)
    except ValueError:
        raise ValueError(f"'{text}' is no number") from None
    if not 0 <= number <= most:
        raise ValueError(f"{text} is not in 0 to {most}")
    return number
