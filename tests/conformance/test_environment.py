"""The set-up of a checkout: when it is made anew, that it is whole or as it was, and whom it leaves alone."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.environment import __main__ as program
from conformance.environment import build, bundle, fetch, tools
from conformance.environment.checkout import INPUTS, MARK, Checkout, SetUpError, Stamp
from conformance.environment.fetch import Part
from conformance.environment.tools import reason
from spec.errors import Exit


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A small checkout. What is fetched for it, and made of that, are files with the content of the lock."""
    root = tmp_path / "GSE 全调度"
    for name in INPUTS:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text('[project]\nversion = "1.2"\n' if name == "pyproject.toml" else "one")
    monkeypatch.setattr(fetch, "_fill_wheels", fill)
    monkeypatch.setattr(fetch, "_fill_allure", fill)
    monkeypatch.setattr(build, "_make", made)
    monkeypatch.setattr(program, "ROOT", root)
    return Checkout(root)


def fill(checkout, folder):
    (folder / "fetched").write_text((checkout.root / "requirements.lock").read_text())


def made(checkout, packages, page):
    begun(checkout)
    shutil.copy(packages.folder / "fetched", checkout.venv / "content")
    if not page.fault():
        shutil.copy(page.folder / "fetched", checkout.venv / "allure")
    checkout.wanted.write(checkout.ready)


def begun(checkout):
    checkout.venv.mkdir()
    (checkout.venv / MARK).touch()


def offline(*_):
    raise SetUpError("it could not be fetched (Network is unreachable)")


def content(checkout):
    return (checkout.venv / "content").read_text()


def ready(capfd):
    """Call it as make does; gives the exit code and what was said."""
    code, said = program.main("ready"), capfd.readouterr()
    return code, said.out, said.err


def test_a_set_up_is_made_once(checkout, capfd, monkeypatch):
    code, out, _ = ready(capfd)
    assert code == 0
    assert "Fetching what requirements.lock names.\n" in out
    assert content(checkout) == "one"
    assert Stamp.read(checkout.ready) == checkout.wanted
    monkeypatch.setattr(Checkout, "locked", lambda _: pytest.fail("it did not only look"))
    assert ready(capfd) == (0, "", "")


@pytest.mark.parametrize("name", INPUTS)
def test_what_says_what_to_install_is_looked_at_by_content(checkout, capfd, name):
    ready(capfd)
    os.utime(checkout.root / name)
    assert ready(capfd) == (0, "", "")
    (checkout.root / name).write_text('[project]\nversion = "2"\n')
    code, out, _ = ready(capfd)
    assert code == 0
    assert "is made anew: what it has to hold has changed." in out
    assert content(checkout) == (checkout.root / "requirements.lock").read_text()


def test_a_moved_or_copied_checkout_gets_its_own_set_up_without_a_network(
    checkout, capfd, monkeypatch, tmp_path
):
    ready(capfd)
    copy = tmp_path / "copy"
    shutil.copytree(checkout.root, copy, symlinks=True)
    monkeypatch.setattr(program, "ROOT", copy)
    monkeypatch.setattr(fetch, "_fill_wheels", offline)
    monkeypatch.setattr(fetch, "_fill_allure", offline)
    code, out, _ = ready(capfd)
    assert code == 0
    assert f"{copy / '.venv'} is made anew: it was made for the checkout {checkout.root}." in out
    assert Stamp.read(copy / ".venv" / ".ready").checkout == str(copy)
    assert Stamp.read(checkout.ready).checkout == str(checkout.root)


@pytest.mark.parametrize("change", [{"python": "3.11.0"}, {"interpreter": "/usr/bin/python9"}])
def test_another_python_makes_it_anew_and_says_so(checkout, capfd, change):
    ready(capfd)
    replace(checkout.wanted, **change).write(checkout.ready)
    code, out, _ = ready(capfd)
    assert code == 0
    assert "is made anew: it is of Python " in out
    assert next(iter(change.values())) in out


