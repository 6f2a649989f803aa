"""Lines of ours in /etc/hosts, each marked with the run directory it belongs to."""

from collections.abc import Iterable
from pathlib import Path

from hack.localcluster.files import locked

from .errors import DevError

HOSTS = Path("/etc/hosts")


def without_marked(text: str, marker: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.rstrip("\n").endswith(marker))


def marker(root: Path) -> str:
    return f"# strongroom {root}"


def line(root: Path, address: str, names: Iterable[str]) -> str:
    return f"{address} {' '.join(names)} {marker(root)}\n"


def add(root: Path, address: str, names: Iterable[str], hosts: Path = HOSTS) -> None:
    """In place of the lines that are marked already. DevError where only root may do it."""
    wanted = line(root, address, names)
    try:
        with locked(hosts):
            before = without_marked(hosts.read_text(), marker(root))
            if before and not before.endswith("\n"):
                before += "\n"
            hosts.write_text(before + wanted)
    except PermissionError:
        raise DevError(f"{hosts} cannot be written: add this line to it as root.\n{wanted}") from None


def clean(root: Path, hosts: Path = HOSTS) -> None:
    """Written in place: in a container /etc/hosts is a mount, which cannot be replaced by renaming."""
    with locked(hosts):
        before = hosts.read_text()
        after = without_marked(before, marker(root))
        if after == before:
            return
        try:
            hosts.write_text(after)
        except PermissionError:
            raise DevError(f"{hosts} has lines that end in `{marker(root)}`: remove them as root.") from None
