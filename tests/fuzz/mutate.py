"""Mutations of a corpus: JSON trees that keep their shape, and bytes that keep nothing."""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from random import Random

LONGEST = 1 << 16
"""Bytes of one input: most flaws need few."""

_MOST_NESTED = 300

TOKENS: tuple[str, ...] = (
    "null", "true", "0", "-1", "1.5", "{}", "[]", '""', '" "', "[[]]", '{"a":{}}',
    "1e999", "-1e999", "1e-999", "NaN", "-Infinity", "9" * 20, "-" + "9" * 20, "9" * 40,
    "9" * 4_400, "2147483648", "9223372036854775808", "18446744073709551616", "1" + "0" * 400,
    '"\\ud800"', '"\\udfff\\ud800"', '"\\u0000"', '"\\u0000\\u0000"', '"\ufffe\uffff"',
    '"\\u202e\\u2066"', '"\\u001b[31m"', '"\\r\\n"', '"\\u2028\\u0085"', '"\x7f\x9f"',
    '"/\\\\#?%\'"', '"<script>"', '"[a](b)"', '"\U0001f4a9"', '"İıſK"', '"٣"', '"1"', '"true"',
    '"0001-01-01T00:00:00Z"', '"9999-12-31T23:59:59.9999999Z"', '"2026-02-30"', '"9999-12-31"',
    '"0001-01-01T00:00:00+14:00"', '"2026-11-22T10:00:00.12345678901234567890Z"', '"Confluence"',
    '"' + "x" * 1_200 + '"', '"' + "password " * 300 + '"', '"{\\"searchQuery\\":1e999}"',
    '"{\\"searchQuery\\":\\"\\\\ud800\\"}"', "[" * 90 + "]" * 90, "[" * 3_000,
    '{"a":' * 2_000 + "1" + "}" * 2_000,
)  # fmt: skip
"""JSON texts that have broken parsers before; some are no JSON."""

Pairs = list[tuple[str, "Tree"]]


class Object(tuple[tuple[str, "Tree"], ...]):
    """A JSON object as pairs, so that a name may stand twice."""

    __slots__ = ()


Tree = Object | list["Tree"] | str | float | bool | None
Edit = Callable[[str, Random], str]


def mutated(corpus: Sequence[bytes], random: Random) -> bytes:
    """An input made of one or two of the corpus: mostly a tree with odd values, else odd bytes."""
    body = random.choice(corpus)
    tree = _tree(body)
    if tree is not None and random.random() < 0.7:
        body = _in_tree(tree, random)
        if random.random() < 0.8:
            return body[:LONGEST]
    for _ in range(random.choice((1, 1, 2, 4, 8))):
        body = random.choice(_ON_BYTES)(body or b"{", random, corpus)[:LONGEST]
    return body


@lru_cache(256)
def _tree(body: bytes) -> list[Tree] | None:
    """The JSON tree of a body, in a list of its own; None where it is not JSON, or too deep."""
    if body.count(b"[") + body.count(b"{") > _MOST_NESTED:
        return None
    try:
        return [json.loads(body, object_pairs_hook=Object)]
    except (ValueError, RecursionError):
        return None


def _in_tree(tree: list[Tree], random: Random) -> bytes:
    """The text of the tree with one to four of its nodes edited."""
    size = _size(tree[0])
    edits = {
        random.randrange(size): random.choice(_ON_NODES)
        for _ in range(random.choice((1, 1, 1, 2, 4)))
    }
    text = "".join(_render(tree[0], edits, random, iter(range(size))))
    return text.encode("utf-8", "surrogatepass")


def _size(tree: Tree) -> int:
    if isinstance(tree, Object):
        return 1 + sum(_size(value) for _, value in tree)
    return 1 + sum(map(_size, tree)) if isinstance(tree, list) else 1


def _render(tree: Tree, edits: dict[int, Edit], random: Random, places: Iterator[int]) -> str:
    place = next(places)
    if isinstance(tree, Object):
        members = [f"{json.dumps(n)}:{_render(v, edits, random, places)}" for n, v in tree]
        if place in edits and members:
            members = _members(members, random)
        text = "{" + ",".join(members) + "}"
    elif isinstance(tree, list):
        text = "[" + ",".join(_render(v, edits, random, places) for v in tree) + "]"
    else:
        text = json.dumps(tree)
    return edits[place](text, random) if place in edits else text


def _members(members: list[str], random: Random) -> list[str]:
    """One member gone, doubled, with another's value, or spelt in another case."""
    one, other = random.randrange(len(members)), random.choice(members)
    name, value = members[one].split(":", 1)
    changed = random.choice(
        ([], [members[one]] * 2, [f"{name}:{other.split(':', 1)[1]}"], [f"{name.lower()}:{value}"],
         [f"{name}:{random.choice(TOKENS)}", members[one]], [f"{name.swapcase()}:{value}"])
    )  # fmt: skip
    return [*members[:one], *changed, *members[one + 1 :]]


def _deep(text: str, random: Random) -> str:
    """Around the limit of recursion, wherever that is."""
    depth = random.choice((1, 2, 50, 200, 300, *range(890, 1_010, 7), 1_500, 10_000))
    before, after = random.choice((("[", "]"), ('{"a":', "}"), ('[{"searchQuery":', "}]")))
    return before * depth + text + after * depth


_ON_NODES: tuple[Edit, ...] = (
    lambda text, random: random.choice(TOKENS),
    lambda text, random: random.choice(TOKENS),
    lambda text, random: random.choice(TOKENS),
    lambda text, random: text,  # of an object, its members change
    lambda text, random: text,
    lambda text, random: json.dumps(text),
    lambda text, random: f"[{text},{text}]",
    lambda text, random: text[: random.randrange(len(text) + 1)],
    lambda text, random: text[:1] + random.choice(TOKENS).strip('"') + text[1:],
    _deep,
)


def _flipped(body: bytes, random: Random, corpus: Sequence[bytes]) -> bytes:
    place = random.randrange(len(body))
    changed = body[place] ^ (1 << random.randrange(8))
    return body[:place] + bytes((changed,)) + body[place + 1 :]


def _replaced(body: bytes, random: Random, corpus: Sequence[bytes]) -> bytes:
    place = random.randrange(len(body))
    return body[:place] + random.randbytes(random.choice((1, 1, 2, 8))) + body[place + 1 :]


def _cut(body: bytes, random: Random, corpus: Sequence[bytes]) -> bytes:
    place = random.randrange(len(body))
    return body[:place] + body[place + random.choice((1, 2, 9, 100, len(body))) :]


def _inserted(body: bytes, random: Random, corpus: Sequence[bytes]) -> bytes:
    place = random.randrange(len(body) + 1)
    token = random.choice(TOKENS)[:6_000].encode("utf-8", "surrogatepass")
    odd = random.choice(
        (token, b"\xff", b"\xed\xa0\x80", b"\xf0\x9f", b"\0", b"\xef\xbb\xbf", b"\n")
    )
    return body[:place] + odd + body[place:]


def _repeated(body: bytes, random: Random, corpus: Sequence[bytes]) -> bytes:
    start, end = sorted((random.randrange(len(body)), random.randrange(len(body))))
    return body[:end] + body[start:end] * random.choice((1, 2, 30)) + body[end:]


def _spliced(body: bytes, random: Random, corpus: Sequence[bytes]) -> bytes:
    other = random.choice(corpus) or b"\0"
    return body[: random.randrange(len(body))] + other[random.randrange(len(other)) :]


_ON_BYTES = (_flipped, _flipped, _replaced, _cut, _inserted, _inserted, _repeated, _spliced)
