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


def test_a_server_in_the_namespace_of_the_tester_is_reached_over_its_loopback(bench):
    with namespaces.inside(bench.space(bench.plan.tester)):
        server = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(server.getsockname(), timeout=5)
    for end in (client, server):
        end.close()
