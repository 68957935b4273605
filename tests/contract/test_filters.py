"""No value of a record can become part of an OData filter: values travel as parameters."""

import ast
from pathlib import Path

import pytest

PRODUCT = Path(__file__).parents[2] / "detector"
QUERIES = {"query_entities", "query_tables"}
MODULES = {
    path.relative_to(PRODUCT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in PRODUCT.rglob("*.py")
}
CALLS = [
    pytest.param(module, call, id=f"{module}:{call.lineno}")
    for module, tree in MODULES.items()
    for call in ast.walk(tree)
    if isinstance(call, ast.Call)
    and isinstance(call.func, ast.Attribute)
    and call.func.attr in QUERIES
]


def constants(tree: ast.Module, name: str) -> list[ast.expr]:
    """Whatever is ever bound to the name or passed in its place, in one module."""
    bound = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == name for t in node.targets)
    ]
    passed = [
        node.args[1]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "_query"
    ]
    return [*bound, *passed]


def is_fixed(tree: ast.Module, given: ast.expr) -> bool:
    """A text in the source, or a name that only ever stands for one."""
    if isinstance(given, ast.Constant):
        return isinstance(given.value, str)
    if not isinstance(given, ast.Name):
        return False
    return all(
        isinstance(value, ast.Constant) or (isinstance(value, ast.Name) and value.id == given.id)
        for value in constants(tree, given.id)
    )


@pytest.mark.parametrize(("module", "call"), CALLS)
def test_every_filter_is_a_fixed_text_with_parameters(module: str, call: ast.Call) -> None:
    assert "parameters" in {keyword.arg for keyword in call.keywords}
    assert is_fixed(MODULES[module], call.args[0])


def test_there_are_filters_to_look_at_and_none_elsewhere() -> None:
    assert len(CALLS) == 2
    assert not [m for m, tree in MODULES.items() if "list_entities" in ast.dump(tree)]


@pytest.mark.parametrize(
    "source",
    [
        'query = f"PartitionKey eq {user!r}"',
        "query = \"PartitionKey eq '%s'\" % user",
        'query = "PartitionKey eq " + user',
        'query = "PartitionKey eq {}".format(user)',
        'self._query(table, f"{user}", {})',
    ],
)
def test_a_filter_that_is_put_together_is_seen(source: str) -> None:
    assert not is_fixed(ast.parse(source), ast.Name("query"))
