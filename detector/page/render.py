"""The evidence page of an episode, from its frozen revisions: one file, no script, no request."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined

from detector.core import playbook, report
from detector.core.episode import Transition
from detector.core.evidence import Condition, Evidence
from detector.core.instant import format_instant
from detector.page import timeline
from detector.page.text import emphasised, number, visible

_STYLE = files("detector.page").joinpath("page.css").read_text(encoding="utf-8")
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()

CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"
)
"""What the page allows itself, in its head; whoever serves it may send the same as a header."""

_WIDE, _NARROW = 960, 380

_GATES = {
    "bulk_access": "Bulk access",
    "credential_hunting": "Credential hunting",
    "bulk_export": "Bulk export",
    "space_enumeration": "Space enumeration",
    "space_export": "Whole-space export",
    "indicator": "The indicator's own",
}


def render_page(revisions: Sequence[Evidence], *, rendered_at: int) -> str:
    """The page of an episode's revisions, in any order: the newest in full, the others in a row.

    `rendered_at` is in ticks. Every text of the evidence is escaped, and what cannot be seen in it
    is shown. Raises ValueError when there is no revision.
    """
    if not revisions:
        message = "no evidence is kept of this episode"
        raise ValueError(message)
    newest, *earlier = sorted(revisions, key=lambda evidence: -evidence.revision)
    return _environment().get_template("page.html.j2").render(_view(newest, earlier, rendered_at))


def _view(newest: Evidence, earlier: Sequence[Evidence], rendered_at: int) -> Mapping[str, object]:
    return {
        "e": newest,
        "is_open": newest.transition is not Transition.CLOSED,
        "title": report.title(newest),
        "story": report.story(newest),
        "who": report.who(newest),
        "gates": _by_gate(newest.conditions),
        "timelines": [
            chart
            for width in (_WIDE, _NARROW)
            if (chart := timeline.timeline(newest, width)) is not None
        ],
        "chart": timeline,
        "searches": [(search, emphasised(search.text, search.terms)) for search in newest.searches],
        "steps": report.first_steps(newest),
        "look_alikes": playbook.look_alikes(newest),
        "queries": playbook.hunting_queries(newest),
        "techniques": playbook.techniques(newest),
        "detection": playbook.DETECTION,
        "blind_spots": playbook.blind_spots(newest),
        "commands": playbook.response_commands(newest),
        "earlier": [(evidence, report.title(evidence)) for evidence in earlier],
        "rendered_at": rendered_at,
        "column_words": report.COLUMN_WORDS,
        "content_security_policy": CONTENT_SECURITY_POLICY,
        "style": _STYLE,
    }


def _by_gate(conditions: Sequence[Condition]) -> list[tuple[str, list[Condition]]]:
    return [
        (_GATES.get(gate, gate), list(group))
        for gate, group in groupby(conditions, key=lambda condition: condition.gate)
    ]


@lru_cache(1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("detector.page", "."),
        autoescape=True,
        finalize=visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(clock=report.clock_time, instant=format_instant, number=number)
    return environment
