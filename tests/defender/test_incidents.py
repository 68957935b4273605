"""What a responder finds in Defender: one incident that says who, what, and how it went on."""

from dataclasses import replace
from typing import Any

import pytest

from detector.adapters.graph.payload import TAGS, marker
from detector.core.episode import Ending
from detector.core.instant import DAY, HOUR, MINUTE
from tests.defender.graph_product import EVIDENCE_URL, active
from tests.loopback.graph import Alert, LoopbackGraph, Operation, gateway_timeout
from tests.support.events import a_space_export, a_theft, user_id, views
from tests.support.product import Product

pytestmark = [
    # The SDK's own modules warn when the first builder is imported.
    pytest.mark.filterwarnings("ignore:GetQueryParameters is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This class is deprecated:DeprecationWarning"),
]


async def raised(product: Product, records: list[dict[str, Any]]) -> None:
    """Feed and tick."""
    await product.feed(records)
    await product.minutes(1)


def only_alert(graph: LoopbackGraph) -> Alert:
    """The one alert there is."""
    (alert,) = graph.alerts.values()
    return alert


async def test_an_alert_says_what_happened_with_numbers_and_what_to_do(
    product: Product, graph: LoopbackGraph
) -> None:
    await raised(product, a_theft(product.clock.ticks, name="Alice"))

    episode, given = await product.episode(), only_alert(graph).given
    description = str(given["description"])
    assert given["title"] == (
        "Confluence data mining by Alice: 1 search for secrets, then 1 file taken"
    )
    assert (given["severity"], given["category"]) == ("high", "Collection")
    assert given["mitreTechniques"] == ["T1213.001"]
    assert description.startswith("Alice made 3 actions on 3 pages in ")
    for part in (
        "Why it fired:", "credential_hunting: 1 sensitive search > 0", "192.0.2.7", "Firefox",
        "vpn password", "keys.zip", "Runbook", "privileged: unknown", "DET0358",
        f"Evidence: {EVIDENCE_URL}/{episode.episode_id}",
    ):  # fmt: skip
        assert part in description, part
    assert description.endswith(marker(episode.episode_id))
    actions = str(given["recommendedActions"])
    assert actions.startswith("1. Ask Alice")
    assert f'| where AccountObjectId =~ "{user_id(7)}"' in actions


async def test_an_incident_has_the_tags_and_one_comment(
    product: Product, graph: LoopbackGraph
) -> None:
    await raised(product, views(60, product.clock.ticks))

    (incident,) = graph.incidents.values()
    (comment,) = incident.comments
    assert incident.custom_tags == [*TAGS]
    assert comment.text.startswith("Revision 1, opened 2026-11-22 10:01Z, medium: User 7 made 60")
    assert EVIDENCE_URL in comment.text


async def test_a_repeated_delivery_comments_once_and_tags_once(
    product: Product, graph: LoopbackGraph
) -> None:
    graph.fault(Operation.COMMENT_INCIDENT, gateway_timeout(after_commit=True))
    await raised(product, views(60, product.clock.ticks))
    await product.minutes(20)

    (incident,) = graph.incidents.values()
    assert len(incident.comments) == 1
    assert incident.custom_tags == [*TAGS]


async def test_an_escalation_joins_the_incident_with_a_graver_alert(
    product: Product, graph: LoopbackGraph
) -> None:
    await raised(product, views(45, product.clock.ticks, every=20 * 10**7))
    await product.minutes(20)
    await raised(product, a_theft(product.clock.ticks))

    (incident,) = graph.incidents.values()
    before, after = graph.alerts.values()
    assert (before.severity, after.severity) == ("low", "high")
    assert before.incident_id == after.incident_id == incident.id
    assert after.given["linkToIncident"] == int(incident.id)
    assert marker((await product.episode()).episode_id, "high") in str(after.given["description"])
    assert [c.text.split(" ")[2] for c in incident.comments] == ["opened", "escalated"]


async def test_a_change_that_is_not_graver_is_a_comment_and_no_alert(
    product: Product, graph: LoopbackGraph
) -> None:
    await raised(product, views(60, product.clock.ticks))
    await raised(product, views(10, product.clock.ticks, title="More"))  # past 64 actions

    (incident,) = graph.incidents.values()
    assert len(graph.alerts) == 1
    assert incident.comments[-1].text.startswith("Revision 2, escalated")


async def test_an_incident_is_told_that_its_episode_has_ended_and_stays_active(
    product: Product, graph: LoopbackGraph
) -> None:
    await raised(product, views(60, product.clock.ticks))
    product.clock.advance(DAY)
    await product.minutes(2)

    episode = await product.episode()
    (incident,) = active(graph, episode)
    assert (episode.is_open, episode.ending) == (False, Ending.BELOW)
    assert incident.comments[-1].text.startswith("Revision 2, closed 2026-11-23")


async def test_a_hit_soon_after_the_end_goes_on_in_the_same_incident(
    product: Product, graph: LoopbackGraph
) -> None:
    await raised(product, views(60, product.clock.ticks))
    product.clock.advance(DAY)
    await product.minutes(2)
    product.clock.advance(HOUR)
    await raised(product, views(60, product.clock.ticks, title="Again"))

    (incident,) = graph.incidents.values()
    assert "reopened" in incident.comments[-1].text


