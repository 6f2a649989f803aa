"""How a document's console blocks are read and compared: lenient where runs differ, strict elsewhere."""

import pytest

from tests.helpers.consoles import matches, steps

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
