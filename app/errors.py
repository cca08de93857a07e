"""The errors of this program. Each error that a client can get has an HTTP status and a code that never changes.

RapporteurError
├── OperatorError                  shown to the operator on the terminal
│   ├── IncompleteDeclaration
│   ├── Misconfigured
│   └── StaleSchema
└── Problem                        sent to a client as application/problem+json
    ├── Malformed              400
    │   ├── CursorInvalid      400
    │   └── CursorMismatch     400
    ├── Unauthorized           401
    ├── Forbidden              403
    ├── NotFound               404
    ├── MethodNotAllowed       405
    ├── NotAcceptable          406
    ├── RequestTimeout         408
    ├── Conflict               409
    │   ├── StillNamed         409
    │   └── StillReferenced    409
    ├── Gone                   410
    │   ├── Erased             410
    │   ├── Merged             410
    │   └── PositionUnknown    410
    ├── PreconditionFailed     412
    │   └── TagUnknown         412
    ├── PayloadTooLarge        413
    ├── AddressTooLong         414
    ├── UnsupportedMediaType   415
    ├── Invalid                422
    │   └── IdempotencyMismatch 422
    ├── PreconditionRequired   428
    ├── TooManyRequests        429
    ├── HeadTooLarge           431
    ├── Unexpected             500
    └── Unavailable            503
        └── Busy               503
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from app.faults import Fault


class RapporteurError(Exception):
    """The base class of our errors. The message is written for the operator or client, not for a developer of this program."""


class OperatorError(RapporteurError):
    """An error that the operator must fix, not the API client. The message says how to fix it."""


class IncompleteDeclaration(OperatorError):
    """A kind of record has no resource, or its resource does not agree with its table and its model."""


class Misconfigured(OperatorError):
    """A setting is unknown or unusable."""


class StaleSchema(OperatorError):
    """The database schema is not the one that this version of the program needs."""


class Problem(RapporteurError):
    """An error that is sent to the client as a problem response (RFC 9457)."""

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
    """The request cannot be parsed."""

    status = 400
    code = "malformed"
    title = "The request cannot be read"
    explanation = (
        "The address or the query string is not valid percent-encoded UTF-8 or holds a NUL character; or the body is no JSON."
    )


class CursorInvalid(Malformed):
    """The cursor was not issued by this registry."""

    code = "cursor_invalid"
    title = "The cursor is not one of this registry's"
    explanation = "A cursor is opaque: take `next_cursor`, or better the whole `next` link, from the page before."


class CursorMismatch(Malformed):
    """The cursor was issued for a request with other parameters."""

    code = "cursor_mismatch"
    title = "The cursor belongs to another request"
    explanation = (
        "A cursor is bound to the filters, the sort and the language of the list it was given with;"
        " `limit`, `fields`, `include` and `count` may change."
    )


class Unauthorized(Problem):
    """The request has no valid API key."""

    status = 401
    code = "unauthorized"
    title = "A key is required"
    explanation = (
        "Writing needs `Authorization: Bearer …` with a key that is known, not revoked and not past its last day."
        " `rapporteur keys create` makes one."
    )


class Forbidden(Problem):
    """The API key does not have the scope that the operation requires."""

    status = 403
    code = "forbidden"
    title = "This is not allowed"
    explanation = (
        "Records are written with the scope `write`; merges, erasures and keys need `admin`. `detail` says what the key may do."
    )


class NotFound(Problem):
    """There is no record with this id, or no resource at this URL."""

    status = 404
    code = "not_found"
    title = "There is no such thing"
    explanation = "No record has this id, or no page this address. Ids are listed by the collections and by `/v1/records`."


class MethodNotAllowed(Problem):
    """The URL does not support the method of the request."""

    status = 405
    code = "method_not_allowed"
    title = "The resource has no such operation"
    explanation = "The `Allow` header lists the methods that the address has."


class NotAcceptable(Problem):
    """The response is not available in a media type that the client accepts."""

    status = 406
    code = "not_acceptable"
    title = "None of the formats asked for can be given"
    explanation = (
        "Records are given as `application/json`; lists also as `text/csv`, `application/x-ndjson`, workbooks and feeds, the"
        " changes also as `text/event-stream`. The error lists what the address offers."
    )


class RequestTimeout(Problem):
    """The request was not received completely in time."""

    status = 408
    code = "request_timeout"
    title = "The request did not come in time"
    explanation = (
        "A request's head must be whole some seconds after its first byte, and a body must come at 1 KiB a second."
        " Nothing was done. Send the request again over a new connection."
    )


class Conflict(Problem):
    """The request contradicts a stored record."""

    status = 409
    code = "conflict"
    title = "The request contradicts what is there"
    explanation = (
        "There is a record with this id or this key already, or what a restored version referred to is gone."
        " `errors` names what stands in the way."
    )


class StillReferenced(Conflict):
    """The record cannot be deleted, because other records refer to it."""

    code = "still_referenced"
    title = "Other records refer to it"
    explanation = "`errors` lists records that refer to it: change or delete these first, or merge the record into another."


class StillNamed(Conflict):
    """The record cannot be erased without confirmation, because texts of other records contain one of its names."""

    code = "still_named"
    title = "Texts of other records name it"
    explanation = (
        "`errors` lists records whose present texts contain one of its names. Change these texts, or, if they mean somebody"
        " else or may stay, repeat the request with `confirmed=true` (the command: `--confirmed`)."
    )


class Gone(Problem):
    """The record was deleted."""

    status = 410
    code = "gone"
    title = "The record was deleted"
    explanation = "It was here and is no more; its history is kept."


class Erased(Gone):
    """The record was erased: what it held is nowhere in the registry anymore."""

    code = "erased"
    title = "The record was erased"
    explanation = "What it said was taken out of the registry and its history, and cannot come back; its id is not used again."


class PositionUnknown(Gone):
    """The change log has no such position, because the registry was restored or replaced."""

    code = "position_unknown"
    title = "The log has no such position"
    explanation = (
        "The registry was restored from a backup, or is another one, since the position was read. Start over: read `/v1/export`"
        " and follow `/v1/changes` from the position in its header `Rapporteur-Position`."
    )


class Merged(Gone):
    """The record was merged into another record."""

    code = "merged"
    title = "The record was merged into another"
    explanation = (
        "Its id leads to the record that took its place when it is read (308). What is to be changed there is read there first,"
        " so that nobody overwrites a record they have not seen."
    )

    def __init__(self, detail: str, *, into: str) -> None:
        super().__init__(detail)
        self.into = into


class PreconditionFailed(Problem):
    """The stored version of the record does not meet the condition in `If-Match` or `If-None-Match`."""

    status = 412
    code = "precondition_failed"
    title = "Somebody was faster"
    explanation = (
        "The record is not at the version that `If-Match` names, or `If-None-Match: *` found it there already."
        " Read it again, and apply the change to what it is now."
    )


class TagUnknown(PreconditionFailed):
    """The entity tag in `If-Match` was not made by this registry."""

    code = "tag_unknown"
    title = "The tag is not one of this registry's"
    explanation = (
        "`If-Match` takes the `ETag` with which the record was read. A proxy may have put another tag in its place."
        " `errors` has the current tag."
    )

    def __init__(
        self, detail: str, *, record_id: str, faults: Sequence[Fault] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail, faults=faults, headers=headers)
        self.record_id = record_id


class PayloadTooLarge(Problem):
    """The body is larger than the limit."""

    status = 413
    code = "payload_too_large"
    title = "The body is too large"
    explanation = "`detail` says how much a body may have. Send several imports instead of one."


class AddressTooLong(Problem):
    """The URL is longer than the limit."""

    status = 414
    code = "address_too_long"
    title = "The address is too long"
    explanation = "An address may have 16 384 bytes. Ask for fewer values at once."


class UnsupportedMediaType(Problem):
    """The body has a media type or an encoding that is not supported."""

    status = 415
    code = "unsupported_media_type"
    title = "The body's type is not read here"
    explanation = (
        "Records are written as `application/json`, patches as `application/merge-patch+json` or `application/json-patch+json`,"
        " imports as `application/x-ndjson`; all in UTF-8 and not compressed."
    )


class Invalid(Problem):
    """The request can be parsed, but a parameter, a header or the body is invalid."""

    status = 422
    code = "invalid"
    title = "The request has faults"
    explanation = (
        "Each fault is listed in `errors` with the parameter, or the place in the body, that it is about."
        " Unknown parameters are faults too: they are never ignored."
    )


class IdempotencyMismatch(Invalid):
    """The `Idempotency-Key` was already used for a different request."""

    code = "idempotency_mismatch"
    title = "The Idempotency-Key was used for another request"
    explanation = "An `Idempotency-Key` stands for one request with one body. Take a new one for another."


class PreconditionRequired(Problem):
    """The request has no `If-Match`. A change needs this header, so that no client overwrites a version it has not read."""

    status = 428
    code = "precondition_required"
    title = "Say which version is meant"
    explanation = (
        "A record is changed with `If-Match` and the `ETag` with which it was read, so that no update is lost;"
        " `errors` has the current tag. A PUT with `upsert=true` replaces on purpose."
    )

    def __init__(
        self, detail: str, *, record_id: str, faults: Sequence[Fault] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail, faults=faults, headers=headers)
        self.record_id = record_id


class TooManyRequests(Problem):
    """The client exceeded its rate limit."""

    status = 429
    code = "too_many_requests"
    title = "Too many requests"
    explanation = "The `RateLimit` header says how much is left and for how long; `Retry-After` when to try again."


class HeadTooLarge(Problem):
    """The request line and the headers together are larger than the limit."""

    status = 431
    code = "head_too_large"
    title = "The head of the request is too large"
    explanation = "The request line and the headers together may have 64 KiB. Send fewer or shorter headers."


class Unexpected(Problem):
    """The request failed because of a bug in this program, not because of a mistake of the client."""

    status = 500
    code = "unexpected"
    title = "The registry made a mistake"
    explanation = "Nothing was changed. The server's log says more under the time of the answer."


class Unavailable(Problem):
    """The database does not respond, or the request takes longer than its time limit."""

    status = 503
    code = "unavailable"
    title = "The registry cannot answer now"
    explanation = (
        "The database does not answer, or the question took longer than a read may take."
        " Try again after the seconds in `Retry-After`, or ask for less."
    )


class Busy(Unavailable):
    """The write waited too long in the write queue, or the queue is full."""

    code = "busy"
    title = "Others are writing"
    explanation = (
        "Writers take turns, and this one's did not come in time. Nothing was written. Try again after `Retry-After` seconds."
    )
