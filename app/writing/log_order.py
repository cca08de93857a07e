"""The order of the records of one transaction in the change log."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from app.domain.vocabulary import Kind
from app.writing.batch import Wanted
from app.writing.write_schema import ContentSchema


def in_order_of_references(changed: Sequence[Wanted], schemas: Mapping[Kind, ContentSchema]) -> list[Wanted]:
    """Order the changed records so that a follower with foreign keys can apply them one by one.

    A record comes after the records it refers to. Deletions come last, in reverse order. Records that refer to one another in a
    circle come in the order of their ids. Records of one transaction stay together.
    """
    if len(changed) < 2:
        return list(changed)
    several = {each.id: each for each in changed}
    targets = {
        each.id: [target for target in schemas[each.resource.kind].targets(each.content) if target in several]
        for each in changed
    }
    ordered = [several[each] for circle in _circles(targets) for each in sorted(circle)]
    ordered = [each for each in ordered if not each.deleted] + [each for each in reversed(ordered) if each.deleted]
    transactions: dict[tuple[str, str] | None, list[Wanted]] = {}
    for each in ordered:
        transactions.setdefault(each.origin, []).append(each)
    return [each for together in transactions.values() for each in together]


def _circles(targets: Mapping[str, Collection[str]]) -> Iterator[list[str]]:
    """Yield the ids in groups: first what others refer to. A group has several ids if they refer to one another in a circle.

    This is Tarjan's algorithm for strongly connected components, with a stack of its own in place of recursion, because a
    chain of references may be long.
    """
    numbers: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_ids: list[str] = []
    is_open: set[str] = set()
    for start in targets:
        visits = [(start, iter(targets[start]))] if start not in numbers else []
        while visits:
            each, rest = visits[-1]
            if each not in numbers:
                numbers[each] = lowest[each] = len(numbers)
                open_ids.append(each)
                is_open.add(each)
            for target in rest:
                if target not in numbers:
                    visits.append((target, iter(targets[target])))
                    break
                if target in is_open:
                    lowest[each] = min(lowest[each], numbers[target])
            else:
                visits.pop()
                if visits:
                    lowest[visits[-1][0]] = min(lowest[visits[-1][0]], lowest[each])
                if lowest[each] == numbers[each]:
                    circle = [open_ids.pop()]
                    while circle[-1] != each:
                        circle.append(open_ids.pop())
                    is_open.difference_update(circle)
                    yield circle
