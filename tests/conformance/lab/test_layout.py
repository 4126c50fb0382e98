"""Testbeds of cases laid over a bench: what it has, what it has not, and what it cannot do there."""

import pytest

from conformance.api.binding import BindingOptions
from conformance.api.outcomes import TesterLimited
from conformance.api.testbeds import GSF_NODE_BASE, LeafSpine, SoloGsf, SoloGsp, gsp_node, host_mac
from conformance.bindings.lab.binding import LabBinding
from conformance.bindings.lab.hosts import hosts_of
from conformance.bindings.registry import load_binding
from conformance.checkout import ROOT
from conformance.run.context import RunContext, RunOptions
from conformance.run.forecast import collected, forecast
from spec.errors import InputError
from spec.loader import load_catalogue
from spec.verdict import Verdict
from traffic.recordings.recording import ParameterValue

ICS = ROOT / "reference_impl" / "ics.yaml"
GSP, GSF, FABRIC, OWN = "trex-4-gsp", "trex-4-gsf", "trex-2-fabric", "interfaces-gsp"

SLOW = {"grant_round_trip": 8_000_000, "grant_validity": 40_000_000, "hello_interval": 100_000_000}


def ask(binding, request):
    return binding.bind(request.topology(binding.values["link_rate"], binding.values["link_delay"]))


def parameters(**changes):
    values = {name: item.default for name, item in load_catalogue().parameters.items()} | changes
    return {name: ParameterValue(value) for name, value in values.items()}


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        (GSP, SoloGsp()),
        (GSP, SoloGsp(uplinks=1)),
        (GSP, SoloGsp(hosts=1, remotes=5)),
        (GSF, SoloGsf()),
        (GSF, SoloGsf(gsps=2)),
        (FABRIC, LeafSpine()),
    ],
    ids=str,
)
def test_a_testbed_that_is_there(binding, name, request_):
    found = binding(name)
    asked = request_.topology(100_000, 0)
    topology = ask(found, request_)
    assert [link.name for link in topology.links] == [link.name for link in asked.links]
    assert {link.rate_mbps for link in topology.links} == {found.values["link_rate"]}


@pytest.mark.parametrize(
    ("name", "request_", "reason"),
    [
        (GSP, LeafSpine(), "the bench one GSP has gsp0 under test, not gsp0, gsp1, gsf0, gsf1"),
        (GSP, SoloGsp(uplinks=3), "the bench one GSP has no third uplink gsp0-gsf2 at gsp0"),
        (GSP, SoloGsp(hosts=3), "the bench one GSP has no third host h2 at gsp0"),
        (GSF, SoloGsf(gsps=4), "the bench one GSF has no fourth downlink gsp3-gsf0 at gsf0"),
        (GSF, SoloGsf(gsps=2, parallel=4), "the bench one GSF has no second downlink gsp0-gsf0.1 at gsf0"),
        (FABRIC, LeafSpine(hosts=2), "the bench whole fabric has no second host h1 at gsp0"),
        (
            FABRIC,
            LeafSpine(delays={"gsp0-gsf0": 700}),
            "the bench whole fabric cannot delay gsp0-gsf0 by 700 ns: its links have 0 ns",
        ),
        (
            FABRIC,
            LeafSpine(slower={"gsp0-gsf1": 2}),
            "the bench whole fabric has gsp0-gsf0 at 100000 and gsp0-gsf1 at 100000 Mbit/s; "  # noqa: ISC004
            "the case wants 100000 to 50000",
        ),
    ],
    ids=str,
)
def test_a_testbed_that_is_not_there(binding, name, request_, reason):
    with pytest.raises(TesterLimited) as caught:
        ask(binding(name), request_)
    assert str(caught.value) == reason


def test_a_slower_link_of_the_bench_serves_the_case_that_wants_one(binding):
    found = binding(FABRIC, {"links.gsp0-gsf1.speed": 50_000})
    topology = ask(found, LeafSpine(slower={"gsp0-gsf1": 2}))
    assert [link.rate_mbps for link in topology.links if link.name == "gsp0-gsf1"] == [50_000]
    with pytest.raises(TesterLimited, match="at 50000 Mbit/s; the case wants 100000 to 100000"):
        ask(found, LeafSpine())


