"""How a device under test is managed: one interface, and the adapters that come with the suite."""

import json
import sys
import termios
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from select import select
from time import monotonic_ns
from typing import Annotated, Any, Final, NamedTuple, Protocol, TextIO

from pydantic import Field, TypeAdapter, ValidationError

from conformance.api.outcomes import BenchError, TesterLimited
from conformance.bindings.lab.bench import LabBench
from conformance.bindings.lab.model import OPERATOR, Management
from conformance.bindings.lab.script import ScriptFailed, run_script
from conformance.bindings.resting import Rest
from spec.answers import checked, read_answer
from spec.documents import did_you_mean
from spec.errors import InputError
from spec.text import LONGEST, line

GROUP: Final = "gse.adapters"
OWN: Final = ("none", "exec", "prompt")
TERMINAL: Final = Path("/dev/tty")
PYTHON: Final = "{python}"
"""Stands in a command for the interpreter that runs the suite."""
SHOWN: Final = 200
"""Characters of a wrong answer that an error sentence shows."""

Settings = Mapping[str, int | float | str]


Whole = Annotated[int, Field(strict=True, ge=-(1 << 63), lt=1 << 64)]
"""A whole number of at most 64 bits: 1.0 is none, and `true` is none either."""


class Log(NamedTuple):
    """What a device noted, as (time, name, details), and its own clock when it was asked; all ns."""

    now: Whole
    events: tuple[tuple[Whole, str, dict[str, Any]], ...]


class Adapter(Protocol):
    """Manages one device. BenchError when it fails, TesterLimited when the device cannot do what is asked.

    `abilities` says which of the rest may be called: `configure` needs the ability of that name, `switch`
    needs `link events`, `log` needs `events`, `manage` needs `management`, and so on.
    """

    abilities: frozenset[str]

    def identify(self) -> str:
        """Say in a few words what answers."""

    def counters(self) -> dict[str, int]:
        """Read the counters, by the names of `spec/counters.yaml`."""

    def log(self) -> Log:
        """Read what the device noted of late."""

    def state(self) -> Any:  # noqa: ANN401 - whatever JSON the device gives
        """Read the state."""

    def rest(self) -> Rest:
        """Read what the device says of its rest."""

    def manage(self, action: str, arguments: Mapping[str, Any]) -> None:
        """Do what an operator asks: `table_set`, `table_withdraw`, `setting`."""

    def configure(self, settings: Settings) -> None:
        """Bring the device to these settings; what is not named stays as it is."""

    def switch(self, port: str, *, up: bool) -> None:
        """Switch a port, called as the device itself does, off or on."""

    def restart(self, settings: Settings) -> None:
        """Have the device start anew with these settings; return when it has started."""


class BaseAdapter:
    """Cannot do anything; a base for adapters that can do some of it."""

    abilities: frozenset[str] = frozenset()

    def __init__(self, device: str) -> None:
        self.device = device

    def identify(self) -> str:
        """Say that nothing answers."""
        return "not managed"

    def counters(self) -> dict[str, int]:
        """Refuse."""
        raise self.refused("counters")

    def log(self) -> Log:
        """Refuse."""
        raise self.refused("events")

    def state(self) -> Any:  # noqa: ANN401 - whatever JSON the device gives
        """Refuse."""
        raise self.refused("state")

    def rest(self) -> Rest:
        """Refuse."""
        raise self.refused("rest")

    def manage(self, action: str, arguments: Mapping[str, Any]) -> None:
        """Refuse."""
        raise self.refused(f"management ({action} {dict(arguments)})")

    def configure(self, settings: Settings) -> None:
        """Refuse."""
        raise self.refused(f"configure ({', '.join(settings)})")

    def switch(self, port: str, *, up: bool) -> None:
        """Refuse."""
        raise self.refused(f"link events ({port} {'up' if up else 'down'})")

    def restart(self, settings: Settings) -> None:  # noqa: ARG002 - the interface's
        """Refuse."""
        raise self.refused("restart")

    def refused(self, ability: str) -> TesterLimited:
        """Say what cannot be done."""
        return TesterLimited(f"the adapter of {self.device} has no {ability}")


class Shape(NamedTuple):
    """What an answer has to be, in words, too; and the method of an adapter that gives it."""

    method: str
    type: TypeAdapter[Any]
    words: str


