"""The sample company's Confluence: 24 spaces of 48 pages."""

from collections.abc import Iterator, Sequence
from itertools import cycle
from random import Random
from zlib import crc32

from detector.samples.member import Session, Step

_SUBJECTS = {
    "ACC": ("Invoices", "Cost centres", "Travel", "Audit", "Suppliers", "Closing"),
    "API": ("Gateway", "Versioning", "Errors", "Paging", "Webhooks", "Limits"),
    "ARCH": ("Landscape", "Messaging", "Storage", "Caching", "Principles", "Tenancy"),
    "BI": ("Dashboards", "Warehouse", "Metrics", "Cohorts", "Exports", "Glossary"),
    "CS": ("Tickets", "Refunds", "Greetings", "Escalation", "Outages", "Surveys"),
    "DATA": ("Pipelines", "Lineage", "Catalogue", "Quality", "Retention", "Schemas"),
    "DES": ("Colours", "Icons", "Typography", "Forms", "Motion", "Research"),
    "DEV": ("Branches", "Reviews", "Builds", "Tests", "Local set-up", "Logging"),
    "DOCS": ("Style", "Screenshots", "Translation", "Templates", "Releases", "Links"),
    "FAC": ("Desks", "Parking", "Visitors", "Badges", "Kitchen", "Meeting rooms"),
    "HR": ("Holidays", "Benefits", "Reviews", "Hiring", "Parental leave", "Training"),
    "INFRA": ("Clusters", "DNS", "Certificates", "Backups", "Capacity", "Firewall"),
    "IT": ("Laptops", "Printers", "Wi-Fi", "VPN", "Phones", "Software list"),
    "LEG": ("Contracts", "Licences", "Trademarks", "Data protection", "Notices", "Claims"),
    "MKT": ("Campaigns", "Newsletter", "Website", "Events", "Press", "Personas"),
    "MOB": ("Android", "iOS", "Push", "Stores", "Crashes", "Offline mode"),
    "OPS": ("On-call", "Runbooks", "Incidents", "Monitoring", "Deployments", "Access"),
    "PAY": ("Cards", "Invoicing", "Chargebacks", "Settlement", "Fraud", "Taxes"),
    "PM": ("Roadmap", "Interviews", "Pricing", "Betas", "Requests", "Launches"),
    "QA": ("Plans", "Devices", "Regression", "Load", "Bug triage", "Automation"),
    "SALES": ("Leads", "Proposals", "Discounts", "Demos", "Partners", "Renewals"),
    "SEC": ("Assessments", "Key rotation", "Phishing", "Vendors", "Patching", "Exceptions"),
    "SRE": ("Budgets", "Postmortems", "Chaos days", "Tracing", "Alarms", "Rollbacks"),
    "WEB": ("Routing", "Components", "Accessibility", "Caching", "Analytics", "Search"),
}
_KINDS = (
    "overview",
    "how-to",
    "runbook",
    "minutes",
    "decisions",
    "checklist",
    "questions",
    "archive 2025",
)

SPACES = tuple(_SUBJECTS)


def titles(space: str) -> list[str]:
    """The 48 page titles of a space, subjects first."""
    return [f"{subject} {kind}" for kind in _KINDS for subject in _SUBJECTS[space]]


def page_id(space: str, title: str) -> str:
    """The page's number as text, the same in every run."""
    return str(100_000 + crc32(f"{space}/{title}".encode()) % 900_000)


def some_pages(random: Random, spaces: Sequence[str], count: int) -> list[tuple[str, str]]:
    """`count` pages as (space, title), the spaces in turn; none twice while there are others."""
    shelves = {space: cycle(random.sample(titles(space), len(titles(space)))) for space in spaces}
    return [(space, next(shelves[space])) for space, _ in zip(cycle(spaces), range(count))]


def views(
    random: Random, session: Session, spaces: Sequence[str], times: Sequence[int]
) -> Iterator[Step]:
    """One page view at each of `times`, the spaces in turn."""
    for at, (space, title) in zip(times, some_pages(random, spaces, len(times)), strict=True):
        yield Step(at=at, session=session, verb="view", space=space, title=title)
