"""Caches whose sizes are limited in bytes.

A limit on the number of entries would not limit the memory, because clients choose the length of the keys.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from enum import Enum
from functools import update_wrapper
from sys import getsizeof
from typing import Any, ParamSpec, TypeVar
from weakref import WeakSet

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_ENTRY = 400
"""Bytes that an entry takes in addition to its key and result: its dictionary slot, and memory that getsizeof ignores."""
_GENERATIONS = 2
_MISSING: Any = object()
_caches: WeakSet[Any] = WeakSet()
"""The caches of this process: functions whose results are cached, and instances of `Remembered`."""


def forget() -> None:
    """Empty all caches of this process, because they may contain texts of a record that was erased."""
    for each in list(_caches):
        each.forget()


def cached(
    most: int, *, size_of: Callable[..., int] | None = None
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Cache the results of a function with hashable arguments, in at most `most` bytes per process.

    `size_of` estimates the size of an entry in bytes from the arguments. Without `size_of`, each entry is measured when it is
    stored. Pass `size_of` if results consist of many small values: measuring such a result takes as long as computing it.

    Entries are kept in two generations. When the young generation would exceed half of `most`, it becomes the old generation,
    and the previous old generation is dropped. An entry that is found in the old generation is copied to the young one. So
    entries in use are kept, and the cache need not sort its entries by their last use.

    An entry larger than a tenth of `most` is not cached. Threads may share the cache.
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

        def forget_results() -> None:
            nonlocal young, old, young_bytes
            young, old, young_bytes = {}, {}, 0

        update_wrapper(remembered, function)
        remembered.forget = forget_results  # type: ignore[attr-defined]
        _caches.add(remembered)
        remembered.most_bytes = most  # type: ignore[attr-defined]
        return remembered

    return decorate


class Remembered:
    """Results by key, in at most `most` bytes, for results that are awaited. The result used least recently goes first.

    Like `cached`, it does not keep a result larger than a tenth of `most`, and `forget` empties it.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._results: OrderedDict[Any, tuple[Any, int]] = OrderedDict()
        self._bytes = 0
        _caches.add(self)

    def get(self, key: Any) -> Any:
        """Return the result with this key; None if there is none."""
        found = self._results.get(key)
        if found is None:
            return None
        self._results.move_to_end(key)
        return found[0]

    def put(self, key: Any, result: Any) -> None:
        """Keep a result, which is not None. Each key is put once."""
        size = _ENTRY + bytes_of(key) + bytes_of(result)
        if size > self._most // 10 or key in self._results:
            return
        self._results[key] = result, size
        self._bytes += size
        while self._bytes > self._most:
            _, (_, freed) = self._results.popitem(last=False)
            self._bytes -= freed

    def forget(self) -> None:
        """Drop all results."""
        self._results.clear()
        self._bytes = 0


def bytes_of(value: Any) -> int:
    """The approximate bytes of a value and its contents. Enum members and classes count as 0 bytes, because they are shared."""
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
