"""The corpora as records: each entry is an account whose every text is the entry."""

import json
from pathlib import Path
from typing import Any

from detector.core.instant import SECOND
from detector.sources.cloud_app_events import clip
from detector.sources.record import mend
from tests.support.events import a_record

FOLDER = Path(__file__).parent / "corpora"
NAMES = ("keys", "odata", "log_lines", "texts")

ENTRIES: dict[str, str] = {
    f"{corpus}: {name}": text
    for corpus in NAMES
    for name, text in json.loads((FOLDER / f"{corpus}.json").read_text()).items()
}


def as_read(text: str) -> str:
    """The text as the reader keeps it: Unicode, no NUL in front, at most 1,000 characters."""
    return clip(json.loads(mend(json.dumps(text).encode())))


def accounts(at: int, *corpora: str) -> list[dict[str, Any]]:
    """An account for each entry that hunts, reads and takes; half of them known by name only."""
    return [
        record
        for number, (name, text) in enumerate(ENTRIES.items())
        if name.startswith(corpora)
        for record in _hunt(text, at, text if number % 2 else "")
    ]


def one_account(at: int, *corpora: str) -> list[dict[str, Any]]:
    """One account that met every entry."""
    about = {"AccountDisplayName": "Everything", "AccountObjectId": ""}
    return [
        {**record, "properties": {**record["properties"], **about}}
        for record in accounts(at, *corpora)
    ]


def _hunt(text: str, at: int, object_id: str) -> list[dict[str, Any]]:
    names = ("AccountId", "IPAddress", "UserAgent", "ISP", "CountryCode", "ObjectId")
    about: dict[str, Any] = dict.fromkeys(names, text)
    about |= {"AccountObjectId": object_id, "name": text, "title": text, "space": text}
    return [
        a_record(at, "SearchPerformed", search=f"vpn password {text}", **about),
        a_record(at + SECOND, "PageViewed", report=text, **about),
        a_record(at + 2 * SECOND, "AttachmentDownloaded", **about),
        a_record(at + 3 * SECOND, text, **about),  # an action that no policy knows
        a_record(at + 4 * SECOND, "PageViewed", **about | {"Timestamp": text}),  # a dead letter
    ]
