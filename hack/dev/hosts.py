"""Lines of ours in /etc/hosts, each marked with the run directory it belongs to."""

from pathlib import Path

from hack.localcluster.files import locked

from .errors import DevError

HOSTS = Path("/etc/hosts")


def without_marked(text: str, marker: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.rstrip("\n").endswith(marker))


def marker(root: Path) -> str:
    return f"# strongroom {root}"


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
