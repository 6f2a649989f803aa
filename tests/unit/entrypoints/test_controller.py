"""``strongroom controller``: its settings, and how it says that it cannot start."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.domain.errors import InvalidInput
from strongroom.domain.names import DEFAULT_DOMAIN
from strongroom.domain.network import parse_range
from strongroom.domain.reach import Reach
from strongroom.entrypoints import controller, main
from strongroom.entrypoints.options import hsm_classes, hsm_sockets


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No settings of the machine, and the log as it was before."""
    for name in ("KUBECONFIG", "LOG_LEVEL", "METRICS_PORT", "DOMAIN", "CONCURRENCY", "IDENTITY", "TOTAL_BYTES"):
        monkeypatch.delenv(f"STRONGROOM_{name}", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", "")
    monkeypatch.setattr(controller.resource, "setrlimit", lambda *_: None)
    monkeypatch.setattr(controller.probes, "serve", lambda *_: None)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level


def test_defaults() -> None:
    options = controller._parser().parse_args([])
    assert options.kubeconfig is None
    assert hsm_sockets(options) == [Path("/run/strongroom/hsm/hsm.sock")]
    assert (options.metrics_host, options.metrics_port) == ("127.0.0.1", 9090)
    assert (options.domain, options.concurrency, options.total_bytes) == (DEFAULT_DOMAIN, 32, 2**30)
    assert (options.identity, options.log_level) == (None, "info")


def test_every_option_is_read_from_the_command_line() -> None:
    arguments = "--kubeconfig /k --hsm-socket /s --metrics-port 1 --metrics-host :: --domain d --concurrency 2"
    more = "--total-bytes 3 --identity i --log-level debug"
    options = controller._parser().parse_args([*arguments.split(), *more.split()])
    assert (options.kubeconfig, hsm_sockets(options)) == (Path("/k"), [Path("/s")])
    assert (options.metrics_port, options.metrics_host, options.domain) == (1, "::", "d")
    assert (options.concurrency, options.total_bytes, options.identity, options.log_level) == (2, 3, "i", "debug")


def test_the_environment_stands_in_and_the_command_line_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRONGROOM_METRICS_PORT", "1234")
    monkeypatch.setenv("STRONGROOM_KUBECONFIG", "/env")
    monkeypatch.setenv("STRONGROOM_TOTAL_BYTES", "77")
    options = controller._parser().parse_args(["--kubeconfig", "/line"])
    assert (options.metrics_port, options.kubeconfig, options.total_bytes) == (1234, Path("/line"), 77)


def test_a_pool_is_named_by_several_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRONGROOM_HSM_SOCKET", "/a, /b")
    assert hsm_sockets(controller._parser().parse_args([])) == [Path("/a"), Path("/b")]
    options = controller._parser().parse_args(["--hsm-socket", "/c", "--hsm-socket", "/d"])
    assert hsm_sockets(options) == [Path("/c"), Path("/d")]


def test_classes_of_dedicated_hsms_are_named_with_their_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hsm_classes(controller._parser().parse_args([])) == {}
    monkeypatch.setenv("STRONGROOM_HSM_CLASS", "a=/a, b=/b")
    assert hsm_classes(controller._parser().parse_args([])) == {"a": [Path("/a")], "b": [Path("/b")]}
    options = controller._parser().parse_args(["--hsm-class", "c=/1", "--hsm-class", "c=/2"])
    assert hsm_classes(options) == {"c": [Path("/1"), Path("/2")]}


@pytest.mark.parametrize("text", ["c", "c=", "=/s", "C=/s", "-c=/s"])
def test_an_impossible_class_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        hsm_classes(controller._parser().parse_args([f"--hsm-class={text}"]))


@pytest.mark.parametrize(
    "arguments",
    [["--unknown"], ["--concurrency", "many"], ["--log-level", "loud"], ["stray"], ["--metrics-port"]],
    ids=" ".join,
)
def test_a_wrong_command_line_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main.main(["controller", *arguments])
    assert left.value.code == 2
    assert "usage: strongroom controller" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value"), [("METRICS_PORT", "high"), ("LOG_LEVEL", "loud"), ("LOG_FORMAT", "xml")], ids=str
)
def test_a_wrong_environment_is_exit_code_2(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"STRONGROOM_{name}", value)
    with pytest.raises(SystemExit) as left:
        main.main(["controller"])
    assert left.value.code == 2
    assert value in capsys.readouterr().err


def test_an_unknown_subcommand_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["frobnicate"]) == 2
    assert "unknown subcommand 'frobnicate'" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--kubeconfig", "/nowhere/kubeconfig"], []], ids=["kubeconfig", "in cluster"])
def test_without_credentials_it_says_so_and_leaves(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["controller", *arguments]) == 1
    said = capsys.readouterr().err
    assert "cannot start" in said
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) <= 2, "the library may name the file that it did not find"


def test_a_kubeconfig_that_is_none_is_said_without_its_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "kubeconfig"
    broken.write_text("token: canary-of-a-token\n- : [")
    assert main.main(["controller", "--kubeconfig", str(broken)]) == 1
    said = capsys.readouterr().err
    assert "cannot start" in said
    assert "canary-of-a-token" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("text", "namespaces"), [(None, ("*",)), ("*", ("*",)), ("", ()), ("a, b,a", ("a", "b")), (" ", ())]
)
def test_where_targets_are_watched(
    text: str | None, namespaces: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    if text is not None:
        monkeypatch.setenv("STRONGROOM_TARGET_NAMESPACES", text)
    assert controller._settings(controller._parser().parse_args([])).target_namespaces == namespaces


@pytest.mark.parametrize("text", ["a,*", "a,,b", "A", "a/b", "x" * 64, ",".join(f"n{i}" for i in range(257))])
def test_namespaces_that_cannot_be(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        controller._parser().parse_args(["--target-namespaces", text])
    assert "--target-namespaces: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "ranges"),
    [(None, ()), ("", ()), ("10.0.0.0/8", ("10.0.0.0/8",)), ("::1, 192.0.2.1", ("::1", "192.0.2.1"))],
)
def test_where_issuers_may_be(text: str | None, ranges: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    if text is not None:
        monkeypatch.setenv("STRONGROOM_ISSUER_NETWORKS", text)
    assert controller._settings(controller._parser().parse_args([])).reach == Reach(tuple(map(parse_range, ranges)))


@pytest.mark.parametrize("text", ["10.0.0.1/8", "acme.example", "10.0.0.0/8;::/0"])
def test_ranges_that_are_none(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        controller._parser().parse_args(["--issuer-networks", text])
    assert "--issuer-networks: " in capsys.readouterr().err
