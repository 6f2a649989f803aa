"""Console blocks of a document, run as its reader would: a document that lies fails a test.

In a fenced block ``console``, a line that begins with ``$ `` is a command and the lines below it are what it prints.

* ``...`` stands for anything: alone on a line for any number of lines, within a line for any characters.
* Ids, times and ages differ at each run; any stands for any other. Columns may be spaced differently.
* A command that ends in ``# fails`` must fail, every other one must succeed.

All commands of a document run in one bash, one after the other, so variables last. Both outputs are taken together.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_VARYING = (
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<uid>"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "<time>"),
    (re.compile(r"\b([0-9a-f]{64}|[0-9a-f]{32}|[a-z2-7]{32})\b"), "<id>"),
    (re.compile(r"(?<![\w-])(\d+[dhms]){1,2}(?![\w-])"), "<age>"),
)


@dataclass(frozen=True)
class Step:
    """One command and what it is said to print."""

    line: int  # in the document
    command: str
    expected: tuple[str, ...]

    @property
    def fails(self) -> bool:
        return self.command.endswith("# fails")


def steps(document: str) -> list[Step]:
    """Return the commands of all console blocks, in order."""
    found: list[Step] = []
    for block in _BLOCK.finditer(document):
        number = document.count("\n", 0, block.start(1)) + 1
        for offset, line in enumerate(block[1].splitlines()):
            if line.startswith("$ "):
                found.append(Step(number + offset, line.removeprefix("$ "), ()))
            else:
                assert found, "a console block begins with a command"
                last = found.pop()
                found.append(Step(last.line, last.command, (*last.expected, line)))
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

    def run(self, command: str) -> tuple[int, str]:
        """Return exit code and output of a command."""
        script, output = self.scratch / "command.sh", self.scratch / "output"
        script.write_text(f"{command}\n")
        assert self._bash.stdin
        assert self._bash.stdout
        self._bash.stdin.write(f". {script} >{output} 2>&1 </dev/null; echo $?\n")
        self._bash.stdin.flush()
        code = self._bash.stdout.readline()
        return int(code), output.read_text()
