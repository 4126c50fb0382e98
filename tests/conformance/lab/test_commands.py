"""`gse-cts binding` over files, and over the stand-in for a TRex server."""

import pytest
import typer
from typer.testing import CliRunner

from conformance.api.binding import BindingOptions
from conformance.api.testbeds import LeafSpine, SoloGsp, host_mac
from conformance.bindings.lab.bench import load_bench
from conformance.bindings.lab.binding import LabBinding
from conformance.bindings.lab.wiring import Finding, Heard, judge_greetings, judge_probes
from conformance.cli import binding as command
from spec.errors import InputError
from traffic.recordings.recording import Facts
from traffic.scenario import HostAddress
from traffic.trex.client import connect
from traffic.trex_stand_in.server import StandIn
from traffic.trex_stand_in.wires import cable


@pytest.fixture
def run():
    def call(*words):
        application = typer.Typer()
        application.add_typer(command.group, name="binding")
        result = CliRunner().invoke(application, ["binding", *map(str, words)])
        if isinstance(result.exception, InputError):
            raise result.exception
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return call


@pytest.mark.parametrize("example", ["interfaces-gsp", "trex-2-fabric", "trex-4-gsp", "trex-4-gsf"])
def test_a_new_file_can_be_read(run, tmp_path, example):
    path = tmp_path / "LAB.yaml"
    assert run("new", path, "--example", example).output.startswith(f"{path}: written; adapt it, then")
    assert load_bench(path).file.links
    assert "#" in path.read_text(encoding="utf-8")


def test_what_is_wrong_with_new(run, tmp_path):
    path = tmp_path / "LAB.yaml"
    with pytest.raises(
        InputError, match=r"--example: there is no example trex-4-gps; did you mean trex-4-gsp\?"
    ):
        run("new", path, "--example", "trex-4-gps")
    with pytest.raises(InputError, match=r"is not called \.yaml; call it so"):
        run("new", tmp_path / "LAB.txt")
    with pytest.raises(InputError, match="cannot be written"):
        run("new", tmp_path / "nowhere" / "LAB.yaml")
    run("new", path)
    with pytest.raises(InputError, match="is there already; choose another name"):
        run("new", path)


def test_the_hosts_to_configure(run, example):
    output = run("hosts", example("trex-4-gsp", {"devices.gsp0.node": 9})).output
    assert "02:00:00:00:09:01" in output
    assert "198.18.9.1" in output
    assert "02:00:00:00:02:00" in output


def test_interfaces_are_not_released(run, example):
    with pytest.raises(InputError, match="is interfaces, which nobody acquires; there is nothing to release"):
        run("release", example("interfaces-gsp"))


@pytest.fixture
def server():
    with StandIn(cable()) as server:
        yield server


@pytest.fixture
def lab(server, example):
    """Write the bench of a whole fabric at the stand-in."""
    changes = {
        "tester.host": server.host,
        "tester.rpc_port": server.rpc_port,
        "tester.async_port": server.async_port,
    }
    return lambda **more: example("trex-2-fabric", changes | more)


@pytest.fixture
def holder(server):
    """Hold the ports under a name."""
    opened = []

    def holding(user):
        session = connect(server.host, rpc_port=server.rpc_port, async_port=server.async_port, user=user)
        opened.append(session)
        session.acquire([0, 1])

    yield holding
    for session in opened:
        session.close()


def owners(server):
    with connect(server.host, rpc_port=server.rpc_port, async_port=server.async_port, user="see") as session:
        return [port.owner for port in session.ports().values()]


def test_ports_that_a_run_left_are_released(run, server, lab, holder):
    holder("gse-cts")
    assert run("release", lab()).output == "released: 0, 1\n"
    assert owners(server) == ["", ""]
    assert run("release", lab()).output == "released: none was left acquired by this user\n"


def test_ports_of_others_are_released_by_force_alone(run, server, lab, holder):
    holder("rival")
    assert run("release", lab()).output == "released: none was left acquired by this user\n"
    assert owners(server) == ["rival", "rival"]
    assert run("release", lab(), "--force").output == "released: 0, 1\n"
    assert owners(server) == ["", ""]


def test_a_port_that_belongs_to_somebody_is_named(run, lab, holder):
    holder("rival")
    result = run("check", lab())
    assert result.exit_code == 1
    assert "belongs to rival; ask for it, or gse-cts binding release --force" in result.output
    assert "not tried: mend the tester first" in result.output
    assert "the bench is not ready: " in result.output


