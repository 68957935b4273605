"""Which files a .funcignore leaves out: the rules of .gitignore that such files use."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of an ignore file."""

    pattern: re.Pattern[str]
    negated: bool
    folders_only: bool


def expression(glob: str) -> str:
    """A glob of .gitignore as a regular expression over a path with forward slashes."""
    parts = re.split(r"(\*\*/|/\*\*$|\*|\?|\[[^\]]*\])", glob)
    meanings = {"**/": "(?:.*/)?", "/**": "/.*", "*": "[^/]*", "?": "[^/]"}
    return "".join(
        meanings.get(part)
        or (part.replace("[!", "[^") if part.startswith("[") else re.escape(part))
        for part in parts
    )


def read(lines: Iterable[str]) -> tuple[Rule, ...]:
    """The rules of an ignore file, in order; comments and blank lines are none."""
    rules = []
    for line in lines:
        glob = line.rstrip()
        if not glob or glob.startswith("#"):
            continue
        negated = glob.startswith("!")
        glob = glob.removeprefix("!")
        folders_only = glob.endswith("/")
        glob = glob.rstrip("/")
        # A slash anywhere but at the end ties the rule to the root.
        prefix = "" if "/" in glob else "(?:.*/)?"
        pattern = re.compile(prefix + expression(glob.removeprefix("/")))
        rules.append(Rule(pattern=pattern, negated=negated, folders_only=folders_only))
    return tuple(rules)


def is_ignored(path: str, *, is_folder: bool, rules: Sequence[Rule]) -> bool:
    """Whether the last rule that matches a path leaves it out.

    Like git, a walk must not enter an ignored folder: nothing below it can be taken back in.
    """
    ignored = False
    for rule in rules:
        if rule.pattern.fullmatch(path) and (is_folder or not rule.folders_only):
            ignored = not rule.negated
    return ignored
