"""A stand-in for a TRex server, so that a laboratory can rehearse and the clients are tested without one.

It is not TRex: it makes no load worth the name, and its word says nothing of a real server. What it copies
from measurements of v2.87 (API 4.8) and v3.08 (API 5.1): the handshake and which client versions it takes,
message compression (an answer is compressed if the request was), errors, events on PUB (4.x) or polled
(5.x), port counters on PUB every 0.5 s (4.x), ports listed in reverse, service mode before captures,
captures global to the server and fetched 50 frames at a time, pushes that overwrite MAC addresses unless
told not to and leave in disorder without a gap between them, frame sizes 14 to 9238, streams padded to 60
octets and pushes not, MAC addresses of streams, the refusal of flow statistics for frames that are not
IPv4, latency statistics for any EtherType, an outer tag 0x88A8 that reads 0x8100 over AF_PACKET. Taken from
the documentation alone: texts of errors, the IPv4 identification that flow statistics rewrite, the
heuristics of sequence errors.

It has no ARP, ping, layer 3 or VLAN configuration, no pcap playing, no pause and update, of the field engine
only counting variables, and reports the rates of packet groups as 0.

Run it with `python -m traffic.trex_stand_in --interface t0 --interface t1`, or without interfaces for two
ports joined in memory. With `--netns PATH` the interfaces are those of that network namespace, while it
serves where it was started; with `--with-parent` it ends when the process that started it does, and goes
ahead of other processes where that is allowed, as the devices of a live bench do.
"""
