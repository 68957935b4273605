"""Fixtures for every test."""

import pytest
from hypothesis import settings

from tests.support import pythons
from tests.support.azurite import azurite, azurite_account, azurite_server

__all__ = ["azurite", "azurite_account", "azurite_server"]

# A shared machine is no stop watch: no deadline. To try harder:
# pytest --hypothesis-profile prove --timeout 0
settings.register_profile("test", max_examples=100, deadline=None)
settings.register_profile("prove", max_examples=2_500, deadline=None)
settings.load_profile("test")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which versions the test of requirements.txt could use, and what was fuzzed."""
    terminalreporter.write_line(f"Pythons present: {', '.join(pythons.present())}")
    for report in terminalreporter.stats.get("passed", []):
        for said in (text for name, text in report.user_properties if name == "fuzz"):
            terminalreporter.write_line(f"fuzz {said}")
