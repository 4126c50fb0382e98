"""One process's share of a run: catalogue, ICS, binding and parameters, and what they make of a case."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from conformance.api.binding import Binding, BindingOptions, Setup
from conformance.api.outcomes import BenchError, NotApplicable, TesterLimited
from conformance.api.parameters import (
    CASE,
    LINE,
    having,
    in_force,
    instances,
    read_overrides,
    refuse_senseless,
    senseless,
    undeclared,
)
from conformance.api.testbed import IMPLIED, Testbed
from conformance.api.testbeds import Topology, default_peers
from conformance.bindings.registry import load_binding
from conformance.judge.expect import Expect
from conformance.run.case import Case, seed_of
from conformance.run.keeping import differences
from conformance.run.sources import Sources
from reports.results import read_results
from spec.applicability import ApplicabilityError
from spec.errors import InputError
from spec.ics import Ics, load_ics
from spec.loader import load_catalogue
from spec.model import Clause, Role
from spec.text import command, said
from spec.wire import NotInProfile, WireProfile, load_profile
from traffic.recordings.recording import Facts, ParameterValue


@dataclass(frozen=True)
class RunOptions:
    """What the command line says about a run; `continues` where it goes on with the one in `out`."""

    binding: str = "reference"
    device: str = "reference"
    ics: Path | None = None
    recordings: Path | None = None
    wire_profile: str = "open-1"
    parameters: tuple[str, ...] = ()
    tester: str | None = None
    pcap: Path | None = None
    seed: int = 1
    out: Path = Path("out")
    evidence: str = "small"
    confirm: int | None = None
    continues: bool = False

    @property
    def sources(self) -> Sources:
        """The files that count: those named, unless `out` is continued or recordings are judged again."""
        named = Sources(self.ics, self.wire_profile, self.pcap, self.parameters)
        folder = self.out if self.continues else self.recordings
        return named if folder is None else named.taken_up(folder)


class RunContext:
    """Everything that is the same for all cases of a run; InputError when the options are wrong."""

    def __init__(self, options: RunOptions) -> None:
        self.options = options
        self.catalogue = load_catalogue()
        chosen = BindingOptions(
            options.device,
            options.recordings,
            options.wire_profile,
            options.tester,
            confirm=options.confirm,
        )
        self.binding: Binding = load_binding(options.binding, chosen)
        self.sources = options.sources
        self.profile: WireProfile = load_profile(self.sources.wire_profile)
        self.differences = self.sources.differences
        self.gone: str | None = None
        """Why nothing can be played any more."""
        if options.recordings is not None and self.binding.seed is not None:
            self._replays(options.recordings, self.binding.seed)
        path = self.sources.ics or self.binding.ics
        if path is None:
            raise InputError(LINE, "--ics", "is missing", "name the statement of the device under test")
        self.ics: Ics = load_ics(path, self.catalogue)
        self.overrides = read_overrides(self.catalogue, self.ics, self.sources.parameters)
        self.parameters: dict[str, ParameterValue] = in_force(
            self.catalogue, self.ics, self.binding.values, self.overrides
        )
        refuse_senseless(self.ics, self.catalogue, self.parameters)

    def _replays(self, run: Path, seed: int) -> None:
        """Take the seed of the run whose plays are given back, and note where this suite differs from it.

        InputError for another seed.
        """
        if self.options.seed not in {RunOptions.seed, seed}:
            fault = f"is {self.options.seed}, and what was recorded is of {seed}"
            raise InputError(LINE, "--seed", fault, "leave it out; a play has the seed it was recorded with")
        self.options = replace(self.options, seed=seed)
        header = read_results(run).header
        self.differences = (*differences(run, header, self.catalogue), *self.differences)

    def on(self, device: str) -> "RunContext":
        """Return the same bench with another device on it."""
        return RunContext(replace(self.options, device=device))

    def sweep(self, name: str) -> dict[str, int | float | str]:
        """Values of a parameter to run at, by label."""
        return instances(self.ics.settings[name], self.parameters[name].value)

    def admit(self, case: Case) -> None:
        """Raise what keeps a case from being played: NotApplicable, TesterLimited or BenchError."""
        if self.gone is not None:
            raise BenchError(f"not played, for the bench was gone: {self.gone}")
        if self.smoke is not None:
            raise BenchError(f"binding: {self.smoke}")
        self.suit(case)

    def suit(self, case: Case) -> None:
        """Raise what keeps a case from being played on a bench that works, which this does not look at."""
        self.applicable(case)
        for name, value in case.settings.items():
            excluded = undeclared(self.ics.settings[name], value)
            if excluded:
                raise NotApplicable(f"{name} {excluded}")
        odd = senseless(self.catalogue, self.values(case)) if case.settings else None
        if odd:
            raise NotApplicable(f"with what the case sets, {odd}")
        try:
            required_of(self.profile, self.values(case), self.topology(case))
        except NotInProfile as error:
            raise TesterLimited(str(error)) from error
        limits = {**self.undisclosed, **self.binding.limits(self.topology(case), self.values(case))}
        missing = sorted(self.required(case) & limits.keys())
        if missing:
            raise TesterLimited("; ".join(limits[need] for need in missing))

    def applicable(self, case: Case) -> None:
        """Raise NotApplicable, with the expression and its facts, unless it concerns a device under test."""
        explained = self.explain(case.clause, case.request.roles, case.settings)
        if not explained:
            words = ", ".join(case.clause.roles)
            raise BenchError(f"{case.clause.id} is about {words}; {case.request} tests none of them")
        if not any(applies for applies, _ in explained):
            raise NotApplicable("; ".join(words for _, words in explained))

    def explain(
        self, clause: Clause, roles: frozenset[str], settings: Mapping[str, int | float | str]
    ) -> list[tuple[bool, str]]:
        """Whether a clause applies to a device of each of its roles under test, and why."""
        expression = self.catalogue.applicability(clause.id)
        found = []
        for role in clause.roles:
            if role in roles:
                facts = self._facts_for(role) | {
                    name: value for name, value in settings.items() if not isinstance(value, float)
                }
                try:
                    found.append((expression.evaluate(facts), expression.explain(facts)))
                except ApplicabilityError as error:
                    raise InputError(self.ics.path, clause.id, error.fault, error.mend) from error
        return found

    @property
    def undisclosed(self) -> dict[str, str]:
        """Capabilities that the vendor declares the device not to offer, each with the reason."""
        return {
            item.shows: f"the ICS declares {name} no, so there are no {item.shows} to read"
            for name, item in self.ics.items.items()
            if item.shows is not None and self.ics.facts.get(name) is False
        }

    def required(self, case: Case) -> frozenset[str]:
        """Capabilities that a case needs, those that its testbed and settings imply included.

        What is set to the value in force anyway needs no setting.
        """
        implied = set()
        if self.topology(case).of_status("emulated"):
            implied.add("reactive peer")
        if any(value != self.parameters[name].value for name, value in case.settings.items()):
            implied.add("configure")
        assert implied <= IMPLIED
        return case.needs | implied

    def topology(self, case: Case) -> Topology:
        """Topology of a case's testbed under the parameters in force."""
        values = self.values(case)
        try:
            asked = case.request.topology(int(values["link_rate"].value), int(values["link_delay"].value))
        except ValueError as error:
            raise BenchError(str(error)) from error
        return self.binding.bind(asked)

    def values(self, case: Case) -> dict[str, ParameterValue]:
        """Parameters in force for a case; what it pins to the value that they have keeps its origin."""
        own = {name: value for name, value in case.settings.items() if value != self.parameters[name].value}
        return having(self.parameters, own, CASE)

    def open(self, case: Case, expect: Expect, attempt: int) -> Testbed:
        """Stand the testbed of a case up for its `attempt`th time, from 1."""
        topology = self.topology(case)
        values = self.values(case)
        setup = Setup(
            case=case.id,
            topology=topology,
            facts=self.facts(topology, values),
            peers=default_peers(topology, values),
            seed=seed_of(self.options.seed, case.id),
            declared={name: item.value for name, item in self.ics.settings.items()},
            attempt=attempt,
        )
        return Testbed(setup, self.binding.open(setup), case.needs, expect)

    def facts(self, topology: Topology, values: dict[str, ParameterValue]) -> Facts:
        """Return what a judge has to know of a testbed."""
        nodes = {
            name: replace(node, ics=self._facts_for(node.role)) if node.status == "under test" else node
            for name, node in topology.nodes.items()
        }
        return Facts(nodes, topology.addresses, values, self.sources.wire_profile, self.profile.digest)

    @cached_property
    def smoke(self) -> str | None:
        """Why the bench is broken, found once before the first case; None when it works."""
        values = self.parameters
        rate, delay = int(values["link_rate"].value), int(values["link_delay"].value)
        try:
            topology = self.binding.bind(self.binding.smoke.topology(rate, delay))
            self.binding.check(self.facts(topology, values), topology)
        except Exception as error:  # noqa: BLE001 - whatever breaks is the bench's fault
            return f"{said(error)} ({type(error).__name__})"
        return None

    def command(self, case_id: str) -> str:
        """Return the command that plays a case again."""
        options, default = self.options, RunOptions()
        words = ["gse-cts", "run", case_id, "--seed", str(options.seed)]
        for name in ("binding", "device", "tester", "ics", "recordings", "wire_profile", "pcap", "confirm"):
            value = getattr(options, name)
            if value != getattr(default, name):
                words += [f"--{name.replace('_', '-')}", str(value)]
        for parameter in options.parameters:
            words += ["--parameter", parameter]
        return command(words)

    def _facts_for(self, role: str) -> dict[str, bool | int | str | tuple[str, ...]]:
        known: dict[str, Role] = {"GSP": "GSP", "GSF": "GSF", "GSOS": "GSOS", "NIC": "NIC"}
        return self.ics.facts_for(known[role])


def required_of(profile: WireProfile, values: Mapping[str, ParameterValue], topology: Topology) -> None:
    """See that a wire profile can tell what devices with these parameters have to say; NotInProfile else."""
    for name, node in topology.nodes.items():
        if not profile.header.field("source").legal(node.id):
            raise NotInProfile(profile.name, f"node {node.id}, which {name} is")
    if values["dgsq_mode"].value == "on-congestion":
        profile.flag("UNGOVERNED")
    fill = profile.field("DATA", "fill")
    if int(values["container_bytes"].value) > fill.maximum:
        raise NotInProfile(profile.name, f"fill of {values['container_bytes'].value} octets in its DATA")
