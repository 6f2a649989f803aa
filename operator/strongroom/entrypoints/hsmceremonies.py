"""``strongroom hsm init``, ``join`` and ``rotate-world``: what security officers do, once in years.

PKCS#11 is loaded only when a ceremony runs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strongroom.domain.errors import InvalidInput, Refused
from strongroom.entrypoints.hsmoptions import add_officer, module_of

if TYPE_CHECKING:
    from strongroom.hsm.sidecar.initialise import Place

_MAX_FILE = 64 * 1024


def add_ceremonies(commands: Any) -> None:
    """Add the subcommands to those of ``strongroom hsm``."""
    init = commands.add_parser("init", help="make the world keys of a geography (security-officer ceremony)")
    add_officer(init, may_create=True)
    init.add_argument("--geography", required=True, metavar="NAME", help="the set of tokens that share the world key")
    init.add_argument(
        "--dedicated",
        action="store_true",
        help="a token that stands alone: its world can never leave it, and no other token will ever serve its vaults",
    )
    init.set_defaults(run=_init)

    rotate = commands.add_parser("rotate-world", help="make the next version of the world key, or put it in force")
    add_officer(rotate)
    rotate.add_argument(
        "--activate",
        action="store_true",
        help="put the newest version in force: only once every token of the geography holds it",
    )
    rotate.set_defaults(run=_rotate)
    _add_join(commands.add_parser("join", help="bring the world keys of another token into this one"))


def _add_join(join: argparse.ArgumentParser) -> None:
    add_officer(join, may_create=True)
    join.add_argument("--sponsor-module", type=Path, help="default: that of --module")
    join.add_argument("--sponsor-module-parameters", default="")
    join.add_argument("--sponsor-token-label", help="token of the geography; needed when both are reachable from here")
    join.add_argument("--sponsor-pin-file", type=Path)
    join.add_argument("--sponsor-so-pin-file", type=Path)
    join.add_argument(
        "--sponsor-environment",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="for the sponsor's module alone, as SOFTHSM2_CONF=…; may be repeated",
    )
    join.set_defaults(run=_join)
    steps = join.add_subparsers(title="on separate machines", metavar="{request,approve,accept}")

    request = steps.add_parser("request", help="on the joining token: write a request, and show its fingerprint")
    add_officer(request, may_create=True)
    request.add_argument("--request-file", type=Path, required=True, help="to write")
    request.set_defaults(run=_request)

    approve = steps.add_parser("approve", help="on a token of the geography: answer a request")
    add_officer(approve)
    approve.add_argument("--request-file", type=Path, required=True)
    approve.add_argument("--answer-file", type=Path, required=True, help="to write")
    approve.add_argument("--fingerprint", required=True, help="of the request, as the other officer reads it to you")
    approve.set_defaults(run=_approve)

    accept = steps.add_parser("accept", help="on the joining token: take the world keys from an answer")
    add_officer(accept)
    accept.add_argument("--answer-file", type=Path, required=True)
    accept.add_argument("--fingerprint", required=True, help="of the answer, as the other officer reads it to you")
    accept.set_defaults(run=_accept)


def _init(options: argparse.Namespace) -> int:
    from strongroom.hsm.sidecar.initialise import initialise

    outcome = initialise(_place(options), options.geography, _announce, dedicated=options.dedicated)
    done = "initialised" if outcome.made else "already initialised"
    print(f"{done}, geography {outcome.world.geography} id {outcome.world}")
    return 0


def _rotate(options: argparse.Namespace) -> int:
    from strongroom.hsm.sidecar.initialise import activate, rotate

    if options.activate:
        outcome = activate(_place(options), _announce)
        print(f"{'in force' if outcome.made else 'already in force'}: {outcome.world}")
        return 0
    outcome = rotate(_place(options), _announce)
    print(f"{'made' if outcome.made else 'made before, and not in force yet'}: {outcome.world}")
    print("next: strongroom hsm join on every other token, then strongroom hsm rotate-world --activate on each")
    return 0


def _request(options: argparse.Namespace) -> int:
    from strongroom.hsm.sidecar.initialise import request
    from strongroom.hsm.sidecar.joinfiles import fingerprint

    made = request(_place(options), _announce)
    _write(options.request_file, made.pack())
    print(f"request written to {options.request_file}, fingerprint {fingerprint(made)}")
    print("next: strongroom hsm join approve where the world is; read the fingerprint to its officer by another way")
    return 0


def _approve(options: argparse.Namespace) -> int:
    from strongroom.hsm.sidecar.initialise import approve
    from strongroom.hsm.sidecar.joinfiles import fingerprint, parse_request

    asked = parse_request(_read(options.request_file))
    answer = approve(_place(options), asked, options.fingerprint, _announce)
    _write(options.answer_file, answer.pack())
    print(f"answer written to {options.answer_file}, fingerprint {fingerprint(answer)}")
    print("next: strongroom hsm join accept on the joining token; read the fingerprint to its officer by another way")
    return 0


def _accept(options: argparse.Namespace) -> int:
    from strongroom.hsm.sidecar.initialise import accept
    from strongroom.hsm.sidecar.joinfiles import parse_answer

    answer = parse_answer(_read(options.answer_file))
    arrived = accept(_place(options), answer, options.fingerprint, _announce)
    what = f"versions {', '.join(str(each.version) for each in arrived)}" if arrived else "no new version"
    print(f"joined, geography {answer.geography} id {answer.geography_id.hex()}, {what}")
    return 0


def _join(options: argparse.Namespace) -> int:
    """The three steps in processes of their own: two modules, or one module with two stores, cannot share one."""
    from strongroom.hsm.sidecar.joinfiles import fingerprint, parse_answer, parse_request

    sponsor, here = _sponsor(options), _here(options)
    created = ["--create-token"] if options.create_token else []
    with tempfile.TemporaryDirectory(prefix="strongroom-join-") as folder:
        asked, answer = Path(folder, "request"), Path(folder, "answer")
        _step("request", *here, *created, f"--request-file={asked}")
        told = fingerprint(parse_request(_read(asked)))
        files = (f"--request-file={asked}", f"--answer-file={answer}", f"--fingerprint={told}")
        _step("approve", *sponsor, *files, environment=_assignments(options.sponsor_environment))
        told = fingerprint(parse_answer(_read(answer)))
        _step("accept", *here, f"--answer-file={answer}", f"--fingerprint={told}")
    return 0


def _here(options: argparse.Namespace) -> list[str]:
    return [
        f"--module={module_of(options)}",
        f"--module-parameters={options.module_parameters}",
        f"--token-label={options.token_label}",
        f"--pin-file={options.pin_file}",
        f"--so-pin-file={options.so_pin_file}",
    ]


def _sponsor(options: argparse.Namespace) -> list[str]:
    label, pin, so_pin = options.sponsor_token_label, options.sponsor_pin_file, options.sponsor_so_pin_file
    if not (label and pin and so_pin):
        raise InvalidInput(
            "name the sponsor with --sponsor-token-label, --sponsor-pin-file and --sponsor-so-pin-file; when it is on "
            "another machine, begin with: strongroom hsm join request"
        )
    module = options.sponsor_module or module_of(options)
    told = options.sponsor_module_parameters if options.sponsor_module else options.module_parameters
    place = [f"--module={module}", f"--module-parameters={told}", f"--token-label={label}"]
    return [*place, f"--pin-file={pin}", f"--so-pin-file={so_pin}"]


def _assignments(words: list[str]) -> dict[str, str]:
    parted = [word.partition("=") for word in words]
    if any(not name or not equals for name, equals, _ in parted):
        raise InvalidInput("--sponsor-environment is NAME=VALUE")
    return {name: value for name, _, value in parted}


def _step(name: str, *arguments: str, environment: dict[str, str] | None = None) -> None:
    command = [sys.executable, "-P", "-m", "strongroom.entrypoints.main", "hsm", "join", name, *arguments]
    ran = subprocess.run(  # noqa: S603 - our own entry point
        command, env={**os.environ, **(environment or {})}, stdout=subprocess.PIPE, text=True, check=False
    )
    _say([line for line in ran.stdout.splitlines() if not line.startswith("next: ")])
    if ran.returncode != 0:
        raise Refused(f"the step {name} failed; run the whole command again when its reason is gone")


def _place(options: argparse.Namespace) -> Place:
    from strongroom.hsm.sidecar.initialise import Place

    return Place(
        module=module_of(options),
        token_label=options.token_label,
        so_pin_file=options.so_pin_file,
        pin_file=options.pin_file,
        create_token=getattr(options, "create_token", False),
        module_parameters=options.module_parameters,
    )


def _announce(step: str) -> None:
    print(f"{step} …", flush=True)


def _say(lines: list[str]) -> None:
    for line in lines:
        print(line, flush=True)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_FILE + 1)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read ({type(error).__name__})") from error


def _write(path: Path, octets: bytes) -> None:
    try:
        path.write_bytes(octets)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written ({type(error).__name__})") from error
