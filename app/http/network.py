"""`GET /v1/network`: who is involved with whom, as nodes and edges."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from pydantic_core import from_json, to_json

from app.db.driver import Driver
from app.errors import Invalid
from app.faults import Fault
from app.http.endpoints import Request, offering
from app.http.figures import CSV, HEADERS, Figures, NarrowedQuery, headers_of, prefix, refuse_of_other_formats
from app.http.negotiation import requested_languages
from app.http.openapi.shared import CONDITIONAL, described
from app.http.representations import JSON, Representation
from app.http.representations import csv as tables
from app.http.representations.graphs import Gexf, GraphMl
from app.http.viewing import Derived
from app.views import network_forms
from app.views.network import MAX_EDGES, ActorKind, Network, Networks, Wanted
from app.views.network_forms import Drawn, NetworkAnswer
from app.workshop import Workshop

GRAPHML, GEXF = GraphMl(), Gexf()
FORMS = (JSON, CSV, GRAPHML, GEXF)
FILES = {GRAPHML: network_forms.graphml, GEXF: network_forms.gexf}
MADE_HERE = 300
"""The most edges of a file that takes no more than a few milliseconds. Larger ones are made in a worker process."""


class NetworkQuery(NarrowedQuery):
    """The query parameters of a network."""

    of: Annotated[Literal["meetings", "memoranda"], Field(description="what joins the actors", examples=["meetings"])] = (
        "meetings"
    )
    actors: Annotated[ActorKind, Field(description="who the actors are", examples=["countries"])] = "countries"
    project: Annotated[bool, Field(description="`true`: edges join actors with one another instead of with records")] = False
    format: Annotated[
        Literal["json", "csv", "graphml", "gexf"] | None, Field(description="goes before `Accept`", examples=["graphml"])
    ] = None


def router(figures: Figures, driver: Driver, workshop: Workshop) -> APIRouter:
    """Return a router with the endpoint of the network."""
    routes = APIRouter(route_class=offering(*FORMS), tags=["views"])
    networks = Networks(driver, figures.kinds)

    @routes.get(
        "/v1/network",
        response_model=NetworkAnswer,
        **described(
            "get_network",
            "Who is involved with whom",
            "The network.",
            shown=HEADERS,
            more_parameters=CONDITIONAL,
            also=FORMS[1:],
            examples=(
                "/v1/network?actors=countries&project=true",
                "/v1/network?of=memoranda&actors=organizations",
                "/v1/network?actors=people&participant=BY&format=graphml",
            ),
        ),
    )
    async def get_network(request: Request, query: Annotated[NetworkQuery, Query()]) -> Derived:
        """Returns actors and the meetings, or instruments, in which they are involved, as nodes and edges.

        With `project=true`, edges join actors that are involved in the same records. A record of n actors adds 1/(n - 1) to the
        weight of each pair, so that a forum of a hundred does not count more than talks of two. Each edge links to the list of
        its records.

        `participant` leaves the surroundings of one actor. `format=graphml` and `format=gexf` are files for programs that draw
        graphs, `format=csv` is a table of the edges. If there are more than 5,000 edges, the answer is 422, and says how to
        narrow the network.
        """
        form = request.representation
        refuse_of_other_formats(query, form)
        counted, as_of = figures.kinds[query.of], await figures.viewing.as_of()
        selection = await figures.selection(query, counted)
        wanted = Wanted(counted, query.actors, selection, query.project)
        languages = requested_languages(query.lang, request.wants.accept_language)

        async def make() -> bytes:
            stored = await figures.results.of(as_of, wanted.asked, lambda: networks.count(wanted))
            network = Network.read(from_json(stored))
            if network.edges is None:
                raise _too_large(query)
            names = await figures.names.of(list(network.degrees()), languages)
            graph = await asyncio.to_thread(
                network_forms.drawn, wanted, network, names, where=prefix(request, form), as_of=str(as_of)
            )
            if form in FILES and len(graph.edges) > MADE_HERE:
                return await workshop.make(FILES[form], graph)
            return await asyncio.to_thread(written, form, network, graph)

        def written(form: Representation, network: Network, graph: Drawn) -> bytes:
            if form in FILES:
                return FILES[form](graph)
            if form is CSV:
                return tables.table(*network_forms.table(graph), safe=query.csv_safe, bom=query.bom)
            return to_json(network_forms.answer(wanted, network, graph))

        name = ("network", query.of, query.actors, "projected" if query.project else None, *selection.words())
        headers = headers_of(request, FORMS, as_of, languages, name, page="../network")
        return Derived(as_of, make, headers, form.content_type, also=form.name)

    return routes


def _too_large(query: NetworkQuery) -> Invalid:
    """Return the problem of a network with too many edges, which says what can be sent to narrow it."""
    others = [
        "date_from and date_to" if not (query.date_from and query.date_to) else "fewer days",
        *(["topic"] if not query.topic else []),
        *(["participant"] if not query.participant else []),
        *(["actors=countries"] if query.actors != "countries" else []),
        *(["project=true"] if not query.project and query.actors == "countries" else []),
    ]
    fault = Fault(
        f"this network of {query.actors} has more than {MAX_EDGES} edges; narrow it: send {', '.join(others)}",
        parameter="actors",
    )
    return Invalid(str(fault), faults=[fault])
