"""`GET /v1/matrix`: how many records have each pair of two values, such as a country and a topic."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from pydantic_core import to_json

from app.db.driver import Driver
from app.declaration.filters.values import WHOLE
from app.errors import Invalid
from app.faults import Fault
from app.http.endpoints import Request, offering
from app.http.figures import CSV, HEADERS, Figures, NarrowedQuery, Of, headers_of, prefix, refuse_of_other_formats
from app.http.negotiation import requested_languages
from app.http.openapi.shared import CONDITIONAL, described
from app.http.representations import JSON
from app.http.representations.csv import table
from app.http.representations.jsonstat import JsonStat
from app.http.viewing import Derived
from app.views.matrix import Counts, Matrices, Wanted
from app.views.matrix_forms import Matrix, Shown
from app.views.matrix_queries import Dimension

FORMS = (JSON, CSV, JsonStat())
DEFAULT_LIMIT, MAX_LIMIT = 100, 200


class MatrixQuery(NarrowedQuery):
    """The query parameters of a matrix."""

    rows: Annotated[Dimension, Field(description="what the rows are", examples=["country"])]
    columns: Annotated[Dimension, Field(description="what the columns are", examples=["topic"])]
    of: Annotated[Of, Field(description="what is counted", examples=["meetings"])] = "meetings"
    limit: Annotated[
        int,
        Field(ge=1, le=MAX_LIMIT, description="how many rows, and how many columns, there are at the most", examples=[20]),
        WHOLE,
    ] = DEFAULT_LIMIT
    format: Annotated[
        Literal["json", "csv", "jsonstat"] | None, Field(description="goes before `Accept`", examples=["csv"])
    ] = None


def router(figures: Figures, driver: Driver) -> APIRouter:
    """Return a router with the endpoint of the matrix."""
    routes = APIRouter(route_class=offering(*FORMS), tags=["views"])
    matrices = Matrices(driver, figures.kinds)

    @routes.get(
        "/v1/matrix",
        response_model=Matrix,
        **described(
            "get_matrix",
            "Count by two dimensions",
            "The numbers.",
            shown=HEADERS,
            more_parameters=CONDITIONAL,
            also=FORMS[1:],
            examples=(
                "/v1/matrix?rows=country&columns=topic",
                "/v1/matrix?rows=country&columns=country&of=memoranda",
                "/v1/matrix?rows=topic&columns=year&participant=BY&format=csv",
            ),
        ),
    )
    async def get_matrix(request: Request, query: Annotated[MatrixQuery, Query()]) -> Derived:
        """Counts meetings, memoranda or outcomes by two dimensions, such as who took part and what it was about.

        Each number links to the list of the records that it counts, and equals the total of that list: a country takes part
        also through its bodies and people, a topic includes its narrower topics, and a record counts in each year in which it
        may have been going on. So a record can count several times, and rows do not add up to `records`.

        The largest values are shown, at most `limit`; `left_out` says how many others there are. With `topic`, the dimension
        `topic` shows these topics and narrower ones; with `date_from` or `date_to`, the dimension `year` shows the years of the
        window. `format=jsonstat` is a dataset in JSON-stat 2.0.
        """
        refuse_of_other_formats(query, request.representation)
        counted, as_of = figures.kinds[query.of], await figures.viewing.as_of()
        if query.rows == query.columns and query.rows not in ("country", "organization"):
            fault = Fault(
                f"{query.columns} is what the rows are, too; only country and organization can be both", parameter="columns"
            )
            raise Invalid(str(fault), faults=[fault])
        selection = await figures.selection(query, counted)
        is_by_topic = "topic" in (query.rows, query.columns)
        topics = await figures.viewing.with_narrower(selection.topics) if is_by_topic else []
        wanted = Wanted(counted, query.rows, query.columns, selection, tuple(sorted(topics)), query.limit)
        languages = requested_languages(query.lang, request.wants.accept_language)

        async def make() -> bytes:
            found = await figures.results.of(as_of, wanted.asked, lambda: matrices.count(wanted))
            counts = Counts.read(found)
            names = await figures.names.of(wanted.named(counts), languages)
            shown = Shown(wanted, counts, names, where=prefix(request, form), as_of=str(as_of))
            return await asyncio.to_thread(written, shown)

        form = request.representation

        def written(shown: Shown) -> bytes:
            if form is JSON:
                return to_json(shown.answer())
            if form is CSV:
                head, rows = shown.table()
                return table(head, rows, safe=query.csv_safe, bom=query.bom)
            return to_json(shown.jsonstat())

        name = ("matrix", query.of, query.rows, query.columns, *selection.words())
        headers = headers_of(request, FORMS, as_of, languages, name, page="../matrix")
        return Derived(as_of, make, headers, form.content_type, also=form.name)

    return routes
