from pathlib import Path

import pytest
import yaml

from spec.coverage import scan
from spec.lint import lint, rules
from spec.loader import read_catalogue

FIXTURES = Path(__file__).parent / "lint"
RULES = {rule.name: rule for rule in rules()}


def breaches(checkout, rule):
    return rule.check(read_catalogue(checkout.spec), scan(checkout.root))


def spoil(checkout, rule, kind):
    fixture = yaml.safe_load((FIXTURES / rule / f"{kind}.yaml").read_text(encoding="utf-8"))
    for edit in fixture["edits"]:
        checkout.edit(edit["file"], edit["old"], edit["new"])
    return fixture


def test_every_rule_and_nothing_else_has_fixtures():
    assert {path.name for path in FIXTURES.iterdir()} - {"base"} == set(RULES)


def test_base_is_clean(checkout):
    assert lint(read_catalogue(checkout.spec), scan(checkout.root)) == []


@pytest.mark.parametrize("name", sorted(RULES))
def test_rule_passes(checkout, name):
    spoil(checkout, name, "pass")
    assert breaches(checkout, RULES[name]) == []


@pytest.mark.parametrize("name", sorted(RULES))
def test_rule_fails(checkout, name):
    fixture = spoil(checkout, name, "fail")
    findings = breaches(checkout, RULES[name])
    assert {finding.key for finding in findings} == {fixture["expect"]}
    assert findings[0].rule == name
    assert str(findings[0]).startswith(f"{findings[0].file}: {fixture['expect']}: {name}: ")


@pytest.mark.parametrize(
    ("file", "old", "new", "rule"),
    [
        ("conformance/cases/pktc/test_path.py", "bed.play()", "bed.sleep()", "cases-do-not-sleep"),
        (
            "conformance/cases/pktc/test_path.py",
            "from conf",
            "from time import x\nfrom conf",
            "cases-do-not-sleep",
        ),
        ("conformance/cases/pktc/test_path.py", "at_least=20", "at_least=0.5", "cases-have-no-numbers"),
        ("conformance/cases/pktc/test_path.py", "at_least=20", "at_least=1001", "cases-have-no-numbers"),
        (
            "conformance/cases/pktc/test_path.py",
            '"PKTC-ONE-PATH", purpose="link-lost"',
            "ID",
            "cases-name-clauses",
        ),
        ("conformance/cases/pktc/test_path.py", ', purpose="link-lost"', "", "cases-name-clauses"),
        ("conformance/cases/pktc/test_path.py", "gap=0)", "gap=0)" + "\n" * 40, "cases-are-short"),
        (
            "conformance/cases/pktc/test_path.py",
            '@clause("PKTC-ONE-PATH", purpose="link-lost")',
            "",
            "cases-name-clauses",
        ),
        (
            "reference_impl/mutants/path.py",
            "def choose",
            "def pick(self):\n        pass\n\n    def choose",
            "mutants-are-explained",
        ),
        ("spec/facts.yaml", "clauses: [PKTC-ONE-PATH]", "reason: it is old", "facts-are-covered"),
        ("spec/facts.yaml", "clauses: [PKTC-ONE-PATH]", "clauses: [PKTC-BUFFER]", "fact-clauses-exist"),
        ("spec/clauses/pktc.yaml", "roles: [GSP]", "roles: [GSP, GSF]", "applicability-agrees"),
        ("spec/clauses/pktc.yaml", "release: [GSE2.0]", "release: [GSE1.0]", "applicability-agrees"),
        ("spec/clauses/pktc.yaml", "All frames of one", "All 帧 of one", "chinese-is-chinese"),
        (
            "spec/clauses/pktc.yaml",
            "en: Any load.",
            "en: Any load of container_byte.",
            "parameters-are-listed",
        ),
        ("spec/clauses/pktc.yaml", "one uplink.\n", "one uplink, none SHOULD.\n", "level-is-worded"),
        ("spec/clauses/pktc.yaml", "    invariant: true", "    untestable: nobody looks", "purposes-present"),
        ("spec/clauses/pktc.yaml", "sources: [S1]", "sources: [S2]", "sources-exist"),
        ("spec/clauses/pktc.yaml", "id: PKTC-ORDER", "id: PKTC-ONE-PATH", "unique-ids"),
    ],
)
def test_rule_sees_other_breaches(checkout, file, old, new, rule):
    checkout.edit(file, old, new)
    if rule == "level-is-worded":
        checkout.edit(file, "MUST leave", "must leave")
    assert breaches(checkout, RULES[rule])


def test_invariant_of_an_unknown_clause_is_found(checkout):
    checkout.edit("conformance/judge/invariants/pktc.py", "PKTC-ORDER", "PKTC-ORDR")
    messages = [finding.message for finding in breaches(checkout, RULES["invariants-agree"])]
    assert "is no clause; did you mean PKTC-ORDER?" in messages
    assert "is true, but no invariant judges the clause" in messages


def test_prefix_of_two_chapters_is_found(checkout):
    other = (
        (checkout.spec / "clauses" / "pktc.yaml")
        .read_text(encoding="utf-8")
        .replace("chapter: pktc", "chapter: other")
    )
    (checkout.spec / "clauses" / "other.yaml").write_text(other, encoding="utf-8")
    assert [finding.key for finding in breaches(checkout, RULES["chapter-prefix"])] == ["prefix"]


def test_methods_of_classes_are_cases(checkout):
    path = checkout.root / "conformance" / "cases" / "test_more.py"
    path.write_text(
        'class TestPath:\n    @marks.clause("PKTC-ORDER")\n    def test_it(self):\n        """It."""\n'
    )
    cases = scan(checkout.root).by_clause["PKTC-ORDER"]
    assert [case.id for case in cases] == ["conformance/cases/test_more.py::TestPath::test_it"]