def test_a_port_that_is_not_there_is_named(run, lab):
    result = run("check", lab(**{"links.h1.tester": 7}))
    assert result.exit_code == 1
    assert "the server has no such port, but 0, 1; correct the file" in result.output


def test_a_server_that_does_not_answer_is_named(run, example):
    changes = {"tester.host": "127.0.0.1", "tester.rpc_port": 9, "tester.timeout": 0.2}
    result = run("check", example("trex-2-fabric", changes))
    assert result.exit_code == 1
    assert "nothing answered in 0.2 s; start the server there" in " ".join(result.output.split())


class Wires:
    """What `TrexWires` promises, without a server behind it."""

    reaction, uncertainty = 3_000_000, 40_000

    def __init__(self, trex, lines, ports, described, hosts, *, profile, again, known=None):
        self.trex, self.lines, self.ports = trex, lines, ports
        self.described, self.hosts, self.profile, self.again = described, hosts, profile, again
        self.known = known

    def close(self):
        self.trex.close()


@pytest.fixture
def trex_wires(monkeypatch):
    monkeypatch.setattr("conformance.bindings.lab.wires.TrexWires", Wires)


@pytest.mark.usefixtures("trex_wires")
def test_ports_of_the_server_become_wires_that_tell_how_good_they_are(lab):
    binding = LabBinding(BindingOptions(file=lab()))
    topology = binding.bind(LeafSpine().topology(100_000, 0))
    wires, links = binding.wires(topology, Facts(topology.nodes, topology.addresses, {}, "open-1"))
    try:
        assert [link.name for link in links] == ["h0", "h1"]
        assert wires.ports == {0: 0, 1: 1}
        assert [(line.name, line.lower, line.port) for line in wires.lines] == [
            ("h0", True, 0),
            ("h1", True, 1),
        ]
        assert [port.name for port in wires.described] == ["h0", "h1"]
        assert (binding.measured, binding.uncertainty["ns"]) == (3_000_000, 40_000)
    finally:
        binding.clear()


HOSTS = {
    name: HostAddress(name, host_mac(1, port), bytes(4), 1, port)
    for port, name in enumerate(("h0", "h1", "h2"))
}
WELL = {(here, there): {there} for here in HOSTS for there in HOSTS if here != there}


@pytest.mark.parametrize(
    ("found", "findings"),
    [
        (
            WELL,
            {name: (True, f"frames for {host.mac.hex(':')} come out here") for name, host in HOSTS.items()},
        ),
        (
            WELL | {("h0", "h1"): {"h2"}, ("h2", "h1"): set()},
            {"h1": (False, "frames for h1 came out at h2: swap h1 and h2")},
        ),
        (WELL | {("h0", "h1"): set()}, {"h1": (False, "frames from h0 did not arrive")}),
        (
            {},
            {
                "h2": (
                    False,
                    "no frame for it came out anywhere; is 02:00:00:00:01:02 at node 1 port 2 in the table?",
                )
            },
        ),
    ],
)
def test_what_probes_tell(found, findings):
    judged = {item.link: (item.right, item.words) for item in judge_probes(HOSTS, found)}
    assert {name: judged[name] for name in findings} == findings


def test_one_host_cannot_be_probed():
    assert list(judge_probes({"h0": HOSTS["h0"]}, {})) == [
        Finding("h0", None, "one host alone cannot be probed")
    ]


@pytest.mark.parametrize(
    ("heard", "words"),
    [
        ({"gsp0-gsf0": (1, 2)}, "HELLO of node 1 port 2"),
        ({"gsp0-gsf0": (1, 3)}, "which belongs to gsp0-gsf1: swap gsp0-gsf0 and gsp0-gsf1"),
        ({"gsp0-gsf0": (7, 0)}, "HELLO of node 7 port 0; the file says node 1 port 2"),
        ({}, "no HELLO was heard; is port 2 of gsp0 up?"),
    ],
)
def test_what_hello_tells(bench, heard, words):
    found = {item.link: item for item in judge_greetings(bench("trex-4-gsp"), Heard(heard))}
    assert words in found["gsp0-gsf0"].words
    assert found["gsp0-gsf0"].right is (words == "HELLO of node 1 port 2")


def test_a_bench_is_one_testbed_of_all_it_has(binding):
    topology = binding("trex-4-gsp").layout.everything()
    assert [link.name for link in topology.links] == ["h0", "h1", "gsp0-gsf0", "gsp0-gsf1"]
    assert binding("trex-4-gsp").smoke == SoloGsp()
    assert binding("trex-2-fabric").smoke == LeafSpine()
