"""FastCRUD's own routes over the ORM twin's classes, with the filters that the questions need; flat rows."""

from fastapi import FastAPI
from fastcrud import FilterConfig, crud_router
from pydantic import BaseModel, ConfigDict

from bench.orm import Instant, Meeting, lifespan, session


class MeetingRow(BaseModel):
    """A row of the table."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    version: int
    created_at: Instant
    updated_at: Instant
    name: str
    type: str | None
    series_id: str | None
    ordinal: int | None
    part_of_id: str | None
    date: str | None
    date_note: str | None
    date_start: str
    date_end: str
    city: str | None
    country_id: str | None
    venue: str | None
    format: str | None
    status: str | None
    theme: str | None
    summary: str | None
    attendance: int | None
    attendance_qualifier: str | None
    language: str | None
    participants_coverage: str | None


app = FastAPI(lifespan=lifespan)
app.include_router(
    crud_router(
        session=session,
        model=Meeting,
        create_schema=MeetingRow,
        update_schema=MeetingRow,
        select_schema=MeetingRow,
        path="/v1/meetings",
        filter_config=FilterConfig(country_id=None, date_end__gte=None, date_start__lte=None),
    )
)
