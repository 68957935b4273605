"""Every rule of the protocol is kept by the product, and broken by the mutant that ignores it."""

import pytest

from tests.simulation.directed import SCENARIOS
from tests.simulation.mutants import MUTANTS
from tests.simulation.product import Product
from tests.simulation.stage import Scenario


def name(subject: Scenario | type[Product]) -> str:
    return subject.__name__


@pytest.mark.parametrize("scenario", SCENARIOS, ids=name)
def test_the_product_keeps_the_rule(scenario: Scenario) -> None:
    assert scenario(Product()) == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=name)
def test_no_mutant_survives_every_interleaving(mutant: type[Product]) -> None:
    assert any(scenario(mutant()) for scenario in SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=name)
def test_every_interleaving_catches_a_mutant(scenario: Scenario) -> None:
    assert any(scenario(mutant()) for mutant in MUTANTS)
