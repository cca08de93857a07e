"""Builds the application from its parts."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI

from app import __version__
from app.background import Background
from app.db.driver import Driver
from app.db.drivers import driver_for
from app.db.engine import create_engine
from app.http import (
    about,
    changes,
    commitments,
    comparison,
    counterparts,
    deciding,
    docs,
    documents,
    dossier,
    erasures,
    frames,
    keys,
    ledger,
    locating,
    matrix,
    network,
    participation,
    proposals,
    quality,
    routes,
    search,
    transactions,
    well_known,
)
from app.http import exports as exporting
from app.http import imports as importing
from app.http.access import Access
from app.http.bodies import BodyBudget
from app.http.change_feeds import ChangeFeeds
from app.http.cors import Preflight
from app.http.exports import Exports
from app.http.figures import Figures
from app.http.files import Files
from app.http.forwarded import Forwarded
from app.http.imports import Imports
from app.http.limits import Limit, Limited
from app.http.lines import LinesSender
from app.http.openapi import document
from app.http.problems import HANDLERS, Mistakes
from app.http.protocol import Connections
from app.http.queued import QueuedWrites
from app.http.records import Records
from app.http.shutdown import Stopping, about_to_end
from app.http.snapshots import Snapshots
from app.http.streams import Streams
from app.http.viewing import Viewing
from app.http.writes import Writes
from app.intake.proposals import Proposals
from app.intake.reader import Reader
from app.intake.showing import Showing
from app.pages import routes as pages
from app.reading.following import Log
from app.reading.naming import Meanings
from app.reading.watching import Watcher
from app.resources import RESOURCES
from app.search.service import SearchService
from app.settings import Settings
from app.views.commitments import Commitments
from app.views.dossier import Dossiers
from app.views.ledger import Ledger
from app.views.participation import Participations
from app.workshop import Workshop
from app.writing.erasing import Eraser
from app.writing.keys import Keyring
from app.writing.queue import WriteQueue
from app.writing.writer import Writer


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application. Database connections and threads are opened only when it starts."""
    settings = settings or Settings.from_environment()
    url, pooler = settings.database_url, settings.pooler
    driver = driver_for(url, deadline=settings.read_deadline, connections=settings.read_connections, pooler=pooler)
    stopping = Stopping(settings.stop_seconds)
    meanings = Meanings(driver)
    workshop = Workshop(seconds=settings.making_seconds)
    files = Files(workshop, stopping, most_bytes=settings.files_limit)
    records = Records(RESOURCES, driver, meanings, stopping, files, id_host=settings.id_host)
    engine, for_exports, for_snapshots = (
        create_engine(url, patience=settings.write_patience, creates=False, pooler=pooler) for _ in range(3)
    )
    writer = Writer(RESOURCES, records.compiler, driver.encode)
    queue = WriteQueue(
        engine, patience=settings.write_patience, availability=driver.availability, deadline=settings.read_deadline
    )
    keyring = Keyring(settings.key_secret)
    access = Access(driver, records.compiler, keyring, Limit("writes", settings.writes_per_minute))
    connections = Connections(settings)
    stopping.tell_at_last(lambda: queue.end(about_to_end()))
    stopping.cut_with(connections.cut)
    queued = QueuedWrites(access, queue, BodyBudget(settings.bodies_limit), writer)
    reader = Reader(driver)
    imports = Imports(writer, queued, settings, stopping)
    snapshots = Snapshots(for_snapshots, driver.availability)
    exports = Exports(writer, for_exports, driver.availability, stopping, seconds=settings.export_seconds)

    background = Background()
    background.add("watch the database", driver.watch)
    clearing = erasures.Clearing(engine)
    background.add("empty SQLite's log", clearing.run)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        await driver.open()
        queue.open()
        stopping.listen()
        # Objects that exist now live as long as the process, so the garbage collector need not scan them again.
        gc.freeze()
        gc.enable()
        try:
            async with background.running():
                yield {"connections": connections}
        finally:
            stopping.end()
            for part in (exports, files, imports, reader, snapshots):
                part.close()
            await queue.close()
            await driver.close()

    app = FastAPI(
        title="Rapporteur",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        exception_handlers=HANDLERS,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # otherwise each request looks up telemetry settings
    )
    app.router.routes += routes.of_records(records, Writes(records, writer, queued, access, reader.mentions, settings))
    for router in (
        search.router(SearchService(driver)),
        *_of_views(records, driver, LinesSender(Viewing(driver, meanings), stopping, files, id_host=settings.id_host)),
        _of_changes(driver, meanings, queue, connections, background, settings, stopping),
        transactions.router(driver, writer, queued, access, settings),
        exporting.router(exports),
        importing.router(imports, access),
        documents.router(reader, access, queue, queued),
        locating.router(reader, access),
        frames.router(writer, queued, access, settings),
        *_of_proposals(writer, reader, snapshots, access, queued, settings),
        keys.router(access, queue, settings),
        about.router(RESOURCES, driver, stopping, contact=settings.contact),
        quality.router(RESOURCES, driver),
        *_of_figures(driver, meanings, workshop, settings),
        docs.router(),
        changes.histories(RESOURCES, driver, meanings),
        erasures.router(RESOURCES, Eraser(writer), meanings, queued, access, settings, clearing),
    ):
        app.router.routes += router.routes
    app.router.routes += [*well_known.routes(RESOURCES), *routes.of_nothing(records)]
    app.openapi = document.builder(app, records, writer.schemas, contact=settings.contact)  # type: ignore[method-assign]
    app.router.routes.append(routes.route("/openapi.json", GET=document.serving(app.openapi)))
    app.router.routes += pages.routes(app.router)
    _add_middleware(app, settings)
    return app


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """Add what handles each request before its endpoint; the last one added comes first."""
    app.add_middleware(Mistakes)
    app.add_middleware(Limited, limit=Limit("requests", settings.requests_per_minute))
    app.add_middleware(Preflight)
    app.add_middleware(Forwarded, trusted=settings.trusted_proxies, hosts=settings.allowed_hosts.split(","))


