"""The `Bodies` port on a folder, for a laptop: one file for each body."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from detector.ports import StoreUnavailableError


class FolderBodies:
    """Files below a folder that only its owner may read; it is made by the first body."""

    def __init__(self, folder: Path) -> None:
        """Nothing is touched yet."""
        self._folder = folder

    async def put(self, bodies: Mapping[str, bytes]) -> Mapping[str, str]:
        """See the port. A full disk refuses, it does not put a batch off."""
        return await asyncio.to_thread(self._put, bodies)

    async def get(self, name: str) -> bytes | None:
        """See the port."""
        try:
            return await asyncio.to_thread((self._folder / name).read_bytes)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreUnavailableError(f"bodies in {self._folder}: {error.strerror}") from error

    async def delete(self, name: str) -> None:
        """See the port."""
        try:
            await asyncio.to_thread((self._folder / name).unlink, missing_ok=True)
        except OSError:
            return

    async def close(self) -> None:
        """Nothing is held open."""

    def _put(self, bodies: Mapping[str, bytes]) -> Mapping[str, str]:
        refused: dict[str, str] = {}
        for name, body in bodies.items():
            path = self._folder / name
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.parent.mkdir(parents=True, exist_ok=True)
                whole = path.with_suffix(".part")
                whole.write_bytes(body)
                whole.replace(path)  # never half a body under its name
            except OSError as error:
                refused[name] = error.strerror or type(error).__name__
        return refused