READINGS: Final = {
    "counters": Shape("counters", TypeAdapter(dict[str, Whole]), "counters by name, whole numbers"),
    "events": Shape("log", TypeAdapter(Log), '{"now": ns, "events": [[ns, name, {details}], ...]}'),
    "state": Shape("state", TypeAdapter(Any), "JSON"),
    "rest": Shape("rest", TypeAdapter(Rest), '{"paths": n, "held": n, "kept": n}, whole numbers'),
}
"""What can be read of a device, by the ability that it takes."""


class ExecAdapter(BaseAdapter):
    """Runs the laboratory's own script once a request: JSON on its standard input, JSON on its output."""

    def __init__(
        self, device: str, about: Mapping[str, object], management: Management, folder: Path
    ) -> None:
        super().__init__(device)
        self.about = about
        self.abilities = frozenset(management.abilities)
        self.command = [sys.executable if word == PYTHON else word for word in management.command]
        self.timeout = management.timeout
        self.options = management.options
        self.folder = folder

    def identify(self) -> str:
        """Ask who answers."""
        return str(self.ask("identify"))

    def counters(self) -> dict[str, int]:
        """Ask for the counters."""
        counters: dict[str, int] = self.shaped("counters")
        return counters

    def log(self) -> Log:
        """Ask for the events."""
        log: Log = self.shaped("events")
        return log

    def state(self) -> Any:  # noqa: ANN401 - whatever JSON the device gives
        """Ask for the state."""
        return self.ask("state")

    def rest(self) -> Rest:
        """Ask for the rest."""
        rest: Rest = self.shaped("rest")
        return rest

    def manage(self, action: str, arguments: Mapping[str, Any]) -> None:
        """Ask for an action."""
        self.ask("management", action=action, arguments=dict(arguments))

    def configure(self, settings: Settings) -> None:
        """Ask for settings."""
        self.ask("configure", settings=dict(settings))

    def switch(self, port: str, *, up: bool) -> None:
        """Ask for a port to be switched."""
        self.ask("link events", port=port, up=up)

    def restart(self, settings: Settings) -> None:
        """Ask for a restart."""
        self.ask("restart", settings=dict(settings))

    def shaped(self, what: str) -> Any:  # noqa: ANN401 - as the shape says
        """Ask for something of a shape; BenchError when the answer is of another."""
        result = self.ask(what)
        try:
            return _shaped(what, result)
        except ValueError as error:
            raise self.failed(what, str(error)) from error

    def ask(self, what: str, **details: object) -> Any:  # noqa: ANN401 - JSON
        """Run the script with a request; BenchError when it fails, TesterLimited when the device cannot."""
        request = {"ask": what, "device": dict(self.about), "options": dict(self.options), **details}
        try:
            answer = run_script(self.command, json.dumps(request).encode(), self.timeout, self.folder)
        except ScriptFailed as error:
            raise self.failed(what, str(error)) from error
        return self.read(what, answer)

    def read(self, what: str, octets: bytes) -> Any:  # noqa: ANN401 - JSON
        """Take the `result` out of an answer, or what says why the device `cannot`, or the `error`."""
        shown = _short(octets.decode(errors="backslashreplace").strip())
        try:
            answer = read_answer(octets)
        except json.JSONDecodeError:
            answer = None
        except ValueError as error:
            raise self.failed(what, f"answered {shown}, which {error}") from error
        match answer:
            case {"result": result, **rest} if not rest:
                return result
            case {"cannot": why, **rest} if not rest:
                raise TesterLimited(f"{self.device} cannot: {line(str(why))}")
            case {"error": why, **rest} if not rest:
                raise self.failed(what, f"said: {line(str(why))}")
        raise self.failed(what, f"answered {shown}, not one JSON object with result, cannot or error")

    def failed(self, what: str, how: str) -> BenchError:
        """Say which script failed at what."""
        return BenchError(f"adapter of {self.device}: {' '.join(self.command)}, asked for {what}, {how}")


