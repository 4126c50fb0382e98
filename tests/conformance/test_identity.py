"""Which suite judges is said truly, or not at all: never clean by default, whoever owns and calls it."""

import os
import shutil
import subprocess

import pytest

from conformance.run.identity import digest_of, suite
from conformance.run.playing import play

GIT = (
    "git", "-c", "user.name=somebody", "-c", "user.email=somebody@example.org",
    "-c", "core.hooksPath=/dev/null", "-c", "init.defaultBranch=main",
)  # fmt: skip


def git(folder, *words):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(  # noqa: S603 - our own words
        [*GIT, *words], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def begin(folder):
    """Make a repository of what lies in a folder; give its commit."""
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=All")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def checkout(tmp_path):
    """A small checkout, with what git ignores and what judges nothing."""
    root = tmp_path / "checkout"
    for name, text in {
        "spec/clauses/a.yaml": "a: 1\n",
        "conformance/cases/test_a.py": "pass\n",
        "pyproject.toml": "[project]\n",
        "README.md": "# Read me\n",
        ".gitignore": "__pycache__/\nignored.yaml\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_checkout_as_committed_is_clean(checkout):
    commit = begin(checkout)
    (checkout / "spec" / "__pycache__").mkdir()
    (checkout / "spec" / "__pycache__" / "a.pyc").write_bytes(b"\0")
    (checkout / "README.md").write_text("judges nothing")
    found = suite(checkout)
    assert (found.state, found.commit, found.why) == ("clean", commit, "")


@pytest.mark.parametrize(
    "name", ["spec/clauses/a.yaml", "spec/clauses/new.yaml", "spec/clauses/ignored.yaml"]
)
def test_whatever_judges_and_is_not_the_commits_is_a_change(checkout, name):
    commit, before = begin(checkout), digest_of(checkout)
    (checkout / name).write_text("a: 2\n")
    found = suite(checkout)
    assert (found.state, found.commit) == ("changed", commit)
    assert found.digest != before


def test_a_missing_file_is_a_change(checkout):
    begin(checkout)
    (checkout / "conformance" / "cases" / "test_a.py").unlink()
    assert suite(checkout).state == "changed"


def test_what_the_user_ignores_everywhere_is_a_change_all_the_same(checkout, tmp_path, monkeypatch):
    begin(checkout)
    (tmp_path / ".gitconfig").write_text(
        f"[core]\nexcludesFile = {tmp_path}/ignore\n[status]\nshowUntrackedFiles = no\n"
    )
    (tmp_path / "ignore").write_text("*.yaml\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    (checkout / "spec" / "clauses" / "new.yaml").write_text("b: 1\n")
    assert suite(checkout).state == "changed"


def test_what_git_is_to_overlook_is_no_clean_checkout(checkout):
    begin(checkout)
    git(checkout, "update-index", "--assume-unchanged", "spec/clauses/a.yaml")
    (checkout / "spec" / "clauses" / "a.yaml").write_text("a: 2\n")
    found = suite(checkout)
    assert found.state == "unknown"
    assert "overlook" in found.why


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_checkout_of_another_owner_is_asked_about_as_any(checkout):
    commit = begin(checkout)
    for path in (checkout, *checkout.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    assert suite(checkout).commit == commit
    (checkout / "spec" / "clauses" / "a.yaml").write_text("a: 2\n")
    assert (suite(checkout).state, suite(checkout).commit) == ("changed", commit)


def test_a_hook_of_another_repository_does_not_name_its_commit(checkout, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    (other / "file").touch()
    foreign, commit = begin(other), begin(checkout)
    for name, value in {
        "GIT_DIR": str(other / ".git"),
        "GIT_WORK_TREE": str(other),
        "GIT_INDEX_FILE": str(other / ".git" / "index"),
        "GIT_PREFIX": "",
    }.items():
        monkeypatch.setenv(name, value)
    assert suite(checkout).commit == commit != foreign
    shutil.rmtree(checkout / ".git")
    found = suite(checkout)
    assert (found.state, found.commit) == ("unknown", "")
    assert found.why == "the suite is not in a git checkout"


def test_files_inside_another_repository_are_not_its_commit(checkout, tmp_path):
    begin(tmp_path)
    assert suite(checkout).state == "unknown"
    (checkout / ".git").mkdir()
    found = suite(checkout)
    assert (found.state, found.commit) == ("unknown", "")
    assert found.why.startswith("git said: fatal: not a git repository")


def test_without_git_it_is_unknown(checkout, monkeypatch):
    begin(checkout)
    monkeypatch.setenv("PATH", "/nowhere")
    found = suite(checkout)
    assert (found.state, found.why) == ("unknown", "there is no git here")
    assert found.digest == digest_of(checkout)


def test_a_repository_without_commit_is_unknown(checkout):
    git(checkout, "init", "--quiet")
    assert suite(checkout).state == "unknown"


def test_the_digest_is_of_what_is_meant(checkout):
    before = digest_of(checkout)
    path = checkout / "spec" / "clauses" / "a.yaml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert digest_of(checkout) == before
    path.rename(path.with_name("b.yaml"))
    assert digest_of(checkout) != before


def test_variables_that_change_a_session_do_not_reach_it(monkeypatch, capsys, pytester):
    pytester.makepyfile("def test_one(): pass\ndef test_two(): pass")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k one")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    seen = []

    class Watch:
        def pytest_collection_finish(self, session):
            seen.extend(item.name for item in session.items)

    assert play([str(pytester.path), "-n0", "-q", "--rootdir=."], plugins=[Watch()]) == 0
    assert seen == ["test_one", "test_two"]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("gse-cts: ")
    assert "PYTEST_ADDOPTS, PYTEST_DISABLE_PLUGIN_AUTOLOAD" in line
    assert line.endswith("of the environment is left out.")
