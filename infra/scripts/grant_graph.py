"""Gives the detector its Microsoft Graph permissions, and registers the evidence page.

The same as graph-permissions.bicep, for tenants that block the Graph extension of Bicep.
Running it again changes nothing. Roles are looked up by name, because public lists of
their ids disagree. Needs Privileged Role Administrator, signed in to the Azure command
line (az login); a token in GRAPH_ACCESS_TOKEN takes its place.

Exit codes: 0 as wanted; 1 --check found a difference; 2 usage; 3 Graph did not answer.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from cloud import FINDINGS, GRAPH, NO_ANSWER, OK, Api, CloudError, Document, access_token
from evidence_app import Registration, difference, register

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
PERMISSIONS = ("SecurityAlert.Create.All", "SecurityIncident.ReadWrite.All")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What lies between the permissions an identity has and those it should have."""

    principal: Document
    graph: Document
    missing: tuple[str, ...]
    excess: tuple[str, ...]


def graph_principal(api: Api) -> Document:
    """Microsoft Graph itself in this tenant, with its roles."""
    condition = f"appId eq '{GRAPH_APP_ID}'"
    found = list(api.rows(f"servicePrincipals?$filter={quote(condition)}"))
    if len(found) != 1:
        raise CloudError(f"{len(found)} service principals of Microsoft Graph in this tenant")
    return found[0]


def identity_principal(api: Api, *, name: str | None, principal_id: str | None) -> Document:
    """The managed identity, by object id or by name. A name must be unique in the tenant."""
    if principal_id:
        return api.get(f"servicePrincipals/{principal_id}")
    condition = f"displayName eq '{name}' and servicePrincipalType eq 'ManagedIdentity'"
    found = list(api.rows(f"servicePrincipals?$filter={quote(condition)}"))
    if len(found) != 1:
        raise CloudError(f"{len(found)} managed identities are named {name}: use --principal-id")
    return found[0]


def role_ids(graph: Document, names: Iterable[str]) -> dict[str, str]:
    """Application role ids by name. Raises CloudError for a name this tenant does not know."""
    known = {
        role["value"]: role["id"]
        for role in graph["appRoles"]
        if "Application" in role.get("allowedMemberTypes", ["Application"])
    }
    unknown = [name for name in names if name not in known]
    if unknown:
        raise CloudError(f"Microsoft Graph has no application permission {', '.join(unknown)} here")
    return {name: known[name] for name in names}


def plan(api: Api, principal: Document, names: Sequence[str]) -> Plan:
    """Compares what an identity may do in Graph with what it should."""
    graph = graph_principal(api)
    wanted = role_ids(graph, names)
    by_id = {role["id"]: role["value"] for role in graph["appRoles"]}
    held = {
        assignment["appRoleId"]
        for assignment in api.rows(f"servicePrincipals/{principal['id']}/appRoleAssignments")
        if assignment["resourceId"] == graph["id"]
    }
    return Plan(
        principal=principal,
        graph=graph,
        missing=tuple(name for name, role in wanted.items() if role not in held),
        excess=tuple(sorted(by_id.get(role, role) for role in held - set(wanted.values()))),
    )


def grant(api: Api, found: Plan) -> None:
    """Assigns the missing roles. A role somebody assigned meanwhile is fine."""
    for name, role in role_ids(found.graph, found.missing).items():
        body = {
            "principalId": found.principal["id"],
            "resourceId": found.graph["id"],
            "appRoleId": role,
        }
        try:
            api.send("POST", f"servicePrincipals/{found.principal['id']}/appRoleAssignments", body)
        except CloudError as error:
            if "already exists" not in str(error):
                raise
        print(f"granted  {name}")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--identity-name", help="output DETECTOR_IDENTITY_NAME of the deployment")
    who.add_argument("--principal-id", help="output DETECTOR_IDENTITY_PRINCIPAL_ID")
    parser.add_argument(
        "--permission",
        action="append",
        help=f"a Graph application permission; again for more (default: {', '.join(PERMISSIONS)})",
    )
    parser.add_argument(
        "--evidence-redirect-url",
        help="output EVIDENCE_REDIRECT_URL: registers the evidence page in Entra as well",
    )
    parser.add_argument("--check", action="store_true", help="change nothing, only compare")
    parser.add_argument("--graph", default=GRAPH, help="address of Microsoft Graph")
    return parser.parse_args(arguments)


def evidence(api: Api, options: argparse.Namespace, principal: Document) -> bool:
    """Compares or registers the evidence page; True when something is not as wanted."""
    wanted = Registration(
        name=principal["displayName"],
        redirect_url=options.evidence_redirect_url,
        identity_principal_id=principal["id"],
        tenant_id=next(api.rows("organization?$select=id"))["id"],
    )
    if options.check:
        found = difference(api, wanted)
        for line in found:
            print(f"missing  {line}")
        return bool(found)
    print(f"evidence page: EVIDENCE_APP_CLIENT_ID={register(api, wanted)}")
    return False


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the script and returns its exit code."""
    options = parse(arguments)
    try:
        api = Api(root=f"{options.graph}/v1.0", token=access_token(GRAPH, "GRAPH_ACCESS_TOKEN"))
        principal = identity_principal(
            api, name=options.identity_name, principal_id=options.principal_id
        )
        found = plan(api, principal, options.permission or PERMISSIONS)
        for name in found.excess:
            print(f"excess   {name}: held, but not needed by the detector")
        if options.check:
            for name in found.missing:
                print(f"missing  {name}")
        else:
            grant(api, found)
        differs = bool(options.evidence_redirect_url) and evidence(api, options, principal)
        differs = differs or (options.check and bool(found.missing or found.excess))
    except CloudError as error:
        print(f"grant_graph: {error}", file=sys.stderr)
        return NO_ANSWER
    if not differs:
        print(f"as wanted: {principal['displayName']}")
    return FINDINGS if differs else OK


if __name__ == "__main__":
    sys.exit(main())
