"""How far a window was from every gate."""

from dataclasses import replace

from detector.core.explain import distances, nearest
from detector.core.policy import AccessThreshold
from tests.support.activities import SOURCE, summary, views

NO_GATES = AccessThreshold(
    bulk_access=None,
    sensitive_searches=None,
    exports=None,
    spaces=None,
    actions_with_spaces=None,
)


def test_every_condition_of_the_policy_says_how_much_it_lacked() -> None:
    found = distances(summary(views(38)), SOURCE)

    lacked = {(d.gate, d.column): d.missing for d in found}
    assert lacked["bulk_access", "total_actions"] == 3
    assert lacked["space_enumeration", "total_actions"] == 0
    assert [d.held for d in found].count(True) == 1


def test_the_nearest_gate_is_the_one_that_lacked_least() -> None:
    found = nearest(summary(views(38)), SOURCE)

    assert found is not None
    assert found[0] == "bulk_access"


def test_nothing_is_nearest_where_a_gate_held_or_the_policy_has_none() -> None:
    assert nearest(summary(views(41)), SOURCE) is None
    assert nearest(summary(views(41)), replace(SOURCE, access_threshold=NO_GATES)) is None
