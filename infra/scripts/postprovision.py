"""Says what is left to do after the deployment; azd runs it, and so can anybody.

It reads the outputs of the deployment from the environment and changes nothing.
Exit codes: 0 always, 2 when the outputs are missing.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence

from cloud import OK, USAGE

NEEDED = (
    "AZURE_FUNCTION_NAME",
    "AZURE_RESOURCE_GROUP",
    "DETECTOR_IDENTITY_NAME",
    "EVENTHUB_NAME",
    "EVENTHUB_NAMESPACE_ID",
)


def next_steps(outputs: Mapping[str, str]) -> Iterator[str]:
    """The steps people must take themselves, in order."""
    yield (
        "Connect the stream: security.microsoft.com > Settings > Microsoft Defender XDR > "
        "Streaming API > Add, Forward events to Event Hub:\n"
        f"   Event-Hub Resource ID  {outputs['EVENTHUB_NAMESPACE_ID']}\n"
        f"   Event-Hub name         {outputs['EVENTHUB_NAME']}\n"
        "   Event types            CloudAppEvents only"
    )
    identity = outputs["DETECTOR_IDENTITY_NAME"]
    grant = f"   python infra/scripts/grant_graph.py --identity-name {identity}"
    if outputs.get("DETECTOR_SINK") != "sentinel":
        yield (
            "Grant the Graph permissions (Privileged Role Administrator), "
            f"then deploy with sink=defender:\n{grant}"
        )
    if not outputs.get("EVIDENCE_URL"):
        redirect = outputs.get("EVIDENCE_REDIRECT_URL", "EVIDENCE_REDIRECT_URL")
        yield (
            "Register the evidence page, then deploy with evidenceAppClientId:\n"
            f"{grant} --evidence-redirect-url {redirect}"
        )
    yield (
        "Publish (azd does it by itself):\n"
        f"   python infra/scripts/publish.py --resource-group {outputs['AZURE_RESOURCE_GROUP']}"
        f" --app {outputs['AZURE_FUNCTION_NAME']}"
    )
    yield "Try it: python infra/scripts/smoke.py --help"


def main(
    arguments: Sequence[str] | None = None, environment: Mapping[str, str] | None = None
) -> int:
    """Runs the script and returns its exit code."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args(arguments)
    outputs = os.environ if environment is None else environment
    missing = [name for name in NEEDED if not outputs.get(name)]
    if missing:
        print(f"postprovision: not in the environment: {', '.join(missing)}", file=sys.stderr)
        return USAGE
    print("Deployed. What is left:")
    for number, step in enumerate(next_steps(outputs), start=1):
        print(f"{number}. {step}")
    return OK


if __name__ == "__main__":
    sys.exit(main())
