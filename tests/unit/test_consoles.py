"""How a document's console blocks are read and compared: lenient where runs differ, strict elsewhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.consoles import Shell, follow, matches, steps, tour

DOCUMENT = """\
Text.

```console
$ echo one
one
$ false # fails
```

```sh
$ never run
```

```console
$ echo two
```
"""


def test_commands_are_taken_in_order_with_what_they_print() -> None:
    found = steps(DOCUMENT)
    assert [(step.line, step.command, step.expected) for step in found] == [
        (4, "echo one", ("one",)),
        (6, "false # fails", ()),
        (14, "echo two", ()),
    ]
    assert [step.fails for step in found] == [False, True, False]


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        ("NAME   AGE\ndemo   2s", "NAME  AGE\ndemo  1m3s\n"),
        ("id f7679d807734449f5349f936f6bcd393", "id 0123456789abcdef0123456789abcdef"),
        ("at 2026-11-24T06:52:22Z", "at 2031-01-01T00:00:00Z"),
        ("uid 9e522af5-908e-4f73-8805-96ccedeae22c", "uid 00000000-0000-4000-8000-000000000000"),
        ("a\n...\nz", "a\nb\nc\nz"),
        ("a\n...\nz", "a\nz"),
        ("count ... of 3", "count 17 of 3"),
        ("", ""),
    ],
)
def test_what_differs_at_each_run_does_not_count(expected: str, printed: str) -> None:
    assert matches(tuple(expected.splitlines()), printed)


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        ("Ready True", "Ready False"),
        ("a", "a\nb"),
        ("a\nb", "a"),
        ("", "error: no such thing"),
        ("a...z", "a\nz"),
        ("retention 7", "retention 8"),
    ],
)
def test_everything_else_counts(expected: str, printed: str) -> None:
    assert not matches(tuple(expected.splitlines()), printed)


TOUR = """\
```sh
NAME=one
echo $NAME
```

It prints:

```text
one
```

```yaml
not: run
```

```text
only read
```

```sh
echo anything
```

```bash
exit 1
```

```console
$ echo "$NAME" again
one again
```

```sh
kubectl-nothing 2>/dev/null # fails
```
"""


def test_a_tour_has_scripts_too() -> None:
    assert [(step.line, step.command, step.expected, step.strict) for step in tour(TOUR)] == [
        (2, "NAME=one\necho $NAME", ("one",), True),
        (21, "echo anything", None, True),
        (29, 'echo "$NAME" again', ("one again",), False),
        (34, "kubectl-nothing 2>/dev/null # fails", None, False),
    ]


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with Shell(tmp_path, {}, tmp_path) as shell:
        yield shell


def followed(shell: Shell, document: str, namespace: str = "default") -> None:
    follow(shell, Path("page.md"), tour(document), namespace=namespace)


def test_a_tour_is_followed_in_one_shell(shell: Shell) -> None:
    followed(shell, TOUR)


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ("```sh\ntrue\nfalse\necho later\n```\n", "(?s)page.md:2: true.*exit code 1, printed:\n$"),
        ("```sh\ntrue # fails\n```\n", "exit code 0"),
        ("```sh\necho one\n```\n\n```text\ntwo\n```\n", "(?s)exit code 0, printed:\none\n"),
        ("```console\n$ echo one\n```\n", "printed:\none\n"),
        ("```sh\nexit 7\n```\n", "exit code 7"),
    ],
)
def test_a_page_that_lies_is_found_out(shell: Shell, document: str, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        followed(shell, document)


def test_a_failure_that_is_announced_ends_nothing(shell: Shell) -> None:
    followed(shell, "```sh\nfalse # fails\n```\n\n```sh\necho still here\n```\n\n```text\nstill here\n```\n")


def test_a_tour_has_a_namespace_of_its_own_and_shows_the_default_one(shell: Shell) -> None:
    followed(shell, "```sh\necho from test-12 namespace\n```\n\n```text\nfrom default namespace\n```\n", "test-12")


def test_what_never_ends_is_named(tmp_path: Path) -> None:
    with (
        Shell(tmp_path, {}, tmp_path, limit=0.1) as shell,
        pytest.raises(AssertionError, match=r"not done .*: sleep 9"),
    ):
        shell.run("sleep 9")
