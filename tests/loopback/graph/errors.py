"""A refusal in the shape of Microsoft Graph."""

from datetime import datetime

from tests.loopback.graph.schema import Json

CODES = {
    400: "BadRequest",
    401: "InvalidAuthenticationToken",
    403: "Forbidden",
    404: "ResourceNotFound",
    405: "Request_BadRequest",
    415: "UnsupportedMediaType",
    429: "TooManyRequests",
    500: "generalException",
    502: "BadGateway",
    503: "serviceNotAvailable",
    504: "GatewayTimeout",
}


class RefusedError(Exception):
    """The request is answered with this HTTP status and nothing was changed."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def error_body(status: int, message: str, *, number: int, at: datetime) -> Json:
    """Graph's `error` object; `number` becomes the request id."""
    return {
        "error": {
            "code": CODES[status],
            "message": message,
            "innerError": {
                "date": at.strftime("%Y-%m-%dT%H:%M:%S"),
                "request-id": f"00000000-0000-0000-0000-{number:012d}",
                "client-request-id": f"00000000-0000-0000-0000-{number:012d}",
            },
        }
    }