def test_devices_that_are_joined_otherwise_are_another_testbed(binding):
    extra = {"inside": True, "speed": 100_000, "ends": {"gsp0": {"port": 9}, "gsf0": {"port": 9}}}
    with pytest.raises(
        TesterLimited, match=r"devices of the bench whole fabric are joined by gsp0-gsf0\.1, too"
    ):
        ask(binding(FABRIC, {"links": LINKS | {"gsp0-gsf0.1": extra}}), LeafSpine())


LINKS = {
    "h0": {"tester": 0, "speed": 100_000, "ends": {"gsp0": {"port": 0}}},
    "h1": {"tester": 1, "speed": 100_000, "ends": {"gsp1": {"port": 0}}},
    **{
        f"{gsp}-{gsf}": {"inside": True, "speed": 100_000, "ends": {gsp: {"port": up}, gsf: {"port": down}}}
        for down, gsp in enumerate(("gsp0", "gsp1"))
        for up, gsf in enumerate(("gsf0", "gsf1"), 1)
    },
}


def test_nodes_and_ports_are_those_of_the_device(binding):
    changes = {
        "devices.gsp0.node": gsp_node(1),
        "links.h1.ends.gsp0.port": 17,
        "links.gsp0-gsf1.ends.gsp0.port": 31,
    }
    found = binding(GSP, changes)
    for remotes in (1, 2, 3):
        topology = ask(found, SoloGsp(remotes=remotes))
        ids = [node.id for node in topology.nodes.values()]
        assert len(set(ids)) == len(ids)
        assert topology.nodes["gsp0"].id == gsp_node(1)
        assert topology.nodes["gsp1"].id == gsp_node(0), "the same in every testbed, for a static table"
        assert topology.addresses["h1"].port == 17
        assert topology.addresses["h1"].mac == host_mac(gsp_node(1), 17)
        uplink = next(link for link in topology.links if link.name == "gsp0-gsf1")
        assert topology.number("gsp0", uplink) == 31


def test_a_host_may_have_addresses_of_its_own(binding):
    own = {"node": 1, "port": 1, "mac": "02:aa:00:00:00:01", "ip": "192.0.2.7"}
    host = ask(binding(GSP, {"hosts": [own]}), SoloGsp()).addresses["h1"]
    assert (host.mac.hex(":"), tuple(host.ip)) == ("02:aa:00:00:00:01", (192, 0, 2, 7))


@pytest.mark.parametrize("name", [GSP, FABRIC, OWN])
def test_one_table_serves_every_testbed_of_the_cases(example, name):
    bench = RunContext(RunOptions(binding=str(example(name)), ics=ICS))
    assert isinstance(bench.binding, LabBinding)
    table = {host.mac: (host.node, host.port) for host in hosts_of(bench.binding.layout)}
    met = 0
    for case in collected(bench):
        try:
            topology = bench.topology(case)
        except TesterLimited:
            continue
        for host in topology.addresses.values():
            assert table.get(host.mac) == (host.node, host.port), case.id
            met += 1
    assert met


def test_what_a_fabric_cabled_inside_cannot_show(binding):
    found = binding(FABRIC)
    limits = found.limits(ask(found, LeafSpine()), parameters())
    assert limits["fabric taps"] == (
        "the tester of the bench whole fabric cannot see gsp0-gsf0, gsp0-gsf1, gsp1-gsf0, gsp1-gsf1"
    )
    assert limits["counters"] == "the adapter of gsp0, gsp1, gsf0, gsf1 has no counters"
    assert limits["impairments"] == "the cables of the bench whole fabric cannot be impaired"
    assert "reactive peer" not in limits, "nothing is emulated"


