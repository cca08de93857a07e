"""A cache that is bounded in bytes: clients choose how long its keys are, so a bound on entries would bound nothing."""

from collections.abc import Callable, Mapping
from enum import Enum
from functools import update_wrapper
from sys import getsizeof
from typing import Any, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_ENTRY = 400
"""Bytes of an entry beside its key and its result: its place in the dictionary, and what getsizeof does not see."""
_GENERATIONS = 2
_MISSING: Any = object()


def cached(
    most: int, *, size_of: Callable[..., int] | None = None
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Remember what a function of hashable arguments returned, in at most `most` bytes of this process.

    `size_of`: about how many bytes the entry of these arguments takes, where that is known; to measure an entry of many words
    takes as long as to make it.

    Entries are kept in two generations: when the young one has half of the bytes, it becomes the old one and the old one is
    forgotten; an entry that is found in the old one is young again. So an entry in use stays, and nothing is ever sorted.
    A result that alone would need a tenth of the bytes is not remembered. Threads may share the cache.
    """

    def decorate(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        young: dict[tuple[Any, ...], Result] = {}
        old: dict[tuple[Any, ...], Result] = {}
        young_bytes = 0

        def remembered(*arguments: Any, **options: Any) -> Result:
            nonlocal young, old, young_bytes
            key = (*arguments, *options.items()) if options else arguments
            found: Result = young.get(key, _MISSING)
            if found is not _MISSING:
                return found
            found = old.get(key, _MISSING)
            result: Result = function(*arguments, **options) if found is _MISSING else found
            size = _ENTRY + (size_of(*arguments, **options) if size_of is not None else bytes_of(key) + bytes_of(result))
            if size > most // 10:
                return result
            if young_bytes + size > most // _GENERATIONS:
                young, old, young_bytes = {}, young, 0
            young[key] = result
            young_bytes += size
            return result

        update_wrapper(remembered, function)
        remembered.most_bytes = most  # type: ignore[attr-defined]
        return remembered

    return decorate


def bytes_of(value: Any) -> int:
    """About how many bytes a value and all that it holds take; words of a vocabulary and classes are shared: they count 0."""
    if isinstance(value, (Enum, type)):
        return 0
    size = getsizeof(value)
    if isinstance(value, (str, bytes)):
        return size
    if isinstance(value, (tuple, list, set, frozenset)):
        return size + sum(map(bytes_of, value))
    if isinstance(value, Mapping):
        return size + sum(bytes_of(key) + bytes_of(each) for key, each in value.items())
    return size + (bytes_of(vars(value)) if hasattr(value, "__dict__") else 0)
