"""The errors, each with its status and its stable code.

RapporteurError
├── OperatorError                  told to whoever runs the registry, on the terminal
│   ├── Misconfigured
│   ├── StaleSchema
│   └── ImportRejected             carries every fault of every line
└── Problem                        told to a client, as application/problem+json
    ├── Malformed              400
    │   ├── CursorInvalid      400
    │   └── CursorMismatch     400
    ├── NotFound               404
    ├── MethodNotAllowed       405
    ├── NotAcceptable          406
    ├── Gone                   410
    ├── AddressTooLong         414
    ├── Invalid                422
    ├── Unexpected             500
    └── Unavailable            503
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple


class RapporteurError(Exception):
    """Anything the registry refuses to do, in words for whoever asked."""


class OperatorError(RapporteurError):
    """For whoever runs the registry."""


class Misconfigured(OperatorError):
    """A setting is unknown or unusable."""


class StaleSchema(OperatorError):
    """The database's schema is not the one this version needs."""


class ImportRejected(OperatorError):
    """Nothing was written, because of these faults."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Fault(NamedTuple):
    """One thing wrong with a request: the parameter or the place in the body, and what is wrong with it."""

    detail: str
    parameter: str | None = None
    pointer: str | None = None

    def told(self) -> dict[str, str]:
        """The fault as a client reads it."""
        named = {"parameter": self.parameter, "pointer": self.pointer, "detail": self.detail}
        return {name: value for name, value in named.items() if value is not None}


class Problem(RapporteurError):
    """A request that cannot be answered as asked (RFC 9457)."""

    status: ClassVar[int] = 500
    code: ClassVar[str]
    title: ClassVar[str]
    explanation: ClassVar[str]

    def __init__(self, detail: str, *, faults: Sequence[Fault] = (), headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = faults
        self.headers = headers or {}


class Malformed(Problem):
    """The request cannot be read."""

    status = 400
    code = "malformed"
    title = "The request cannot be read"
    explanation = "The address or the query string is not valid percent-encoded UTF-8, or holds a NUL character."


class CursorInvalid(Malformed):
    """The cursor is none of ours."""

    code = "cursor_invalid"
    title = "The cursor is not one of this registry's"
    explanation = "A cursor is opaque: take `next_cursor`, or better the whole `next` link, from the page before."


class CursorMismatch(Malformed):
    """The cursor belongs to another request."""

    code = "cursor_mismatch"
    title = "The cursor belongs to another request"
    explanation = (
        "A cursor is bound to the filters, the sort and the language of the list it was given with;"
        " `limit`, `fields`, `include` and `count` may change."
    )


class NotFound(Problem):
    """There is no such thing."""

    status = 404
    code = "not_found"
    title = "There is no such thing"
    explanation = "No record has this id, or no page this address. Ids are listed by the collections and by `/v1/records`."


class MethodNotAllowed(Problem):
    """The resource has no such operation."""

    status = 405
    code = "method_not_allowed"
    title = "The resource has no such operation"
    explanation = "The `Allow` header lists the methods that the address has."


class NotAcceptable(Problem):
    """The answer cannot be given in a format the client accepts."""

    status = 406
    code = "not_acceptable"
    title = "None of the formats asked for can be given"
    explanation = "Records are given as `application/json`; lists also as `text/csv` and `application/x-ndjson`."


class Gone(Problem):
    """The record was deleted."""

    status = 410
    code = "gone"
    title = "The record was deleted"
    explanation = "It was here and is no more; its history is kept."


class AddressTooLong(Problem):
    """The address is longer than the registry reads."""

    status = 414
    code = "address_too_long"
    title = "The address is too long"
    explanation = "An address may have 16 384 bytes. Ask for fewer values at once."


class Invalid(Problem):
    """Something in the request has no meaning here."""

    status = 422
    code = "invalid"
    title = "The request has faults"
    explanation = (
        "Each fault is listed in `errors` with the parameter, or the place in the body, that it is about."
        " Unknown parameters are faults too: they are never ignored."
    )


class Unexpected(Problem):
    """Our mistake."""

    status = 500
    code = "unexpected"
    title = "The registry made a mistake"
    explanation = "Nothing was changed. The server's log says more under the time of the answer."


class Unavailable(Problem):
    """Not now."""

    status = 503
    code = "unavailable"
    title = "The registry cannot answer now"
    explanation = (
        "The database does not answer, or the question took longer than a read may take."
        " Try again after the seconds in `Retry-After`, or ask for less."
    )
