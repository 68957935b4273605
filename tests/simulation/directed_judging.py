"""Interleavings of judging and sending."""

from detector.core.instant import DAY, HOUR, MINUTE, SECOND
from tests.simulation.product import Product
from tests.simulation.requests import NoAnswerError
from tests.simulation.stage import NOON, Stage, hit_at, record


def a_stale_round_finds_no_hit(product: Product) -> list[str]:
    """Who read before the user became a hit may not close what was opened since."""
    stage = Stage(product)
    stage.take(*hit_at(NOON))
    stage.finish(stage.evaluate())
    stage.later(DAY + SECOND)
    stale = stage.evaluate()
    stage.until(stale, "submit", "episodes")
    stage.take(*hit_at(stage.now, first=20))
    stage.finish(stage.evaluate())
    stage.finish(stale)
    return stage.settle()


def a_stale_round_meets_a_verdict_without_news(product: Product) -> list[str]:
    """A verdict that changes nothing guards the episode, too: its instant moves the row."""
    stage = Stage(product)
    stage.take(*hit_at(NOON - 23 * HOUR), record(20, NOON))
    stage.finish(stage.evaluate())
    stage.later(HOUR + SECOND)
    stale = stage.evaluate()
    stage.until(stale, "submit", "episodes")
    stage.later(SECOND)
    stage.take(*hit_at(NOON - MINUTE, first=30)[:-1])
    stage.finish(stage.evaluate(), stale)
    return stage.settle()


def reopened_by_one_and_opened_anew_by_another(product: Product) -> list[str]:
    """A new number rewrites the latest row, so that nobody can reopen that at the same time."""
    stage = Stage(product)
    stage.take(*hit_at(NOON))
    stage.finish(stage.evaluate())
    stage.later(DAY + SECOND)
    stage.finish(stage.evaluate())
    stage.later(2 * HOUR - SECOND)
    stage.take(*hit_at(stage.now, first=20))
    reopening = stage.evaluate()
    stage.until(reopening, "submit", "episodes")
    stage.later(2 * SECOND)
    opening = stage.evaluate()
    stage.until(opening, "submit", "episodes")
    stage.finish(reopening, opening)
    return stage.settle()


def a_loser_freezes_evidence_last(product: Product) -> list[str]:
    """Each revision has evidence of its own, which no loser can touch."""
    stage = Stage(product)
    stage.take(*hit_at(NOON))
    stage.finish(stage.evaluate(), stage.dispatch())
    stage.later(DAY + SECOND)
    stale = stage.evaluate()
    stage.until(stale, "submit", "evidence")
    stage.take(record(30, stage.now, ActionType="SpaceExported"))
    stage.finish(stage.evaluate())
    stage.until(stale, "submit", "episodes")
    stage.crash(stale, lands=True)
    return stage.settle()


def a_winner_that_dies_at_once(product: Product) -> list[str]:
    """What a loser has frozen is not taken for the winner's, even when nobody is left to say so."""
    stage = Stage(product)
    stage.take(*hit_at(NOON))
    stage.finish(stage.evaluate(), stage.dispatch())
    stage.later(DAY + SECOND)
    loser = stage.evaluate()
    stage.until(loser, "submit", "episodes")
    stage.take(*hit_at(stage.now, first=20), record(30, stage.now, ActionType="SpaceExported"))
    winner = stage.evaluate()
    stage.until(winner, "submit", "episodes")
    stage.one_request(winner)
    stage.crash(winner, lands=False)
    stage.finish(loser)
    return stage.settle()


def a_stale_round_shows_its_window_last(product: Product) -> list[str]:
    """The window row is guarded, too: nobody else would correct it for a day."""
    stage = Stage(product)
    stage.take(record(1, NOON - MINUTE))
    stale = stage.evaluate()
    stage.until(stale, "submit", "windows")
    stage.take(record(2, NOON - MINUTE))
    stage.later(SECOND)
    stage.finish(stage.evaluate(), stale)
    return stage.settle()


