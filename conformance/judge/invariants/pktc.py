"""Packet containers: the frames of one are for one egress."""

from typing import Final

import numpy as np

from conformance.judge.expect import Expect
from conformance.judge.invariants.parties import ids_under_test
from conformance.judge.invariants.registration import invariant
from traffic.recordings.recording import Recording

MAC_OCTETS: Final = 6


@invariant("PKTC-ONE-DESTINATION")
def containers_have_one_egress(recording: Recording, expect: Expect) -> None:
    """Each frame in a container is for the host behind the node and port that the container names."""
    table = recording.columns.tables["DATA"]
    table = table.where(table.valid_crc & recording.columns.leaving(table) & (table.octets >= MAC_OCTETS))
    table = table.where(np.isin(table["source"], ids_under_test(recording, "GSP")))
    if not len(table):
        return
    octets = np.frombuffer(recording.columns.blob, np.uint8)[table.start[:, None] + np.arange(MAC_OCTETS)]
    weights = 1 << np.arange(8 * MAC_OCTETS - 8, -1, -8, dtype=np.int64)
    address = octets.astype(np.int64) @ weights
    known = {int.from_bytes(host.mac): host.node << 8 | host.port for host in recording.facts.hosts.values()}
    macs = np.array(sorted(known), np.int64)
    place = np.minimum(np.searchsorted(macs, address), len(macs) - 1)
    seat = np.array([known[mac] for mac in macs.tolist()], np.int64)[place]
    named = table["destination"].astype(np.int64) << 8 | table["port"]
    astray = recording.columns.numbered(table.rows[(macs[place] == address) & (seat != named)])
    expect.that(not astray, "frames in a container for another egress", 0, len(astray), astray)
