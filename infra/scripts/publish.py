"""Publishes a package to the function app and waits until its functions are there.

Exit codes: 0 published; 1 the functions did not appear; 2 usage; 3 Azure did not answer.
"""

import argparse
import os
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from cloud import FINDINGS, NO_ANSWER, OK, USAGE, Az, CloudError, az
from package import ROOT, VENDORED, build, version

FUNCTIONS = frozenset({"ingest", "evaluate", "housekeep", "health", "evidence"})


def publish(run: Az, *, group: str, app: str, package: Path) -> None:
    """Sends the package. A package without dependencies is built in Azure."""
    with zipfile.ZipFile(package) as content:
        has_dependencies = any(name.startswith(VENDORED) for name in content.namelist())
    command = ["functionapp", "deployment", "source", "config-zip"]
    command += ["--resource-group", group, "--name", app, "--src", str(package)]
    run(*command, "--build-remote", "false" if has_dependencies else "true", "--timeout", "600")


def missing_functions(run: Az, *, group: str, app: str) -> frozenset[str]:
    """Functions of the package that the app does not list."""
    listed = run("functionapp", "function", "list", "--resource-group", group, "--name", app) or []
    return FUNCTIONS - {str(function["name"]).rpartition("/")[2] for function in listed}


def wait(
    run: Az, *, group: str, app: str, attempts: int, sleep: Callable[[float], None]
) -> frozenset[str]:
    """Functions still missing after the last attempt; attempts are 15 seconds apart."""
    missing = FUNCTIONS
    for attempt in range(attempts):
        if attempt:
            sleep(15)
        missing = missing_functions(run, group=group, app=app)
        if not missing:
            break
    return missing


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options; azd puts the outputs of the deployment in the environment."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    group, app = (os.environ.get(name) for name in ("AZURE_RESOURCE_GROUP", "AZURE_FUNCTION_NAME"))
    parser.add_argument("--resource-group", default=group, required=not group)
    parser.add_argument("--app", default=app, required=not app)
    parser.add_argument("--package", type=Path, help="default: one is built")
    parser.add_argument("--attempts", type=int, default=20, help="15 seconds apart (%(default)s)")
    return parser.parse_args(arguments)


def deploy(
    options: argparse.Namespace, run: Az, sleep: Callable[[float], None]
) -> tuple[Path, frozenset[str]]:
    """The package that was sent, and the functions that did not appear."""
    package = options.package or ROOT / "dist" / f"confluence-mining-detector-{version(ROOT)}.zip"
    if not options.package:
        build(ROOT, package)
    where = {"group": options.resource_group, "app": options.app}
    publish(run, package=package, **where)
    return package, wait(run, attempts=options.attempts, sleep=sleep, **where)


def main(
    arguments: Sequence[str] | None = None,
    *,
    run: Az = az,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Runs the script and returns its exit code."""
    options = parse(arguments)
    try:
        package, missing = deploy(options, run, sleep)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        print(f"publish: {error}", file=sys.stderr)
        return USAGE
    except CloudError as error:
        print(f"publish: {error}", file=sys.stderr)
        return NO_ANSWER
    if missing:
        print(f"publish: not listed: {', '.join(sorted(missing))}", file=sys.stderr)
        return FINDINGS
    print(f"published {package.name} to {options.app}")
    return OK


if __name__ == "__main__":
    sys.exit(main())
