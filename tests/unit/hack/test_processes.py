"""Processes known by more than their pid."""

import dataclasses
import os
import sys

from hack.localcluster import processes

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)",
]


def test_a_launched_process_lives_until_it_is_stopped(tmp_path):
    process = processes.launch(SLEEP, tmp_path / "log")
    assert processes.is_alive(process)
    processes.stop(process)
    assert not processes.is_alive(process)
    processes.stop(process)  # once more does no harm


def test_a_process_that_only_has_the_same_pid_is_left_alone(tmp_path):
    process = processes.launch(SLEEP, tmp_path / "log")
    impostor = dataclasses.replace(process, started=process.started + 1)
    assert not processes.is_alive(impostor)
    processes.stop(impostor)
    assert processes.is_alive(process)
    processes.stop(process)


def test_one_that_ignores_the_polite_signal_is_killed(tmp_path):
    log = tmp_path / "log"
    process = processes.launch(STUBBORN, log)
    while not log.read_text():
        assert not processes.wait(process, 0.05)
    processes.stop(process, grace=0.1)
    assert not processes.is_alive(process)


def test_waiting_tells_whether_it_ended(tmp_path):
    assert processes.wait(processes.launch([sys.executable, "-c", ""], tmp_path / "log"), 30)
    assert not processes.wait(processes.identify(os.getpid()), 0)
