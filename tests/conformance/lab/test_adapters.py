"""Adapters: what they are asked, and that whatever goes wrong with one is the bench's fault and named."""

import json
import os
import pty
import sys
import threading
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from time import monotonic_ns

import pytest

from conformance.api.binding import Setup
from conformance.api.outcomes import BenchError, TesterLimited
from conformance.api.parameters import CASE
from conformance.api.testbeds import SoloGsp
from conformance.bindings.lab import adapters
from conformance.bindings.lab.adapters import BaseAdapter, ExecAdapter, Log, PromptAdapter, adapter_of
from conformance.bindings.lab.devices import LabDevices
from conformance.bindings.lab.model import Management
from spec.loader import load_catalogue
from traffic.recordings.recording import Facts, ParameterValue
from traffic.scenario import ManagementEvent

READS = "import json, sys; request = json.load(sys.stdin); "


@pytest.fixture
def script(tmp_path):
    """Make an exec adapter of a piece of Python that has read its `request`."""

    def making(code, timeout=20.0, abilities=("counters", "events", "state", "configure", "restart")):
        file = tmp_path / "manage.py"
        file.write_text(READS + code, encoding="utf-8")
        command = ("{python}", "manage.py")
        management = Management(
            adapter="exec", command=command, timeout=timeout, abilities=abilities, options={"address": "x"}
        )
        return ExecAdapter("gsp0", {"name": "gsp0", "role": "GSP", "node": 1}, management, tmp_path)

    return making


def test_a_script_gets_one_request_and_gives_one_answer(script):
    adapter = script('print(json.dumps({"result": request}))')
    assert adapter.ask("link events", port="Ethernet1/1", up=False) == {
        "ask": "link events",
        "device": {"name": "gsp0", "role": "GSP", "node": 1},
        "options": {"address": "x"},
        "port": "Ethernet1/1",
        "up": False,
    }


def test_what_a_script_reads(script):
    assert script('print(json.dumps({"result": {"rx_frames": 3}}))').counters() == {"rx_frames": 3}
    assert script('print(json.dumps({"result": {"paths": []}}))').state() == {"paths": []}
    events = 'print(json.dumps({"result": {"now": 9, "events": [[5, "setting", {"name": "a"}]]}}))'
    assert script(events).log() == Log(9, ((5, "setting", {"name": "a"}),))
    assert script('print(json.dumps({"result": "leaf 7"}))').identify() == "leaf 7"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            "print('no way', file=sys.stderr); sys.exit(3)",
            "asked for counters, ended with exit code 3 (no way)",
        ),
        ("sys.exit(3)", "ended with exit code 3 (it printed nothing)"),
        ("pass", "answered '', not one JSON object with result, cannot or error"),
        ("print('hello')", "answered 'hello', not one JSON object"),
        ("print('{}{}')", "answered '{}{}', not one JSON object"),
        ("print('[1]')", "answered '[1]', not one JSON object"),
        ("print('{\"answer\": 1}')", "not one JSON object with result, cannot or error"),
        ("print('{\"result\": [1]}')", "answered '[1]', not counters by name, whole numbers"),
        ('print(\'{"result": {"a": "b"}}\')', "not counters by name, whole numbers"),
        ('print(\'{"error": "wrong password"}\')', "said: wrong password"),
        (
            "sys.stdout.buffer.write(b'\\xff\\xfe')",
            "answered '\\xff\\xfe', which is not UTF-8 at octet 0",
        ),
        (
            "sys.stderr.buffer.write('Gerät fehlt'.encode('latin-1')); sys.exit(3)",
            "ended with exit code 3 (Ger\ufffdt fehlt)",
        ),
        ("sys.stdout.buffer.write(b'caf\\xe9'); sys.exit(4)", "ended with exit code 4 (it printed nothing)"),
        (
            "print('no \\x1b[31mway\\u202e' + 'x' * 10**6, file=sys.stderr); sys.exit(3)",
            "characters in all))",
        ),
        ("import os; os.kill(os.getpid(), 9)", "was killed by signal 9, SIGKILL (it printed nothing)"),
        ("import os; os.kill(os.getpid(), 6)", "was killed by signal 6, SIGABRT (it printed nothing)"),
        (
            'print(\'{"result": {"up": true}}\')',
            "answered '{\"up\": true}', not counters by name, whole numbers",
        ),
        ('print(\'{"result": {"up": 1.0}}\')', "not counters by name, whole numbers"),
        ('print(\'{"result": {"up": 36893488147419103232}}\')', "not counters by name, whole numbers"),
        ("print('{\"result\": ' + '[' * 100000)", "which holds more than 64 lists and objects within"),
        ("print('[' * 1000 + ']' * 1000)", "which holds more than 64 lists and objects within one another"),
        ('print(\'{"result": {"a": NaN}}\')', "which holds NaN, which is no number"),
        ('print(\'{"result": {"a": 1, "a": 2}}\')', "which holds the key 'a' twice"),
        ("print('{\"result\": {\"a\": ' + '9' * 5000 + '}}')", "which holds a number of 5000 digits"),
        ("print(' ' * (17 << 20))", "printed more than 16 MiB"),
        ("print(' ' * (17 << 20), file=sys.stderr)", "printed more than 16 MiB"),
        ("[print(' ' * (1 << 20)) for _ in iter(int, 1)]", "printed more than 16 MiB"),
        ('print(json.dumps({"error": "wrong\\x1b\\ud800" }))', "said: wrong\\x1b\\ud800"),
    ],
)
def test_a_script_that_fails_is_named(script, code, words):
    with pytest.raises(BenchError) as caught:
        script(code).counters()
    assert str(caught.value).startswith(f"adapter of gsp0: {sys.executable} manage.py, asked for counters, ")
    assert words in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    "answer",
    [
        '{"now": true, "events": []}',
        '{"now": 1.0, "events": []}',
        '{"now": 1, "events": [[true, "x", {}]]}',
        '{"now": 1, "events": [[1, "x"]]}',
        "[1, 2, 3]",
        '{"now": 36893488147419103232, "events": []}',
    ],
)
def test_times_of_a_log_are_whole_numbers(script, answer):
    with pytest.raises(BenchError, match=r'not \{"now": ns, "events": \[\[ns, name, \{details\}\], ...\]\}$'):
        script(f"print('{{\"result\": ' + {answer!r} + '}}')").log()


