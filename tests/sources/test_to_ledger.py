"""Whatever a message holds, what is read of it can be packed."""

import json

from hypothesis import given
from hypothesis import strategies as st

from detector.core.reading import Message
from detector.core.vocabulary import Vocabulary
from detector.policies import load_policy
from detector.sources.cloud_app_events import CloudAppEvents
from detector.state.segment import cut, unpack

POLICY = load_policy("recommended")
WORDS = Vocabulary(POLICY)
texts = st.text(max_size=8) | st.sampled_from(["\ud800", "\udfff x", "\0", "vpn \ud83d"])


@given(
    st.dictionaries(
        st.sampled_from(["AccountObjectId", "UserAgent", "ObjectName", "ReportId", "ISP"]), texts
    ),
    st.dictionaries(st.sampled_from(["searchQuery", "spaceKey", "pageTitle"]), texts),
    st.booleans(),
)
def test_what_is_read_can_always_be_packed(
    columns: dict[str, str], raw: dict[str, str], as_text: bool
) -> None:
    row = {
        "Timestamp": "2026-03-11T12:00:00Z",
        "ActionType": "SearchPerformed",
        "Application": "Confluence",
        **columns,
        "RawEventData": json.dumps(raw) if as_text else raw,
    }

    reading = CloudAppEvents(POLICY, WORDS).read([Message(json.dumps(row).encode(), "f", 1)])

    assert len(reading.activities) == 1
    for segment in cut(reading.activities):
        assert unpack(segment.data) == list(segment.activities)
