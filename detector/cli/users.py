"""Finds the user a person means: by object id, display name, or key."""

from detector.cli.inputs import InputError
from detector.core.activity import users_named
from detector.state.store import State


async def find_user(state: State, text: str) -> str:
    """The key of the user. Raises InputError when nobody, or more than one, is meant."""
    known = {stored.episode.user for stored in await state.episodes.every()}
    shown = {
        stored.episode.user
        for stored in await state.episodes.every()
        if text in {stored.episode.account_display_name, stored.episode.account_object_id}
    }
    shown.update(await state.windows.users_shown_as(text))
    for key in users_named(text):
        if key in known or await state.windows.get(key) or await state.ledger.rows_of(key):
            shown.add(key)
    if not shown:
        raise InputError(f"{text}: no such user in the store")
    if len(shown) > 1:
        keys = ", ".join(sorted(shown))
        raise InputError(f"{text}: {len(shown)} users have this name; give one of the keys {keys}")
    return shown.pop()