def test_what_a_device_is_called_is_printable(script):
    found = script(
        r"""print('{"result": {"now": 1, "events": [[1, "a\\ud800", {"b\\u001b": "\\u202e"}]]}}')"""
    ).log()
    assert found == Log(1, ((1, r"a\ud800", {r"b\x1b": r"\u202e"}),))


def test_a_mark_of_the_byte_order_means_nothing(script):
    assert script('sys.stdout.buffer.write(b\'\\xef\\xbb\\xbf{"result": {"a": 1}}\')').counters() == {"a": 1}


def test_a_script_may_leave_its_input_unread_and_a_child_behind(script):
    adapter = script("")
    for code in (
        'import os; os.close(0); print(\'{"result": {"a": 1}}\')',
        "import subprocess; subprocess.Popen(['sleep', '60']); print('{\"result\": {\"a\": 1}}')",
    ):
        adapter.command = [sys.executable, "-c", code]
        adapter.options = {"x": "y" * 1_000_000}
        begun = monotonic_ns()
        assert adapter.counters() == {"a": 1}
        assert monotonic_ns() - begun < 20e9


def test_a_script_that_hangs_is_ended(script):
    with pytest.raises(BenchError, match=r"asked for state, gave no answer in 0.5 s$"):
        script("import threading; threading.Event().wait()", timeout=0.5).state()


def test_a_script_that_is_not_there(script):
    adapter = script("pass")
    adapter.command = ["./nowhere"]
    with pytest.raises(
        BenchError, match=r"cannot be run \(\[Errno 2\] No such file or directory: './nowhere'\)"
    ):
        adapter.identify()


def test_what_a_device_cannot_do_is_no_fault_of_the_bench(script):
    adapter = script('print(json.dumps({"cannot": "there is no overflow mode in release 3"}))')
    with pytest.raises(TesterLimited, match="gsp0 cannot: there is no overflow mode in release 3"):
        adapter.configure({"overflow_mode": "overflow"})


class Bench:
    """An operator at a pseudo terminal who reads one line and answers."""

    def __init__(self, answer):
        self.master, slave = pty.openpty()
        self.path = Path(os.ttyname(slave))
        self.slave = slave
        self.heard = ""
        self.thread = threading.Thread(target=self.work, args=(answer,), daemon=True)
        self.thread.start()

    def work(self, answer):
        while "cannot be: " not in self.heard:
            self.heard += os.read(self.master, 1000).decode()
        os.write(self.master, answer)

    def close(self):
        self.thread.join()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def operator():
    opened = []

    def opening(answer):
        opened.append(Bench(answer))
        return opened[-1]

    yield opening
    for bench in opened:
        bench.close()