def _of_views(records: Records, driver: Driver, sender: LinesSender) -> tuple[APIRouter, ...]:
    """Return the routers with the endpoints of views that have lines, and of dossiers."""
    compiler, dossiers = records.compiler, Dossiers(RESOURCES, records.compiler, records.statement, driver)
    return (
        ledger.router(sender, Ledger(compiler, driver)),
        commitments.router(sender, Commitments(compiler, driver)),
        participation.router(sender, Participations(compiler, driver)),
        dossier.router(sender.viewing, dossiers, sender.files, id_host=sender.id_host),
    )


def _of_figures(driver: Driver, meanings: Meanings, workshop: Workshop, settings: Settings) -> tuple[APIRouter, ...]:
    """Return the routers with the endpoints of figures."""
    figures = Figures(driver, RESOURCES, meanings, patience=settings.read_deadline)
    return (
        matrix.router(figures, driver),
        network.router(figures, driver, workshop),
        counterparts.router(figures, driver),
        comparison.router(figures, driver),
    )


def _of_changes(
    driver: Driver,
    meanings: Meanings,
    queue: WriteQueue,
    connections: Connections,
    background: Background,
    settings: Settings,
    stopping: Stopping,
) -> APIRouter:
    """Return the router with the endpoint of changes. Its streams are told of commits, and of the end of this process."""
    log, watcher = Log(RESOURCES, driver, meanings), Watcher(driver, comment_seconds=settings.stream_comment_seconds)
    background.add("watch the change log", watcher.run)
    queue.tell_after_commits(watcher.tell)
    streams = Streams(log, watcher, settings, stopping)
    connections.tell_when_closing(streams.end)
    return changes.router(log, streams, ChangeFeeds(RESOURCES, settings.id_host))


def _of_proposals(
    writer: Writer, reader: Reader, snapshots: Snapshots, access: Access, queued: QueuedWrites, settings: Settings
) -> tuple[APIRouter, APIRouter]:
    """Return the routers with the endpoints of proposals and of decisions on them."""
    running = proposals.Running(queued, settings)
    proposed = Proposals(writer, may_review_own=settings.review_own == "yes")
    showing = Showing(proposed, reader.mentions, snapshots.read)
    return (
        proposals.router(proposed, showing, snapshots, access, running, settings),
        deciding.router(proposed, access, queued, running, settings),
    )
