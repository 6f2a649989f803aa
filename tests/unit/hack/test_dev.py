"""The background system: what can be decided without starting one."""

import sys
import threading
from pathlib import Path

import pytest

from hack.dev import demovault, hosts, programs, ready, story
from hack.dev.errors import DevError
from hack.dev.programs import Ports, Program
from hack.dev.rundir import RunDir
from hack.dev.supervisor import Supervised, supervise
from hack.localcluster import processes, record
from hack.localcluster.files import write_private

RUN = RunDir(Path("/run"))
PORTS = Ports(9, 10, 11)


def test_no_process_is_told_the_administrators_kubeconfig():
    for program in programs.programs(RUN, Path("/module.so"), PORTS):
        environment = programs.environment(program, {"KUBECONFIG": "/admin", "PATH": "/bin"})
        assert "KUBECONFIG" not in environment
        assert environment["PATH"] == "/bin"


def test_only_the_sidecar_is_told_of_the_token():
    told = [
        program.name
        for program in programs.programs(RUN, Path("/module.so"), PORTS)
        if "--pin-file" in program.command or "SOFTHSM2_CONF" in program.environment
    ]
    assert told == ["hsm"]


def test_no_pin_is_on_a_command_line():
    command = programs.hsm_init(RUN, Path("/module.so")).command
    assert command[command.index("--pin-file") + 1] == "/run/hsm/pin"
    assert command[command.index("--so-pin-file") + 1] == "/run/hsm/so-pin"


def test_a_path_too_long_for_a_socket_is_refused_early(tmp_path):
    with pytest.raises(DevError, match="shorter path"):
        RunDir(tmp_path / ("x" * 100)).create()


def test_a_run_directory_is_its_owners_alone(tmp_path):
    run = RunDir(tmp_path / "run")
    run.create()
    assert {path.stat().st_mode & 0o077 for path in (run.root, run.hsm, run.socket.parent, run.logs)} == {0}


def test_only_lines_of_this_run_directory_leave_the_hosts_file(tmp_path):
    file = tmp_path / "hosts"
    mine, other = hosts.marker(Path("/clone")), hosts.marker(Path("/clone2"))
    kept = f"127.0.0.1 localhost\n127.0.0.1 b {other}\n"
    file.write_text(f"127.0.0.1 localhost\n127.0.0.1 a {mine}\n127.0.0.1 b {other}\n")
    hosts.clean(Path("/clone"), file)
    assert file.read_text() == kept
    hosts.clean(Path("/clone"), file)
    assert file.read_text() == kept


def test_names_are_added_to_the_hosts_file_once_and_by_themselves(tmp_path):
    file = tmp_path / "hosts"
    for before in ("127.0.0.1 localhost\n", "127.0.0.1 localhost", ""):
        file.write_text(before)
        for names in (["old"], ["demo.default.v", "sts.v"]):
            hosts.add(Path("/clone"), "127.0.0.1", names, file)
        lines = file.read_text().splitlines()
        assert lines == [*before.splitlines(), "127.0.0.1 demo.default.v sts.v # strongroom /clone"]
        hosts.clean(Path("/clone"), file)
        assert file.read_text().splitlines() == before.splitlines()


def test_who_may_not_write_the_hosts_file_is_told_the_line(tmp_path, monkeypatch):
    file = tmp_path / "hosts"
    file.write_text("")

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(DevError, match=r"127\.0\.0\.1 demo # strongroom /clone"):
        hosts.add(Path("/clone"), "127.0.0.1", ["demo"], file)


def test_both_processes_give_out_the_same_urls():
    said = {
        program.name: [program.command[program.command.index(option) + 1] for option in ("--domain", "--external-port")]
        for program in programs.programs(RUN, Path("/module.so"), PORTS)
        if program.name != "hsm"
    }
    assert said == {name: [programs.DOMAIN, "10"] for name in ("controller", "dataplane")}
    assert demovault.url(programs.DOMAIN, 10) == f"https://demo.default.{programs.DOMAIN}:10"


def test_a_shown_value_is_hidden():
    assert story.masked({"value": b"hunter2"}) == "  value: ******** (7 bytes)"


def test_waiting_ends_with_the_name_of_what_never_came():
    ready.until("now", lambda: True)
    with pytest.raises(DevError, match="the end of time: not within"):
        ready.until("the end of time", lambda: False, seconds=0.01, pause=0.01)


def test_a_program_that_ends_is_started_again_after_ever_longer_pauses(tmp_path):
    started = []

    def launch(program: Program) -> processes.Process:
        started.append(program.name)
        process = processes.launch(program.command, tmp_path / "log")
        assert processes.wait(process, 30)
        return process

    one = Supervised(Program("one", [sys.executable, "-c", ""]), launch)
    assert one.tend(now=0)
    assert not one.tend(now=0.5)  # seen to have ended: due one second later
    assert one.tend(now=1.6)
    assert not one.tend(now=2)
    assert not one.tend(now=3.9)
    assert one.tend(now=4.1)
    assert started == ["one"] * 3


def test_a_supervisor_that_ends_takes_its_programs_along(tmp_path):
    run, stopping = RunDir(tmp_path / "run"), threading.Event()
    run.create()
    sleep = f'[{{"name": "sleeper", "command": ["{sys.executable}", "-c", "import time; time.sleep(60)"]}}]'
    write_private(run.programs, sleep)
    thread = threading.Thread(target=supervise, args=(run, None, stopping))
    thread.start()
    ready.until("recorded", lambda: record.load(run.root) is not None, seconds=30, pause=0.05)
    sleeper = record.load(run.root).processes["sleeper"]
    assert processes.is_alive(sleeper)
    stopping.set()
    thread.join()
    assert not processes.is_alive(sleeper)


def test_a_supervisor_ends_with_its_owner(tmp_path):
    run = RunDir(tmp_path / "run")
    run.create()
    write_private(run.programs, "[]")
    owner = processes.launch([sys.executable, "-c", ""], tmp_path / "log")
    assert processes.wait(owner, 30)
    supervise(run, owner, threading.Event())
