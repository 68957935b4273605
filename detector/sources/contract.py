"""The record contract: a CloudAppEvents record as the detector reads it, with its JSON Schema.

The hot path decodes with `record.py`; a differential test holds the two to each other.

`python -m detector.sources.contract > docs/record.schema.json` writes the schema.
"""

import json
import sys
from collections.abc import Mapping
from typing import cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

Flag = bool | int | float | str | None


_CONFIG = ConfigDict(
    strict=True, extra="ignore", frozen=True, field_title_generator=lambda name, _: name
)


class Row(BaseModel):
    """One CloudAppEvents row. Columns that are not named here may be there and are not read."""

    model_config = _CONFIG

    Timestamp: str | None = Field(
        default=None,
        description="When it happened: ISO 8601, up to seven fractional digits; no zone is UTC. "
        "Required of Confluence's records: without it a record is rejected.",
        examples=["2026-03-11T09:30:00.1234567Z"],
    )
    ActionType: str | None = Field(
        default=None,
        description="The action, in the spelling of the source application. Required of "
        "Confluence's records; which actions count is the policy's affair.",
        examples=["PageViewed", "confluence_page_viewed"],
    )
    Application: str | None = Field(
        default=None,
        description="The application. A row counts where it has one of the policy's app names "
        "as a whole word; every other row is ignored.",
        examples=["Atlassian", "Confluence"],
    )
    AppName: str | None = Field(
        default=None,
        description="The application as the source query names it; not in Microsoft's schema. "
        "Goes before `Application` where it is not empty.",
    )
    AccountObjectId: str | None = Field(
        default=None,
        description="The account's Entra object id: the user. Empty for unmatched accounts.",
    )
    AccountId: str | None = Field(
        default=None, description="Any other id of the account; shown to responders only."
    )
    AccountDisplayName: str | None = Field(
        default=None, description="The account's name: the user where there is no object id."
    )
    AccountType: str | None = Field(
        default=None, description="Regular, System, Admin or Application: AN1019's UserContext."
    )
    IsAdminOperation: Flag = Field(
        default=None, description="Whether an administrator acted: a boolean, 0 or 1, or text."
    )
    IPAddress: str | None = Field(default=None, description="Where the action came from.")
    UserAgent: str | None = Field(default=None, description="The client program.")
    CountryCode: str | None = Field(default=None, description="Two letters; shown only.")
    ISP: str | None = Field(
        default=None, description="The address's provider, as the stream spells it; shown only."
    )
    Isp: str | None = Field(
        default=None,
        description="The same as the documentation spells it, read where ISP is empty.",
    )
    ObjectName: str | None = Field(
        default=None, description="The page's title; where empty, RawEventData's is taken."
    )
    ObjectId: str | None = Field(default=None, description="The object's id: part of the identity.")
    ReportId: str | int | None = Field(
        default=None,
        description="The record's own id. Without it a streamed record is identified by its place "
        "in the hub, one of a file by its content.",
    )
    RawEventData: JsonValue = Field(
        default=None,
        description="The application's own event: an object, or the JSON text of one. The search "
        "text, space key and page title are read at the policy's paths; anything else has none.",
    )


class StreamedRecord(BaseModel):
    """One element of a streamed message `{"records": [...]}`, or one line of a file.

    What has neither `category` nor `properties` is itself the row. Where a row has neither
    `Timestamp` nor `ActionType` under these names, all names are matched in any case.
    """

    model_config = _CONFIG

    time: str | None = Field(
        default=None, description="When Defender received the event; a replay's clock reads it."
    )
    tenantId: str | None = Field(
        default=None,
        description="The tenant; records of another than DETECTOR_TENANT_ID are rejected.",
    )
    category: str | None = Field(
        default=None,
        description="The table; whatever does not end in CloudAppEvents is ignored.",
        examples=["AdvancedHunting-CloudAppEvents"],
    )
    properties: Row | None = Field(default=None, description="The row.")

    @model_validator(mode="before")
    @classmethod
    def _shape(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        record = cast("Mapping[str, object]", data)
        if _is_blank(record):
            record = _respelt(record)
        if not _is_row(record):
            return record
        wrong = {
            n: record[n] for n in cls.model_fields if not isinstance(record.get(n), str | None)
        }
        return {"properties": record, **wrong}  # the envelope's names are not a row's


_EXACT = {*Row.model_fields, *StreamedRecord.model_fields}
_NAMES = {name.lower(): name for name in _EXACT} | {"isp": "ISP"}


def _is_row(record: Mapping[str, object]) -> bool:
    return record.get("category") is None and record.get("properties") is None


def _is_blank(record: Mapping[str, object]) -> bool:
    row = record if _is_row(record) else record.get("properties")
    if not isinstance(row, Mapping):
        return False
    columns = cast("Mapping[str, object]", row)
    return columns.get("ActionType") is None and columns.get("Timestamp") is None


def _respelt(record: Mapping[str, object]) -> Mapping[str, object]:
    spelt = {_NAMES.get(n.lower(), n): value for n, value in record.items() if n not in _EXACT}
    spelt |= {n: value for n, value in record.items() if n in _EXACT}
    if isinstance(row := spelt.get("properties"), Mapping):
        spelt["properties"] = _respelt(cast("Mapping[str, object]", row))
    return spelt


def schema() -> str:
    """The JSON Schema of a streamed record; a bare row is its `#/$defs/Row`."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **StreamedRecord.model_json_schema(),
    }
    return json.dumps(document, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema())
