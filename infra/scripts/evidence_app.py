"""The app registration people sign in with to read evidence. It has no secret."""

from dataclasses import dataclass

from cloud import Api, Document

AUDIENCE = "api://AzureADTokenExchange"
CREDENTIAL = "detector"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What the registration should be; the same as in graph-permissions.bicep."""

    name: str
    """Name of the managed identity; the registration is named after it."""
    redirect_url: str
    identity_principal_id: str
    tenant_id: str
    login: str = "https://login.microsoftonline.com"

    @property
    def unique_name(self) -> str:
        """Key of the registration: what makes running twice safe."""
        return f"{self.name}-evidence"

    @property
    def application(self) -> Document:
        """The registration as Graph writes it."""
        return {
            "displayName": "Confluence mining evidence",
            "signInAudience": "AzureADMyOrg",
            "web": {
                "redirectUris": [self.redirect_url],
                "implicitGrantSettings": {"enableIdTokenIssuance": True},
            },
        }

    @property
    def trust(self) -> Document:
        """The identity of the function app vouches for the registration."""
        return {
            "name": CREDENTIAL,
            "issuer": f"{self.login}/{self.tenant_id}/v2.0",
            "subject": self.identity_principal_id,
            "audiences": [AUDIENCE],
            "description": "The managed identity of the function app.",
        }


def find(api: Api, wanted: Registration) -> Document | None:
    """The registration, or None."""
    return api.find(f"applications(uniqueName='{wanted.unique_name}')")


def difference(api: Api, wanted: Registration) -> list[str]:
    """What is not as wanted, a line each; empty when everything is."""
    found = find(api, wanted)
    if found is None:
        return [f"app registration {wanted.unique_name}"]
    lines = []
    if wanted.redirect_url not in found.get("web", {}).get("redirectUris", []):
        lines.append(f"redirect address {wanted.redirect_url}")
    credentials = api.rows(f"applications/{found['id']}/federatedIdentityCredentials")
    if wanted.identity_principal_id not in {one["subject"] for one in credentials}:
        lines.append("trust in the managed identity")
    principal = api.find(f"servicePrincipals(appId='{found['appId']}')")
    if principal is None or not principal.get("appRoleAssignmentRequired"):
        lines.append("enterprise application that requires assignment")
    return lines


def register(api: Api, wanted: Registration) -> str:
    """Creates or corrects the registration and returns its client id."""
    found = find(api, wanted)
    if found is None:
        body = {"uniqueName": wanted.unique_name, **wanted.application}
        found = api.send("POST", "applications", body)
    else:
        api.send("PATCH", f"applications/{found['id']}", wanted.application)
    credentials = api.rows(f"applications/{found['id']}/federatedIdentityCredentials")
    if wanted.identity_principal_id not in {one["subject"] for one in credentials}:
        api.send("POST", f"applications/{found['id']}/federatedIdentityCredentials", wanted.trust)
    # Nobody reads evidence until somebody is assigned.
    assignment = {"appRoleAssignmentRequired": True}
    principal = api.find(f"servicePrincipals(appId='{found['appId']}')")
    if principal is None:
        api.send("POST", "servicePrincipals", {"appId": found["appId"], **assignment})
    else:
        api.send("PATCH", f"servicePrincipals/{principal['id']}", assignment)
    return str(found["appId"])
