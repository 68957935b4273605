"""An event loop in a thread beside the test, for servers of a test that is not asynchronous."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class Beside:
    """Runs coroutines in the thread's loop, each to its end."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work returns, or raises."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    @contextmanager
    def running(self, server: AbstractAsyncContextManager[T]) -> Iterator[T]:
        """The server until the block ends."""

        async def entered() -> T:
            return await server.__aenter__()

        async def left() -> None:
            await server.__aexit__(None, None, None)

        started = self.run(entered())
        try:
            yield started
        finally:
            self.run(left())


@contextmanager
def beside() -> Iterator[Beside]:
    """The loop until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield Beside(loop)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
