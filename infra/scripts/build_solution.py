"""Writes the Microsoft Sentinel solution of infra/sentinel from what Bicep deploys as well.

One source: infra/sentinel/rule.json and hunting.json, infra/queries, infra/workbooks and
infra/sentinel-columns.json. What it writes is the layout of the Azure-Sentinel repository, and
Package/mainTemplate.json, which anybody can deploy into a workspace that has Sentinel.

Exit codes: 0 written, or up to date; 1 --check found a stale file; 2 usage.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cloud import FINDINGS, OK, Document

INFRA = Path(__file__).resolve().parents[1]
TABLE = "ConfluenceMining_CL"
TABLES = "Microsoft.OperationalInsights/workspaces/tables"
SHORT = {"PT5M": "5m", "PT1H": "1h"}


def read(name: str) -> str:
    """A source file, as text."""
    return (INFRA / name).read_text(encoding="utf-8")


def load(name: str) -> Any:  # noqa: ANN401 - JSON
    """A source file, as JSON."""
    return json.loads(read(name))


def yaml(fields: Document, query: str) -> str:
    """YAML whose values are JSON, which YAML contains, and whose query is a block."""
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items()]
    block = "".join(f"  {line}\n" if line else "\n" for line in query.rstrip().splitlines())
    return "\n".join(lines) + f"\nquery: |\n{block}"


def rule_yaml() -> str:
    """The scheduled rule as the Azure-Sentinel repository writes it."""
    rule = load("sentinel/rule.json")
    fields = {
        "id": rule["id"],
        "version": rule["version"],
        "kind": "Scheduled",
        "name": rule["displayName"],
        "description": rule["description"],
        "severity": rule["severity"],
        "requiredDataConnectors": [],
        "queryFrequency": SHORT[rule["queryFrequency"]],
        "queryPeriod": SHORT[rule["queryPeriod"]],
        "triggerOperator": "gt",
        "triggerThreshold": 0,
        "tactics": rule["tactics"],
        "relevantTechniques": rule["techniques"],
        "entityMappings": rule["entityMappings"],
        "customDetails": rule["customDetails"],
        "alertDetailsOverride": rule["alertDetailsOverride"],
        "eventGroupingSettings": {"aggregationKind": "AlertPerResult"},
        "incidentConfiguration": {
            "createIncident": True,
            "groupingConfiguration": rule["groupingConfiguration"],
        },
    }
    return yaml(fields, read("queries/incident.kql"))


def hunting_yaml() -> str:
    """The hunting query as the Azure-Sentinel repository writes it."""
    hunting = load("sentinel/hunting.json")
    fields = {
        "id": hunting["id"],
        "name": hunting["displayName"],
        "description": hunting["description"],
        "requiredDataConnectors": [
            {"connectorId": "MicrosoftThreatProtection", "dataTypes": ["CloudAppEvents"]}
        ],
        "tactics": hunting["tactics"],
        "relevantTechniques": hunting["techniques"],
        "version": hunting["version"],
    }
    return yaml(fields, read("queries/hunting.kql"))


def table_resource() -> Document:
    """The table of episodes. A table writes dateTime where a stream writes datetime."""
    columns = [
        {**column, "type": column["type"].replace("datetime", "dateTime")}
        for column in load("sentinel-columns.json")
    ]
    return {
        "type": TABLES,
        "apiVersion": "2025-02-01",
        "name": f"[concat(parameters('workspace'), '/{TABLE}')]",
        "properties": {"plan": "Analytics", "schema": {"name": TABLE, "columns": columns}},
    }


def rule_resource() -> Document:
    """The scheduled rule, as deployed by sentinel.bicep."""
    rule = load("sentinel/rule.json")
    same = (
        "displayName description severity queryFrequency queryPeriod suppressionDuration tactics "
        "techniques entityMappings customDetails alertDetailsOverride"
    ).split()
    return {
        "type": "Microsoft.OperationalInsights/workspaces/providers/alertRules",
        "apiVersion": "2025-09-01",
        "name": f"[concat(parameters('workspace'), '/Microsoft.SecurityInsights/{rule['id']}')]",
        "kind": "Scheduled",
        "dependsOn": [f"[resourceId('{TABLES}', parameters('workspace'), '{TABLE}')]"],
        "properties": {
            **{name: rule[name] for name in same},
            "enabled": True,
            "query": read("queries/incident.kql"),
            "triggerOperator": "GreaterThan",
            "triggerThreshold": 0,
            "suppressionEnabled": False,
            "eventGroupingSettings": {"aggregationKind": "AlertPerResult"},
            "incidentConfiguration": {
                "createIncident": True,
                "groupingConfiguration": rule["groupingConfiguration"],
            },
        },
    }


def hunting_resource() -> Document:
    """The hunting query, as deployed by sentinel.bicep."""
    hunting = load("sentinel/hunting.json")
    tags = {
        "description": hunting["description"][:256],
        "tactics": ",".join(hunting["tactics"]),
        "techniques": ",".join(hunting["techniques"]),
    }
    return {
        "type": "Microsoft.OperationalInsights/workspaces/savedSearches",
        "apiVersion": "2025-02-01",
        "name": f"[concat(parameters('workspace'), '/{hunting['id']}')]",
        "properties": {
            "category": "Hunting Queries",
            "displayName": hunting["displayName"],
            "query": read("queries/hunting.kql"),
            "version": 2,
            "tags": [{"name": name, "value": value} for name, value in tags.items()],
        },
    }


def template() -> Document:
    """An ARM template of everything but the workbook, which needs the name of a function app."""
    return {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {
            "workspace": {
                "type": "string",
                "metadata": {"description": "Log Analytics workspace with Microsoft Sentinel."},
            }
        },
        "resources": [table_resource(), rule_resource(), hunting_resource()],
    }


def solution() -> Iterator[tuple[str, str]]:
    """Every generated file: its path below infra/sentinel, and its text."""
    yield "Analytic Rules/ConfluenceDataMining.yaml", rule_yaml()
    yield "Hunting Queries/ConfluenceDataMining.yaml", hunting_yaml()
    yield "Workbooks/ConfluenceMining.json", read("workbooks/confluence-mining.json")
    text = json.dumps(template(), indent=2, ensure_ascii=False)
    yield "Package/mainTemplate.json", f"{text}\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the script and returns its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    options = parser.parse_args(arguments)
    stale = []
    for name, text in solution():
        path = INFRA / "sentinel" / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"{'stale' if options.check else 'written'}  infra/sentinel/{name}")
    return FINDINGS if options.check and stale else OK


if __name__ == "__main__":
    sys.exit(main())
