"""The commands of `python -m detector`, and what happens to a user's mistake."""

import sys

import typer

from detector.cli import (
    alerts,
    check,
    counters,
    forget,
    kql,
    mutes,
    policy,
    run,
    sample,
    score,
    why,
)
from detector.cli.common import err
from detector.cli.inputs import InputError
from detector.core.policy import PolicyError
from detector.ports import StoreUnavailableError
from detector.settings import SettingsError

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
app.command()(check.check)
app.command()(kql.kql)
app.add_typer(policy.app, name="policy")
app.command()(sample.sample)


def main() -> None:
    """Run a command. 0 fine, 1 findings, 2 usage or bad input, 3 a service did not answer."""
    try:
        app()
    except (InputError, PolicyError, SettingsError) as error:
        err.print(f"error: {error}", markup=False, soft_wrap=True)
        sys.exit(2)
    except StoreUnavailableError as error:
        err.print(f"error: {error}", markup=False, soft_wrap=True)
        sys.exit(3)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
