"""What a plan is on the bench of a context: the topology, the parameters in force, and the scenario."""

from dataclasses import dataclass

from conformance.api.binding import Setup
from conformance.api.testbeds import default_peers
from conformance.plans.plan import Plan
from conformance.plans.staging import Seat, stage, topology_of
from conformance.run.context import RunContext
from traffic.recordings.recording import ParameterValue
from traffic.scenario import Scenario


@dataclass(frozen=True)
class Played:
    """A plan made ready: the bench, the scenario, and when (ns) the probes at its end begin, None without."""

    setup: Setup
    scenario: Scenario
    probes_at: int | None


def build(plan: Plan, context: RunContext) -> Played:
    """Make a plan ready for the bench of a context; InputError or NotInProfile for one that cannot be."""
    values = dict(context.parameters)
    for name, value in plan.settings.items():
        values[name] = ParameterValue(value, values[name].unit, "set by the plan")
    topology = context.binding.bind(
        topology_of(plan.bed, int(values["link_rate"].value), int(values["link_delay"].value))
    )
    peers = default_peers(topology, values)
    setup = Setup(
        case=f"exploration/{plan.name}",
        topology=topology,
        facts=context.facts(topology, values),
        peers=peers,
        seed=plan.seed,
        declared={name: item.value for name, item in context.ics.settings.items()},
    )
    seat = Seat(topology, peers, lambda name: values[name].value, context.options.wire_profile)
    scenario, probes_at = stage(plan, seat)
    return Played(setup, scenario, probes_at)
