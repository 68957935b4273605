"""Fixtures for every test."""

from tests.support.azurite import azurite, azurite_account, azurite_server

__all__ = ["azurite", "azurite_account", "azurite_server"]
