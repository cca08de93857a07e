"""Reads and checks the bodies and headers of requests that write."""

import re
from collections.abc import AsyncGenerator, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.types import Message, Receive, Scope

from app.declaration.validation import faults_in
from app.errors import Invalid, Malformed, PayloadTooLarge, Unavailable, UnsupportedMediaType
from app.faults import Fault, summary
from app.writing.operations import Guard
from app.writing.write_schema import read_json

JSON_TYPES = ("application/json",)
JSON_PATCH = "application/json-patch+json"
PATCH_TYPES = ("application/merge-patch+json", "application/json", JSON_PATCH)
LINES_TYPES = ("application/x-ndjson",)
RETRY_SECONDS = 2
_TAG = re.compile(r'\s*(?:W/)?"([^"]*)"\s*')
_VERSION = re.compile(r"(\d{1,9})(?:\.[0-9a-f]+)?(?:[-;.](?:gzip|br|zstd|deflate))?", re.ASCII)
"""A tag of a record: its version and a digest. Proxies that compress a response may add the name of the compression."""
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def header(scope: Scope, wanted: bytes) -> str:
    """Return the value of the header `wanted`, or '' if it was not sent.

    If it was sent several times, join the values by commas.
    """
    found = [value for name, value in scope["headers"] if name == wanted]
    return b",".join(found).decode("latin-1")


class BodyBudget:
    """Limits the size of all request bodies in memory together. A body counts while it is read, queued, or written."""

    def __init__(self, most: int) -> None:
        self._left = most

    @contextmanager
    def reserve(self) -> Iterator["Reservation"]:
        """Yield a reservation of memory for one request. The reserved bytes are released at the end of the `with` block."""
        reservation = Reservation(self)
        try:
            yield reservation
        finally:
            self._left += reservation.taken

    def take(self, size: int) -> None:
        """Reserve `size` bytes. Raises Unavailable if all reserved bytes together would exceed the limit."""
        if size > self._left:
            raise Unavailable("too many bodies are being read; try again", headers={"Retry-After": str(RETRY_SECONDS)})
        self._left -= size


class Reservation:
    """The number of bytes that one request has reserved in the budget."""

    def __init__(self, budget: BodyBudget) -> None:
        self._budget = budget
        self.taken = 0

    def take(self, size: int) -> None:
        """Reserve `size` more bytes. Raises Unavailable if all bodies together would exceed the limit of the budget."""
        self._budget.take(size)
        self.taken += size


async def body_of(
    scope: Scope,
    receive: Receive,
    *,
    types: Iterable[str],
    limit: int,
    reservation: Reservation | None = None,
    needed: bool = True,
    encodings: Collection[str] = (),
) -> bytes:
    """Receive the whole body of a request, and return it.

    Raises UnsupportedMediaType if the content type is not in `types`, and PayloadTooLarge as soon as more than `limit` bytes
    have arrived. If `needed` is false, an empty body needs no content type. `encodings`: content types whose bodies may be in
    another charset than UTF-8.
    """
    body = _Body(scope, tuple(types), limit, reservation, encodings)
    pieces = []
    while body.goes_on:
        pieces.append(body.piece(await receive()))
    body.check_end(needed=needed)
    return b"".join(pieces)


async def pieces_of(
    scope: Scope, receive: Receive, *, types: Iterable[str], limit: int, reservation: Reservation | None = None
) -> AsyncGenerator[bytes]:
    """Yield the pieces of the body as they arrive.

    Raises the errors of `body_of`, and Unavailable if `reservation` cannot reserve memory for the next piece.
    """
    body = _Body(scope, tuple(types), limit, reservation)
    while body.goes_on:
        yield body.piece(await receive())
    body.check_end(needed=True)


class _Body:
    """Receives the body of one request, and checks each piece when it arrives."""

    def __init__(
        self,
        scope: Scope,
        types: tuple[str, ...],
        limit: int,
        reservation: Reservation | None,
        encodings: Collection[str] = (),
    ) -> None:
        if (encoding := header(scope, b"content-encoding")) not in ("", "identity"):
            raise UnsupportedMediaType(
                f"the body is sent as {encoding!r}; send it as it is", headers={"Accept-Encoding": "identity"}
            )
        length = header(scope, b"content-length")
        if length.isdecimal() and int(length) > limit:
            raise _too_large(limit)
        self._scope, self._types, self._limit, self._reservation = scope, types, limit, reservation
        self._encodings = encodings
        self._size = 0
        self.goes_on = True

    def piece(self, message: Message) -> bytes:
        """Check an ASGI message, and return the piece of the body that it contains."""
        if message["type"] == "http.disconnect":
            raise Malformed("the client went away before the body was whole")
        piece: bytes = message.get("body", b"")
        if piece and not self._size:
            _check_type(header(self._scope, b"content-type"), self._types, self._encodings)
        self.goes_on = message.get("more_body", False)
        self._size += len(piece)
        if self._size > self._limit:
            raise _too_large(self._limit)
        if self._reservation is not None:
            self._reservation.take(len(piece))
        return piece

    def check_end(self, *, needed: bool) -> None:
        """Called at the end of the body: if the body is empty although one is needed, check its content type.

        If the body is not empty, `piece` has already checked the content type.
        """
        if needed and not self._size:
            _check_type(header(self._scope, b"content-type"), self._types, self._encodings)


