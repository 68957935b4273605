"""Episodes: every transition, and what never goes back."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.core.activity import Activity
from detector.core.episode import (
    Change,
    Delivery,
    Ending,
    Episode,
    Judgement,
    Transition,
    advance,
    close,
    episode_id,
    is_worse,
    look_back,
)
from detector.core.instant import DAY, HOUR, MINUTE
from detector.core.policy import SEVERITIES
from detector.core.rules import gravity
from tests.support.activities import ALICE, NOON, activity, judgement, search, tuned, views

ELSEWHERE = ALICE._replace(ip_address="192.0.2.2")
WIDE = tuned(bulk_access=2)


def hit(
    number: int = 41, at: int = NOON, *, every: int = 10 * MINUTE, **fields: object
) -> Judgement:
    """A hit of that many slow views which end at the instant."""
    made = views(number, start=at - (number - 1) * every, every=every, **fields)
    return judgement(made, at)


def quiet(at: int) -> Judgement:
    return judgement([], at)


def written(change: Change | None) -> tuple[Episode, Transition | None]:
    assert change is not None
    return change


def opened(by: Judgement | None = None) -> Episode:
    return written(advance(None, by or hit()))[0]


def test_a_first_hit_opens_the_first_episode() -> None:
    judged = hit()

    episode, transition = written(advance(None, judged))

    assert transition is Transition.OPENED
    assert (episode.number, episode.revision, episode.is_open) == (1, 1, True)
    assert (episode.opened_at, episode.as_of, episode.closed_at) == (NOON, NOON, 0)
    assert episode.episode_id == episode_id(judged.user, 1, NOON)
    assert (episode.total_actions, episode.sessions, episode.severity) == (41, 1, "low")
    assert (episode.gates, episode.source_alone) == (("bulk_access",), True)
    assert (episode.account_object_id, episode.account_display_name) == ALICE[:2]
    assert episode.last_activity - episode.first_activity == 400 * MINUTE
    assert episode.deliveries == {}


def test_one_opening_has_one_id_and_another_has_another() -> None:
    assert episode_id("u", 1, NOON) == episode_id("u", 1, NOON)
    ids = [episode_id("u", 1, NOON), episode_id("u", 2, NOON), episode_id("u", 1, NOON + 1)]

    assert len({*ids, episode_id("v", 1, NOON)}) == 4


def test_an_episode_of_a_merged_window_stands_under_its_account() -> None:
    spread = [
        a._replace(session=ALICE._replace(ip_address=f"192.0.2.{i}"))
        for i, a in enumerate(views(41))
    ]

    episode = opened(judgement(spread))

    assert (episode.account_display_name, episode.sessions, episode.total_actions) == (
        "Alice",
        0,
        41,
    )


def test_nothing_is_written_for_who_is_no_hit_and_has_no_open_episode() -> None:
    closed = close(opened(), NOON, Ending.BELOW)

    assert advance(None, quiet(NOON)) is None
    assert advance(closed, quiet(NOON + 1)) is None


def test_while_nothing_gets_worse_only_as_of_and_the_measures_move() -> None:
    before = opened()

    after, transition = written(advance(before, hit(at=NOON + 1)))

    assert transition is None
    assert (after.as_of, after.revision) == (NOON + 1, before.revision)
    assert after == replace(before, as_of=NOON + 1, last_activity=after.last_activity)


@pytest.mark.parametrize(
    ("by", "worse"),
    [
        pytest.param(hit(41), False, id="the same"),
        pytest.param(hit(63), False, id="more, below the next power of two"),
        pytest.param(hit(64), True, id="past the next power of two"),
        pytest.param(hit(41, action="ContentExported"), True, id="a graver indicator"),
    ],
)
def test_an_episode_escalates_when_it_gets_worse(by: Judgement, worse: bool) -> None:
    before = opened()
    by = replace(by, verdict=replace(by.verdict, at=NOON + 1))

    after, transition = written(advance(before, by))

    assert is_worse(by, before) is worse
    assert transition is (Transition.ESCALATED if worse else None)
    assert after.revision == 1 + worse


def test_two_sessions_are_worse_than_one() -> None:
    many = replace(opened(judgement(views(3, every=10 * MINUTE), policy=WIDE)), total_actions=999)
    both = [a._replace(session=s) for s in (ALICE, ELSEWHERE) for a in views(3, every=10 * MINUTE)]

    assert is_worse(judgement(both, policy=WIDE), many)
    assert not is_worse(judgement(both[:3], policy=WIDE), many)


def test_an_escalation_keeps_the_worst_of_both() -> None:
    before = replace(opened(hit(70)), severity="high", gates=("a",), source_alone=False)
    exports = judgement([activity(NOON + 9, "ContentExported", title=f"{i}") for i in range(6)])
    exports = replace(exports, verdict=replace(exports.verdict, at=NOON + 10))

    after, transition = written(advance(before, exports))

    assert transition is Transition.ESCALATED
    assert (after.total_actions, after.severity) == (70, "high")
    assert after.indicator == "Bulk content export activity"
    assert after.gates == ("a", "bulk_export")
    assert (after.first_activity, after.last_activity) == (before.first_activity, NOON + 9)
    assert after.source_alone
    assert after.opened_at == before.opened_at


def test_a_user_who_falls_below_is_closed() -> None:
    after, transition = written(advance(opened(), quiet(NOON + 5)))

    assert transition is Transition.CLOSED
    assert (after.is_open, after.ending) == (False, Ending.BELOW)
    assert (after.closed_at, after.as_of, after.revision) == (NOON + 5, NOON + 5, 2)


@pytest.mark.parametrize(
    ("ending", "later", "transition", "number"),
    [
        pytest.param(Ending.BELOW, 2 * HOUR, Transition.REOPENED, 1, id="two hours later"),
        pytest.param(Ending.BELOW, 2 * HOUR + 1, Transition.OPENED, 2, id="a tick too late"),
        pytest.param(Ending.BELOW, 0, Transition.REOPENED, 1, id="at once"),
        pytest.param(Ending.RESOLVED, 0, Transition.OPENED, 2, id="resolved by a person"),
        pytest.param(Ending.AGE, 0, Transition.OPENED, 2, id="closed for its age"),
    ],
)
def test_a_hit_after_closing_reopens_or_opens_the_next(
    ending: Ending, later: int, transition: Transition, number: int
) -> None:
    closed = close(opened(), NOON + HOUR, ending)

    after, done = written(advance(closed, hit(at=NOON + HOUR + later)))

    assert (done, after.number, after.is_open) == (transition, number, True)
    assert (after.closed_at, after.ending) == (0, Ending.NONE)
    assert after.revision == (3 if transition is Transition.REOPENED else 1)
    assert (after.episode_id == closed.episode_id) is (number == 1)


def test_an_episode_of_seven_days_is_closed_while_the_user_is_still_a_hit() -> None:
    young, _ = written(advance(opened(), hit(at=NOON + 7 * DAY)))
    old, transition = written(advance(young, hit(at=NOON + 7 * DAY + 1)))

    assert young.is_open
    assert (transition, old.ending) == (Transition.CLOSED, Ending.AGE)
    assert written(advance(old, hit(at=NOON + 7 * DAY + 2)))[1] is Transition.OPENED


def test_a_verdict_from_before_what_was_judged_is_refused() -> None:
    with pytest.raises(ValueError, match="before the episode's as_of"):
        advance(opened(), hit(at=NOON - 1))


def test_closing_never_moves_as_of_back() -> None:
    assert close(replace(opened(), as_of=NOON + 9), NOON + 5, Ending.RESOLVED).as_of == NOON + 9


def test_late_data_without_a_hit_changes_nothing() -> None:
    assert look_back([], quiet(NOON), NOON + DAY) is None
    assert look_back([opened()], quiet(NOON), NOON + DAY) is None


def test_a_late_hit_that_no_episode_covers_opens_one_dated_now() -> None:
    now = NOON + 3 * DAY

    episode, transition = written(look_back([], hit(), now))

    assert transition is Transition.OPENED
    assert (episode.number, episode.opened_at, episode.as_of) == (1, now, now)
    assert episode.episode_id == episode_id(episode.user, 1, now)
    assert episode.last_activity == NOON


@pytest.mark.parametrize(
    ("at", "transition"),
    [
        pytest.param(NOON - 401 * MINUTE, Transition.OPENED, id="before its first activity"),
        pytest.param(NOON - 400 * MINUTE, Transition.ESCALATED, id="at its first activity"),
        pytest.param(NOON + HOUR, Transition.ESCALATED, id="when it closed"),
        pytest.param(NOON + HOUR + 1, Transition.OPENED, id="after it closed"),
    ],
)
def test_a_late_worse_hit_escalates_the_episode_that_covers_it(
    at: int, transition: Transition
) -> None:
    closed = close(opened(), NOON + HOUR, Ending.BELOW)

    after, done = written(look_back([closed], hit(99, at), NOON + DAY))

    assert done is transition
    assert after.number == (2 if transition is Transition.OPENED else 1)
    assert after.is_open is (transition is Transition.OPENED)


def test_a_late_hit_that_is_no_worse_changes_nothing() -> None:
    closed = close(opened(), NOON + HOUR, Ending.BELOW)

    assert look_back([closed], hit(41), NOON + DAY) is None
    assert look_back([opened()], hit(41, NOON - DAY), NOON + DAY) is None


def test_late_data_is_taken_by_the_open_episode_wherever_it_falls() -> None:
    first = close(opened(), NOON + HOUR, Ending.BELOW)
    second = replace(opened(hit(at=NOON + DAY)), number=2)

    after, transition = written(look_back([first, second], hit(99), NOON + 2 * DAY))

    assert (after.number, transition, after.as_of) == (2, Transition.ESCALATED, NOON + DAY)


def test_late_data_between_two_closed_episodes_goes_to_the_one_that_covers_it() -> None:
    first = close(opened(), NOON + HOUR, Ending.BELOW)
    second = close(replace(opened(hit(at=NOON + DAY)), number=2), NOON + DAY + 1, Ending.BELOW)

    after, _ = written(look_back([first, second], hit(99), NOON + 2 * DAY))

    assert (after.number, after.is_open, after.revision) == (1, False, 3)


def test_total_actions_of_a_judgement_are_the_users() -> None:
    both = judgement([*views(2), *views(3, session=ELSEWHERE)])

    assert (both.total_actions, quiet(NOON).total_actions) == (5, 0)


def test_a_delivery_begins_as_pending_and_unsent() -> None:
    assert (Delivery().status, Delivery().sent_revision, Delivery().alert_id) == ("pending", 0, "")


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, HOUR, 2 * HOUR + 1, DAY, 4 * DAY]),
        st.sampled_from(["quiet", "small", "large", "search", "late", "resolve"]),
    ),
    max_size=12,
)


def judged(kind: str, at: int) -> Judgement:
    made: dict[str, Sequence[Activity]] = {
        "quiet": (),
        "small": views(3, start=at - HOUR, every=10 * MINUTE),
        "large": views(9, start=at - HOUR, every=MINUTE),
        "search": [search(at)],
        "late": views(17, start=at - HOUR, every=MINUTE),
    }
    return judgement(made[kind], at, WIDE)


@given(STEPS)
def test_whatever_happens_nothing_goes_back(steps: list[tuple[int, str]]) -> None:
    history: dict[int, Episode] = {}
    now = NOON
    for pause, kind in steps:
        now += pause
        latest = history[max(history)] if history else None
        change: Change | None
        if kind == "resolve":
            change = (close(latest, now, Ending.RESOLVED), None) if latest else None
        elif kind == "late":
            change = look_back(list(history.values()), judged(kind, now - 3 * DAY), now)
        else:
            change = advance(latest, judged(kind, now))
        if change is None:
            continue
        after, transition = change
        before = history.get(after.number)
        history[after.number] = after
        if before is None:
            assert (transition, after.number) == (Transition.OPENED, len(history))
            continue
        assert (after.episode_id, after.opened_at) == (before.episode_id, before.opened_at)
        assert after.as_of >= before.as_of
        assert after.revision == before.revision + (kind == "resolve" or transition is not None)
        assert after.total_actions >= before.total_actions
        assert gravity(after.indicator) <= gravity(before.indicator)
        assert SEVERITIES.index(after.severity) >= SEVERITIES.index(before.severity)
        assert set(after.gates) >= set(before.gates)
        assert after.first_activity <= before.first_activity
    assert sum(episode.is_open for episode in history.values()) <= 1
