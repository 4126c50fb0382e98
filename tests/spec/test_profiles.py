"""Profiles: which clauses a run is about."""

import pytest

from spec.errors import InputError
from spec.loader import load_catalogue
from spec.profiles import FOLDER, load_choice

CLAUSES = ("PKTC-SIZE", "PKTC-FLUSH", "ORDER-WRAP")


def written(tmp_path, *lines):
    path = tmp_path / "mine.yaml"
    path.write_text("title: {en: Mine, zh: 我的}\nclauses:\n" + "".join(f"  - {line}\n" for line in lines))
    return path


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_bundled_profiles_choose_clauses_that_are_there(path):
    assert load_choice(path.stem, load_catalogue().clauses).clauses


def test_smoke_has_something_of_every_chapter():
    catalogue = load_catalogue()
    profile = load_choice("smoke", catalogue.clauses)
    assert {catalogue.chapter_of(name).chapter for name in catalogue.clauses if profile.has(name)} == set(
        catalogue.chapters
    )


def test_ids_and_globs_choose(tmp_path):
    profile = load_choice(written(tmp_path, "PKTC-*"), CLAUSES)
    assert [clause for clause in CLAUSES if profile.has(clause)] == ["PKTC-SIZE", "PKTC-FLUSH"]


def test_what_matches_nothing_is_named(tmp_path):
    with pytest.raises(InputError, match=r"mine.yaml: clauses\[PKTC-SISE\]: matches no clause; did you mean"):
        load_choice(written(tmp_path, "PKTC-SISE"), CLAUSES)


def test_no_clause_at_all_is_refused(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("title: {en: Mine, zh: 我的}\nclauses: []\n")
    with pytest.raises(InputError, match="clauses: is empty"):
        load_choice(path, CLAUSES)


def test_an_unknown_name_is_refused():
    with pytest.raises(InputError, match="did you mean smoke"):
        load_choice("smok", CLAUSES)
