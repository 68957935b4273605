"""Records with a marker of its own in every field, and where each marker may come out."""

import json
from pathlib import Path
from typing import Any

from detector.core.instant import SECOND, format_instant

_SCHEMA = Path(__file__).parents[1] / "tools/schema_defender.json"
DOCUMENTED = json.loads(_SCHEMA.read_text())["tables"]["CloudAppEvents"]

SHAPED = {
    "IPAddress": "2001:db8:c0de::42",
    "AccountObjectId": "00000000-0000-0000-0000-00000000ca01",
    "AccountId": "zqaccountid@example.com",
    "Application": "Confluence zqapplication",
    "tenantId": "00000000-0000-0000-0000-00000000ca02",
    "category": "zqcategory-AdvancedHunting-CloudAppEvents",
    "time": "zqtime",
    "IsAdminOperation": "zqisadminoperation",
}
"""Markers that must have a form, so that the record is read at all."""

_FIXED = {"Timestamp", "ActionType", "RawEventData", "ObjectName"}


def marker(name: str) -> str:
    """What is looked for: nobody else's text, in lower case."""
    shaped = {"Application": "zqapplication", "category": "zqcategory"}
    return shaped.get(name) or SHAPED.get(name) or f"zq{name.lower().replace('.', '')}qz"


def _columns(prefix: str = "") -> dict[str, Any]:
    """Every documented column, AppName's and ISP's other spellings, and one nobody knows."""
    names = [n for n in DOCUMENTED if n not in _FIXED] + ["ISP", "UnknownColumn"]
    found = {n: SHAPED.get(n) or f"{prefix}{marker(n)}" for n in names}
    return {**found, "ActivityObjects": [{"Name": marker("ActivityObjects")}]}


def a_record(at: int, action: str, raw: dict[str, Any], **columns: Any) -> dict[str, Any]:
    """One record with every field marked; `raw` is laid over the marks of RawEventData."""
    return {
        "time": format_instant(at),
        "tenantId": SHAPED["tenantId"],
        "operationName": marker("operationName"),
        "category": SHAPED["category"],
        "Tenant": marker("Tenant"),
        "UnknownField": marker("UnknownField"),
        "properties": {
            **_columns(),
            "Timestamp": format_instant(at),
            "ActionType": action,
            "ReportId": f"{marker('ReportId')} {at} {action}",
            "RawEventData": {
                "unknown": marker("RawEventData.unknown"),
                "attributes": {"actor": {"email": marker("RawEventData.email")}},
                **raw,
            },
            **columns,
        },
    }


def a_hit(at: int) -> list[dict[str, Any]]:
    """A hunt that ends in a download, marked everywhere: high under `recommended`."""
    search = {"searchQuery": f"vpn password {marker('searchQuery')}"}
    viewed = {"spaceKey": marker("spaceKey"), "pageTitle": marker("pageTitle")}
    return [
        a_record(at, "SearchPerformed", search),
        a_record(at + 10 * SECOND, "PageViewed", viewed),
        a_record(at + 20 * SECOND, "PageViewed", viewed, ObjectName=marker("ObjectName")),
        a_record(at + 30 * SECOND, "AttachmentDownloaded", viewed, ObjectName=marker("taken")),
    ]


def rejects(at: int) -> list[dict[str, Any]]:
    """Ours, but unreadable: a time that is none, a wrong type, another tenant's, no action."""
    sound = a_record(at, "PageViewed", {"spaceKey": marker("rejected")})
    columns = {name: marker("rejected") for name in ("AccountDisplayName", "UserAgent", "ISP")}
    return [
        {**sound, "properties": {**sound["properties"], **columns, **wrong}}
        for wrong in ({"Timestamp": marker("Timestamp")}, {"IPAddress": 7}, {"ActionType": ""})
    ]


def others(at: int) -> list[dict[str, Any]]:
    """Other applications' and tables' records: nothing of them is kept."""
    sound = a_record(at, "PageViewed", {"spaceKey": marker("ignored")})
    columns = {name: marker("ignored") for name in ("AccountDisplayName", "ActionType", "ISP")}
    columns |= {"AccountObjectId": marker("ignored"), "IPAddress": marker("ignored")}
    properties = {**sound["properties"], **columns}
    return [
        {**sound, "properties": {**properties, "Application": "Word"}},
        {**sound, "category": "AdvancedHunting-EmailEvents", "properties": properties},
    ]


def a_bystander(at: int) -> list[dict[str, Any]]:
    """One page view of somebody who is no hit, in an action that no policy knows."""
    about = {"AccountObjectId": "", "AccountDisplayName": marker("bystander")}
    known = a_record(at, "PageViewed", {}, **about, ReportId="bystander")
    return [known, a_record(at, marker("ActionType"), {}, **about, ReportId="unmapped")]
