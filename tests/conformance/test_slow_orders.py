"""An order that an adapter takes its time for counts from when it was obeyed."""

from time import monotonic_ns, sleep

from conformance.api.testbed import Testbed
from conformance.judge.expect import Expect
from spec.verdict import Verdict
from tests.conformance.test_giving_back import MS, SETUP, Switched, bed
from traffic.scenario import LinkEvent, ManagementEvent, Scenario

TAKES = 80 * MS
CUT = Scenario(links=(LinkEvent(10 * MS, "h0", up=False),))
ORDER = Scenario(management=(ManagementEvent(10 * MS, "gsp0", "setting", {"name": "age_out", "value": 1}),))


class Slow(Switched):
    """Devices whose adapter obeys at the end of the time that it takes."""

    def __init__(self):
        super().__init__(carry_out=self.linger)

    def linger(self):
        end = monotonic_ns() + TAKES
        while monotonic_ns() < end:
            sleep(0.001)

    def manage(self, order):
        self.linger()
        super().manage(order)


def test_a_recording_tells_how_late_its_orders_were_obeyed_and_goes_on_from_then():
    for scenario in (CUT, ORDER):
        columns = bed(Slow()).play(scenario, 1, fresh=False).columns
        assert columns.tardy >= TAKES
        settle = SETUP.facts.parameters["settle_time"].value
        assert columns.read[0] >= 10 * MS + TAKES + settle
    assert bed(Slow()).play(Scenario(), 1, fresh=False).columns.tardy == 0


def test_a_time_that_misses_its_limit_by_less_than_an_order_was_late_is_no_fail():
    expect = Expect({"ns": MS})
    testbed = Testbed(SETUP, bed(Slow()), frozenset({"link events"}), expect)
    tardy = testbed.play(CUT).columns.tardy
    assert expect.at_most(1000 * MS + tardy + 2 * MS, 1000 * MS, "outage", "ns") is False
    assert expect.verdict()[0] is Verdict.FAIL
    for value, limit, below in ((1000 * MS + tardy, 1000 * MS, True), (1000 * MS, 1000 * MS + tardy, False)):
        again = Expect({"ns": MS})
        Testbed(SETUP, bed(Switched()), frozenset(), again).play(Scenario())
        assert again.tardy == 0
        again.tardy = expect.tardy
        (again.at_most if below else again.at_least)(value, limit, "outage", "ns")
        assert again.verdict()[0] is Verdict.INCONCLUSIVE
