"""Every parser of the product, and every text that leaves it, as something that must not raise."""

from tests.fuzz import hosted, keeping, living, reading, samples, telling
from tests.fuzz.engine import Target

TARGETS = {
    target.name: target
    for target in (
        Target("source", samples.bodies, reading.read_and_store),
        Target("raw-event-data", reading.raw_samples, reading.raw_event_data),
        Target("terms", reading.term_samples, reading.terms),
        Target("instants", reading.instant_samples, reading.instants),
        Target("files", reading.file_samples, reading.files),
        Target("tokens", reading.token_samples, reading.tokens),
        Target("segments", keeping.segment_samples, keeping.segments),
        Target("rows", keeping.row_samples, keeping.rows),
        Target("damaged-store", keeping.row_samples, living.damaged),
        Target("policy", keeping.policy_samples, keeping.policies),
        Target("settings", keeping.setting_samples, keeping.settings),
        Target("texts", telling.text_samples, telling.texts),
        Target("metadata", hosted.metadata_samples, hosted.metadata),
        Target("service", samples.bodies, living.service),
    )
}