def _too_large(limit: int) -> PayloadTooLarge:
    # The rest of the body is not read, so the connection cannot be used again.
    return PayloadTooLarge(f"a body here may have {limit} bytes", headers={"Connection": "close"})


def _check_type(content_type: str, types: tuple[str, ...], encodings: Collection[str]) -> None:
    media, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [part.partition("=")[2].strip('"') for part in parameters if part.startswith("charset")]
    if media not in types:
        said = f"is {media!r}" if media else "is not said"
        raise UnsupportedMediaType(f"the body's Content-Type {said}; it must be {' or '.join(types)}")
    if media not in encodings and any(charset not in ("utf-8", "utf8") for charset in charsets):
        raise UnsupportedMediaType(f"the body is said to be in {charsets[0]!r}; it must be in utf-8")


def object_in(body: bytes) -> dict[str, Any]:
    """Parse a body as a JSON object. Raises Malformed if it is not JSON, Invalid if it is not an object."""
    data = _json_in(body)
    if not isinstance(data, dict):
        raise Invalid("the body is no JSON object", faults=[Fault("must be an object", pointer="")])
    return data


def patch_in(scope: Scope, body: bytes) -> dict[str, Any] | list[Any]:
    """Parse the body of a PATCH: a merge patch, or the operations of a JSON Patch if its content type says so.

    Raises Malformed if it is not JSON, Invalid if it is not what its content type says.
    """
    if header(scope, b"content-type").partition(";")[0].strip().lower() != JSON_PATCH:
        return object_in(body)
    data = _json_in(body)
    if not isinstance(data, list):
        raise Invalid("the body is no array of operations", faults=[Fault("must be an array of operations", pointer="")])
    return data


def _json_in(body: bytes) -> Any:
    try:
        return read_json(body)
    except ValueError as error:
        raise Malformed(f"the body is no JSON that is read here: {error}") from None


def checked(model: type[BaseModel], data: Mapping[str, Any]) -> Any:
    """Validate a small body against its model. Raises Invalid, which lists every fault."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults = faults_in(error)
        raise Invalid(summary(faults), faults=faults) from None


def guard_of(scope: Scope, *, upsert: bool = False) -> Guard:
    """Return the preconditions in the headers `If-Match` and `If-None-Match`.

    Raises Invalid if one of the headers is malformed.
    """
    match, none_match = header(scope, b"if-match").strip(), header(scope, b"if-none-match").strip()
    sent = {name for name, _ in scope["headers"]}
    faults = [
        Fault("is empty: send a value, or leave it out", header=name)
        for name, value in (("If-Match", match), ("If-None-Match", none_match))
        if not value and name.lower().encode() in sent
    ]
    if faults:
        raise Invalid(summary(faults), faults=faults)
    if none_match and none_match != "*":
        fault = Fault("of a write may only be `*`: create and never replace", header="If-None-Match")
        raise Invalid(str(fault), faults=[fault])
    versions, foreign = None, ""
    if match and match != "*":
        # Weak tags are taken like strong ones. RFC 9110 says that `If-Match` never matches a weak tag, but proxies that
        # compress a response make its tag weak, and the version in the tag tells which state of the record was read.
        tags = [_tag(part) for part in match.split(",")]
        versions = frozenset(int(found[1]) for tag in tags if (found := _VERSION.fullmatch(tag)))
        foreign = next((f'"{tag}"' for tag in tags if not _VERSION.fullmatch(tag)), "")
    return Guard(versions, any=match == "*", new=none_match == "*", upsert=upsert, foreign=foreign)


def _tag(text: str) -> str:
    found = _TAG.fullmatch(text)
    if found is None:
        fault = Fault(f"{text.strip()[:60]!r} is no entity tag: send the ETag as it came, quotes included", header="If-Match")
        raise Invalid(str(fault), faults=[fault])
    return found[1]


def idempotency_key(scope: Scope) -> str | None:
    """Return the value of the header `Idempotency-Key`; None if it was not sent. Raises Invalid if the value is malformed."""
    if not any(name == b"idempotency-key" for name, _ in scope["headers"]):
        return None
    given = header(scope, b"idempotency-key")
    if not _IDEMPOTENCY_KEY.fullmatch(given):
        fault = Fault("has 1 to 255 visible ASCII characters; a UUID does well", header="Idempotency-Key")
        raise Invalid(str(fault), faults=[fault])
    return given
