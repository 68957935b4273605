"""Builders of what the Graph tests send, and a clock that stands still."""

from datetime import UTC, datetime, timedelta

from tests.loopback.graph.schema import Json

USER = "00000000-0000-0000-0000-000000000007"
MARKER = "[ref:cfm-000000000001]"


class Clock:
    """Answers the same instant until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 10, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The instant."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move on."""
        self.now += timedelta(seconds=seconds)


def an_entity(
    kind: str = "user", identifier: str = "aadUserId", value: str = USER, role: str = "impacted"
) -> Json:
    """One entityDefinition."""
    return {
        "entityType": kind,
        "entityIdentifier": identifier,
        "identifierValue": value,
        "role": role,
    }


def an_input(**changes: Json) -> dict[str, Json]:
    """A createAlertInput, with changes."""
    return {
        "title": "Confluence data mining by alice@example.com",
        "severity": "high",
        "description": f"Alice read 61 pages of 7 spaces in 22 minutes. {MARKER}",
        "category": "Collection",
        "mitreTechniques": ["T1213.001"],
        "isExcludedFromCorrelation": False,
        "entityDefinitions": [
            an_entity(),
            an_entity("ip", "address", "192.0.2.7", "related"),
            an_entity("cloudApplication", "name", "Atlassian", "related"),
        ],
        **changes,
    }


def an_alert(*, without: str = "", **changes: Json) -> Json:
    """The body of createAlert, with changes to its input, without one property."""
    given = an_input(**changes)
    return {"createAlertInput": {name: given[name] for name in given if name != without}}


def a_comment(text: str = "Frozen evidence") -> Json:
    """The body of a comment."""
    return {"@odata.type": "microsoft.graph.security.alertComment", "comment": text}
