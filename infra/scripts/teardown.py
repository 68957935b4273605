"""Lists, and with --yes removes, what deleting the resource group leaves behind.

Run it before the group is deleted: it reads there what was connected. It removes locks, role
assignments and the consumer group in a namespace brought along, the Sentinel rule, hunting query
and table in a workspace brought along, Graph permissions, and the app registration of the
evidence page. The streaming setting of Defender XDR has no supported API: it is listed, and a
person removes it. The table of episodes goes only with --with-data.

Exit codes: 0 nothing is left, or it was removed; 1 listed, nothing changed; 2 usage; 3 no answer.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cloud import FINDINGS, GRAPH, NO_ANSWER, OK, Api, Az, CloudError, access_token, az
from outputs import add_options, outputs_of

QUERIES = Path(__file__).resolve().parents[1] / "sentinel"
TABLE = "ConfluenceMining_CL"
SECURITY_API = "2025-09-01"
WORKSPACE_API = "2025-02-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """Something outside the group, or that keeps the group from going."""

    what: str
    remove: Callable[[], object]


def group_of(resource_id: str) -> str:
    """The part of a resource id up to the name of its group, in lower case."""
    return "/".join(resource_id.lower().split("/")[:5])


def locks(run: Az, group: str) -> Iterator[Leftover]:
    """Locks in the group: deleting it would fail on them."""
    for lock in run("lock", "list", "--resource-group", group) or []:
        if lock["name"] == "detector-keep":
            yield Leftover(
                what=f"lock        {lock['id']}",
                remove=partial(run, "lock", "delete", "--ids", lock["id"]),
            )


def role_assignments(run: Az, group_id: str, principal_id: str) -> Iterator[Leftover]:
    """Roles of the identity outside the group: they would stay as 'identity not found'."""
    found = run("role", "assignment", "list", "--all", "--assignee", principal_id) or []
    for assignment in found:
        if group_of(assignment["scope"]) != group_id:
            yield Leftover(
                what=f"role        {assignment['roleDefinitionName']} on {assignment['scope']}",
                remove=partial(run, "role", "assignment", "delete", "--ids", assignment["id"]),
            )


def consumer_group(run: Az, outputs: Mapping[str, str], group_id: str) -> Iterator[Leftover]:
    """Our consumer group in a namespace that was there before."""
    namespace = outputs["EVENTHUB_NAMESPACE_ID"]
    if group_of(namespace) == group_id:
        return
    hub, name = outputs["EVENTHUB_NAME"], outputs["EVENTHUB_CONSUMER_GROUP"]
    address = f"{namespace}/eventhubs/{hub}/consumergroups/{name}"
    yield Leftover(
        what=f"consumers   {address}", remove=partial(run, "resource", "delete", "--ids", address)
    )


def sentinel(
    run: Az, outputs: Mapping[str, str], group_id: str, *, with_data: bool
) -> Iterator[Leftover]:
    """Our rule, hunting query and table in a workspace that was there before."""
    workspace = outputs["WORKSPACE_ID"]
    if group_of(workspace) == group_id or not outputs.get("SENTINEL_RULE_ID"):
        return
    rule = f"{outputs['SENTINEL_RULE_ID']}?api-version={SECURITY_API}"
    yield Leftover(
        what=f"rule        {outputs['SENTINEL_RULE_ID']}",
        remove=partial(run, "rest", "--method", "delete", "--url", rule),
    )
    title = json.loads((QUERIES / "hunting.json").read_text())["displayName"]
    address = f"{workspace}/savedSearches?api-version={WORKSPACE_API}"
    searches = run("rest", "--method", "get", "--url", address)["value"]
    for search in searches:
        if search["properties"]["displayName"] == title:
            yield Leftover(
                what=f"hunting     {search['id']}",
                remove=partial(run, "resource", "delete", "--ids", search["id"]),
            )
    if with_data:
        table = f"{workspace}/tables/{TABLE}"
        yield Leftover(
            what=f"table       {table}", remove=partial(run, "resource", "delete", "--ids", table)
        )


def graph(api: Api, outputs: Mapping[str, str]) -> Iterator[Leftover]:
    """Graph permissions of the identity, and the app registration of the evidence page."""
    path = f"servicePrincipals/{outputs['DETECTOR_IDENTITY_PRINCIPAL_ID']}"
    if api.find(path):
        for assignment in api.rows(f"{path}/appRoleAssignments"):
            address = f"{path}/appRoleAssignments/{assignment['id']}"
            yield Leftover(
                what=f"permission  {assignment['appRoleId']} {assignment['resourceDisplayName']}",
                remove=partial(api.send, "DELETE", address),
            )
    name = f"{outputs['DETECTOR_IDENTITY_NAME']}-evidence"
    application = api.find(f"applications(uniqueName='{name}')")
    if application:
        yield Leftover(
            what=f"application {name} ({application['appId']})",
            remove=partial(api.send, "DELETE", f"applications/{application['id']}"),
        )


def leftovers(
    run: Az, api: Api, outputs: Mapping[str, str], *, with_data: bool
) -> Iterator[Leftover]:
    """Everything that would be left, in the order it can be removed."""
    group = outputs["AZURE_RESOURCE_GROUP"]
    group_id = group_of(str(run("group", "show", "--name", group)["id"]))
    yield from locks(run, group)
    yield from role_assignments(run, group_id, outputs["DETECTOR_IDENTITY_PRINCIPAL_ID"])
    yield from consumer_group(run, outputs, group_id)
    yield from sentinel(run, outputs, group_id, with_data=with_data)
    yield from graph(api, outputs)


def main(arguments: Sequence[str] | None = None, *, run: Az = az, graph_root: str = GRAPH) -> int:
    """Runs the script and returns its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser)
    parser.add_argument("--with-data", action="store_true", help="the table of episodes as well")
    parser.add_argument("--yes", action="store_true", help="remove it; without, only list")
    options = parser.parse_args(arguments)
    try:
        outputs = outputs_of(run, options.deployment, options.resource_group)
        api = Api(root=f"{graph_root}/v1.0", token=access_token(GRAPH, "GRAPH_ACCESS_TOKEN"))
        found = list(leftovers(run, api, outputs, with_data=options.with_data))
        for leftover in found:
            print(f"{'removing' if options.yes else 'left'} {leftover.what}")
            if options.yes:
                leftover.remove()
    except CloudError as error:
        print(f"teardown: {error}", file=sys.stderr)
        return NO_ANSWER
    print(f"by hand: the Defender XDR streaming setting to {outputs['EVENTHUB_NAMESPACE_ID']}")
    print(f"then: az group delete --name {outputs['AZURE_RESOURCE_GROUP']}")
    return FINDINGS if found and not options.yes else OK


if __name__ == "__main__":
    sys.exit(main())