@pytest.mark.parametrize("stamp", ["", "no JSON", "[]", '{"checkout": 1}'])
def test_the_stamp_of_an_older_set_up_is_none(checkout, capfd, stamp):
    begun(checkout)
    checkout.ready.write_text(stamp)
    code, out, _ = ready(capfd)
    assert code == 0
    assert "is made anew: it is not complete." in out


def test_without_a_network_a_newer_lock_leaves_what_works(checkout, capfd, monkeypatch):
    ready(capfd)
    (checkout.root / "requirements.lock").write_text("two")
    monkeypatch.setattr(fetch, "_fill_wheels", offline)
    code, _, err = ready(capfd)
    assert code == 3
    assert err == (
        "set-up: it could not be fetched (Network is unreachable); "
        "what was fetched before is of another requirements.lock.\n"
    )
    assert content(checkout) == "one"
    assert Stamp.read(checkout.ready) is not None
    (checkout.root / "requirements.lock").write_text("one")
    assert ready(capfd) == (0, "", "")


@pytest.mark.parametrize(
    "fault", [SetUpError("no space"), KeyboardInterrupt(), OSError(28, "No space left", "x")]
)
def test_a_set_up_that_is_broken_off_leaves_what_works(checkout, capfd, monkeypatch, fault):
    ready(capfd)
    (checkout.root / "requirements.lock").write_text("two")

    def broken(*_):
        begun(checkout)
        raise fault

    monkeypatch.setattr(build, "_make", broken)
    code, _, err = ready(capfd)
    assert code == (2 if isinstance(fault, KeyboardInterrupt) else 3)
    assert err.count("\n") == (code == 3)
    assert content(checkout) == "one"
    assert not checkout.old.exists()


def test_a_set_up_that_was_killed_is_mended(checkout, capfd, monkeypatch):
    ready(capfd)
    checkout.venv.rename(checkout.old)
    begun(checkout)
    (checkout.root / "requirements.lock").write_text("two")
    monkeypatch.setattr(fetch, "_fill_wheels", offline)
    assert ready(capfd)[0] == 3
    assert content(checkout) == "one"
    monkeypatch.setattr(fetch, "_fill_wheels", fill)
    assert ready(capfd)[0] == 0
    assert content(checkout) == "two"


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
@pytest.mark.parametrize("verb", ["ready", "clean"])
def test_an_environment_of_somebody_else_is_left_alone(checkout, capfd, tmp_path, kind, verb):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("mine")
    if kind == "folder":
        mine.rename(checkout.venv)
    elif kind == "file":
        checkout.venv.write_text("mine")
    else:
        checkout.venv.symlink_to(mine)
    assert program.main(verb) == 3
    said = f"set-up: {checkout.venv} was not made by this set-up; move it away.\n"
    assert capfd.readouterr().err == said
    if kind == "file":
        assert checkout.venv.read_text() == "mine"
    else:
        assert (checkout.venv / "thesis.txt").read_text() == "mine"


def test_an_environment_of_somebody_else_is_not_taken_for_one_that_was_killed(checkout, capfd):
    ready(capfd)
    checkout.venv.rename(checkout.old)
    checkout.venv.mkdir()
    (checkout.venv / "thesis.txt").write_text("mine")
    assert ready(capfd)[0] == 3
    assert (checkout.venv / "thesis.txt").read_text() == "mine"
    assert Stamp.read(checkout.old / ".ready") is not None


@pytest.mark.parametrize("verb", ["ready", "clean"])
def test_a_store_of_somebody_else_is_left_alone(checkout, capfd, verb):
    checkout.store.mkdir()
    (checkout.store / "thesis.txt").write_text("mine")
    assert program.main(verb) == 3
    assert "was not made by this set-up; move it away.\n" in capfd.readouterr().err
    assert (checkout.store / "thesis.txt").read_text() == "mine"