def test_an_operator_is_asked(operator):
    bench = operator(b"\n")
    PromptAdapter("gsp0", frozenset({"configure"}), bench.path).configure({"dgsq_mode": "on-congestion"})
    bench.thread.join()
    assert "gsp0: set dgsq_mode=on-congestion; press Enter when it is done" in bench.heard


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (lambda item: item.restart({}), "gsp0: restart it;"),
        (lambda item: item.manage("table_withdraw", {"mac": "02"}), "gsp0: do table_withdraw with mac=02;"),
        (lambda item: item.identify(), "gsp0: say that you are at the bench;"),
    ],
)
def test_what_an_operator_reads(operator, work, words):
    bench = operator(b"\n")
    work(PromptAdapter("gsp0", frozenset({"restart", "management"}), bench.path))
    bench.thread.join()
    assert words in bench.heard


def test_an_operator_may_say_that_it_cannot_be_done(operator):
    bench = operator(b"the fuse blew\n")
    with pytest.raises(TesterLimited, match="gsp0 cannot: the fuse blew"):
        PromptAdapter("gsp0", frozenset({"restart"}), bench.path).restart({})


def test_an_operator_may_type_anything(operator):
    bench = operator("das Gerät \x1b[31m fehlt\n".encode("latin-1"))
    with pytest.raises(TesterLimited) as caught:
        PromptAdapter("gsp0", frozenset({"restart"}), bench.path).restart({})
    assert str(caught.value) == "gsp0 cannot: das Ger\ufffdt \\x1b[31m fehlt"


def test_without_a_terminal_nobody_is_asked(tmp_path):
    adapter = PromptAdapter("gsp0", frozenset({"restart"}), tmp_path / "tty")
    with pytest.raises(BenchError) as caught:
        adapter.restart({})
    assert str(caught.value) == (
        f"adapter of gsp0: there is no terminal to ask an operator at ({tmp_path / 'tty'}: No such file or "
        "directory); run at one, or name another adapter"
    )


def test_an_adapter_that_can_nothing_says_what_it_was_asked():
    with pytest.raises(TesterLimited, match="the adapter of gsp0 has no counters"):
        BaseAdapter("gsp0").counters()
    assert BaseAdapter("gsp0").abilities == frozenset()


class Recorder(BaseAdapter):
    """An adapter of somebody else's: notes what it is asked, and fails where `options` say so."""

    abilities = frozenset({"counters", "events", "management", "configure", "link events", "restart"})
    asked: list = []  # noqa: RUF012 - shared on purpose: the suite makes the instance

    def __init__(self, device, _about, management):
        super().__init__(device)
        self.options = management.options

    def counters(self):
        if self.options.get("fails"):
            raise ConnectionError("the session is gone")
        return {"rx_frames": 1}

    def log(self):
        return 1000, [(900, "before", {}), (1000, "since", {})]

    def manage(self, action, arguments):
        self.asked.append((action, dict(arguments)))

    def configure(self, settings):
        self.asked.append(("configure", dict(settings)))

    def switch(self, port, *, up):
        self.asked.append(("switch", port, up))

    def restart(self, settings):
        self.asked.append(("restart", dict(settings)))


@pytest.fixture
def devices(bench):
    """Return the devices of a bench that `Recorder` manages."""
    Recorder.asked.clear()

    def making(**options):
        name = f"{Recorder.__module__}:Recorder"
        sys.modules.setdefault(Recorder.__module__, sys.modules[__name__])
        changes = {"devices.gsp0.management": {"adapter": name, "options": options}}
        return LabDevices(bench("trex-4-gsp", changes))

    return making


def setup(devices, **settings):
    known = load_catalogue().parameters
    values = {name: ParameterValue(item.default) for name, item in known.items()}
    values |= {name: ParameterValue(value, "", CASE) for name, value in settings.items()}
    topology = devices.layout.bind(SoloGsp().topology(100_000, 0))
    return Setup("a case", topology, Facts(topology.nodes, topology.addresses, values, "open-1"), (), 1)


def test_a_class_of_the_laboratory_is_an_adapter(devices):
    assert devices().counters() == {"gsp0": {"rx_frames": 1}}


