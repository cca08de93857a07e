"""Where the parts are wired together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app import __version__
from app.db.drivers import driver_for
from app.http import docs, openapi, service
from app.http.forwarded import Forwarded
from app.http.problems import HANDLERS
from app.http.records import Records
from app.resources import RESOURCES
from app.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application; nothing is opened before it starts."""
    settings = settings or Settings.from_environment()
    driver = driver_for(settings.database_url, deadline=settings.read_deadline, connections=settings.read_connections)
    records = Records(RESOURCES, driver)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await driver.open()
        try:
            yield
        finally:
            await driver.close()

    app = FastAPI(
        title="Rapporteur",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        exception_handlers=HANDLERS,
    )
    app.include_router(service.router(RESOURCES, driver))
    app.include_router(docs.router())
    app.mount("/docs/assets", docs.assets())
    app.router.routes[:0] = records.routes_by_id()
    app.router.routes += records.routes_of_lists()
    app.openapi = openapi.builder(app, records)  # type: ignore[method-assign]
    app.add_middleware(Forwarded, trusted=settings.trusted_proxies)
    return app