def test_clean_removes_the_set_up_and_nothing_else(checkout, capfd):
    ready(capfd)
    run = checkout.root / "out" / "recordings"
    run.mkdir(parents=True)
    before = sorted(
        path for path in checkout.root.rglob("*") if ".venv" not in str(path) and ".setup" not in str(path)
    )
    for _ in range(2):
        assert program.main("clean") == 0
        assert sorted(checkout.root.rglob("*")) == before


def test_the_second_of_two_waits_for_the_first(checkout, capfd, monkeypatch):
    fetching, go_on, fetched = threading.Event(), threading.Event(), []

    def slowly(checkout, folder):
        fetched.append(folder)
        fetching.set()
        assert go_on.wait(10)
        fill(checkout, folder)

    monkeypatch.setattr(fetch, "_fill_wheels", slowly)
    monkeypatch.setattr(program, "heed", lambda: None)
    codes = []
    both = [threading.Thread(target=lambda: codes.append(program.main("ready"))) for _ in range(2)]
    both[0].start()
    assert fetching.wait(10)
    both[1].start()
    both[1].join(0.3)
    assert both[1].is_alive()
    go_on.set()
    for thread in both:
        thread.join(10)
    assert codes == [0, 0]
    assert fetched == [checkout.store / "new-wheels"]
    assert "Another process is setting up this checkout; waiting for it.\n" in capfd.readouterr().out


def test_without_allures_packages_the_rest_is_made_and_setup_completes_it(checkout, capfd, monkeypatch):
    monkeypatch.setattr(fetch, "_fill_allure", offline)
    code, _, err = ready(capfd)
    assert code == 0
    assert err == (
        "it could not be fetched (Network is unreachable); nothing was fetched before; "
        "make setup fetches them when it can; until then a run has no Allure page.\n"
    )
    assert not (checkout.venv / "allure").exists()
    assert ready(capfd) == (0, "", "")
    assert program.main("setup") == 3
    assert "Network is unreachable" in capfd.readouterr().err

    monkeypatch.setattr(
        fetch,
        "_fill_allure",
        lambda _, folder: shutil.make_archive(folder / "allure", "zip", Path(tools.__file__).parent),
    )
    assert program.main("setup") == 0
    assert (checkout.venv / "allure" / "__init__.py").is_file()
    assert not list(checkout.venv.glob("new-*"))


@pytest.fixture
def part(checkout):
    checkout.store.mkdir()
    return Part(checkout, "wheels", checkout.root / "requirements.lock", fill, "cpython-311")


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda part: (part.folder / "fetched").write_text("onE"), "fetched is damaged"),
        (lambda part: (part.folder / "fetched").unlink(), "fetched is damaged"),
        (lambda part: (part.folder / "manifest.json").write_text("{"), "manifest.json is damaged"),
        (lambda part: (part.folder / "manifest.json").write_text("[]"), "manifest.json is damaged"),
        (
            lambda part: (part.folder / "manifest.json").write_text('{"purpose": 1, "files": 2}'),
            "manifest.json is damaged",
        ),
        (lambda part: part.lock.write_text("two"), "what was fetched before is of another requirements.lock"),
        (lambda part: shutil.rmtree(part.folder), "nothing was fetched before"),
    ],
)
def test_what_was_fetched_is_held_against_its_manifest(part, damage, fault):
    part.fetch()
    assert part.fault() == ""
    damage(part)
    anew = replace(part)
    assert anew.fault().endswith(fault)
    with pytest.raises(SetUpError, match=fault):
        replace(part, fill=offline).fetch()
    anew.fetch()
    assert anew.fault() == ""


def test_what_was_fetched_for_another_python_says_for_which(part):
    part.fetch()
    newer = replace(part, python="cpython-312", fill=offline)
    with pytest.raises(SetUpError, match=r"; what was fetched before is for cpython-311 on \S+$"):
        newer.fetch()
    assert part.fault() == ""