class PromptAdapter(BaseAdapter):
    """Asks an operator at the bench."""

    def __init__(
        self, device: str, abilities: frozenset[str], terminal: Path = TERMINAL, timeout: float = OPERATOR
    ) -> None:
        super().__init__(device)
        self.abilities = abilities
        self.terminal = terminal
        self.timeout = timeout

    def identify(self) -> str:
        """Ask whether somebody is there."""
        self.ask("say that you are at the bench")
        return "an operator"

    def manage(self, action: str, arguments: Mapping[str, Any]) -> None:
        """Ask for an action."""
        self.ask(f"do {action} with {_listed(arguments)}")

    def configure(self, settings: Settings) -> None:
        """Ask for settings."""
        self.ask(f"set {_listed(settings)}")

    def restart(self, settings: Settings) -> None:
        """Ask for a restart."""
        self.ask(f"restart it{f' with {_listed(settings)}' if settings else ''}")

    def ask(self, request: str) -> None:
        """Print a request, and wait for Enter, or for the reason why it cannot be done."""
        try:
            with (
                self.terminal.open(encoding="utf-8", errors="replace") as heard,
                self.terminal.open("w", encoding="utf-8") as said,
            ):
                self.talk(heard, said, request)
        except OSError as error:
            raise BenchError(
                f"adapter of {self.device}: there is no terminal to ask an operator at ({self.terminal}: "
                f"{error.strerror or error}); run at one, or name another adapter"
            ) from error

    def talk(self, heard: TextIO, said: TextIO, request: str) -> None:
        """Hold the conversation; what was typed before the question is no answer to it."""
        termios.tcflush(heard, termios.TCIFLUSH)
        words = f"{self.device}: {request}; press Enter when it is done, or write why it cannot be: "
        said.write(words)
        said.flush()
        if not select([heard], (), (), self.timeout)[0]:
            fault = f"the operator gave no answer in {self.timeout:g} s"
            raise BenchError(f"adapter of {self.device}: {fault}; allow more with timeout")
        answer = heard.readline(LONGEST)
        if not answer:
            raise BenchError(f"adapter of {self.device}: the operator went away")
        if answer.strip():
            raise TesterLimited(f"{self.device} cannot: {line(answer.strip())}")


Factory = Callable[[str, Mapping[str, object], Management], Adapter]
"""Makes the adapter of a device from its name, what the file says of it, and its `management`."""


def adapter_of(bench: LabBench, device: str) -> Adapter:
    """Make the adapter of a device; InputError when there is none of that name."""
    management = bench.file.devices[device].management
    about = {"name": device, "role": bench.file.devices[device].role, "node": bench.nodes[device]}
    match management.adapter:
        case "none":
            return BaseAdapter(device)
        case "exec":
            return ExecAdapter(device, about, management, bench.path.absolute().parent)
        case "prompt":
            return PromptAdapter(device, frozenset(management.abilities), timeout=management.timeout)
    return _foreign(bench, device, management)(device, about, management)


def _foreign(bench: LabBench, device: str, management: Management) -> Factory:
    """Find the class that a file names."""
    name, key = management.adapter, f"devices.{device}.management.adapter"
    for point in entry_points(group=GROUP, name=name):
        found: Factory = point.load()
        return found
    module, colon, attribute = name.partition(":")
    if not colon:
        known = (*OWN, *(point.name for point in entry_points(group=GROUP)))
        mend = f"{did_you_mean(name, known).rstrip('?.')}, or write module:Class"
        raise InputError(bench.path, key, f"is {name!r}", mend)
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        mend = "correct the name, or add its folder to PYTHONPATH"
        raise InputError(bench.path, key, f"{name} cannot be loaded ({error})", mend) from error
    return found


def reading(adapter: Adapter, device: str, ability: str) -> Any:  # noqa: ANN401 - as `READINGS` says
    """Read counters, events or state of a device; BenchError when an adapter gives anything else."""
    try:
        return _shaped(ability, getattr(adapter, READINGS[ability].method)())
    except ValueError as error:
        raise BenchError(f"adapter of {device}: asked for {ability}, {line(str(error))}") from error


def identity(adapter: Adapter) -> str:
    """Return in one printable line what answers for a device."""
    return line(str(adapter.identify()), SHOWN)


def measured_log(adapter: Adapter, device: str) -> tuple[int, Log]:
    """Read the events of a device, and how far the monotonic clock is ahead of its own, in ns."""
    before = monotonic_ns()
    log: Log = reading(adapter, device, "events")
    return (before + monotonic_ns()) // 2 - log.now, log


def _shaped(what: str, value: object) -> Any:  # noqa: ANN401 - as the shape says
    """Return an answer in its shape; ValueError says how it is of another."""
    shape = READINGS[what]
    try:
        value = checked(value)
    except ValueError as error:
        raise ValueError(f"answered what {error}") from error
    try:
        return shape.type.validate_python(value)
    except ValidationError:
        raise ValueError(f"answered {_short(value)}, not {shape.words}") from None


def _listed(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items()) or "nothing"


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{line(text, SHOWN)}'"
