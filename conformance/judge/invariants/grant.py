"""Request and grant: no source sends beyond its credit, no egress gives more than its port can carry."""

from typing import Final

import numpy as np

from conformance.judge.expect import Expect
from conformance.judge.invariants.parties import ids_under_test, under_test
from conformance.judge.invariants.registration import invariant
from traffic.recordings.recording import HostAddress, Queue, Recording

FRAME_OVERHEAD: Final = 20
"""Preamble and gap of a frame whose size counts its FCS, in octets."""
BITS_NS: Final = 8000
"""Mbit/s times ns over this is octets."""


@invariant("GRANT-NO-SEND-WITHOUT")
def no_data_without_a_grant(recording: Recording, expect: Expect) -> None:
    """Position never exceeds the cumulative grant that had arrived."""
    for name in under_test(recording, "GSP"):
        for account in recording.credit.accounts(source=name):
            if account.governed.any():
                what = f"credit octets sent by {name} beyond the grant to {_queue(account.queue)}"
                expect.that(not account.overdrawn, what, 0, account.overdraft, account.overdrawn)


@invariant("GRANT-EGRESS-RATE")
def grants_keep_to_the_port(recording: Recording, expect: Expect) -> None:
    """Over any span an egress grants no more than its port can send, plus what may be outstanding.

    That is one window, one longest frame a source and class, and the frame that is on its way out. What is
    lost on the way never takes time of the port, and may be granted again.
    """
    rates = {link.name: link.rate_mbps for link in recording.links}
    longest = recording.parameter("max_frame") + FRAME_OVERHEAD
    for host, address in recording.facts.hosts.items():
        if host not in rates or address.node not in ids_under_test(recording):
            continue
        worst = recording.credit.overgrant(host, rates[host])
        if worst.row < 0:
            continue
        table = recording.columns.tables["GRANT"]
        own = (table["source"] == address.node) & (table["port"] == address.port)
        sources = len(np.unique(np.stack((table["destination"][own], table["class"][own])), axis=1).T)
        lost = _lost_credit(recording, address)
        window = recording.parameter("grant_window_factor") * rates[host] / BITS_NS
        window *= recording.parameter("grant_round_trip")
        expect.at_most(
            worst.value,
            window + (sources + 1) * longest + lost,
            f"credit for {host} beyond the rate of its port",
            "octet",
            rows=[worst.row],
        )


def _lost_credit(recording: Recording, egress: HostAddress) -> int:
    """Credit bytes of DATA that left its sources for an egress port and never came to its node."""
    table = recording.columns.tables["DATA"]
    mine = (table["destination"] == egress.node) & (table["port"] == egress.port) & table.valid_crc
    came = mine & recording.columns.reaching(table) & (recording.columns.delivered[table.rows] > 0)
    left = mine & recording.columns.leaving(table)
    return max(int(recording.fabric.data_credit[left].sum() - recording.fabric.data_credit[came].sum()), 0)


def _queue(queue: Queue) -> str:
    return f"node {queue.destination} port {queue.port} class {queue.cls} generation {queue.generation}"
