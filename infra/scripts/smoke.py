"""Sends a synthetic miner through the real hub and waits for its counter and its incident.

The account of the miner exists nowhere else; its incident is resolved as a security test.
Run it in the environment of the product: it needs azure-eventhub, azure-data-tables and
azure-identity. Roles: Event Hubs Data Sender on the hub, Storage Table Data Contributor on
the state (both come with the parameter operatorPrincipalId); to close the incident, a token
with SecurityIncident.ReadWrite.All in GRAPH_ACCESS_TOKEN, or --leave-open.

Exit codes: 0 all steps; 2 usage; 3 a service did not answer; and which step failed:
10 health; 11 send; 12 counter; 13 episode; 14 incident; 15 close.
"""

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from cloud import GRAPH, OK, Api, CloudError, Document, access_token
from miner import PAGES, Miner, messages
from smoke_services import Hub, Incidents, State, delivery
from smoke_steps import Clock, Step, run

HEALTH, SEND, COUNTER, EPISODE, INCIDENT, CLOSE = range(10, 16)
CLOCKS_DIFFER = timedelta(minutes=5)


def option(parser: argparse.ArgumentParser, flag: str, variable: str, words: str) -> None:
    """An option whose default is an output of the deployment, which azd puts in the environment."""
    value = os.environ.get(variable)
    parser.add_argument(flag, default=value, required=not value, help=f"{words} ({variable})")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    option(
        parser, "--hub", "EVENTHUB_NAMESPACE_HOST", "host of the namespace, or connection string"
    )
    option(parser, "--hub-name", "EVENTHUB_NAME", "hub")
    option(parser, "--state", "DETECTOR_STATE", "table endpoint, or connection string")
    option(parser, "--tenant-id", "AZURE_TENANT_ID", "tenant the records claim to be of")
    sink = os.environ.get("DETECTOR_SINK", "none")
    parser.add_argument("--sink", choices=("defender", "sentinel", "none"), default=sink)
    parser.add_argument("--health-url", default=os.environ.get("HEALTH_URL"), help="HEALTH_URL")
    parser.add_argument("--graph", default=GRAPH, help="address of Microsoft Graph")
    parser.add_argument(
        "--leave-open", action="store_true", help="do not look for the incident in Graph"
    )
    parser.add_argument("--minutes", type=float, default=4.0, help="for each step (%(default)s)")
    parser.add_argument("--run", type=int, help="number of the run; default: the time")
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be sent, send nothing"
    )
    return parser.parse_args(arguments)


def health(url: str) -> str | None:
    """What the health page says; None while something else answers. Raises CloudError.

    What it finds wrong is no failure of this step: a stream that was silent until now is one.
    """
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        with error:
            text = error.read()
    except OSError as error:
        raise CloudError(f"{url}: {error}") from error
    try:
        document = json.loads(text)
    except ValueError:
        return None
    if "status" not in document:
        return None
    return "; ".join([document["status"], *document.get("faults", [])])


def counted(row: Document | None) -> str | None:
    """The counter, once every action of the miner is in it."""
    actions = int(row["TotalActions"]) if row else 0
    return f"TotalActions {actions}" if actions >= PAGES else None


def opened(row: Document | None) -> str | None:
    """The episode, once it is there."""
    return f"{row['EpisodeId']}: {row['ThreatIndicator']}, {row['Severity']}" if row else None


def sent(row: Document | None, sink: str) -> str | None:
    """The delivery to the sink, once it has taken the episode."""
    state = delivery(row, sink) if row else {}
    taken = state.get("status") == "sent"
    return f"sent to {sink} {state.get('incident_id', '')}".rstrip() if taken else None


def steps(options: argparse.Namespace, miner: Miner, started: datetime) -> Iterator[Step]:
    """The steps for a deployment, in order; those of a sink only where there is one."""
    hub, state = Hub(address=options.hub, name=options.hub_name), State(address=options.state)
    account, seconds = miner.account_object_id, options.minutes * 60

    def send() -> str:
        bodies = messages(miner, now=started, tenant_id=options.tenant_id)
        hub.send(bodies)
        return f"{PAGES} page views in {len(bodies)} messages as {miner.display_name}"

    def step(
        name: str, code: int, attempt: Callable[[], str | None], limit: float = seconds
    ) -> Step:
        return Step(name=name, code=code, seconds=limit, attempt=attempt)

    if options.health_url:
        yield step("health", HEALTH, lambda: health(options.health_url))
    yield step("send", SEND, send, 0)
    yield step("counter", COUNTER, lambda: counted(state.row("windows", account)))
    yield step("episode", EPISODE, lambda: opened(state.row("episodes", account)))
    if options.sink == "none":
        return
    yield step("incident", INCIDENT, lambda: sent(state.row("episodes", account), options.sink))
    if not options.leave_open:
        yield step("close", CLOSE, lambda: closed(options, miner, started))


def closed(options: argparse.Namespace, miner: Miner, started: datetime) -> str | None:
    """The incident, found in Graph and resolved; None while it is not there."""
    token = access_token(GRAPH, "GRAPH_ACCESS_TOKEN")
    incidents = Incidents(api=Api(root=f"{options.graph}/v1.0", token=token))
    incident = incidents.find(miner.display_name, started - CLOCKS_DIFFER)
    if incident is None:
        return None
    incidents.close(str(incident["id"]))
    return f"incident {incident['id']} resolved as a security test"


def main(arguments: Sequence[str] | None = None, *, clock: Clock | None = None) -> int:
    """Runs the script and returns its exit code."""
    options = parse(arguments)
    clock = clock or Clock(now=time.monotonic, sleep=time.sleep)
    started = datetime.now(UTC)
    miner = Miner(run=options.run if options.run is not None else int(started.timestamp()))
    plan = list(steps(options, miner, started))
    if options.dry_run:
        print(f"steps: {', '.join(step.name for step in plan)}")
        first = messages(miner, now=started, tenant_id=options.tenant_id)[0]
        print(json.dumps(json.loads(first)["records"][0], indent=2))
        return OK
    return run(plan, clock, print)


if __name__ == "__main__":
    sys.exit(main())
