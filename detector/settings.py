"""The settings of ADR 0002: the only reader of the environment."""

import json
import os
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

PREFIX = "DETECTOR_"

DEFAULT_STORE = "sqlite:.detector/state.db"

GRAPH_ROOTS = {
    "global": "https://graph.microsoft.com",
    "usgov": "https://graph.microsoft.us",
    "usgovdod": "https://dod-graph.microsoft.us",
}

LOGS_SCOPES = {
    "global": "https://monitor.azure.com/.default",
    "usgov": "https://monitor.azure.us/.default",
    "usgovdod": "https://monitor.azure.us/.default",
}


class SettingsError(ValueError):
    """A setting that cannot be used; the message names it."""


class Settings(BaseModel):
    """Every `DETECTOR_…` setting; an unknown one is an error, so a typo cannot pass silently."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    store: str = DEFAULT_STORE
    state: str = ""
    policy: str = "recommended"
    policy_overrides: str = ""
    tenant_id: str = ""
    sink: Literal["defender", "sentinel", "none"] = "none"
    alerts_file: str = ""
    cloud: Literal["global", "usgov", "usgovdod"] = "global"
    graph_root: str = ""
    graph_alerts_version: Literal["beta", "v1.0"] = "beta"
    graph_timeout_seconds: float = Field(default=20.0, gt=0, le=60)
    logs_endpoint: str = ""
    logs_rule_id: str = ""
    logs_stream: str = "Custom-ConfluenceMining_CL"
    creates_per_minute: int = Field(default=40, ge=1, le=50)
    creates_per_hour: int = Field(default=1200, ge=1, le=1500)
    evidence_url: str = Field(default="", max_length=300)
    dead_letter_bodies: str = ""

    @property
    def graph(self) -> str:
        """Graph's root address, without a slash at the end."""
        return (self.graph_root or GRAPH_ROOTS[self.cloud]).rstrip("/")

    @property
    def logs_scope(self) -> str:
        """What a token for Logs Ingestion is asked for."""
        return LOGS_SCOPES[self.cloud]


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings from the environment. Raises SettingsError naming the setting."""
    variables = os.environ if environment is None else environment
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in variables.items()
        if name.startswith(PREFIX) and value != ""
    }
    try:
        return Settings.model_validate_json(json.dumps(given))
    except ValidationError as error:
        problems = [
            f"{PREFIX}{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()
        ]
        raise SettingsError("; ".join(problems)) from error


class HubSettings(BaseModel):
    """Where the hub is, as the Functions host is told too."""

    connection_string: str
    namespace: str
    name: str
    consumer_group: str
    client_id: str


def read_hub(environment: Mapping[str, str] | None = None) -> HubSettings:
    """The hub of `EVENTHUB…`; both addresses are empty where none is set."""
    variables = os.environ if environment is None else environment
    return HubSettings(
        connection_string=variables.get("EVENTHUB", ""),
        namespace=variables.get("EVENTHUB__fullyQualifiedNamespace", ""),
        name=variables.get("EVENTHUB_NAME", "cloudappevents"),
        consumer_group=variables.get("EVENTHUB_CONSUMER_GROUP", "detector"),
        client_id=variables.get("EVENTHUB__clientId", ""),
    )


def easy_auth_is_on(environment: Mapping[str, str] | None = None) -> bool:
    """Whether the platform checks who calls: without it no identity header is believed."""
    variables = os.environ if environment is None else environment
    return variables.get("WEBSITE_AUTH_ENABLED", "").lower() == "true"