def nobody_judges_for_a_day(product: Product) -> list[str]:
    """What left the window while nobody judged is looked back at."""
    stage = Stage(product)
    stage.finish(stage.evaluate())
    stage.take(*hit_at(NOON))
    stage.later(DAY + HOUR)
    return stage.settle()


def data_from_three_days_ago(product: Product) -> list[str]:
    """What is older than the window is judged at its own time."""
    stage = Stage(product)
    stage.finish(stage.evaluate())
    stage.take(*hit_at(NOON - 3 * DAY))
    return stage.settle()


def the_oldest_activity_leaves(product: Product) -> list[str]:
    """A user who is a hit is judged again when that may end, though nothing happens."""
    stage = Stage(product)
    stage.take(*hit_at(NOON))
    stage.finish(stage.evaluate())
    stage.later(DAY)
    return stage.settle()


def an_episode_written_after_its_host_died(product: Product) -> list[str]:
    """Housekeeping has every open episode judged again."""
    stage = Stage(product)
    stage.scheduler.now = NOON - DAY
    stage.take(*hit_at(NOON - DAY + MINUTE)[:6])
    stage.finish(stage.evaluate())
    stage.scheduler.now = NOON
    stage.take(record(20, NOON))
    dying = stage.evaluate()
    stage.until(dying, "submit", "episodes")
    stage.later(2 * MINUTE)
    stage.finish(stage.evaluate())
    stage.crash(dying, lands=True)
    stage.do(product.housekeep(stage.state, stage.now))
    return stage.settle()


def sent_between_the_outbox_mark_and_the_episode(product: Product) -> list[str]:
    """The outbox mark comes after the episode it asks to send."""
    stage = Stage(product)
    stage.take(*hit_at(NOON))
    round_ = stage.evaluate()
    stage.until(round_, "submit", "episodes")
    stage.finish(stage.dispatch(), round_)
    return stage.settle()


def a_crash_between_a_closing_and_its_outbox_mark(product: Product) -> list[str]:
    """A round that changes nothing still asks to send what was never sent."""
    stage = Stage(product)
    stage.take(*hit_at(NOON))
    stage.finish(stage.evaluate(), stage.dispatch())
    stage.later(DAY + SECOND)
    dying = stage.evaluate()
    stage.until(dying, "submit", "outbox")
    stage.crash(dying, lands=False)
    return stage.settle()


def two_dispatchers_at_once(product: Product) -> list[str]:
    """Only who has the lease sends."""
    stage = Stage(product)
    stage.take(*hit_at(NOON))
    stage.finish(stage.evaluate())
    one, other = stage.dispatch(), stage.dispatch()
    stage.until(one, "createAlert")
    stage.finish(other, one)
    return stage.settle()


def a_creation_without_an_answer(product: Product) -> list[str]:
    """What may have been created is looked up before it is created again."""
    stage = Stage(product)
    stage.take(*hit_at(NOON))
    stage.finish(stage.evaluate())
    unlucky = stage.dispatch()
    stage.until(unlucky, "createAlert")
    stage.one_request(unlucky, NoAnswerError())
    stage.finish(unlucky)
    return stage.settle()


def a_creation_that_shows_late(product: Product) -> list[str]:
    """A duplicate that nobody could have seen in time is closed later."""
    stage = Stage(product, shown_after=8 * MINUTE)
    stage.take(*hit_at(NOON))
    stage.finish(stage.evaluate())
    unlucky = stage.dispatch()
    stage.until(unlucky, "createAlert")
    stage.one_request(unlucky, NoAnswerError())
    stage.finish(unlucky)
    stage.later(6 * MINUTE)
    stage.finish(stage.dispatch())
    return stage.settle()


def worse_while_it_is_sent(product: Product) -> list[str]:
    """What was sent is what was read, not what the episode has become since."""
    stage = Stage(product)
    stage.take(*hit_at(NOON))
    stage.finish(stage.evaluate())
    slow = stage.dispatch()
    stage.until(slow, "comment")
    stage.take(record(30, NOON, ActionType="SpaceExported"))
    stage.finish(stage.evaluate(), slow)
    return stage.settle()