def test_an_entry_point_is_an_adapter(bench, monkeypatch):
    point = EntryPoint("recorder", "json:loads", adapters.GROUP)
    monkeypatch.setattr(EntryPoint, "load", lambda _: Recorder)
    monkeypatch.setattr(adapters, "entry_points", lambda **_: [point])
    found = bench("trex-4-gsp", {"devices.gsp0.management": {"adapter": "recorder"}})
    assert isinstance(adapter_of(found, "gsp0"), Recorder)


def test_whatever_an_adapter_raises_is_the_bench(devices):
    with pytest.raises(BenchError, match=r"adapter of gsp0: the session is gone \(ConnectionError\)"):
        devices(fails=True).counters()


@pytest.mark.parametrize(
    ("method", "value", "words"),
    [
        ("counters", {"up": True}, "asked for counters, answered '{\"up\": true}', not counters by name"),
        ("counters", {"up": 1.0}, "asked for counters, answered '{\"up\": 1.0}', not counters by name"),
        ("counters", {b"up": 1}, "asked for counters, answered what has a key that is no text but a bytes"),
        ("counters", None, "asked for counters, answered 'null', not counters by name"),
        ("log", (1000, [(True, "x", {})]), "asked for events, answered '[1000, [[true, "),
        ("log", (1000,), "asked for events, answered '[1000]', not "),
        ("log", (1000, [(1, "x", {"a": {1}})]), "asked for events, answered what holds a set"),
        ("state", float("nan"), "asked for state, answered what holds nan"),
    ],
)
def test_what_a_foreign_adapter_gives_is_looked_at_as_well(devices, monkeypatch, method, value, words):
    monkeypatch.setattr(Recorder, method, lambda _: value)
    monkeypatch.setattr(Recorder, "abilities", Recorder.abilities | {"state"})
    found = devices()
    found.ahead, found.seen = {"gsp0": 0}, {"gsp0": 0}
    read = {"counters": found.counters, "log": found.events, "state": found.states}[method]
    with pytest.raises(BenchError) as caught:
        read()
    assert str(caught.value).startswith(f"adapter of gsp0: {words}")


def test_what_a_foreign_adapter_names_is_printable(devices, monkeypatch):
    monkeypatch.setattr(Recorder, "counters", lambda _: {"a\ud800": 1})
    monkeypatch.setattr(Recorder, "identify", lambda _: "leaf\x1b\u202e")
    assert devices().counters() == {"gsp0": {r"a\ud800": 1}}
    assert devices().identify() == {"gsp0": r"leaf\x1b\u202e"}


def test_settings_are_given_once_and_taken_back(devices):
    found = devices()
    found.renew(setup(found), 0, fresh=False)
    assert Recorder.asked == [], "nothing differs from what the device has"
    found.renew(setup(found, dgsq_max=2), 0, fresh=False)
    found.renew(setup(found, dgsq_max=2), 0, fresh=False)
    found.renew(setup(found), 0, fresh=False)
    usual = load_catalogue().parameters["dgsq_max"].default
    assert Recorder.asked == [("configure", {"dgsq_max": 2}), ("configure", {"dgsq_max": usual})]


def test_a_fresh_play_restarts_with_the_settings(devices):
    found = devices()
    found.renew(setup(found, dgsq_max=2), 0, fresh=True)
    assert Recorder.asked == [("restart", {"dgsq_max": 2})]


def test_without_restart_no_play_is_fresh(bench):
    found = LabDevices(bench("trex-4-gsp", {"devices.gsp0.management": {"adapter": "none"}}))
    with pytest.raises(
        TesterLimited, match="wants devices just started, and the adapter of gsp0 has no restart"
    ):
        found.renew(setup(found), 0, fresh=True)


def test_management_is_undone_before_the_next_play(devices):
    found = devices()
    given = setup(found)
    host = given.facts.hosts["h2"]
    found.renew(given, 0, fresh=False)
    found.manage(ManagementEvent(0, "gsp0", "table_withdraw", {"mac": host.mac.hex()}))
    found.manage(ManagementEvent(0, "gsp0", "setting", {"name": "container_bytes", "value": 9240}))
    done = len(Recorder.asked)
    found.renew(given, 0, fresh=False)
    assert Recorder.asked[done:] == [
        ("setting", {"name": "container_bytes", "value": 16384}),
        ("table_set", {"mac": host.mac.hex(), "node": host.node, "port": host.port}),
    ]


