"""Interleavings that each show why one rule is needed.

Every scenario plays on a stage of its own, with one user, and returns what is wrong in the end.
"""

from tests.simulation import directed_judging, directed_storing
from tests.simulation.stage import Scenario

SCENARIOS: tuple[Scenario, ...] = (
    directed_storing.the_same_messages_in_other_batches,
    directed_storing.a_store_that_is_away_for_nine_tries,
    directed_storing.a_round_between_two_writes_of_a_batch,
    directed_storing.new_data_while_the_old_is_judged,
    directed_storing.a_mark_cleared_by_another_and_set_again,
    directed_storing.a_crash_while_a_user_is_judged,
    directed_storing.the_first_data_of_a_day_between_days_and_marks,
    directed_storing.a_merge_between_two_pages,
    directed_storing.a_crash_within_a_merge,
    directed_storing.two_merges_and_a_segment_that_comes_again,
    directed_judging.a_stale_round_finds_no_hit,
    directed_judging.a_stale_round_meets_a_verdict_without_news,
    directed_judging.reopened_by_one_and_opened_anew_by_another,
    directed_judging.a_loser_freezes_evidence_last,
    directed_judging.a_winner_that_dies_at_once,
    directed_judging.a_stale_round_shows_its_window_last,
    directed_judging.nobody_judges_for_a_day,
    directed_judging.data_from_three_days_ago,
    directed_judging.the_oldest_activity_leaves,
    directed_judging.an_episode_written_after_its_host_died,
    directed_judging.sent_between_the_outbox_mark_and_the_episode,
    directed_judging.a_crash_between_a_closing_and_its_outbox_mark,
    directed_judging.two_dispatchers_at_once,
    directed_judging.a_creation_without_an_answer,
    directed_judging.a_creation_that_shows_late,
    directed_judging.worse_while_it_is_sent,
)
