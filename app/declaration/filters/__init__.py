"""The filters of lists, one class for each type of condition.

A filter declares what a client may send (`parse`, `multiple`) and the SQL condition (`narrow`). The condition depends only
on the `shape` of the values: for most filters, on whether there is one value or several. A single value is compared with
`=`. Several values are passed together as one bind parameter.
"""

from app.declaration.filters.fields import Answered, Equals, From, Stated, To, UpdatedSince, ValidAt
from app.declaration.filters.filter import Filter, Narrowing, Parameters, kinds_of
from app.declaration.filters.links import (
    ActsFor,
    Among,
    Between,
    HasIdentifier,
    HasTopic,
    Involves,
    Uncited,
    Words,
    with_narrower,
)
from app.declaration.filters.values import (
    JOINED_BY_COMMAS,
    MAX_VALUES,
    MAX_WORDS,
    DayValue,
    FromDay,
    IdentifierValue,
    Lang,
    ToDay,
    Topics,
)

__all__ = [
    "JOINED_BY_COMMAS",
    "MAX_VALUES",
    "MAX_WORDS",
    "ActsFor",
    "Among",
    "Answered",
    "Between",
    "DayValue",
    "Equals",
    "Filter",
    "From",
    "FromDay",
    "HasIdentifier",
    "HasTopic",
    "IdentifierValue",
    "Involves",
    "Lang",
    "Narrowing",
    "Parameters",
    "Stated",
    "To",
    "ToDay",
    "Topics",
    "Uncited",
    "UpdatedSince",
    "ValidAt",
    "Words",
    "kinds_of",
    "with_narrower",
]
