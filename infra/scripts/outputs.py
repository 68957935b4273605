"""Prints the outputs of the deployment as NAME=value lines, for a shell or a pipeline.

set -a; eval "$(python infra/scripts/outputs.py)"; set +a

Exit codes: 0 printed; 2 usage; 3 Azure did not answer.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence

from cloud import NO_ANSWER, OK, Az, CloudError, az

DEPLOYMENT = "confluence-mining"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which deployment is meant."""
    parser.add_argument("--deployment", default=DEPLOYMENT, help="name (%(default)s)")
    parser.add_argument("--resource-group", help="when resources.bicep was deployed to one group")


def outputs_of(run: Az, deployment: str, group: str | None) -> dict[str, str]:
    """The outputs of a deployment, subscription-wide or of one group. Raises CloudError.

    The command line is known to change the case of names; ours are all upper case.
    """
    scope = ("group", "--resource-group", group) if group else ("sub",)
    shown = run("deployment", scope[0], "show", "--name", deployment, *scope[1:])
    found = shown["properties"].get("outputs") or {}
    return {name.upper(): str(output["value"]) for name, output in found.items()}


def main(arguments: Sequence[str] | None = None, *, run: Az = az) -> int:
    """Runs the script and returns its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser)
    parser.add_argument("--plain", action="store_true", help="unquoted, for GITHUB_ENV")
    options = parser.parse_args(arguments)
    try:
        found = outputs_of(run, options.deployment, options.resource_group)
    except CloudError as error:
        print(f"outputs: {error}", file=sys.stderr)
        return NO_ANSWER
    for name, value in sorted(found.items()):
        print(f"{name}={value if options.plain else shlex.quote(value)}")
    return OK


if __name__ == "__main__":
    sys.exit(main())
