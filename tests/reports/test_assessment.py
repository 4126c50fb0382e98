import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.assessment import clause_verdicts, coverage, decide
from spec.errors import InputError
from spec.verdict import Verdict, merge

SMALL, LARGE, PATH, SPINE = "t.py::small", "t.py::large", "t.py::path", "t.py::spine"


@pytest.fixture(scope="module")
def judge(results, header, catalogue):
    return lambda *records: clause_verdicts(results(header(), *records), catalogue)


@pytest.fixture
def all_pass(record):
    return [
        record(PATH, "PKTC-ONE-PATH", part="load"),
        record(SMALL, "PKTC-SIZE", part="small"),
        record(LARGE, "PKTC-SIZE", part="large"),
        record(PATH, "PKTC-ORDER", invariant=True),
        record(PATH, "MGMT-PAPER"),
    ]


def test_an_untested_purpose_keeps_its_clause_from_passing(results, header, record, catalogue):
    run = results(header((SMALL, "PKTC-SIZE", "small")), record(SMALL, "PKTC-SIZE", part="small"))
    size = clause_verdicts(run, catalogue)["PKTC-SIZE"]
    assert size.verdict is Verdict.NOT_TESTED
    assert [part.verdict for part in size.purposes] == [Verdict.PASS, Verdict.NOT_TESTED]
    assert size.reason == "no case realises this purpose"


@given(
    small=st.lists(st.sampled_from(Verdict), min_size=1, max_size=4),
    large=st.lists(st.sampled_from(Verdict), min_size=1, max_size=4),
)
def test_a_clause_is_the_worst_of_its_instances(judge, record, small, large):
    records = [record(SMALL, "PKTC-SIZE", verdict, "small") for verdict in small]
    records += [record(LARGE, "PKTC-SIZE", verdict, "large") for verdict in large]
    size = judge(*records)["PKTC-SIZE"]
    assert size.verdict is merge(small + large)
    assert [part.verdict for part in size.purposes] == [merge(small), merge(large)]


def test_every_clause_has_a_verdict_and_those_that_did_not_pass_a_reason(results, header, catalogue):
    clauses = clause_verdicts(results(header()), catalogue)
    assert list(clauses) == list(catalogue.clauses)
    assert all(result.reason for result in clauses.values())
    assert clauses["PKTC-ORDER"].reason == "no recording that could show it was judged"
    assert clauses["MGMT-PAPER"].reason == "by inspection: no evidence entry was supplied"
    assert clauses["MGMT-HEAT"].reason == "untestable: no instrument reaches it"


def test_a_clause_that_the_facts_exclude_is_not_applicable_and_says_why(results, header, catalogue):
    spine = clause_verdicts(results(header()), catalogue)["MGMT-SPINE"]
    assert spine.verdict is Verdict.NOT_APPLICABLE
    assert spine.reason == "GSF (no) AND GSE2.0 (yes) = no"


def test_a_clause_applies_where_the_facts_do_not_say(results, header, catalogue):
    unsaid = header(ics=header().ics.model_copy(update={"facts": {"GSF": {"GSF": True}}}))
    assert clause_verdicts(results(unsaid), catalogue)["MGMT-SPINE"].verdict is Verdict.NOT_TESTED


def test_selected_but_not_run_is_told_from_not_selected(results, header, catalogue):
    run = header((SMALL, "PKTC-SIZE", "small"), (LARGE, "PKTC-SIZE", "large"), selection=(SMALL,))
    small, large = clause_verdicts(results(run), catalogue)["PKTC-SIZE"].purposes
    assert (small.selected, small.reason) == (True, "the run ended before its case gave a verdict")
    assert (large.selected, large.reason) == (False, "its case was not selected")


def test_an_invariant_stands_for_a_purpose_only_where_no_case_realises_it(results, header, record, catalogue):
    seen = record(PATH, "PKTC-SIZE", invariant=True)
    alone = clause_verdicts(results(header(), seen), catalogue)["PKTC-SIZE"]
    assert [part.verdict for part in alone.purposes] == [Verdict.PASS, Verdict.PASS]
    planned = header((SMALL, "PKTC-SIZE", "small"), selection=())
    beside = clause_verdicts(results(planned, seen), catalogue)["PKTC-SIZE"]
    assert [part.verdict for part in beside.purposes] == [Verdict.NOT_TESTED, Verdict.PASS]
    assert (beside.verdict, beside.reason) == (Verdict.NOT_TESTED, "its case was not selected")


def test_a_record_of_an_unknown_clause_or_purpose_is_an_error(results, header, record, catalogue):
    for name, part in (("PKTC-NEW", None), ("PKTC-SIZE", "middle")):
        with pytest.raises(InputError, match="report with the checkout that ran"):
            clause_verdicts(results(header(), record(PATH, name, part=part)), catalogue)


def test_all_deciding_clauses_passed_is_conformant(judge, all_pass):
    conformity = decide(judge(*all_pass).values())
    assert conformity.statement == "conformant"
    assert conformity.untestable == ("MGMT-HEAT",)


@pytest.mark.parametrize("verdict", [v for v in Verdict if v > Verdict.PASS])
def test_any_other_verdict_of_a_must_is_not_conformant(judge, record, all_pass, verdict):
    clauses = judge(*all_pass, record(PATH, "PKTC-ONE-PATH", verdict, "load")).values()
    conformity = decide(clauses)
    assert conformity.status == ("non-conformant" if verdict is Verdict.FAIL else "incomplete")
    waived = decide(clauses, waived={"PKTC-ONE-PATH"})
    assert waived.statement == "conformant with 1 waiver"


def test_a_failed_recommendation_is_listed_and_does_not_decide(judge, record, all_pass):
    conformity = decide(judge(*all_pass, record(PATH, "PKTC-HINT", Verdict.FAIL, "hint")).values())
    assert conformity.status == "conformant"
    assert conformity.not_met == ("PKTC-HINT",)


def test_a_breach_of_an_invariant_decides_like_any_other(judge, record, all_pass):
    clauses = judge(*all_pass, record(SMALL, "PKTC-ORDER", Verdict.FAIL, invariant=True))
    assert decide(clauses.values()).failed == ("PKTC-ORDER",)


def test_nothing_judged_is_incomplete():
    assert decide([]).status == "incomplete"


def test_coverage_counts_conclusive_verdicts_of_what_applies_and_can_be_tested(judge, record):
    clauses = judge(
        record(PATH, "PKTC-ONE-PATH", part="load"),
        record(PATH, "PKTC-ORDER", Verdict.INCONCLUSIVE, invariant=True),
    )
    figures = coverage(clauses.values())
    assert (figures.clauses, figures.applicable, figures.testable) == (7, 6, 5)
    assert (figures.judged, figures.passed, figures.failed) == (1, 1, 0)
    assert figures.share == pytest.approx(0.2)
