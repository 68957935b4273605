"""`check`: whether everything that the detector needs is there, before it is needed."""

from collections.abc import Awaitable, Callable

import typer

from detector.cli.common import (
    Format,
    FormatOption,
    PolicyOption,
    StoreOption,
    out,
    plain,
    policy_named,
    print_json,
    run_async,
    settings_with,
)
from detector.core.policy import PolicyError
from detector.ports import DeliveryError, StoreUnavailableError
from detector.settings import SettingsError
from detector.wiring import make_sinks, missing_permissions, opened

Result = dict[str, str | bool]


def check(
    store: StoreOption = None,
    policy: PolicyOption = None,
    format: FormatOption = Format.TABLE,  # noqa: A002
) -> None:
    """Check settings, policy, store, and the permissions of the sink; says what is missing.

    Exit code: 0 all is there, 2 something is set wrong or not granted, 3 a service did not answer.

    Example:
      python -m detector check --store azure --format json
    """
    results, code = run_async(_check(store, policy))
    if format is Format.JSON:
        print_json({"ok": code == 0, "checks": results})
    for result in results if format is Format.TABLE else ():
        mark = "ok" if result["ok"] else "FAILS"
        out.print(f"{mark:<6}{result['check']:<10}{plain(str(result['detail']))}", soft_wrap=True)
    raise typer.Exit(code)


async def _check(store: str | None, policy: str | None) -> tuple[list[Result], int]:
    """Each check in turn; one that fails does not stop the others."""
    checks: dict[str, Callable[[str | None, str | None], Awaitable[str]]] = {
        "settings": _settings,
        "policy": _policy,
        "store": _store,
        "sink": _sink,
    }
    results: list[Result] = []
    codes: list[int] = []
    for name, work in checks.items():
        detail, code = await _outcome(work(store, policy))
        results.append({"check": name, "ok": code == 0, "detail": detail})
        codes.append(code)
        if name == "settings" and code:
            break
    return results, next((code for code in codes if code), 0)


async def _outcome(work: Awaitable[str]) -> tuple[str, int]:
    try:
        return await work, 0
    except (SettingsError, PolicyError) as error:
        return str(error), 2
    except (StoreUnavailableError, DeliveryError) as error:
        return str(error), 3


async def _settings(store: str | None, policy: str | None) -> str:
    del policy
    settings = settings_with(store)
    return f"store {settings.store.partition(':')[0]}, sink {settings.sink}"


async def _policy(store: str | None, policy: str | None) -> str:
    chosen = policy_named(policy, "recommended", settings_with(store))
    return f"{chosen.name}, fingerprint {chosen.fingerprint}"


async def _store(store: str | None, policy: str | None) -> str:
    del policy
    async with opened(settings_with(store)) as rows:
        days = await rows.tables("counters")
    return f"answers, {len(days)} days of events"


async def _sink(store: str | None, policy: str | None) -> str:
    del policy
    settings = settings_with(store)
    make_sinks(settings)
    missing = await missing_permissions(settings)
    if missing:
        raise SettingsError(f"not granted: {', '.join(missing)} (docs/deploy.md)")
    return "every permission is granted" if settings.sink == "defender" else settings.sink
