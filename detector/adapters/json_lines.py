"""Alerts appended to a JSON-lines file: for a person, a log shipper, or a test."""

from dataclasses import replace
from pathlib import Path

import msgspec

from detector.core.episode import Delivery
from detector.core.evidence import Evidence
from detector.core.instant import format_instant
from detector.core.plain import escaped
from detector.core.report import first_steps, held, story, title
from detector.ports import AlertSink, DeliveryError


def alert_document(evidence: Evidence) -> dict[str, object]:
    """An alert as one JSON object: the words first, then every fact."""
    return {
        "id": evidence.episode_id,
        "title": title(evidence),
        "story": story(evidence),
        "raised": format_instant(evidence.frozen_at),
        "held": held(evidence),
        "first_steps": first_steps(evidence),
        "evidence": msgspec.to_builtins(evidence),
    }


class JsonLinesSink(AlertSink):
    """Appends one line for each revision of an episode."""

    name = "file"

    def __init__(self, path: Path) -> None:
        """Append to this file; its folder is made."""
        self._path = path

    async def deliver(self, evidence: Evidence, delivery: Delivery, now: int) -> Delivery:
        """Append the alert. Raises DeliveryError when the file cannot be written."""
        document = {"at": format_instant(now), **alert_document(evidence)}
        line = escaped(msgspec.json.encode(document).decode())
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                file.write(f"{line}\n".encode())
        except OSError as error:
            message = f"{self._path}: {error}"
            raise DeliveryError(message) from error
        return replace(delivery, alert_id=evidence.episode_id)