def test_a_tester_too_slow_to_be_a_peer_says_so_in_figures(binding):
    found = binding(OWN)
    topology = ask(found, SoloGsp())
    assert "reactive peer" not in found.limits(topology, parameters(**SLOW))
    limits = found.limits(topology, parameters())
    assert limits["reactive peer"] == (
        "the tester of the bench rehearsal answers in 2 ms, and a peer has 0.02 ms (1/2 of grant_round_trip, "
        "0.04 ms) and 0.02 ms (1/10 of grant_validity, 0.2 ms) and 0.01 ms (1/10 of hello_interval, 0.1 ms)"
    )
    declared = binding(OWN, {"tester.limits": {"reaction_ns": 10_000, "timestamps_ns": 100}})
    limits = declared.limits(topology, parameters())
    assert not {"reactive peer", "timestamps <= 1 us"} & limits.keys()


def test_what_no_trex_can(binding):
    found = binding(GSP)
    limits = found.limits(ask(found, SoloGsp()), parameters(**SLOW))
    assert limits["pfc"] == "streams of TRex do not heed PFC"
    assert "service tags" in limits


def test_a_tester_that_carries_too_little_says_so(binding):
    slow = binding(OWN, {"tester.limits": {"rate_mbps": 5}})
    limits = slow.limits(ask(slow, SoloGsp()), parameters(**SLOW))
    assert limits["reactive peer"] == (
        "the tester of the bench rehearsal carries 5 Mbit/s while it stands in for devices, and the links "
        "have 10"
    )


def test_no_device_is_emulated_at_the_speed_of_its_optics(binding):
    fast = {f"links.{name}.speed": 100_000 for name in ("h0", "h1", "gsp0-gsf0", "gsp0-gsf1")}
    found = binding(GSP, fast)
    slow = {name: 10 * value for name, value in SLOW.items()}
    assert found.limits(ask(found, SoloGsp()), parameters(**slow))["reactive peer"] == (
        "the tester of the bench one GSP carries 10 Mbit/s while it stands in for devices, and the links "
        "have 100000"
    )
    declared = binding(GSP, fast | {"tester.limits": {"rate_mbps": 200_000}})
    assert "reactive peer" not in declared.limits(ask(declared, SoloGsp()), parameters(**slow))


def test_what_the_laboratory_declares_its_tester_to_lack(binding):
    found = binding(OWN, {"tester.limits": {"lacks": {"pfc": "the NIC keeps pause frames to itself"}}})
    assert found.limits(ask(found, SoloGsp()), parameters())["pfc"] == "the NIC keeps pause frames to itself"


def test_the_speed_of_the_hosts_is_the_rate_of_the_testbed(binding):
    assert binding(FABRIC).values["link_rate"] == 100_000
    assert binding(FABRIC, {"links.h0.speed": 25_000}).values["link_rate"] == 25_000


def test_a_file_is_a_binding_by_its_name(example):
    assert isinstance(load_binding(str(example(GSP)), BindingOptions()), LabBinding)
    with pytest.raises(
        InputError, match=r"--binding: there is no binding lab; .*or name a laboratory's file"
    ):
        load_binding("lab", BindingOptions())
    with pytest.raises(InputError, match="--device: is mutant:SpraysFrames, for which the binding"):
        load_binding(str(example(GSP)), BindingOptions(device="mutant:SpraysFrames"))


@pytest.mark.parametrize("name", [GSP, GSF, FABRIC, OWN])
def test_every_case_is_foreseen(example, name):
    bench = RunContext(RunOptions(binding=str(example(name)), ics=ICS))
    cases = collected(bench)
    counts = forecast(bench, cases)
    assert counts.total() == len(cases)
    assert counts[None, ""]
    assert {verdict for verdict, _ in counts} <= {None, Verdict.TESTER_LIMITED, Verdict.NOT_APPLICABLE}


def test_leaves_differ_in_upper_bits_and_fit_an_octet():
    ids = [gsp_node(index) for index in range(24)]
    assert len(set(ids)) == len(ids)
    assert len({node & 63 for node in ids[:3]}) == 1, "neighbours differ in the upper bits alone"
    assert max(ids) < 256
    assert not set(ids) & set(range(GSF_NODE_BASE, GSF_NODE_BASE + 16))
