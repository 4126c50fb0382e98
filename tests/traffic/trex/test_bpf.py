import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Dot1Q, Ether

from traffic.trex_stand_in.bpf import match

A, B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
UDP_FRAME = bytes(Ether(src=A, dst=B) / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=7, dport=4791))
TAGGED = bytes(
    Ether(src=A, dst=B) / Dot1Q(vlan=5, prio=3) / IP(src="10.0.0.1", dst="10.0.0.2") / TCP(dport=80)
)
LOCAL = bytes(Ether(src=A, dst=B, type=0x88B5) / (b"x" * 46))
ASKING = bytes(Ether(src=A, dst=B) / ARP(psrc="10.0.0.1", pdst="10.0.0.9"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", {"udp", "tagged", "local", "arp"}),
        ("ether proto 0x88b5", {"local"}),
        ("ether proto 34997", {"local"}),
        ("ether proto \\ip", {"udp"}),
        ("not ether proto 0x88b5", {"udp", "tagged", "arp"}),
        ("vlan", {"tagged"}),
        ("vlan 5", {"tagged"}),
        ("vlan 6", set()),
        ("vlan and ether proto 0x0800", {"tagged"}),
        ("ether proto 0x0800 or vlan", {"udp", "tagged"}),
        ("vlan and host 10.0.0.2 and tcp port 80", {"tagged"}),
        ("host 10.0.0.1", {"udp", "arp"}),
        ("dst host 10.0.0.2", {"udp"}),
        ("src 10.0.0.2", set()),
        ("udp dst port 4791", {"udp"}),
        ("src port 4791", set()),
        ("port 7", {"udp"}),
        ("icmp or arp", {"arp"}),
        (f"ether src {A} and (arp or udp)", {"arp", "udp"}),
        (f"ether host {B} && !ip", {"local", "arp", "tagged"}),
        (f"ether dst host {A}", set()),
        ("arp or udp and ip", {"udp"}),
    ],
)
def test_filters(text, wanted):
    matches = match(text)
    seen = {"udp": UDP_FRAME, "tagged": TAGGED, "local": LOCAL, "arp": ASKING}
    assert {name for name, frame in seen.items() if matches(frame)} == wanted


def test_short_frames_match_nothing():
    assert not match("udp port 7")(UDP_FRAME[:20])
    assert not match("icmp")(bytes(Ether() / IP() / ICMP())[:20])


@pytest.mark.parametrize(
    "text",
    ["nonsense", "ether proto", "ether proto 99999", "ether proto x", "ether type 5", "ether host 02:00",
     "host example", "(ip", "ip)", "ip and", "len < 5", "src net 10", "tcp dst 80"],
)  # fmt: skip
def test_what_is_not_understood_is_refused(text):
    with pytest.raises(ValueError):
        match(text)
