"""CloudAppEvents records as Defender streams them; what a test does not name does not matter."""

import json
from itertools import count
from typing import Any

from detector.core.instant import SECOND, format_instant

_reports = count()


def user_id(number: int) -> str:
    """An Entra object id."""
    return f"00000000-0000-0000-0000-{number:012d}"


def a_record(
    at: int,
    action: str = "PageViewed",
    *,
    user: int = 7,
    name: str | None = None,
    title: str = "Page",
    space: str = "OPS",
    search: str = "",
    report: str = "",
    **columns: Any,
) -> dict[str, Any]:
    """One record of the envelope; without `report` it is an event of its own."""
    raw = {"searchQuery": search} if search else {"spaceKey": space, "pageTitle": title}
    return {
        "time": format_instant(at),
        "tenantId": user_id(0),
        "category": "AdvancedHunting-CloudAppEvents",
        "properties": {
            "Timestamp": format_instant(at),
            "ActionType": action,
            "Application": "Confluence",
            "AccountObjectId": user_id(user),
            "AccountDisplayName": f"User {user}" if name is None else name,
            "AccountId": f"user{user}@example.com",
            "IPAddress": "192.0.2.7",
            "UserAgent": "Firefox",
            "ObjectName": "" if search else title,
            "ReportId": report or f"report {next(_reports)}",
            "RawEventData": raw,
            **columns,
        },
    }


def views(number: int, at: int, *, every: int = SECOND, **about: Any) -> list[dict[str, Any]]:
    """That many page views from `at` on, each of another page."""
    return [a_record(at + i * every, **{"title": f"Page {i}", **about}) for i in range(number)]


def a_search(at: int, text: str = "vpn password", **about: Any) -> dict[str, Any]:
    """A search for secrets."""
    return a_record(at, "SearchPerformed", search=text, **about)


def a_download(at: int, **about: Any) -> dict[str, Any]:
    """An attachment that was taken."""
    return a_record(at, "AttachmentDownloaded", **about)


def a_space_export(at: int, **about: Any) -> dict[str, Any]:
    """A whole space that was taken."""
    return a_record(at, "SpaceExported", **about)


def a_theft(at: int, **about: Any) -> list[dict[str, Any]]:
    """A search for secrets, a page opened and an attachment taken: high under `recommended`."""
    return [
        a_search(at, **about),
        a_record(at + 10 * SECOND, title="Runbook", **about),
        a_download(at + 20 * SECOND, title="keys.zip", **about),
    ]


def message(records: list[dict[str, Any]]) -> bytes:
    """The body of one Event Hub message."""
    return json.dumps({"records": records}).encode()
