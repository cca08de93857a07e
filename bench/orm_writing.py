"""What everybody writes to make a record: FastAPI, an AsyncSession a request, one bare row, a response model."""
# ruff: noqa: D101 - the twin's classes are what their names say

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

URL = os.environ["BENCH_URL"]
engine = create_async_engine(URL)
sessions = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class Meeting(Base):
    __tablename__ = "bare_meetings"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    date: Mapped[str | None]
    city: Mapped[str | None]
    country: Mapped[str | None]


class MeetingIn(BaseModel):
    id: str | None = None
    name: str
    date: str | None = None
    city: str | None = None
    country: str | None = None


class MeetingPatch(BaseModel):
    name: str | None = None
    date: str | None = None
    city: str | None = None
    country: str | None = None


class MeetingOut(MeetingIn):
    model_config = ConfigDict(from_attributes=True)
    id: str


if engine.dialect.name == "sqlite":

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 5000"):
            connection.execute(f"PRAGMA {pragma}")


async def session() -> AsyncIterator[AsyncSession]:
    """A session a request."""
    async with sessions() as opened:
        yield opened


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Make the table."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.post("/v1/meetings", status_code=201)
async def create(body: MeetingIn, opened: Annotated[AsyncSession, Depends(session)]) -> MeetingOut:
    """Insert one row and commit."""
    meeting = Meeting(**body.model_dump() | {"id": body.id or str(uuid4())})
    opened.add(meeting)
    await opened.commit()
    return MeetingOut.model_validate(meeting)


@app.patch("/v1/meetings/{meeting_id}")
async def patch(meeting_id: str, body: MeetingPatch, opened: Annotated[AsyncSession, Depends(session)]) -> MeetingOut:
    """Change one row and commit."""
    meeting = await opened.get(Meeting, meeting_id)
    if meeting is None:
        raise HTTPException(404)
    for name, value in body.model_dump(exclude_unset=True).items():
        setattr(meeting, name, value)
    await opened.commit()
    return MeetingOut.model_validate(meeting)
