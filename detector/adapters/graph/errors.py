"""What can become of a request: the three answers the outbox must tell apart."""

DEFAULT_WAIT_SECONDS = 60.0
"""How long to wait where Graph does not say; its limits are counted by the minute."""


class RefusedError(Exception):
    """Certainly nothing was done, and the same request will be refused again."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class NotNowError(Exception):
    """Certainly nothing was done; the same request may pass after `retry_after_seconds` (>= 1).

    Throttled (429), unavailable (503), no connection, or no token.
    """

    def __init__(self, reason: str, retry_after_seconds: float = DEFAULT_WAIT_SECONDS) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


class UnknownOutcomeError(Exception):
    """No answer, or one that says nothing of the outcome (500, 502, 504): look it up first."""
