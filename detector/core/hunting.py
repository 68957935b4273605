"""Hunting queries with an incident's values in them: KQL for Defender and for Sentinel."""

from detector.core.evidence import Evidence
from detector.core.instant import DAY, format_instant
from detector.core.plain import escaped

_MOST_ADDRESSES = 20


def hunting_queries(evidence: Evidence) -> list[tuple[str, str]]:
    """Titles and queries; every value of the incident is a quoted literal on one line.

    Where the evidence has no address, or no object id, the queries that need one are left out.
    """
    queries = [("Everything the account did in cloud apps, a day around", _activity(evidence))]
    if evidence.ip_addresses:
        queries += [
            ("Sign-ins of any account from these addresses (Sentinel)", _sign_ins(evidence)),
            ("Other accounts from the same addresses", _others(evidence)),
        ]
    if evidence.account_object_id:
        title = "The account's usual addresses and agents, 30 days (Sentinel)"
        queries.append((title, _usual(evidence)))
    return queries


def _activity(evidence: Evidence) -> str:
    return f"""CloudAppEvents
| where Timestamp {_a_day_around(evidence)}
| where {_account(evidence)}
| project Timestamp, Application, ActionType, ObjectName, IPAddress, CountryCode, UserAgent,
    AuditSource, AtlassianAccountId = tostring(RawEventData.attributes.actor.id), RawEventData
| sort by Timestamp asc"""


def _sign_ins(evidence: Evidence) -> str:
    return f"""SigninLogs
| where TimeGenerated {_a_day_around(evidence)}
| where IPAddress in ({_addresses(evidence)})
| project TimeGenerated, UserPrincipalName, UserId, AppDisplayName, IPAddress, Location, UserAgent,
    ResultType, AuthenticationRequirement, ConditionalAccessStatus, RiskLevelDuringSignIn
| sort by TimeGenerated asc"""


def _others(evidence: Evidence) -> str:
    return f"""CloudAppEvents
| where Timestamp {_a_day_around(evidence)}
| where IPAddress in ({_addresses(evidence)})
| where not({_account(evidence)})
| summarize Actions = count(), First = min(Timestamp), Last = max(Timestamp),
    Applications = make_set(Application, 10) by AccountObjectId, AccountDisplayName, IPAddress
| sort by Actions desc"""


def _usual(evidence: Evidence) -> str:
    month = _between(evidence.last_activity - 30 * DAY, evidence.last_activity + DAY)
    return f"""SigninLogs
| where TimeGenerated {month}
| where UserId =~ {_quoted(evidence.account_object_id)}
| summarize SignIns = count(), First = min(TimeGenerated), Last = max(TimeGenerated)
    by IPAddress, Location, UserAgent
| extend InThisIncident = IPAddress in ({_addresses(evidence)})
| sort by InThisIncident desc, SignIns desc"""


def _a_day_around(evidence: Evidence) -> str:
    return _between(evidence.first_activity - DAY, evidence.last_activity + DAY)


def _between(first: int, last: int) -> str:
    return f"between (datetime({format_instant(first)}) .. datetime({format_instant(last)}))"


def _account(evidence: Evidence) -> str:
    """The user as the state knows it: object id, else display name, else address and agent."""
    if evidence.account_object_id:
        return f"AccountObjectId =~ {_quoted(evidence.account_object_id)}"
    if evidence.account_display_name:
        return f"AccountDisplayName == {_quoted(evidence.account_display_name)}"
    address = evidence.ip_addresses[0].text if evidence.ip_addresses else ""
    agent = evidence.user_agents[0].text if evidence.user_agents else ""
    return f"IPAddress == {_quoted(address)} and UserAgent == {_quoted(agent)}"


def _addresses(evidence: Evidence) -> str:
    addresses = (address.text for address in evidence.ip_addresses[:_MOST_ADDRESSES])
    return ", ".join(map(_quoted, addresses)) or '""'


def _quoted(text: str) -> str:
    """A KQL string literal; letters that cannot be seen are written as escapes."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped(quoted)}"'.replace("\n", "\\u000a")
