"""A loopback Graph for a person: `python -m tests.loopback.graph --port 8787`."""

import argparse
import sys
import time
from datetime import timedelta

from tests.loopback.graph.identity import IDENTITY_HEADER, IDENTITY_PATH
from tests.loopback.graph.server import Call, LoopbackGraph
from tests.loopback.graph.state import wall_clock

HINT = """\
Microsoft Graph (loopback) at {root}. Settings for the function app or the command line:

  export DETECTOR_SINK=defender DETECTOR_GRAPH_ROOT={root}
  export IDENTITY_ENDPOINT={root}{path} IDENTITY_HEADER={header}

The last two let ManagedIdentityCredential get a token here. Ctrl-C ends the server.
"""


def line(call: Call) -> str:
    """One line of the log: what was asked, and what came of it."""
    return f"{call.status or 'no answer'}  {call.method} {call.path}"


def main() -> None:
    """Serve until interrupted, print every call once it is answered."""
    parser = argparse.ArgumentParser(prog="python -m tests.loopback.graph", description=__doc__)
    parser.add_argument("--port", type=int, default=8787)
    parser.add_argument("--visibility-delay", type=float, default=0.0, metavar="SECONDS")
    options = parser.parse_args()
    delay = timedelta(seconds=options.visibility_delay)
    with LoopbackGraph(clock=wall_clock, port=options.port, visibility_delay=delay) as graph:
        print(HINT.format(root=graph.root, path=IDENTITY_PATH, header=IDENTITY_HEADER), flush=True)
        printed = 0
        try:
            while True:
                time.sleep(0.2)
                for call in graph.calls[printed:]:
                    print(line(call), flush=True)
                    printed += 1
        except KeyboardInterrupt:
            print(f"{len(graph.alerts)} alerts, {len(graph.incidents)} incidents", file=sys.stderr)


if __name__ == "__main__":
    main()
