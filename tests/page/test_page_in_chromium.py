"""The evidence page as a browser shows it: nothing fetched, nothing run, readable everywhere."""

import struct

import pytest
import pytest_asyncio
from aiohttp import web

from detector.core.instant import HOUR, MINUTE, parse_instant
from detector.core.report import title
from detector.page import CONTENT_SECURITY_POLICY, render_page
from tests.support.chromium import chromium, new_tab
from tests.support.evidence import START, empty_evidence, hostile_evidence, make_evidence

__all__ = ["chromium"]

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(900),  # the first test may have to install Chromium
]

NOW = parse_instant("2026-03-12T08:00:00Z")
DAY_OF_MINUTES = tuple((START - 12 * HOUR + m * MINUTE, 1 + m % 7) for m in range(1_440))

ATTACKS = {
    "script": "<script>window.hacked = 1</script>",
    "closed elements": "</bdi></title></style></svg></table><script>window.hacked = 1</script>",
    "event handler": "<img src=x onerror='window.hacked = 1'>",
    "attribute": '" autofocus onfocus="window.hacked = 1" x=\'',
    "svg": "<svg onload='window.hacked = 1'><animate onbegin='window.hacked = 1'></svg>",
    "javascript address": "<a href='javascript:window.hacked = 1'>click</a>",
    "request": "<img src='https://example.com/x'><style>@import 'https://example.com/y'</style>",
    "refresh": "<meta http-equiv=refresh content='0;url=https://example.com/z'>",
    "template": "{{ 7 * 7 }} {% raw %}",
}

# Every element with text of its own: its colour against the ground it stands on (WCAG 2.2).
POOR_CONTRAST = """
(() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const light = text => rgb(text).slice(0, 3).map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (rgb(colour)[3] !== 0) return colour;
    }
  };
  const found = [];
  for (const element of document.body.querySelectorAll('*')) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!own || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const colour = element instanceof SVGElement ? style.fill : style.color;
    const [high, low] = [light(colour), light(ground(element))].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    found.push([ratio, element.tagName, element.textContent.slice(0, 40)]);
  }
  return {seen: found.length, poor: found.filter(([ratio]) => ratio < 4.5)};
})()
"""

OVERLAPS = """
(() => {
  const boxes = [...document.querySelectorAll('.chart text')]
    .map(text => [text.textContent, text.getBoundingClientRect()])
    .filter(([, box]) => box.width);
  const chart = [...document.querySelectorAll('.chart')]
    .map(svg => svg.getBoundingClientRect()).find(box => box.width);
  const found = [];
  boxes.forEach(([text, a], index) => {
    if (a.left < chart.left - 1 || a.right > chart.right + 1) found.push([text, 'outside']);
    for (const [other, b] of boxes.slice(index + 1))
      if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
        found.push([text, other]);
  });
  return {seen: boxes.length, found};
})()
"""


@pytest.fixture
def page_file(tmp_path):
    """Writes a page and says its address."""

    def write(*revisions):
        file = tmp_path / "evidence.html"
        file.write_text(render_page(revisions, rendered_at=NOW), encoding="utf-8")
        return file.as_uri()

    return write


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened_tab(chromium):
    async with new_tab(chromium) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def tab(opened_tab):
    await opened_tab.look()
    return opened_tab


@pytest.mark.parametrize(
    "evidence",
    [make_evidence(), empty_evidence(), make_evidence(minutes=DAY_OF_MINUTES)],
    ids=["usual", "empty", "a full day"],
)
async def test_the_page_loads_alone_and_without_complaint(tab, page_file, evidence):
    address = page_file(evidence, make_evidence(revision=0))

    await tab.open(address)

    assert tab.requests == [address]
    assert tab.complaints == []
    assert await tab.ask("document.querySelector('h1').innerText") == title(evidence)
    assert await tab.ask("document.querySelectorAll('main section').length") == 15


