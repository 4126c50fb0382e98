import pytest

from spec.errors import Exit, InputError
from spec.loader import load_catalogue, read_catalogue
from spec.model import Text

CLAUSES = "spec/clauses/pktc.yaml"
FACTS = "spec/facts.yaml"
PARAMETERS = "spec/parameters.yaml"
ITEMS = "spec/ics_items.yaml"


def refusal(checkout):
    with pytest.raises(InputError) as caught:
        load_catalogue(checkout.spec)
    return str(caught.value).removeprefix(f"{checkout.spec}/")


def test_base_loads(checkout):
    catalogue = load_catalogue(checkout.spec)
    assert list(catalogue.clauses) == ["PKTC-ONE-PATH", "PKTC-ORDER", "PKTC-BUFFER"]
    assert catalogue.chapter_of("PKTC-ORDER").chapter == "pktc"
    assert catalogue.clauses["PKTC-ONE-PATH"].purposes[1].when == (
        Text(en="One uplink fails.", zh="一条上行链路失效。"),
    )
    assert catalogue.applicability("PKTC-ORDER").names() == {"GSP", "GSE2.0", "UNSOLICITED"}
    assert set(catalogue.vocabulary) == {
        "role", "GSP", "GSF", "GSOS", "NIC", "GSE1.0", "GSE2.0", "N2N", "E2E",
        "container_bytes", "overflow_mode", "UNSOLICITED", "BUFFERS", "LEARNS",
    }  # fmt: skip
    with pytest.raises(KeyError):
        catalogue.chapter_of("PKTC-NONE")


def test_catalogue_is_loaded_once(checkout):
    assert load_catalogue(checkout.spec) is load_catalogue(checkout.spec)


def test_digest_follows_the_content(checkout):
    before = read_catalogue(checkout.spec).digest
    assert read_catalogue(checkout.spec).digest == before
    checkout.edit(FACTS, "A thin hint.", "A thin hint!")
    assert read_catalogue(checkout.spec).digest != before


