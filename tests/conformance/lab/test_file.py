"""The laboratory's file: what is wrong with it is one sentence that names the key and the mend."""

import json

import jsonschema
import pytest
import yaml

from conformance.bindings.lab.adapters import adapter_of
from conformance.bindings.lab.bench import load_bench
from conformance.bindings.live.plan import live_values
from conformance.checkout import ROOT
from conformance.cli.binding import EXAMPLES
from reference_impl.live.parameters import FILE, Pace
from spec.documents import load
from spec.errors import InputError
from spec.loader import load_catalogue

GSP = "trex-4-gsp"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.yaml"))
SCHEMA = ROOT / "conformance" / "bindings" / "lab" / "schemas" / "bench.json"


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_whole_and_satisfies_the_schema(name):
    bench = load_bench(EXAMPLES / f"{name}.yaml")
    assert bench.at_tester()
    text = json.dumps(yaml.safe_load(bench.path.read_text(encoding="utf-8")))
    jsonschema.validate(json.loads(text), json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_the_rehearsal_has_the_pace_of_the_live_reference():
    known = load_catalogue().parameters
    values = load_bench(EXAMPLES / "interfaces-gsp.yaml").values
    live = live_values(known)
    assert {name: values.get(name, known[name].default) for name in known} == live


@pytest.mark.parametrize("name", ["trex-4-gsp", "trex-4-gsf"])
def test_a_bench_where_trex_stands_in_for_devices_has_the_pace_for_that(name):
    known = load_catalogue().parameters
    values = load_bench(EXAMPLES / f"{name}.yaml").values
    software = load(Pace, FILE).leeway
    pace = {name: value for name, value in live_values(known, trex=True).items() if name not in software}
    assert {name: values.get(name, known[name].default) for name in pace} == pace
    assert not software.keys() & values.keys(), "hardware is held to the limits themselves"


SENTENCES = [
    ({"nam": "x"}, "nam: is not a known key; did you mean name?"),
    ({"name": None}, "name: is missing; add it."),
    ({"tester.kind": "ixia"}, "tester: is "),
    ({"tester.hots": "x"}, "tester.hots: is not a known key; did you mean host?"),
    ({"tester.rpc_port": 0}, "tester.rpc_port: is 0; "),
    (
        {"tester.limits": {"lacks": {"pcf": "x"}}},
        "tester.limits.lacks.pcf: is no capability; did you mean pfc?",
    ),
    (
        {"devices.leaf": {"role": "GSP", "node": 9}},
        "devices.leaf: is no name of the suite; call devices gsp0",
    ),
    (
        {"devices.gsp0.role": "GSF"},
        "devices.gsp0.role: is GSF, and gsp0 is a GSP; correct the role or the name.",
    ),
    ({"devices.gsp2": {"role": "GSP", "node": 3}}, "devices.gsp2: is there without gsp1; count the devices"),
    ({"devices.gsp0.node": 0}, "devices.gsp0.node: is 0; "),
    (
        {"devices.gsf0": {"role": "GSF", "node": 1}},
        "devices.gsf0.node: is 1, as is devices.gsp0.node; give each",
    ),
    ({"links.uplink": {"speed": 10, "ends": {}}}, "links.uplink.ends: is empty; fill it in."),
    (
        {"links.uplink": {"speed": 10, "ends": {"gsp0": {"port": 9}}}},
        "links.uplink: is no name of the suite; call links of hosts h0, h1, ...",
    ),
    ({"links.h0.tester": None}, "links.h0.tester: is missing; add the number of a TRex port."),
    ({"links.h0.tester": "eth0"}, "links.h0.tester: is 'eth0'; write the number of a TRex port."),
    ({"links.h0.tester": 1}, "links.h1.tester: is 1, as is links.h0.tester; give each its own."),
    ({"links.h0.speed": 1}, "links.h0.speed: is 1; "),
    ({"links.h0.inside": True}, "links.h0.inside: is true, and every host is the tester; remove it."),
    (
        {"links.h0.ends.gsp1": {"port": 1}},
        "links.h0.ends: names 2 devices; keep the one that the host is at.",
    ),
    (
        {"links.h0.ends": {"gsp9": {"port": 1}}},
        "links.h0.ends.gsp9: is no GSP of this file; did you mean gsp0?",
    ),
    (
        {"links.h1.ends.gsp0.port": 0},
        "links.h1.ends.gsp0.port: is 0, as is links.h0.ends.gsp0.port; give each",
    ),
    (
        {"links.gsp0-gsf0.ends": {"gsf0": {"port": 1}}},
        "links.gsp0-gsf0.ends.gsf0: is no device at that link; did you mean gsp0?",
    ),
    (
        {"links.gsp3-gsf3": {"tester": 7, "speed": 10, "ends": {"gsp0": {"port": 9}}}},
        "links.gsp3-gsf3: joins no device of this file; did you mean gsp0?",
    ),
    ({"links.gsp0-gsf0.inside": True}, "links.gsp0-gsf0.inside: is true, and gsf0 is no device of this file"),
    (
        {"hosts": [{"node": 1, "port": 0, "mac": "zz", "ip": "1.2.3.4"}]},
        "hosts[0].mac: is 'zz'; write six octets in hexadecimal with colons",
    ),
    (
        {"hosts": [{"node": 1, "port": 0, "mac": "03:00:00:00:00:01", "ip": "1.2.3.4"}]},
        "hosts[0].mac: is 03:00:00:00:00:01, a group's; write that of one host.",
    ),
    (
        {"hosts": [{"node": 1, "port": 0, "mac": "02:00:00:00:00:01", "ip": "1.2.3.400"}]},
        "hosts[0].ip: is 1.2.3.400; write four numbers up to 255, without",
    ),
    (
        {"hosts": [{"node": 1, "port": 0, "mac": "00:00:00:00:00:00", "ip": "1.2.3.4"}]},
        "hosts[0].mac: is 00:00:00:00:00:00, nobody's; write",
    ),
    (
        {
            "hosts": [
                {"node": 1, "port": 0, "mac": "0a:00:00:00:00:01", "ip": "10.0.0.1"},
                {"node": 1, "port": 1, "mac": "0a:00:00:00:00:02", "ip": "10.0.0.1"},
            ]
        },
        "hosts[1].ip: is 10.0.0.1, as is hosts[0].ip; give each its own.",
    ),
    (
        {"hosts": [{"node": 1, "port": 0, "mac": "02:00:00:00:01:01", "ip": "10.0.0.1"}]},
        "hosts[0].mac: is 02:00:00:00:01:01, the suite's for the host at port 1 of node 1; choose another,",
    ),
    (
        {"hosts": [{"node": 1, "port": 0, "mac": "0a:00:00:00:00:01", "ip": "198.18.1.1"}]},
        "hosts[0].ip: is 198.18.1.1, the suite's for the host at port 1 of node 1; choose another, or list",
    ),
    ({"parameters.settle": 1}, "parameters.settle: is no parameter; did you mean settle_time?"),
    ({"parameters.settle_time": 1}, "parameters.settle_time: is 1 ns, outside 10000..60000000000 ns; choose"),
    (
        {"devices.gsp0.management": {"adapter": "none", "abilities": ["state"]}},
        "devices.gsp0.management.adapter: is none, yet it has abilities or a command; name an adapter.",
    ),
    (
        {"devices.gsp0.management": {"adapter": "exec", "abilities": ["state"]}},
        "devices.gsp0.management.command: is missing; name the script and its arguments.",
    ),
    (
        {"devices.gsp0.management": {"adapter": "exec", "command": ["x"]}},
        "devices.gsp0.management.abilities: is empty; list what the adapter can do.",
    ),
    (
        {"devices.gsp0.management": {"adapter": "prompt", "command": ["x"], "abilities": ["restart"]}},
        "devices.gsp0.management.command: is not for the adapter prompt; remove it, or write adapter: exec.",
    ),
    (
        {"devices.gsp0.management": {"adapter": "prompt", "abilities": ["link events"]}},
        "devices.gsp0.management.abilities: an operator cannot be asked for link events; keep configure,",
    ),
    (
        {"devices.gsp0.management.abilities": ["link events"], "links.h1.ends.gsp0.name": None},
        "links.h1.ends.gsp0.name: is missing; add what the device calls the port, for its adapter",
    ),
    (
        {"devices.gsp0.management.abilities": ["fly"]},
        "devices.gsp0.management.abilities[0]: is 'fly'; use one of ",
    ),
]


@pytest.mark.parametrize(("changes", "sentence"), SENTENCES, ids=[sentence for _, sentence in SENTENCES])
def test_a_fault_is_one_sentence(bench, changes, sentence):
    with pytest.raises(InputError) as caught:
        bench(GSP, changes)
    words = str(caught.value)
    assert sentence in words
    assert "LAB.yaml: " in words
    assert "\n" not in words


WHOLE = [
    (
        {"links.gsp0-gsf0.inside": False},
        "links.gsp0-gsf0.inside: is missing; write inside: true, for both ends are devices under test.",
    ),
    (
        {"links.gsp0-gsf0.tester": 5},
        "links.gsp0-gsf0.tester: is there, and the link is cabled inside; remove one of the two.",
    ),
    (
        {"links.gsp0-gsf0.ends": {"gsp0": {"port": 1}}},
        "links.gsp0-gsf0.ends: lacks gsf0; add its port number as gsf0: {port: 0}.",
    ),
]


@pytest.mark.parametrize(("changes", "sentence"), WHOLE, ids=[sentence for _, sentence in WHOLE])
def test_links_inside_have_two_ends_and_no_tester(bench, changes, sentence):
    with pytest.raises(InputError) as caught:
        bench("trex-2-fabric", changes)
    assert sentence in str(caught.value)


def test_interfaces_have_names(bench):
    with pytest.raises(InputError, match=r"links.h0.tester: is 3; write the name of an interface\."):
        bench("interfaces-gsp", {"links.h0.tester": 3})


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"none.yaml: file: cannot be read \(No such file"):
        load_bench(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("adapter", "sentence"),
    [
        ("exce", "is 'exce'; did you mean exec, or write module:Class."),
        ("nowhere:Adapter", "nowhere:Adapter cannot be loaded (No module named 'nowhere'); correct the name"),
        (
            "json:Adapter",
            "json:Adapter cannot be loaded (module 'json' has no attribute 'Adapter'); correct the name",
        ),
    ],
)
def test_an_adapter_that_is_not_there(bench, adapter, sentence):
    found = bench(GSP, {"devices.gsp0.management": {"adapter": adapter}})
    with pytest.raises(InputError) as caught:
        adapter_of(found, "gsp0")
    assert f"devices.gsp0.management.adapter: {sentence}" in str(caught.value)


def test_an_address_in_capitals_is_the_same(bench):
    hosts = [{"node": 1, "port": 0, "mac": "0A:BB:CC:DD:EE:FF", "ip": "1.2.3.4"}]
    assert bench(GSP, {"hosts": hosts}).file.hosts[0].mac == "0a:bb:cc:dd:ee:ff"
