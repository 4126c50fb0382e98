"""The wires of a bench."""

import socket

from reference_impl.live import namespaces


def test_the_two_ends_of_a_wire_never_have_the_same_number(bench):
    numbers = {}
    for wire in bench.plan.wires:
        for end in wire.ends:
            with namespaces.inside(bench.space(end.space)):
                numbers[end.space, end.interface] = socket.if_nametoindex(end.interface)
    assert len({end.space for wire in bench.plan.wires for end in wire.ends}) > 2
    for wire in bench.plan.wires:
        lower, upper = (numbers[end.space, end.interface] for end in wire.ends)
        assert lower != upper