@pytest.mark.parametrize(
    ("file", "old", "new", "sentence"),
    [
        (
            CLAUSES,
            "    level: SHOULD\n",
            "    levle: SHOULD\n",
            "clauses/pktc.yaml: clauses[PKTC-ORDER].levle: is not a known key; did you mean level?",
        ),
        (
            CLAUSES,
            "        with:\n          - {en: Any",
            "        wiht:\n          - {en: Any",
            "clauses/pktc.yaml: clauses[PKTC-ORDER].purposes[any-load].wiht: is not a known key; did you mea",
        ),
        (
            CLAUSES,
            "{en: Any load., zh: 任意负载。}",
            "{en: Any load., cn: 任意负载。}",
            "clauses/pktc.yaml: clauses[PKTC-ORDER].purposes[any-load].with[0].cn: is not a known key; ",
        ),
        (
            CLAUSES,
            "level: SHOULD",
            "level: SHOUD",
            "clauses/pktc.yaml: clauses[PKTC-ORDER].level: is 'SHOUD'; did you mean SHOULD?",
        ),
        (
            CLAUSES,
            "observability: [inspection]",
            "observability: [inspektion]",
            "clauses/pktc.yaml: clauses[PKTC-BUFFER].observability[0]: is 'inspektion'; did you mean inspect",
        ),
        (
            CLAUSES,
            "    grade: reported\n",
            "",
            "clauses/pktc.yaml: clauses[PKTC-ONE-PATH].grade: is missing; add it.",
        ),
        (
            CLAUSES,
            "facts: [F1]",
            "facts: F1",
            "clauses/pktc.yaml: clauses[PKTC-ONE-PATH].facts: is 'F1'; write a list.",
        ),
        (
            CLAUSES,
            "facts: [F1]",
            "facts: [1]",
            "clauses/pktc.yaml: clauses[PKTC-ONE-PATH].facts[0]: is 1, not a word; put it in quotes",
        ),
        (
            CLAUSES,
            "roles: [GSP]",
            "roles: []",
            "clauses/pktc.yaml: clauses[PKTC-ONE-PATH].roles: is empty; fill it in.",
        ),
        (
            CLAUSES,
            "invariant: true",
            "invariant: 1",
            "clauses/pktc.yaml: clauses[PKTC-ORDER].invariant: is 1; note that input should be a valid boole",
        ),
        (
            CLAUSES,
            "{en: One path a container, zh: 一个容器只走一条路径}",
            "One path a container",
            "clauses/pktc.yaml: clauses[PKTC-ONE-PATH].title: is 'One path a container'; write a mapping of",
        ),
        (
            CLAUSES,
            "{en: One path a container, zh: 一个容器只走一条路径}",
            '{en: " ", zh: 路径}',
            "clauses/pktc.yaml: clauses[PKTC-ONE-PATH].title.en: is empty; fill it in.",
        ),
        (
            CLAUSES,
            "id: PKTC-ORDER",
            "id: pktc_order",
            "clauses/pktc.yaml: clauses[pktc_order].id: is 'pktc_order'; write words of capitals and digits",
        ),
        (
            CLAUSES,
            "id: PKTC-ORDER",
            "id: PKTC-ONE-PATH",
            "clauses/pktc.yaml: clauses[PKTC-ONE-PATH]: stands a second time, after pktc.yaml; rename one.",
        ),
        (
            CLAUSES,
            "id: link-lost",
            "id: steady-load",
            "clauses/pktc.yaml: clauses[PKTC-ONE-PATH].purposes[steady-load]: stands a second time in its cl",
        ),
        (
            CLAUSES,
            "id: PKTC-ORDER",
            "id: ORDER-PKTC",
            "clauses/pktc.yaml: clauses[ORDER-PKTC].id: lacks the prefix of chapter pktc; begin it with PKTC",
        ),
        (
            CLAUSES,
            "id: PKTC-ORDER",
            "id: PKTC-OLD",
            "clauses/pktc.yaml: clauses[PKTC-OLD].id: was retired; give the clause a new id.",
        ),
        (
            CLAUSES,
            "    untestable: no interface of the device shows its buffers\n",
            "",
            "clauses/pktc.yaml: clauses[PKTC-BUFFER].purposes: is missing; write a purpose, or say in untest",
        ),
        (
            CLAUSES,
            "    invariant: true",
            "    untestable: nobody looks",
            "clauses/pktc.yaml: clauses[PKTC-ORDER].untestable: contradicts the purposes; keep either ",
        ),
        (
            CLAUSES,
            "facts: [F1]",
            "facts: [F1, F4]",
            "clauses/pktc.yaml: clauses[PKTC-ONE-PATH].facts[F4]: is not in facts.yaml; use one of F1, F2, F",
        ),
        (
            CLAUSES,
            "sources: [S1]",
            "sources: [open1]",
            "clauses/pktc.yaml: clauses[PKTC-ONE-PATH].sources[open1]: is not in sources.yaml; did you mean",
        ),
        (
            CLAUSES,
            "parameters: [container_bytes]",
            "parameters: [container_byte]",
            "clauses/pktc.yaml: clauses[PKTC-ONE-PATH].parameters[container_byte]: is not in parameters.yaml",
        ),
        (
            CLAUSES,
            "AND NOT UNSOLICITED",
            "AND NOT UNSOLICITD",
            "clauses/pktc.yaml: clauses[PKTC-ORDER].applicability: the name UNSOLICITD is unknown; did you m",
        ),
        (
            CLAUSES,
            "    level: MAY\n",
            "    level: MAY\n    level: MUST\n",
            "clauses/pktc.yaml: clauses[2].level: stands a second time in line ",
        ),
        (CLAUSES, "chapter: pktc", "chapter: [pktc", "clauses/pktc.yaml: line 2: is not valid YAML ("),
        (
            CLAUSES,
            "chapter: pktc",
            "chapter: !!python/object:os.system {}",
            "clauses/pktc.yaml: chapter (line 1): has the tag !!python/object:os.system, ",
        ),
        (
            CLAUSES,
            "chapter: pktc",
            "? [pktc]\n: {}\n? {a: b}\n: 2\nchapter: pktc",
            "clauses/pktc.yaml: document (line 1): has a list or mapping as a key; ",
        ),
        (CLAUSES, "chapter: pktc", "chapter: pktc\nextra: &x [*x]", "clauses/pktc.yaml: extra[0] (line 2): "),
        (
            FACTS,
            "sources: [open-1]",
            "sources: [open-2]",
            "facts.yaml: F2.sources[open-2]: is not in sources.yaml; did you mean open-1?",
        ),
        (
            FACTS,
            "clauses: [PKTC-ONE-PATH]",
            "clauses: [PKTC-ONE-PTH]",
            "facts.yaml: F1.clauses[PKTC-ONE-PTH]: is no clause; did you mean PKTC-ONE-PATH?",
        ),
        (
            FACTS,
            "clauses: [PKTC-ONE-PATH]",
            "clauses: [PKTC-BUFFER]",
            "facts.yaml: F1.clauses[PKTC-BUFFER]: does not name the fact; add F1 to the facts of PKTC-BUFFER",
        ),
        (FACTS, "F3:", "X3:", "facts.yaml: X3: is 'X3'; write F and a number"),
        (FACTS, "weak: true", "waek: true", "facts.yaml: F3.waek: is not a known key; did you mean weak?"),
        (
            PARAMETERS,
            "default: 16384",
            "default: 9000",
            "parameters.yaml: container_bytes: is inconsistent (the default is 9000 octet, outside 9240..419",
        ),
        (
            PARAMETERS,
            "default: 16384",
            "default: 16384.5",
            "parameters.yaml: container_bytes: is inconsistent (the default is 16384.5, not an integer)",
        ),
        (
            PARAMETERS,
            "default: 16384",
            "default: true",
            "parameters.yaml: container_bytes.default: is true; note ",
        ),
        (
            PARAMETERS,
            "default: 0.98",
            "default: often",
            "parameters.yaml: fairness_min: is inconsistent (the default is 'often', not a number)",
        ),
        (
            PARAMETERS,
            "min: 9240, ",
            "",
            "parameters.yaml: container_bytes: is inconsistent (a number has min and max",
        ),
        (PARAMETERS, "min: 0.5", "min: .nan", "parameters.yaml: fairness_min.min (line 8): is .nan, "),
        (
            PARAMETERS,
            "values: [close-early, overflow], ",
            "",
            "parameters.yaml: overflow_mode: is inconsistent (an enum",
        ),
        (
            PARAMETERS,
            "default: close-early",
            "default: borrow",
            "parameters.yaml: overflow_mode: is inconsistent (the default is 'borrow', not one of close-earl",
        ),
        (
            PARAMETERS,
            "kind: suite",
            "kind: siute",
            "parameters.yaml: settle_time.kind: is 'siute'; did you mean suite?",
        ),
        (
            ITEMS,
            "type: bool, roles",
            "type: enum, roles",
            "ics_items.yaml: UNSOLICITED: is inconsistent (an enum",
        ),
    ],
)
def test_every_fault_is_one_sentence(checkout, file, old, new, sentence):
    checkout.edit(file, old, new)
    said = refusal(checkout)
    assert said.startswith(sentence)
    assert "\n" not in said
    assert said[-1] in ".?"