async def test_served_with_its_policy_as_a_header_it_asks_for_nothing_else(tab):
    asked = []

    async def serve(request: web.Request) -> web.Response:
        asked.append(request.path)
        body = render_page([hostile_evidence(ATTACKS["request"])], rendered_at=NOW)
        headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
        return web.Response(text=body, content_type="text/html", headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        await tab.open(f"http://127.0.0.1:{runner.addresses[0][1]}/api/evidence/0123")
    finally:
        await runner.cleanup()

    assert asked == ["/api/evidence/0123"]
    assert tab.complaints == []
    assert await tab.ask("getComputedStyle(document.querySelector('.story')).fontSize") != "16px"


@pytest.mark.parametrize("text", ATTACKS.values(), ids=ATTACKS)
async def test_hostile_text_is_shown_as_text_and_does_nothing(tab, page_file, text):
    address = page_file(hostile_evidence(text))

    await tab.open(address)

    heading = await tab.ask("document.querySelector('h1').textContent")
    assert heading.startswith(f"Confluence data mining by {text}: ")
    assert await tab.ask("document.title") == " ".join(heading.split())
    assert await tab.ask("window.hacked ?? null") is None
    assert await tab.ask("document.querySelectorAll('script, img, animate').length") == 0
    assert tab.requests == [address]
    assert tab.complaints == []


async def test_a_right_to_left_override_cannot_turn_the_words_around(tab, page_file):
    await tab.open(page_file(hostile_evidence("invoice\u202efdp.exe")))

    shown = await tab.ask("document.querySelector('#taken tbody').innerText")
    assert "invoice[U+202E]fdp.exe" in shown
    assert await tab.ask("getComputedStyle(document.querySelector('h1 bdi')).unicodeBidi") == (
        "isolate"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_has_enough_contrast_on_screen_and_paper(tab, page_file, scheme):
    await tab.open(page_file(make_evidence(), make_evidence(revision=0)))

    for media in ("screen", "print"):
        await tab.look(scheme=scheme, media=media)
        measured = await tab.ask(POOR_CONTRAST)
        assert measured["poor"] == []
        assert measured["seen"] > 150


@pytest.mark.parametrize("severity", ["informational", "low", "medium"])
async def test_every_severity_can_be_read(tab, page_file, severity):
    await tab.open(page_file(make_evidence(severity=severity)))

    for scheme in ("light", "dark"):
        await tab.look(scheme=scheme)
        assert (await tab.ask(POOR_CONTRAST))["poor"] == []


@pytest.mark.parametrize(
    ("scheme", "media", "ground"),
    [
        ("light", "screen", "rgb(255, 255, 255)"),
        ("dark", "screen", "rgb(15, 20, 25)"),
        ("dark", "print", "rgb(255, 255, 255)"),
    ],
    ids=["light", "dark", "printed from dark"],
)
async def test_the_ground_follows_the_reader_and_paper_is_white(
    tab, page_file, scheme, media, ground
):
    await tab.look(scheme=scheme, media=media)

    await tab.open(page_file(make_evidence()))

    assert await tab.ask("getComputedStyle(document.body).backgroundColor") == ground


@pytest.mark.parametrize(
    "evidence",
    [make_evidence(), hostile_evidence("W" * 1_000), make_evidence(minutes=DAY_OF_MINUTES)],
    ids=["usual", "long words", "a full day"],
)
async def test_the_page_is_never_wider_than_the_window(tab, page_file, evidence):
    await tab.open(page_file(evidence))

    for width in (320, 400, 768, 1_200):
        await tab.look(width=width)
        assert await tab.ask("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize(
    ("minutes", "narrow_step", "wide_step"),
    [
        (((START, 1),), "minute", "minute"),
        (DAY_OF_MINUTES, "step of 30 minutes", "step of 10 minutes"),
    ],
    ids=["one action", "a full day"],
)
async def test_the_chart_can_be_read_at_every_width(
    tab, page_file, minutes, narrow_step, wide_step
):
    await tab.open(page_file(make_evidence(minutes=minutes, peak_minute=minutes[0][0])))

    for width, shown, step in ((400, "narrow", narrow_step), (1_200, "wide", wide_step)):
        await tab.look(width=width)
        caption = await tab.ask("document.querySelector('figcaption').innerText")
        overlaps = await tab.ask(OVERLAPS)
        charts = "[...document.querySelectorAll('.chart')].filter(chart => chart.clientWidth)"
        assert await tab.ask(f"{charts}.map(chart => chart.classList[1])") == [shown]
        assert overlaps["found"] == []
        assert overlaps["seen"] >= 5
        assert caption.startswith(f"Actions a {step}, UTC.")


async def test_assistive_technology_finds_landmarks_and_the_words_of_the_chart(tab, page_file):
    await tab.open(page_file(make_evidence()))

    nodes = (await tab.call("Accessibility.getFullAXTree"))["nodes"]
    roles = {node["role"]["value"] for node in nodes if not node["ignored"]}
    images = [n["name"]["value"] for n in nodes if n["role"]["value"] in {"image", "img"}]
    assert {"banner", "navigation", "main", "contentinfo", "columnheader", "rowheader"} <= roles
    words = "actions from 2026-03-11 19:30Z to 2026-03-11 19:59Z; the busiest minute is "
    assert images == [f"48 {words}2026-03-11 19:40Z with 9."]
    assert await tab.ask("document.documentElement.lang") == "en"


async def test_printed_it_is_a_document_without_the_navigation(tab, page_file):
    await tab.look(media="print")

    await tab.open(page_file(make_evidence()))

    assert (await tab.pdf()).startswith(b"%PDF-")
    assert await tab.ask("document.querySelector('nav').getClientRects().length") == 0


async def test_folded_pages_are_printed(tab, page_file):
    many = tuple(make_evidence().pages[0] for _ in range(25))
    await tab.look(media="print")

    await tab.open(page_file(make_evidence(pages=many)))

    last = "[...document.querySelectorAll('#read details tr')].at(-1)"
    assert await tab.ask(f"{last}.checkVisibility()")


async def test_one_click_selects_a_whole_query(tab, page_file):
    await tab.open(page_file(make_evidence()))
    box = await tab.ask(
        "(b => [b.x + 20, b.y + 20])((e => (e.scrollIntoView(), e.getBoundingClientRect()))"
        "(document.querySelector('#hunt pre')))"
    )

    for kind in ("mousePressed", "mouseReleased"):
        await tab.call(
            "Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1
        )

    selected = await tab.ask("getSelection().toString()")
    assert selected.startswith("CloudAppEvents\n| where Timestamp between")
    assert selected.strip().endswith("| sort by Timestamp asc")


async def test_the_screenshot_is_of_the_size_that_was_asked_for(tab, page_file):
    await tab.look(width=400)
    await tab.open(page_file(make_evidence()))

    assert struct.unpack(">II", (await tab.screenshot())[16:24]) == (400, 900)
