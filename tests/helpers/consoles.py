"""Blocks of a document, run as its reader would: a document that lies fails a test.

In a fenced block ``console``, a line that begins with ``$ `` is a command and the lines below it are what it prints. In
a tour, a fenced block ``sh`` is run too: as a whole, up to the first command that fails. If the next block is ``text``,
that is what it prints; otherwise it may print anything. All other blocks are only read.

* ``...`` stands for anything: alone on a line for any number of lines, within a line for any characters.
* Ids, times and ages differ at each run; any stands for any other. Columns may be spaced differently.
* What ends in ``# fails`` must fail, everything else must succeed. A block ``sh`` that fails has one command.

All commands of a document run in one bash, one after the other, so variables last. Both outputs are taken together.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

_BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_VARYING = (
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<uid>"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "<time>"),
    (re.compile(r"\b([0-9a-f]{64}|[0-9a-f]{32}|[a-z2-7]{32})\b"), "<id>"),
    (re.compile(r"(?<![\w-])(\d+[dhms]){1,2}(?![\w-])"), "<age>"),
)


@dataclass(frozen=True)
class Step:
    """Something to run and what it is said to print."""

    line: int  # in the document
    command: str
    expected: tuple[str, ...] | None  # None: anything
    strict: bool = False  # several commands, of which the first that fails is the last

    @property
    def fails(self) -> bool:
        return self.command.endswith("# fails")


def steps(document: str) -> list[Step]:
    """Return the commands of all console blocks, in order."""
    return [step for language, line, text in _blocks(document) if language == "console" for step in _typed(line, text)]


def tour(document: str) -> list[Step]:
    """Return the commands of all console blocks and all sh blocks, in order."""
    found: list[Step] = []
    before = ""
    for language, line, text in _blocks(document):
        if language == "console":
            found += _typed(line, text)
        elif language == "sh":
            script = text.rstrip()
            found.append(Step(line, script, None, strict=not script.endswith("# fails")))
        elif language == "text" and before == "sh":
            found[-1] = replace(found[-1], expected=tuple(text.splitlines()))
        before = language
    return found


def _blocks(document: str) -> Iterator[tuple[str, int, str]]:
    """Yield language, line of the first line, and text of every fenced block."""
    for block in _BLOCK.finditer(document):
        yield block[1], document.count("\n", 0, block.start(2)) + 1, block[2]


def _typed(number: int, text: str) -> list[Step]:
    found: list[Step] = []
    for line, content in enumerate(text.splitlines(), number):
        if content.startswith("$ "):
            found.append(Step(line, content.removeprefix("$ "), ()))
        else:
            assert found, f"line {line}: a console block begins with a command"
            found[-1] = replace(found[-1], expected=(*(found[-1].expected or ()), content))
    return found


def matches(expected: tuple[str, ...], printed: str) -> bool:
    """Whether what was printed is what a document says."""
    pattern = "".join(_line_pattern(line) for line in expected)
    return re.fullmatch(pattern, "".join(_plain(line) + "\n" for line in _lines(printed))) is not None


def _lines(printed: str) -> list[str]:
    return [line for line in printed.splitlines() if line.strip()]


def _line_pattern(line: str) -> str:
    if line.strip() == "...":
        return r"(?:.*\n)*"
    if not line.strip():
        return ""
    return ".*".join(re.escape(_plain(part)) if part else "" for part in line.split("...")) + "\n"


def _plain(line: str) -> str:
    for varying, name in _VARYING:
        line = varying.sub(name, line)
    return re.sub(r"\s+", "", line)


@dataclass
class Shell:
    """One bash for many commands."""

    directory: Path
    environment: Mapping[str, str]
    scratch: Path
    limit: float = 120  # seconds for one command
    _bash: subprocess.Popen[str] = field(init=False, repr=False)

    def __enter__(self) -> Self:
        self._bash = subprocess.Popen(
            ["bash", "--norc", "-s"],
            cwd=self.directory,
            env={**os.environ, **self.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._bash.kill()
        self._bash.communicate()

    def run(self, command: str, *, strict: bool = False) -> tuple[int, str]:
        """Return exit code and output of a command; with ``strict`` a failure ends the shell.

        Raises AssertionError where it takes too long.
        """
        script, output = self.scratch / "command.sh", self.scratch / "output"
        script.write_text(f"{command}\n")
        assert self._bash.stdin
        assert self._bash.stdout
        set_e, unset_e = ("set -e; ", "; set +e") if strict else ("", "")
        self._bash.stdin.write(f"{set_e}. {script} >{output} 2>&1 </dev/null; echo $?{unset_e}\n")
        self._bash.stdin.flush()
        if not select.select([self._bash.stdout], [], [], self.limit)[0]:
            raise AssertionError(f"not done in {self.limit} s: {command}\n{output.read_text()}")
        code = self._bash.stdout.readline() or self._bash.wait()
        return int(code), output.read_text()


def follow(shell: Shell, page: Path, found: Iterable[Step], *, namespace: str = "default") -> None:
    """Run the steps of a page. What it shows of the namespace ``default`` is expected of this one."""
    for step in found:
        code, printed = shell.run(step.command, strict=step.strict)
        where = f"{page.name}:{step.line}: {step.command}\nexit code {code}, printed:\n{printed}"
        assert (code != 0) == step.fails, where
        assert step.expected is None or matches(step.expected, printed.replace(namespace, "default")), where
