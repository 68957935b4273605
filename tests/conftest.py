"""Fixtures for every test."""

import pytest

from tests.support import pythons
from tests.support.azurite import azurite, azurite_account, azurite_server

__all__ = ["azurite", "azurite_account", "azurite_server"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which versions the test of requirements.txt could use."""
    terminalreporter.write_line(f"Pythons present: {', '.join(pythons.present())}")
