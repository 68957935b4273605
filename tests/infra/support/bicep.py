"""Reads what the contract tests need of a Bicep file: its declarations and their decorators.

Not a parser of the language: it relies on the formatter's layout, one declaration at column 0.
"""

import re
from dataclasses import dataclass
from pathlib import Path

_HEAD = re.compile(r"(param|output|var|resource|module|type) (\w+)\b ?(.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One declaration with its decorators and the lines below it."""

    kind: str
    name: str
    rest: str
    """The first line behind the name: type and default, or the type of a resource."""
    decorators: tuple[str, ...]
    body: str

    @property
    def type(self) -> str:
        """Type of a parameter or output."""
        return self.rest.split(" = ")[0].strip()

    @property
    def default(self) -> str | None:
        """Default of a parameter, if it has one."""
        return self.rest.split(" = ", 1)[1] if " = " in self.rest else None

    def decorated(self, word: str) -> bool:
        """Whether a decorator of that name is there."""
        return any(decorator.startswith(f"@{word}(") for decorator in self.decorators)


def declarations(path: Path) -> list[Declaration]:
    """Every declaration of a file, in order."""
    found: list[Declaration] = []
    decorators: list[str] = []
    lines = path.read_text(encoding="utf-8").splitlines()
    for index, line in enumerate(lines):
        if line.startswith("@"):
            decorators.append(line)
        elif head := _HEAD.match(line):
            kind, name, rest = head.groups()
            found.append(
                Declaration(
                    kind=kind,
                    name=name,
                    rest=rest,
                    decorators=tuple(decorators),
                    body=_body(lines, index),
                )
            )
            decorators = []
        elif line:
            decorators = []
    return found


def of(path: Path, kind: str) -> dict[str, Declaration]:
    """The declarations of one kind, by name."""
    return {found.name: found for found in declarations(path) if found.kind == kind}


def properties(body: str, indent: int) -> dict[str, str]:
    """`name: value` lines at an indent."""
    pattern = re.compile(rf"^ {{{indent}}}'?([\w:]+)'?: (.*)$", re.MULTILINE)
    return dict(pattern.findall(body))


def _body(lines: list[str], index: int) -> str:
    """The lines of a declaration, up to the next line at column 0 that is no bracket."""
    end = index + 1
    while end < len(lines) and (not lines[end] or lines[end][0] in " }])"):
        end += 1
    return "\n".join(lines[index:end])
