"""What Microsoft Graph documents of security alerts and incidents, as tables.

Sources, all in microsoftgraph/microsoft-graph-docs-contrib:
beta security-alert-createalert, security-createalertinput, security-entitydefinition (4 August
2026), security-entitydefinitioninput and security-manualalert (limits, identifiers);
v1.0 security-list-alerts_v2, security-list-incidents, security-incident-update,
security-alert-update, security-incident-post-comments, security-alert-post-comments.
Permissions: microsoft-graph-devx-content `permissions/new/permissions.json`.

Where documents and the SDK disagree (determinations), the SDK's values on the wire hold.
Stricter than documented, so that a careless client fails here and not in a tenant: an entity's
value must have the form of its identifier, a filter knows `and` but not `or`, `redirected` and
`awaitingAction` cannot be set, and a redirected incident cannot be changed.
"""

import re
from ipaddress import ip_address
from typing import Final

from tests.loopback.graph.schema import (
    Check,
    Json,
    every,
    flag,
    list_of,
    nullable,
    one_of,
    record,
    text,
    whole_number,
)

CREATE_ALERT: Final = ("SecurityAlert.Create.All", "SecurityAlert.ReadWrite.All")
READ_ALERTS: Final = ("SecurityAlert.Read.All", "SecurityAlert.ReadWrite.All")
WRITE_ALERTS: Final = ("SecurityAlert.ReadWrite.All",)
READ_INCIDENTS: Final = ("SecurityIncident.Read.All", "SecurityIncident.ReadWrite.All")
WRITE_INCIDENTS: Final = ("SecurityIncident.ReadWrite.All",)

SEVERITIES: Final = ("unknown", "informational", "low", "medium", "high")
CLASSIFICATIONS: Final = (
    "unknown",
    "falsePositive",
    "truePositive",
    "informationalExpectedActivity",
)
DETERMINATIONS: Final = (
    "unknown",
    "apt",
    "malware",
    "securityPersonnel",
    "securityTesting",
    "unwantedSoftware",
    "other",
    "multiStagedAttack",
    "compromisedAccount",
    "phishing",
    "maliciousUserActivity",
    "notMalicious",
    "notEnoughDataToValidate",
    "confirmedActivity",
    "lineOfBusinessApplication",
)
ALERT_STATUSES: Final = ("new", "inProgress", "resolved")
INCIDENT_STATUSES: Final = ("active", "resolved", "inProgress", "redirected", "awaitingAction")
SETTABLE_INCIDENT_STATUSES: Final = ("active", "resolved", "inProgress")
TACTICS: Final = (
    "Reconnaissance",
    "ResourceDevelopment",
    "InitialAccess",
    "Execution",
    "Persistence",
    "PrivilegeEscalation",
    "DefenseEvasion",
    "CredentialAccess",
    "Discovery",
    "LateralMovement",
    "Collection",
    "CommandAndControl",
    "Exfiltration",
    "Impact",
)
IDENTIFIERS: Final = {
    "user": ("userPrincipalName", "aadUserId", "sid"),
    "device": ("deviceId", "deviceName"),
    "file": ("sha256", "sha1"),
    "ip": ("address",),
    "url": ("url",),
    "cloudApplication": ("appId", "name"),
    "mailbox": ("mailboxPrimaryAddress",),
    "securityGroup": ("distinguishedName", "objectGuid", "sid"),
    "azureResource": ("resourceId",),
    "amazonResource": ("amazonResourceId",),
    "googleCloudResource": ("fullResourceName",),
    "oAuthApplication": ("oAuthAppId",),
    "emailMessage": ("networkMessageId",),
    "emailCluster": ("networkMessageId",),
    "process": ("sha1", "sha256"),
    "registryKey": ("key",),
    "registryValue": ("key", "valueName"),
}
GUID: Final = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
FORMS: Final = {
    "aadUserId": GUID,
    "userPrincipalName": r"[^@\s]+@[^@\s]+",
    "sha1": r"[0-9a-fA-F]{40}",
    "sha256": r"[0-9a-fA-F]{64}",
}


