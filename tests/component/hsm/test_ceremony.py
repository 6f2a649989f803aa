"""The security-officer ceremony, whole and interrupted."""

import json
import stat

import pytest

from tests.helpers import hsm
from tests.helpers.hsm import TokenHome

# Initialises, and is killed for good before step N: no destructor, no C_Finalize, as by a power cut.
KILLED_BEFORE = """
import os, signal, sys
from pathlib import Path
from strongroom.hsm.sidecar.initialise import Place, initialise
module, label, root, step = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
steps = []
def announce(what):
    if len(steps) == step:
        os.kill(os.getpid(), signal.SIGKILL)
    steps.append(what)
initialise(Place(module, label, root / "so-pin", root / "pin"), "test-1", announce)
"""
STEPS = 12  # trial: two generated, the attacks, two removed; two generated, two finished, two removed, the attacks
COMMITTED = 9  # the first step after the world key is finished

KEYS = """
import json, sys
from pathlib import Path
from pkcs11 import Attribute as A
from strongroom.hsm.sidecar import attributes, module
token = next(t for t in module.load(Path(sys.argv[1])).tokens() if t.label == sys.argv[2])
with token.open(user_pin=sys.argv[3], attribute_mapper=attributes.Mapper()) as session:
    names = ("LABEL", "PRIVATE", "MODIFIABLE", "SENSITIVE", "EXTRACTABLE", "WRAP_WITH_TRUSTED", "TRUSTED")
    print(json.dumps([{n: key[A[n]] for n in names} for key in list(session.get_objects())]))
"""


def keys_of(home: TokenHome) -> list[dict[str, object]]:
    shown = home.python(KEYS, str(hsm.module_path()), hsm.LABEL, hsm.USER_PIN)
    assert shown.returncode == 0, shown.stderr
    return sorted(json.loads(shown.stdout), key=lambda key: str(key["LABEL"]))


FINISHED = {"PRIVATE": True, "MODIFIABLE": False, "SENSITIVE": True, "EXTRACTABLE": True, "WRAP_WITH_TRUSTED": True}


def test_leaves_exactly_the_two_keys_in_their_final_form(token: TokenHome) -> None:
    assert keys_of(token) == [
        {"LABEL": "strongroom:world-mac:test-1", "TRUSTED": False, **FINISHED},
        {"LABEL": "strongroom:world:test-1", "TRUSTED": True, **FINISHED},
    ]


def test_a_second_run_changes_nothing(token: TokenHome) -> None:
    first, second = token.init(), token.init()
    assert first.returncode == second.returncode == 0
    assert first.stdout == second.stdout
    assert "already initialised, geography test-1 id " in second.stdout


def test_a_second_run_needs_no_officer_and_writes_no_pin(token: TokenHome) -> None:
    """His PIN is kept elsewhere after the ceremony; a new file with a random one would lead somebody astray."""
    token.so_pin_file.unlink()
    for extra in ((), ("--create-token",)):
        again = token.init(*extra)
        assert "already initialised" in again.stdout, again.stderr
    assert not token.so_pin_file.exists()


def test_a_token_belongs_to_one_geography(token: TokenHome) -> None:
    other = token.init(geography="test-2")
    assert other.returncode == 1
    assert "the token belongs to geography test-1 already" in other.stderr


@pytest.mark.parametrize("step", range(STEPS))
def test_a_ceremony_killed_at_any_step_is_repaired_by_running_it_again(blank_token: TokenHome, step: int) -> None:
    killed = blank_token.python(KILLED_BEFORE, str(hsm.module_path()), hsm.LABEL, str(blank_token.root), str(step))
    assert killed.returncode == -9, killed.stderr
    repaired = blank_token.init()
    assert repaired.returncode == 0, repaired.stderr
    assert ("already initialised" in repaired.stdout) is (step >= COMMITTED)  # a world that exists is never replaced
    assert [key["LABEL"] for key in keys_of(blank_token)] == ["strongroom:world-mac:test-1", "strongroom:world:test-1"]


def test_a_world_key_that_lost_its_mac_key_is_not_replaced_either(token: TokenHome) -> None:
    removed = token.python(
        KEYS.replace("get_objects())]))", "get_objects() if 0 else [])]))")
        + """
with token.open(rw=True, user_pin=sys.argv[3]) as session:
    for key in list(session.get_objects({A.LABEL: "strongroom:world-mac:test-1"})):
        key.destroy()
""",
        str(hsm.module_path()), hsm.LABEL, hsm.USER_PIN,
    )  # fmt: skip
    assert removed.returncode == 0, removed.stderr
    again = token.init()
    assert again.returncode == 1
    assert "restore the token from its backup" in again.stderr
    assert [key["LABEL"] for key in keys_of(token)] == ["strongroom:world:test-1"]


def test_an_object_that_was_never_written_is_no_obstacle(token: TokenHome) -> None:
    """A process killed while SoftHSM creates an object leaves a file of eight octets."""
    (directory,) = token.token_dir.iterdir()
    (directory / "01234567-89ab-cdef-0123-456789abcdef.object").write_bytes(bytes(8))
    assert "already initialised" in token.init().stdout


def test_creates_token_and_pin_files_from_nothing() -> None:
    home = TokenHome.make()
    home.pin_file.unlink()
    home.so_pin_file.unlink()
    try:
        made = home.init("--create-token")
        assert made.returncode == 0, made.stderr
        for path in (home.pin_file, home.so_pin_file):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert path.read_text().strip() not in made.stdout + made.stderr
        assert home.pin_file.read_text() != home.so_pin_file.read_text()
        assert "already initialised" in home.init("--create-token").stdout
    finally:
        home.remove()


@pytest.mark.parametrize(("which", "who"), [("so-pin", "security officer"), ("pin", "user")])
def test_a_wrong_pin_is_named_and_not_shown(blank_token: TokenHome, which: str, who: str) -> None:
    (blank_token.root / which).write_text("canary-wrong-0000\n")
    refused = blank_token.init()
    assert refused.returncode == 1
    assert f"the token refused the {who} PIN" in refused.stderr
    assert "canary" not in refused.stdout + refused.stderr


def test_a_pin_file_that_everybody_may_read_is_refused(blank_token: TokenHome) -> None:
    blank_token.pin_file.chmod(0o644)
    refused = blank_token.init()
    assert refused.returncode == 1
    assert "accessible by everybody" in refused.stderr