async def test_a_merged_incident_is_followed(product: Product, graph: LoopbackGraph) -> None:
    await raised(product, [a_space_export(product.clock.ticks, user=8)])
    (theirs,) = graph.incidents
    await raised(product, views(60, product.clock.ticks))
    ours = next(number for number in graph.incidents if number != theirs)
    graph.merge(ours, into=theirs)

    await raised(product, a_theft(product.clock.ticks))

    by_user = {e.account_object_id: e.deliveries["defender"] for e in await product.episodes()}
    assert by_user[user_id(7)].incident_id == theirs
    assert [alert.incident_id for alert in graph.alerts.values()] == [theirs] * 3
    assert graph.incidents[theirs].comments[-1].text.startswith("Revision 2, escalated")
    assert [i.id for i in graph.incidents.values() if i.is_active] == [theirs]


async def test_an_incident_that_is_merged_after_its_request_was_lost_is_found_again(
    product: Product, graph: LoopbackGraph
) -> None:
    await raised(product, [a_space_export(product.clock.ticks, user=8)])
    graph.fault(Operation.CREATE_ALERT, gateway_timeout(after_commit=True))
    await raised(product, views(60, product.clock.ticks))
    theirs, ours = graph.incidents
    graph.merge(ours, into=theirs)

    await product.minutes(40)

    assert len(graph.alerts) == 2
    assert [i.id for i in graph.incidents.values() if i.is_active] == [theirs]


@pytest.mark.parametrize(
    ("columns", "entity"),
    [
        pytest.param({}, ("aadUserId", user_id(7)), id="object id"),
        pytest.param({"AccountObjectId": ""}, ("userPrincipalName", "user7@example.com"), id="UPN"),
        pytest.param(
            {"AccountObjectId": "5b10ac8d82e05b22cc7d4ef5"},
            ("userPrincipalName", "user7@example.com"),
            id="an id of Atlassian's",
        ),
        pytest.param(
            {"AccountObjectId": "", "AccountId": "5b10", "AccountDisplayName": "bob@example.com"},
            ("userPrincipalName", "bob@example.com"),
            id="UPN as name",
        ),
        pytest.param(
            {"AccountObjectId": "", "AccountId": "", "AccountDisplayName": "Bob"},
            None,
            id="a name alone",
        ),
        pytest.param(
            {"AccountObjectId": "", "AccountId": "<b>@example.com", "AccountDisplayName": ""},
            None,
            id="markup",
        ),
    ],
)
async def test_the_user_is_the_object_id_else_the_upn_else_nobody(
    product: Product, graph: LoopbackGraph, columns: dict[str, str], entity: tuple[str, str] | None
) -> None:
    await raised(product, views(60, product.clock.ticks, **columns))

    entities = only_alert(graph).given["entityDefinitions"]
    assert isinstance(entities, list)
    users = [e for e in entities if isinstance(e, dict) and e["entityType"] == "user"]
    others = [e["entityType"] for e in entities if isinstance(e, dict) and e not in users]
    assert [(u["entityIdentifier"], u["identifierValue"]) for u in users] == (
        [entity] if entity else []
    )
    assert others == ["ip", "cloudApplication"]


async def test_every_address_is_an_entity_once_and_a_broken_one_is_none(
    product: Product, graph: LoopbackGraph
) -> None:
    addresses = ["192.0.2.1", "2001:DB8::1", "2001:db8:0::1", "fe80::1%x<script>", "", "nowhere"]
    records = [
        record
        for n, address in enumerate(addresses)
        for record in views(15, product.clock.ticks, title=f"{n}", IPAddress=address)
    ]
    await raised(product, records)

    entities = only_alert(graph).given["entityDefinitions"]
    assert isinstance(entities, list)
    found = [
        e["identifierValue"] for e in entities if isinstance(e, dict) and e["role"] == "related"
    ]
    assert sorted(map(str, found)) == ["192.0.2.1", "2001:db8::1", "Confluence"]


async def test_one_user_under_many_addresses_and_agents_is_one_incident(
    product: Product, graph: LoopbackGraph
) -> None:
    for n in range(60):
        place = {"IPAddress": f"198.51.100.{n}", "UserAgent": f"agent {n}"}
        await product.feed(views(1, product.clock.ticks, title=f"{n}", **place))
        product.clock.advance(MINUTE // 4)
    await product.minutes(2)

    assert len(graph.incidents) == 1


async def test_a_resent_alert_comments_the_incident_it_has(
    product: Product, graph: LoopbackGraph
) -> None:
    await raised(product, views(60, product.clock.ticks))
    (stored,) = await product.state.episodes.every()
    again = replace(stored.episode, revision=2)
    await product.state.episodes.write(again, stored)
    await product.state.marks.set_outbox(again.user, again.number, product.clock.ticks)

    await product.minutes(1)

    (incident,) = graph.incidents.values()
    assert [c.text[:10] for c in incident.comments] == ["Revision 1", "Revision 2"]
    assert len(graph.alerts) == 1