def _identifier(entity: Json) -> str | None:
    assert isinstance(entity, dict)  # `record` ran before
    kind, identifier, value = (
        str(entity[name]) for name in ("entityType", "entityIdentifier", "identifierValue")
    )
    if identifier not in IDENTIFIERS[kind]:
        return f"entityIdentifier {identifier} is not supported for {kind}"
    if identifier == "address":
        return _address(value)
    form = FORMS.get(identifier)
    return f"identifierValue is no {identifier}" if form and not re.fullmatch(form, value) else None


def _address(value: str) -> str | None:
    try:
        ip_address(value)
    except ValueError:
        return "identifierValue is no address"
    return None


ENTITY: Final[Check] = every(
    record(
        required={
            "entityType": one_of(IDENTIFIERS),
            "entityIdentifier": text(),
            "identifierValue": text(longest=1000),
            "role": one_of(("impacted", "related")),
        },
        optional={"@odata.type": one_of(("#microsoft.graph.security.entityDefinition",))},
    ),
    _identifier,
)
CREATE_ALERT_BODY: Final[Check] = record(
    required={
        "createAlertInput": record(
            required={
                "title": text(),
                "severity": one_of(SEVERITIES),
                "description": text(longest=5000),
                "category": one_of(TACTICS),
                "entityDefinitions": list_of(ENTITY, least=1, most=100),
            },
            optional={
                "@odata.type": one_of(("#microsoft.graph.security.createAlertInput",)),
                "recommendedActions": text(empty=True),
                "mitreTechniques": list_of(text(form=r"T\d{4}(\.\d{3})?")),
                "linkToIncident": whole_number,
                "isExcludedFromCorrelation": flag,
                "sentinelWorkspace": text(),
            },
        )
    },
    optional={},
)
PATCH_INCIDENT_BODY: Final[Check] = record(
    required={},
    optional={
        "@odata.type": one_of(("#microsoft.graph.security.incident",)),
        "assignedTo": nullable(text(empty=True)),
        "classification": one_of(CLASSIFICATIONS),
        "determination": one_of(DETERMINATIONS),
        "status": one_of(SETTABLE_INCIDENT_STATUSES),
        "customTags": list_of(text()),
    },
)
PATCH_ALERT_BODY: Final[Check] = record(
    required={},
    optional={
        "@odata.type": one_of(("#microsoft.graph.security.alert",)),
        "assignedTo": nullable(text(empty=True)),
        "classification": one_of(CLASSIFICATIONS),
        "determination": one_of(DETERMINATIONS),
        "status": one_of(ALERT_STATUSES),
    },
)
COMMENT_BODY: Final[Check] = record(
    required={
        "@odata.type": one_of(
            ("microsoft.graph.security.alertComment", "#microsoft.graph.security.alertComment")
        ),
        "comment": text(),
    },
    optional={},
)

FREE: Final = ()  # a filterable property whose values are free text
INSTANT: Final = None  # a filterable property that is an instant
FILTERS_ON_INCIDENTS: Final[dict[str, tuple[str, ...] | None]] = {
    "assignedTo": FREE,
    "classification": CLASSIFICATIONS,
    "createdDateTime": INSTANT,
    "determination": DETERMINATIONS,
    "lastUpdateDateTime": INSTANT,
    "severity": SEVERITIES,
    "status": INCIDENT_STATUSES,
}
FILTERS_ON_ALERTS: Final[dict[str, tuple[str, ...] | None]] = {
    **FILTERS_ON_INCIDENTS,
    "serviceSource": FREE,
    "status": ALERT_STATUSES,
}
MOST_INCIDENTS_IN_A_PAGE: Final = 50
"""Measured on a tenant by rknightion/graph2otel (docs/graph-api-gotchas.md): more answers 400."""