PIP = b"""WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after \
connection broken by 'NewConnectionError('<pip._vendor.urllib3.connection.HTTPSConnection object at 0x7f>: \
Failed to establish a new connection: \
[Errno -3] Temporary failure in name resolution')': /simple/allure-pytest/
ERROR: Could not find a version that satisfies the requirement allure-pytest==2.16.2 (from versions: none)
ERROR: No matching distribution found for allure-pytest==2.16.2
"""
HASHES = b"""ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated,
    unknown package:
        Expected sha256 aa
"""
NPM = b"""npm error code ENOTFOUND
npm error syscall getaddrinfo
npm error errno ENOTFOUND
npm error network request to https://registry.example/ failed, reason: getaddrinfo ENOTFOUND registry.example
npm error network This is a problem related to network connectivity.
npm error A complete log of this run can be found in: /home/somebody/.npm/_logs/x.log
"""
MISSING = b"""npm error code E404
npm error 404 Not Found - GET https://registry.example/allure/-/allure-3.18.0.tgz - Not found
npm error 404
npm error A complete log of this run can be found in: /home/somebody/.npm/_logs/x.log
"""


@pytest.mark.parametrize(
    ("output", "why"),
    [
        (PIP, "[Errno -3] Temporary failure in name resolution"),
        (HASHES, "THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated,"),
        (NPM, "getaddrinfo ENOTFOUND registry.example"),
        (MISSING, "404 Not Found - GET https://registry.example/allure/-/allure-3.18.0.tgz - Not found"),
        (b"\x1b[31mThe virtual environment was not created\x1b[0m\n\xff\x00.\n", "\ufffd"),
        (b"", ""),
        (b"ERROR: " + b"x" * 9000, "x" * 300),
    ],
)
def test_the_reason_is_found_in_what_a_tool_said(output, why):
    assert reason(output) == why


def test_a_tool_that_fails_or_is_missing_is_a_sentence(tmp_path):
    words = [sys.executable, "-c", "import sys; sys.exit('ERROR: no disk')"]
    with pytest.raises(SetUpError, match=r"^it failed \(no disk\)$"):
        tools.call(words, tmp_path, "it failed")
    with pytest.raises(SetUpError, match=r"^it failed \(exit code 7\)$"):
        tools.call([sys.executable, "-c", "raise SystemExit(7)"], tmp_path, "it failed")
    loud = "import sys; print('said'); print('warning', file=sys.stderr)"
    assert tools.call([sys.executable, "-c", loud], tmp_path, "it failed") == "said\n"
    missing = tmp_path / "no-such-tool"
    with pytest.raises(SetUpError) as found:
        tools.call([missing], tmp_path, "it failed")
    assert str(found.value) == f"it failed ({missing}: No such file or directory)"


def seen(tmp_path, *, network):
    show = "import json, os; print(json.dumps(dict(os.environ)))"
    return json.loads(tools.call([sys.executable, "-I", "-c", show], tmp_path, "it failed", network=network))


@pytest.mark.parametrize("network", [True, False])
def test_tools_see_nothing_that_leads_them_astray(tmp_path, monkeypatch, network):
    odd = {
        "PYTHONHOME": "/no", "PYTHONPATH": "/no", "GIT_DIR": "/no", "PIP_TARGET": "/no", "HOME": "/no/home",
        "LC_ALL": "zh_CN.GBK", "TMPDIR": "/no/tmp", "PIP_RETRIES": "9", "https_proxy": "http://proxy.example",
    }  # fmt: skip
    for name, value in odd.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(tools.tempfile, "tempdir", None)
    environment = seen(tmp_path, network=network)
    assert not {"PYTHONHOME", "PYTHONPATH", "GIT_DIR"} & environment.keys()
    assert environment["LC_ALL"] == "C.UTF-8"
    assert environment["HOME"] == environment["TMPDIR"] != "/no/tmp"
    assert environment["https_proxy"] == "http://proxy.example"
    assert environment.get("PIP_RETRIES") == ("9" if network else None)
    assert environment.get("PIP_NO_INDEX") == (None if network else "1")
    assert ("PIP_TARGET" in environment) is network


