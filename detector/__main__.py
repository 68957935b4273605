"""`python -m detector`."""

import signal
import sys


def _interrupted(*_: object) -> None:
    sys.exit(130)


signal.signal(signal.SIGINT, _interrupted)  # no traceback, not even while importing

from detector.cli.app import main  # noqa: E402

main()
