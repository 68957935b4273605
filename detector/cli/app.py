"""The commands of `python -m detector`, and what happens to a user's mistake."""

import inspect
import os
import re
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from detector import __version__
from detector.cli import (
    alerts,
    check,
    counters,
    deadletters,
    forget,
    hub,
    kql,
    mutes,
    policy,
    run,
    sample,
    score,
    why,
)
from detector.cli.common import err, out
from detector.cli.inputs import InputError
from detector.core.policy import PolicyError
from detector.ports import StoreUnavailableError
from detector.settings import SettingsError

EXIT_CODES = (
    "Exit codes: 0 fine; 1 findings, where score was asked to fail on them; "
    "2 usage or bad input; 3 a service it needs did not answer; 130 interrupted."
)


app = typer.Typer(
    help="Detects Confluence data mining (ATT&CK T1213.001) in Defender CloudAppEvents.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(run.run)
app.command()(score.score)
app.command()(counters.counters)
app.add_typer(alerts.app, name="alerts")
app.command()(why.why)
app.add_typer(mutes.app, name="mutes")
app.command()(forget.forget)
app.command()(hub.send)
app.add_typer(deadletters.app, name="deadletters")
app.command()(check.check)
app.command()(kql.kql)
app.add_typer(policy.app, name="policy")
app.command()(sample.sample)


def _show_version(asked: bool) -> None:
    if asked:
        out.print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    del version  # the callback has answered it


def _explain(group: typer.Typer) -> None:
    """Give each command's help the exit codes, and leave the lines of its examples alone."""
    for command in group.registered_commands:
        text = command.help or inspect.getdoc(command.callback) or ""
        command.help = re.sub(r"\n\n(?=Examples?:|  )", "\n\n\b\n", text)
        command.epilog = EXIT_CODES
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            _explain(inner.typer_instance)


_explain(app)


def main() -> None:
    """Run a command. 0 fine, 1 findings, 2 usage or bad input, 3 a service did not answer."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # an ASCII terminal is no error
    try:
        code = _run()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


def _run() -> int:
    try:
        app()
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):
            raise BrokenPipeError from ended
        return int(ended.code or 0)
    except (InputError, PolicyError, SettingsError) as error:
        err.print(f"error: {error}", markup=False, soft_wrap=True)
        return 2
    except ModuleNotFoundError as error:  # such as after `make run`, which installs no Azure client
        if error.name is None or error.name.startswith("detector"):
            raise
        err.print(f"error: {error.name} is not installed: pip install -r requirements.txt")
        return 2
    except (StoreUnavailableError, OSError) as error:
        err.print(f"error: {error}", markup=False, soft_wrap=True)
        return 3
    return 0
