"""`kql`: the policy as the query it is equal to."""

from typing import Annotated, Literal

import typer

from detector.cli.common import Format, FormatOption, PolicyOption, out, policy_named, print_json
from detector.core.kql import query


def kql(
    policy: PolicyOption = None,
    by: Annotated[
        Literal["session", "user"], typer.Option("--by", help="The query's groups, or users.")
    ] = "session",
    format: FormatOption = Format.TABLE,  # noqa: A002
) -> None:
    """Print the KQL query with the policy's numbers and terms, for CloudAppEvents.

    Examples:
      python -m detector kql

      python -m detector kql --policy recommended --by user
    """
    text = query(policy_named(policy, "source"), by=by)
    if format is Format.JSON:
        print_json({"query": text})
    else:
        out.print(text, markup=False, soft_wrap=True, end="")
