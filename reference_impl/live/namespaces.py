"""Network namespaces by path, and the right to make them."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from spec.errors import Exit, InputError

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWNET: Final = 0x40000000
MS_BIND: Final = 4096
MS_REC: Final = 16384
MS_PRIVATE: Final = 1 << 18
MS_SHARED: Final = 1 << 20
MNT_DETACH: Final = 2

CAP_NET_ADMIN: Final = 12
CAP_NET_RAW: Final = 13
CAP_SYS_ADMIN: Final = 21
NAMED: Final = Path("/run/netns")
"""Where `ip netns` looks."""

OWN: Final = Path("/proc/thread-self/ns/net")
MACHINE: Final = "this machine"
ENTERED: Final = "GSE_USER_NAMESPACE"
"""Holds the user's number in the environment of a command that was started anew in a user namespace."""


@cache
def libc() -> ctypes.CDLL:
    """Return the C library."""
    return ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    """Raise the OSError of a call that failed."""
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def mount(source: str, target: Path, flags: int) -> None:
    """Bind, share or make private; nothing is mounted from a device here."""
    check(libc().mount(source.encode(), str(target).encode(), b"none", flags, None), f"mount {target}")


def join(path: Path) -> None:
    """Bring the calling thread into a network namespace."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        check(libc().setns(descriptor, CLONE_NEWNET), f"enter {path}")
    finally:
        os.close(descriptor)


@contextmanager
def inside(path: Path) -> Iterator[None]:
    """Be in a network namespace for a while; sockets opened there stay there."""
    home = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        join(path)
        yield
    finally:
        check(libc().setns(home, CLONE_NEWNET), "return home")
        os.close(home)


def create(path: Path) -> None:
    """Make an empty network namespace in which the kernel sends nothing of its own, and bind it to a path."""
    path.touch(exist_ok=False)
    home = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        check(libc().unshare(CLONE_NEWNET), "make a network namespace")
        mount(str(OWN), path, MS_BIND)
        be_quiet()
    finally:
        check(libc().setns(home, CLONE_NEWNET), "return home")
        os.close(home)


def be_quiet() -> None:
    """Switch IPv6 off for every interface to come, which is all that speaks without an address."""
    for scope in ("all", "default"):
        setting = Path(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6")
        if setting.exists():
            setting.write_text("1", encoding="ascii")


def share(folder: Path) -> None:
    """Let other mount namespaces see what is bound below a folder, as `ip netns` does."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        mount("", folder, MS_SHARED | MS_REC)
    except OSError:
        mount(str(folder), folder, MS_BIND | MS_REC)
        mount("", folder, MS_SHARED | MS_REC)


def remove(path: Path) -> None:
    """Let go of a network namespace; one that is not there, or not mounted here, is as good as gone."""
    libc().umount2(str(path).encode(), MNT_DETACH)
    path.unlink(missing_ok=True)


def capable() -> bool:
    """Return whether this process may make namespaces, come home from them, and open packet sockets."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    held = int(next(line for line in status.splitlines() if line.startswith("CapEff")).split()[1], 16)
    if not all(held >> capability & 1 for capability in (CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN)):
        return False
    try:
        join(OWN)
    except OSError:
        return False
    return True


def owner() -> int:
    """Return the user who runs this, also inside a user namespace that `acquire` made."""
    return int(os.environ.get(ENTERED, os.geteuid()))


def is_privileged() -> bool:
    """Return whether namespaces are made by privilege of the machine; False in a user namespace.

    InputError where they cannot be made at all.
    """
    if not capable():
        raise refused("and root with CAP_NET_ADMIN, CAP_NET_RAW and CAP_SYS_ADMIN is not what runs this")
    return ENTERED not in os.environ


def acquire() -> None:
    """Start the running command anew in a user namespace if it has not the right to make network namespaces.

    For the beginning of a command; InputError where the kernel refuses that too.
    """
    if ENTERED not in os.environ and not capable():
        become(["-m", "reference_impl.live.namespaces", *sys.orig_argv[1:]])


def refused(why: str) -> InputError:
    """Say that this machine gives no network namespaces."""
    mend = "run as root or allow unprivileged user namespaces"
    return InputError(MACHINE, "network namespaces", f"cannot be made, {why}", mend)


def become(arguments: list[str]) -> None:
    """Start this interpreter anew; InputError where this user may not."""
    try:
        os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - our own command line
    except OSError as error:
        raise refused(f"since {sys.executable} cannot be started anew ({error.strerror})") from error


def enter(arguments: list[str]) -> None:
    """Start anew in a user namespace; only a process of one thread can enter one, hence a start before it."""
    user, group = os.geteuid(), os.getegid()
    try:
        check(libc().unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET), "unshare")
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1", encoding="ascii")
        mount("", Path("/"), MS_PRIVATE | MS_REC)
    except OSError as error:
        why = f"not even in a user namespace ({error.strerror})"
        raise refused(why) from error
    os.environ[ENTERED] = str(user)
    become(arguments)


if __name__ == "__main__":
    try:
        enter(sys.argv[1:])
    except InputError as fault:
        print(fault, file=sys.stderr)
        sys.exit(Exit.USAGE)