def test_management_and_links_are_given_back_at_the_end_of_a_play(devices):
    found = devices()
    given = setup(found)
    found.renew(given, 0, fresh=False)
    found.manage(ManagementEvent(0, "gsp0", "setting", {"name": "container_bytes", "value": 9240}))
    found.switch("gsp0-gsf1", up=False)
    found.switch("gsp0-gsf0", up=False)
    found.switch("gsp0-gsf0", up=True)
    done = len(Recorder.asked)
    found.restore()
    found.restore()
    assert sorted(Recorder.asked[done:], key=str) == [
        ("setting", {"name": "container_bytes", "value": 16384}),
        ("switch", "Ethernet1/4", True),
    ]


def test_what_cannot_be_given_back_keeps_nothing_else_and_is_tried_again(devices, monkeypatch):
    found = devices()
    found.renew(setup(found), 0, fresh=False)
    for name in ("gsp0-gsf1", "gsp0-gsf0"):
        found.switch(name, up=False)
    switch, refused = Recorder.switch, ["Ethernet1/4"]

    def switching(self, port, *, up):
        if port in refused:
            raise ConnectionError("gone")
        switch(self, port, up=up)

    monkeypatch.setattr(Recorder, "switch", switching)
    done = len(Recorder.asked)
    with pytest.raises(BenchError, match="gone"):
        found.restore()
    refused.clear()
    found.restore()
    assert [asked[2] for asked in Recorder.asked[done:]] == [True, True]


def test_a_link_whose_switching_failed_halfway_is_given_back(devices, monkeypatch):
    found = devices()
    found.renew(setup(found), 0, fresh=False)

    def failing(_, port, *, up):
        Recorder.asked.append(("switch", port, up))
        if not up:
            raise TimeoutError

    monkeypatch.setattr(Recorder, "switch", failing)
    with pytest.raises(BenchError):
        found.switch("gsp0-gsf1", up=False)
    found.restore()
    assert Recorder.asked[-1] == ("switch", "Ethernet1/4", True)


def test_a_device_has_after_the_run_what_it_declares(devices):
    found = devices()
    given = setup(found, dgsq_max=2)
    given = replace(given, declared={"dgsq_max": 7, "age_out": 5})
    found.renew(given, 0, fresh=False)
    done = len(Recorder.asked)
    found.release()
    found.release()
    assert Recorder.asked[done:] == [("configure", {"dgsq_max": 7})]


def test_a_device_that_could_only_be_restarted_is_restarted_once_more(devices, monkeypatch):
    monkeypatch.setattr(Recorder, "abilities", Recorder.abilities - {"configure"})
    found = devices()
    found.renew(replace(setup(found, dgsq_max=2), declared={"dgsq_max": 7}), 0, fresh=True)
    found.release()
    assert Recorder.asked[-1] == ("restart", {"dgsq_max": 7})


def test_a_device_that_was_altered_halfway_is_given_back(devices, monkeypatch):
    found = devices()

    def failing(_, settings):
        Recorder.asked.append(("configure", dict(settings)))
        if settings != {"dgsq_max": 7}:
            raise TimeoutError

    monkeypatch.setattr(Recorder, "configure", failing)
    with pytest.raises(BenchError):
        found.renew(replace(setup(found, dgsq_max=2), declared={"dgsq_max": 7}), 0, fresh=False)
    found.release()
    assert Recorder.asked[-1] == ("configure", {"dgsq_max": 7})


def test_only_events_since_the_mark_count_on_the_local_clock(devices):
    found = devices()
    before = monotonic_ns()
    found.mark()
    (event,) = found.events()
    assert (event.node, event.name) == ("gsp0", "since")
    assert before <= event.time <= monotonic_ns()


def test_a_link_is_switched_by_the_name_of_the_port(devices):
    found = devices()
    found.renew(setup(found), 0, fresh=False)
    found.switch("gsp0-gsf1", up=False)
    assert Recorder.asked == [("switch", "Ethernet1/4", False)]


def test_devices_are_quiesced_when_all_they_had_is_aged_out(devices):
    found = devices()
    values = {name: item.value for name, item in setup(found).facts.parameters.items()}
    assert found.quiesce_time(values) > 2 * values["age_out"]
    assert found.quiesce_time(values | {"flap_hold": 10**9}) > 10**9


def test_a_request_is_what_the_readme_shows():
    text = (Path(adapters.__file__).parent / "README.md").read_text(encoding="utf-8")
    assert (
        json.loads(text.partition("<!-- request -->\n```json\n")[2].partition("```")[0])["ask"] == "configure"
    )
