"""Rows that fail: before a call is applied, or after it, or with a part of it applied."""

import random
from dataclasses import dataclass
from typing import TypeVar

from detector.ports import Row, Rows, StoreUnavailableError, Transaction

T = TypeVar("T")


@dataclass(slots=True)
class Troubled:
    """Real rows; `share` of the calls get a 503, and as many lose their answer."""

    rows: Rows
    rng: random.Random
    share: float
    refused: int = 0
    lost: int = 0

    async def submit(self, *transactions: Transaction) -> None:
        """What several transactions promise when one fails: any of them may have happened."""
        try:
            self._refuse()
        except StoreUnavailableError:
            if len(transactions) > 1:
                some = self.rng.sample(transactions, self.rng.randrange(len(transactions)))
                await self.rows.submit(*some)
            raise
        await self.rows.submit(*transactions)
        self._lose()

    async def get(self, table: str, partition: str, key: str) -> Row | None:
        self._refuse()
        return await self.rows.get(table, partition, key)

    async def scan(
        self, table: str, partition: str, *, start: str = "", end: str = "~"
    ) -> list[Row]:
        self._refuse()
        return await self.rows.scan(table, partition, start=start, end=end)

    async def scan_all(self, table: str, *, start: str = "", end: str = "~") -> list[Row]:
        self._refuse()
        return await self.rows.scan_all(table, start=start, end=end)

    async def tables(self, prefix: str) -> list[str]:
        self._refuse()
        return await self.rows.tables(prefix)

    async def drop(self, table: str) -> None:
        self._refuse()
        await self.rows.drop(table)

    async def close(self) -> None:
        await self.rows.close()

    def _refuse(self) -> None:
        if self.rng.random() < self.share:
            self.refused += 1
            raise StoreUnavailableError("injected: 503")

    def _lose(self) -> None:
        if self.rng.random() < self.share:
            self.lost += 1
            raise StoreUnavailableError("injected: the answer is lost")
