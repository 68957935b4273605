"""`send`, and the options of `run --eventhub`: an Event Hub without a Functions host."""

from typing import Annotated

import typer

from detector.cli.common import Format, FormatOption, PolicyOption, out, print_json, run_async
from detector.cli.inputs import check_inputs

NamespaceOption = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        help="example.servicebus.windows.net, entered with an Entra identity. "
        "Default: $EVENTHUB (a connection string) or $EVENTHUB__fullyQualifiedNamespace.",
    ),
]
HubOption = Annotated[str | None, typer.Option("--hub", help="Default: $EVENTHUB_NAME.")]


def send(
    file: Annotated[str, typer.Argument(help="An NDJSON file: one event for each line.")],
    eventhub: Annotated[bool, typer.Option("--eventhub", help="Send to an Event Hub.")] = True,
    namespace: NamespaceOption = None,
    hub: HubOption = None,
    resume_from: Annotated[
        int, typer.Option("--resume-from", help="Lines that are already sent.", min=0)
    ] = 0,
    policy: PolicyOption = None,
    format: FormatOption = Format.TABLE,  # noqa: A002
) -> None:
    """Send the lines of FILE to an Event Hub, in batches as large as it takes.

    When it stops it says where to resume. Sending a line twice does no harm: the detector counts
    an event once.

    Examples:
      EVENTHUB="Endpoint=sb://…" python -m detector send examples/day.jsonl --eventhub

      python -m detector send export.jsonl --namespace example.servicebus.windows.net
    """
    from detector.cli.eventhub import hub_address, send_file

    del policy, eventhub
    check_inputs([file])
    report = run_async(send_file(file, hub_address(namespace, hub), resume_from))
    if format is Format.JSON:
        print_json({"lines": report.lines, "events": report.events, "batches": report.batches})
    else:
        out.print(f"{report.events:,} events in {report.batches:,} batches are sent")
