"""Options that commands share, and what every command needs first."""

import asyncio
import json
import sys
from collections.abc import Coroutine
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from detector.core.plain import escaped
from detector.core.policy import Policy
from detector.policies import load_policy
from detector.settings import Settings, SettingsError, read_settings

T = TypeVar("T")

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


class Format(StrEnum):
    """How a command prints its result."""

    TABLE = "table"
    JSON = "json"


PolicyOption = Annotated[
    str | None,
    typer.Option(
        "--policy", help="`source`, `recommended`, or a policy file.", metavar="NAME|FILE"
    ),
]
StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        help="`sqlite:PATH` or `azure`. Default: $DETECTOR_STORE, else sqlite:.detector/state.db.",
        metavar="STORE",
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", help="How to print the result.")]


def settings_with(store: str | None = None) -> Settings:
    """The environment's settings, with the store of the command line."""
    settings = read_settings()
    return settings.model_copy(update={"store": store}) if store else settings


def settings_to_read(store: str | None = None) -> Settings:
    """As `settings_with`, for a command that only reads. Raises SettingsError: no such file."""
    settings = settings_with(store)
    kind, _, path = settings.store.partition(":")
    if kind == "sqlite" and not Path(path).exists():
        raise SettingsError(f"store {settings.store}: there is no such file")
    return settings


def policy_named(name: str | None, default: str, settings: Settings | None = None) -> Policy:
    """The policy of the command line; without one the default, with the settings' overrides."""
    if name is not None or settings is None:
        return load_policy(name or default)
    return load_policy(settings.policy or default, settings.policy_overrides)


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run a use case to its end."""
    return asyncio.run(work)


def print_json(document: object) -> None:
    """One JSON document on standard output: no wrapping, no colours, nothing that is not seen."""
    sys.stdout.write(escaped(json.dumps(document, ensure_ascii=False, indent=2)) + "\n")


def plain(text: str) -> str:
    """Text of a record made safe for a terminal: no control characters, no markup."""
    shown = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return escape(shown)
