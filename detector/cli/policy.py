"""`policy show` and `policy check`."""

from typing import Annotated

import typer

from detector.cli.common import Format, FormatOption, PolicyOption, out, policy_named, print_json
from detector.policies import effective, load_policy
from detector.settings import read_settings

app = typer.Typer(help="Show or check a policy.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def show(policy: PolicyOption = None, format: FormatOption = Format.JSON) -> None:  # noqa: A002
    """Print the effective policy, every default written out: what `run` would use.

    Example:
      python -m detector policy show --policy source
    """
    chosen = policy_named(policy, "recommended", read_settings())
    out.print(effective(chosen), markup=False, soft_wrap=True)
    if format is Format.TABLE:
        out.print(f"fingerprint {chosen.fingerprint}")


@app.command()
def check(
    file: Annotated[str, typer.Argument(help="A policy file.", metavar="FILE")],
    format: FormatOption = Format.TABLE,  # noqa: A002
) -> None:
    """Check a policy file: exit 0 when it can be used, 2 with the wrong key when not.

    Example:
      python -m detector policy check my-policy.json
    """
    policy = load_policy(file)
    if format is Format.JSON:
        print_json({"name": policy.name, "fingerprint": policy.fingerprint})
    else:
        out.print(
            f"{file}: fine; policy {policy.name!r}, fingerprint {policy.fingerprint}",
            markup=False,
            soft_wrap=True,
        )
