"""Hypothesis: evidence as hostile and as large as records can make it."""

from hypothesis import strategies as st

from detector.core.episode import Transition
from detector.core.evidence import (
    Condition,
    Counted,
    Evidence,
    SearchEvidence,
    SessionEvidence,
    Taken,
)
from detector.core.instant import parse_instant
from detector.core.policy import SEVERITIES
from detector.core.report import COLUMN_WORDS
from detector.core.rules import ELEVATED, GATES, INDICATORS

_SPITE = (
    "<script>alert(1)</script>", "[click](https://evil.example.com)", "https://evil.example.com",
    "\u202egnp.exe", "\x1b[31m", "a\nb\r\nc", "`code`", "|table|", "\U0001f4a9" * 400, "x" * 1_000,
    "\ud800", "\0", "{{Title}}", "'; DROP TABLE", "(ref:cfm-0)", "\u2028", "\u0301" * 900,
    "://" * 300,
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(_SPITE),
    st.text(max_size=1_000),
    st.text(alphabet="<>[]()`|:/\U0001f600a ", max_size=300),
)
INSTANTS = st.integers(parse_instant("2026-01-01"), parse_instant("2026-12-31"))
COUNTS = st.integers(0, 10**9)
RATES = st.floats(0, 10**6, allow_nan=False)
ADDRESSES = st.one_of(st.ip_addresses().map(str), TEXTS)
COUNTED = st.builds(Counted, text=TEXTS, count=COUNTS)


def tuples(items: st.SearchStrategy, most: int) -> st.SearchStrategy:
    """Short lists mostly, and one repeated until the list is full."""
    short = st.lists(items, max_size=4).map(tuple)
    return st.one_of(short, items.map(lambda one: (one,) * most))


EVIDENCES = st.builds(
    Evidence,
    episode_id=st.text(alphabet="0123456789abcdef", min_size=32, max_size=32),
    revision=st.integers(1, 10**6),
    number=st.integers(1, 10**6),
    user=st.text(alphabet="0123456789abcdef", min_size=32, max_size=32),
    transition=st.sampled_from(Transition),
    frozen_at=INSTANTS,
    opened_at=INSTANTS,
    closed_at=st.one_of(st.just(0), INSTANTS),
    severity=st.sampled_from(SEVERITIES),
    indicator=st.sampled_from((*INDICATORS, ELEVATED)),
    gates=st.lists(st.sampled_from(sorted(GATES)), unique=True).map(tuple),
    policy=st.just("recommended"),
    policy_fingerprint=st.just("0" * 16),
    time_window_hours=st.just(24),
    account_object_id=st.one_of(st.uuids().map(str), st.just(""), TEXTS),
    account_display_name=TEXTS,
    account_ids=tuples(st.one_of(st.emails(), TEXTS), 50),
    privileged=st.sampled_from(("yes", "no", "unknown")),
    ip_addresses=tuples(st.builds(Counted, text=ADDRESSES, count=COUNTS), 50),
    user_agents=tuples(COUNTED, 50),
    countries=tuples(COUNTED, 50),
    providers=tuples(COUNTED, 50),
    first_activity=INSTANTS,
    last_activity=INSTANTS,
    total_actions=COUNTS,
    unique_pages=COUNTS,
    unique_spaces=COUNTS,
    sensitive_search_count=COUNTS,
    export_count=COUNTS,
    download_count=COUNTS,
    space_export_count=COUNTS,
    access_rate_per_minute=RATES,
    opened_after_search=COUNTS,
    taken_after_search=COUNTS,
    peak_minute=INSTANTS,
    peak_actions=COUNTS,
    minutes=st.just(()),
    conditions=tuples(
        st.builds(
            Condition,
            gate=st.sampled_from(sorted(GATES)),
            column=st.sampled_from(sorted(COLUMN_WORDS)),
            value=RATES,
            threshold=RATES,
        ),
        8,
    ),
    sessions=tuples(st.builds(SessionEvidence, gates=st.just(()), indicator=st.just("")), 2),
    session_count=COUNTS,
    spaces=tuples(COUNTED, 30),
    pages=tuples(COUNTED, 100),
    searches=tuples(
        st.builds(
            SearchEvidence,
            text=TEXTS,
            terms=tuples(TEXTS, 20),
            opened=tuples(TEXTS, 10),
            taken=tuples(TEXTS, 10),
        ),
        40,
    ),
    taken=tuples(
        st.builds(Taken, at=INSTANTS, action_type=TEXTS, page_title=TEXTS, space_key=TEXTS), 60
    ),
)
