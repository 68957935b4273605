"""`python -m tests.loopback.eventhub`: serve until interrupted; prints the connection string."""

import argparse
import asyncio
import signal
from pathlib import Path

from tests.loopback.eventhub.server import DEFAULT_KEY, LoopbackHub


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(prog="tests.loopback.eventhub", description=__doc__)
    parser.add_argument("--port", type=int, default=5672, help="0 takes a free one")
    parser.add_argument("--hub", default="cloudappevents")
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--group", action="append", help="consumer group besides $Default")
    parser.add_argument("--key", default=DEFAULT_KEY, help="shared access key")
    parser.add_argument("--data", type=Path, help="folder for logs that outlive the process")
    asyncio.run(serve(parser.parse_args()))


async def serve(options: argparse.Namespace) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with LoopbackHub(
        hub=options.hub,
        partitions=options.partitions,
        groups=options.group or ("detector",),
        port=options.port,
        key=options.key,
        data_dir=options.data,
    ) as hub:
        print(hub.connection_string, flush=True)
        await stop.wait()


if __name__ == "__main__":
    main()
