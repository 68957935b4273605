"""Steps as rows of `CloudAppEvents`, in the variety of shapes the stream really has.

Columns: Microsoft's table reference, 36 of them. Shapes, as public captures of the stream show:
dynamic columns as object, as JSON text or as "", flags as bool or 0/1, `Isp` or `ISP`.
No public sample of an Atlassian row exists: the session control rows carry the names that the
source query expects, the app connector rows Atlassian's own audit event.
"""

import json
from datetime import UTC, datetime, timedelta
from random import Random

from detector.samples.member import TICKS_PER_SECOND, Session, Step, Verb
from detector.samples.wiki import page_id

Properties = dict[str, object]

DAY = datetime(2026, 3, 11, tzinfo=UTC)
CONFLUENCE_ID = 31_001
ATLASSIAN_ID = 31_002

_ACTIONS: dict[str, dict[Verb, str]] = {
    "camel": {
        "view": "PageViewed",
        "visit": "SpaceViewed",
        "search": "SearchPerformed",
        "download": "AttachmentDownloaded",
        "print": "PagePrinted",
        "export": "ContentExported",
        "export space": "SpaceExported",
    },
    "snake": {
        "view": "page_viewed",
        "visit": "space_viewed",
        "search": "search_performed",
        "download": "attachment_downloaded",
        "print": "PagePrinted",
        "export": "content_exported",
        "export space": "space_exported",
    },
    "connector": {"view": "confluence_page_viewed"},
}
# Every column, in the order of a real record, with what most rows say.
_ORDINARY: Properties = {
    "Timestamp": None,
    "ActionType": None,
    "Application": None,
    "ApplicationId": None,
    "AppInstanceId": 0,
    "AccountObjectId": None,
    "AccountId": None,
    "AccountDisplayName": None,
    "IsAdminOperation": False,
    "DeviceType": "Desktop",
    "OSPlatform": None,
    "IPAddress": None,
    "IsAnonymousProxy": False,
    "CountryCode": "NL",
    "City": None,
    "Isp": "Example Networks",
    "UserAgent": None,
    "ActivityType": "Basic",
    "ActivityObjects": None,
    "ObjectName": None,
    "ObjectType": None,
    "ObjectId": None,
    "ReportId": None,
    "AccountType": "Regular",
    "IsExternalUser": False,
    "IsImpersonated": False,
    "IPTags": None,
    "IPCategory": None,
    "UserAgentTags": None,
    "RawEventData": None,
    "AdditionalFields": {"IsSatelliteProvider": False},
    "LastSeenForUser": {"ActionType": 0, "ISP": 0},
    "UncommonForUser": [],
    "AuditSource": "Defender for Cloud Apps app connector",
    "SessionData": None,
    "OAuthAppId": None,
}
_OF_A_SERVICE: Properties = {
    "AccountType": "Application",
    "DeviceType": None,
    "UserAgentTags": ["Robot"],
}
_FLAGS = ("IsAdminOperation", "IsAnonymousProxy", "IsExternalUser", "IsImpersonated")
_DYNAMICS = ("ActivityObjects", "AdditionalFields", "RawEventData")


def instant(ticks: int) -> str:
    """`ticks` since the sample day's midnight as ISO 8601 UTC with seven digits and Z."""
    seconds, fraction = divmod(ticks, TICKS_PER_SECOND)
    return f"{(DAY + timedelta(seconds=seconds)).isoformat()[:19]}.{fraction:07}Z"


def confluence_row(step: Step, random: Random) -> Properties:
    """The step as the record Defender would stream, with all 36 columns."""
    is_connector = step.session.spelling == "connector"
    row = cloud_app_row(
        random,
        at=step.at,
        session=step.session,
        action=_ACTIONS[step.session.spelling][step.verb],
        application=("Atlassian", ATLASSIAN_ID) if is_connector else ("Confluence", CONFLUENCE_ID),
        raw=_audit_event(step) if is_connector else _seen_by_proxy(step),
    )
    if not is_connector:
        row["AuditSource"] = "Defender for Cloud Apps session control"
    if step.verb != "search":
        row["ObjectName"], row["ObjectType"], row["ObjectId"] = _object_of(step)
    return _varied(row, random)


def cloud_app_row(
    random: Random,
    *,
    at: int,
    session: Session,
    action: str,
    application: tuple[str, int],
    raw: Properties,
) -> Properties:
    """A row of any application, its object not filled in. `application` is a name and an id."""
    name, number = application
    member = session.member
    row = _ORDINARY | {
        "Timestamp": instant(at),
        "ActionType": action,
        "Application": name,
        "ApplicationId": number,
        "AccountObjectId": member.object_id,
        "AccountId": f"{member.name.lower()}@example.com",
        "AccountDisplayName": member.name,
        "IPAddress": session.address,
        "UserAgent": session.agent or None,
        "ActivityObjects": [{"Type": "User", "Role": "Actor", "Name": member.name}],
        "ReportId": f"{random.getrandbits(128):032x}_{number}",
        "RawEventData": raw,
    }
    return row | _OF_A_SERVICE if member.is_service else row


def _object_of(step: Step) -> tuple[str, str, str]:
    identity = page_id(step.space, step.title)
    if step.verb == "download":
        return f"{step.title}.pdf", "attachment", f"att{identity}"
    if step.verb in ("visit", "export space"):
        return step.title, "space", step.space
    return step.title, "page", identity


def _seen_by_proxy(step: Step) -> Properties:
    if step.verb == "search":
        return {"searchQuery": step.search}
    return {"spaceKey": step.space, "pageTitle": step.title}


def _audit_event(step: Step) -> Properties:
    page = {
        "id": page_id(step.space, step.title),
        "type": "page",
        "attributes": {"title": step.title, "spaceKey": step.space},
    }
    return {
        "id": f"{step.at:x}-{step.session.member.number}",
        "type": "events",
        "attributes": {
            "time": instant(step.at),
            "action": _ACTIONS["connector"][step.verb],
            "actor": {
                "id": f"5b{step.session.member.number:022}",
                "name": step.session.member.name,
            },
            "container": [{"id": "ari:cloud:confluence::site/0", "type": "sites"}],
            "context": [page],
            "location": {"ip": step.session.address},
        },
    }


def _varied(row: Properties, random: Random) -> Properties:
    if random.random() < 0.2:
        row |= {flag: int(bool(row[flag])) for flag in _FLAGS}
    if random.random() < 0.2:
        row |= {name: json.dumps(row[name], ensure_ascii=False) for name in _DYNAMICS}
    if random.random() < 0.1:
        row["ActivityObjects"] = ""
    if random.random() < 0.5:
        row["ISP"] = row.pop("Isp")
    return row
