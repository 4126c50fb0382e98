"""A flaw acts in every role that is made with what it is a flaw of."""

import pytest

from reference_impl.assembly import ROLES, assemble
from reference_impl.config import DeviceConfig, PortConfig
from reference_impl.device import Device
from reference_impl.mutants import mutants
from reference_impl.parts.packer import Packer
from reference_impl.parts.transit import TransitPort
from reference_impl.port import OutPort
from reference_impl.roles.gsf import Gsf, Spine
from reference_impl.roles.gsp import Gsp

PORTS = tuple(
    PortConfig(kind, 8000, bytes((2, 0, 0, 0, 0, port))) for port, kind in enumerate(("host", "fabric"))
)
CONFIG = DeviceConfig("nic0", 1, PORTS)
FLAWS = [mutant.flaw for mutant in mutants().values()]
ROLE_FLAWS = [flaw for flaw in FLAWS if issubclass(flaw, Device)]
PART_FLAWS = [flaw for flaw in FLAWS if not issubclass(flaw, Device)]


class NicPacker(Packer):
    """Packs as a leaf does."""


class Nic(Gsp):
    """A leaf in a host."""

    def __init__(self, config, resolve):
        super().__init__(config, resolve)
        self.ingress.packer = self.make(NicPacker, self)


@pytest.mark.parametrize("flaw", ROLE_FLAWS, ids=lambda flaw: flaw.__name__)
def test_a_flaw_of_a_role_acts_in_roles_that_derive_from_it(flaw):
    derived = {Gsp: Nic, Gsf: Spine}[flaw.__bases__[0]]
    device = assemble(derived, CONFIG, flaw)
    assert isinstance(device, derived)
    for name, method in vars(flaw).items():
        if callable(method) and not name.startswith("__"):
            assert getattr(type(device), name) is method


@pytest.mark.parametrize("flaw", PART_FLAWS, ids=lambda flaw: flaw.__name__)
def test_a_flaw_of_a_part_acts_in_parts_that_derive_from_it(flaw):
    original = flaw.__bases__[0]
    own = type("Own", (original,), {"__slots__": ()})
    resolved = assemble(Nic, CONFIG, flaw).resolve(own)
    assert issubclass(resolved, own)
    assert issubclass(resolved, flaw)


def test_a_nic_with_a_flaw_of_a_leaf_behaves_so():
    class CallsEverythingFull(Gsp):
        def drop(self, _cause):
            super().drop("queue_full")

    device = assemble(Nic, CONFIG, CallsEverythingFull)
    device.receive(0, bytes(60), 0)
    assert device.counters()["drop.queue_full"] == 1
    assert assemble(Nic, CONFIG).counters()["drop.queue_full"] == 0


def test_a_flaw_of_the_packer_acts_in_the_packer_of_a_nic():
    class FillsNothing(Packer):
        def is_full(self, _fill, _credit):
            return True

    assert assemble(Nic, CONFIG, FillsNothing).ingress.packer.is_full(0, 1)
    assert not assemble(Nic, CONFIG).ingress.packer.is_full(0, 1)


def test_a_flaw_of_all_ports_acts_in_each_kind_of_port():
    class Mute(OutPort):
        def send_control(self, _frame, _now):
            return True

    for role in ROLES:
        assert all(isinstance(port, Mute) for port in assemble(role, CONFIG, Mute).ports)


def test_a_flaw_concerns_no_role_that_has_not_its_part():
    class Deaf(TransitPort):
        pass

    assert not any(isinstance(port, Deaf) for port in assemble("GSP", CONFIG, Deaf).ports)
    assert type(assemble("GSF", CONFIG, next(flaw for flaw in ROLE_FLAWS if issubclass(flaw, Gsp)))) is Gsf


def test_an_unknown_role_is_refused():
    with pytest.raises(ValueError, match="no role GSX; there are GSP, GSF"):
        assemble("GSX", CONFIG)