@pytest.fixture
def committed(checkout):
    """The checkout as a repository with one commit."""
    (checkout.root / ".gitignore").write_text(".venv/\n.setup/\n")
    (checkout.root / "run.sh").write_text("#!/bin/sh\n")
    (checkout.root / "run.sh").chmod(0o700)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        git(checkout.root, *words)
    return checkout


def git(folder, *words):
    name = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    words = ["git", *name, *words]
    done = subprocess.run(words, cwd=folder, env=plain, check=True, capture_output=True, encoding="utf-8")  # noqa: S603
    return done.stdout.strip()


def bundled(committed, monkeypatch, out):
    monkeypatch.setattr(build, "_unpack", lambda *_: pytest.fail("Allure is there already"))
    return bundle.bundle(committed, out)


def test_a_bundle_sets_another_machine_up_without_a_network(committed, capfd, monkeypatch, tmp_path):
    monkeypatch.setenv("GIT_DIR", "/no/repository")
    archive = bundled(committed, monkeypatch, tmp_path / "a b" / "c")
    assert archive.name.startswith("gse-conformance-1.2-cpython-3")
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
        tar.extractall(tmp_path)  # noqa: S202 - we just made it
    assert {(member.uid, member.gid, member.uname, member.gname) for member in members} == {(0, 0, "", "")}
    assert {member.mode for member in members} == {0o755, 0o644}
    there = tmp_path / "gse-conformance-1.2"
    assert git(there, "rev-parse", "HEAD") == git(committed.root, "rev-parse", "HEAD")
    assert git(there, "status", "--porcelain") == git(there, "remote") == ""
    assert os.access(there / "run.sh", os.X_OK)
    assert str(tmp_path) not in (there / ".git" / "config").read_text()

    capfd.readouterr()
    monkeypatch.setattr(program, "ROOT", there)
    monkeypatch.setattr(fetch, "_fill_wheels", offline)
    monkeypatch.setattr(fetch, "_fill_allure", offline)
    code, out, err = ready(capfd)
    assert (code, err) == (0, "")
    assert "Fetching" not in out
    assert content(Checkout(there)) == "one"


def test_a_bundle_takes_no_place_of_another_file(committed, monkeypatch, tmp_path):
    archive = bundled(committed, monkeypatch, tmp_path / "out")
    archive.write_text("mine")
    with pytest.raises(SetUpError, match=r"is there already; move it away, or name another folder with OUT$"):
        bundled(committed, monkeypatch, tmp_path / "out")
    assert archive.read_text() == "mine"
    assert [path.name for path in (tmp_path / "out").iterdir()] == [archive.name]


def test_a_bundle_of_what_is_not_committed_is_refused(committed, monkeypatch, tmp_path):
    (committed.root / "run.sh").write_text("changed")
    with pytest.raises(
        SetUpError, match=r"^run\.sh is changed; commit it first, since a bundle is of a commit$"
    ):
        bundled(committed, monkeypatch, tmp_path / "out")
    shutil.rmtree(committed.root / ".git")
    with pytest.raises(SetUpError, match=r"^git cannot tell what this checkout is"):
        bundled(committed, monkeypatch, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_exit_codes_are_those_of_the_suite():
    assert (program.INTERRUPTED, program.BROKEN) == (Exit.INTERRUPTED, Exit.INTERNAL)


def test_what_the_set_up_needs_comes_with_python():
    modules = (
        "conformance.environment.build, conformance.environment.bundle, conformance.environment.__main__"
    )
    code = f"import sys; sys.path.insert(0, sys.argv[1]); import {modules}"
    bare = [sys.executable, "-I", "-S", "-X", "utf8", "-c", code, str(program.ROOT)]
    done = subprocess.run(bare, capture_output=True, encoding="utf-8", check=False)  # noqa: S603
    assert (done.returncode, done.stderr) == (0, "")