@pytest.mark.parametrize("name", ["parameters", "sources", "facts", "counters", "ics_items", "relations"])
def test_missing_file(checkout, name):
    (checkout.spec / f"{name}.yaml").unlink()
    assert refusal(checkout).startswith(
        f"{name}.yaml: file: cannot be read (No such file or directory); check the path"
    )


def test_empty_file(checkout):
    (checkout.spec / "facts.yaml").write_text("# nothing yet\n")
    assert refusal(checkout) == "facts.yaml: document: is empty; write its entries."


def test_file_that_is_no_text(checkout):
    (checkout.spec / "facts.yaml").write_bytes(b"F1: \xff\xfe")
    assert refusal(checkout) == "facts.yaml: line 1: is not UTF-8; save the file as UTF-8."


def test_no_chapter(checkout):
    (checkout.spec / "clauses" / "pktc.yaml").unlink()
    assert refusal(checkout) == "clauses: *.yaml: holds no chapter; write one file a chapter."


def test_two_files_of_one_chapter(checkout):
    text = (checkout.spec / "clauses" / "pktc.yaml").read_text(encoding="utf-8")
    (checkout.spec / "clauses" / "more.yaml").write_text(text, encoding="utf-8")
    assert refusal(checkout) == "clauses/pktc.yaml: chapter: is pktc, as in more.yaml; give it its own slug."


def test_paths_are_shown_from_the_working_directory(checkout, monkeypatch):
    monkeypatch.chdir(checkout.root)
    checkout.edit(CLAUSES, "level: MAY", "level: CAN")
    with pytest.raises(
        InputError, match=r"^spec/clauses/pktc.yaml: clauses\[PKTC-BUFFER\].level: is 'CAN'; "
    ):
        load_catalogue(checkout.spec)


def test_exit_codes_are_those_of_pytest():
    assert [(code.name, code.value) for code in Exit] == [
        ("OK", pytest.ExitCode.OK),
        ("FAILED", pytest.ExitCode.TESTS_FAILED),
        ("INTERRUPTED", pytest.ExitCode.INTERRUPTED),
        ("INTERNAL", pytest.ExitCode.INTERNAL_ERROR),
        ("USAGE", pytest.ExitCode.USAGE_ERROR),
        ("EMPTY", pytest.ExitCode.NO_TESTS_COLLECTED),
    ]


def test_bundled_catalogue_loads():
    catalogue = load_catalogue()
    assert catalogue.clauses
