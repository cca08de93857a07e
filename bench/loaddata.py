"""`python -m bench.loaddata FILE`: what Django's `loaddata` does with the records of an import, in a database of its own.

`prepare` makes the tables and what the records refer to; `load` is measured.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["BENCH_URL"]}},
    INSTALLED_APPS=["bench"],
    USE_TZ=True,
)
django.setup()

from django.core.management import call_command  # noqa: E402 - Django wants its settings first
from django.db import connection, models  # noqa: E402

REFERRED = ("country", "topic", "source", "organization")
REFERENCES = {"country", "source", "organization", "meeting", "memorandum", "party"}


def _model(name: str, *fields: str, **more: Any) -> type[models.Model]:
    """A table with a primary key and these fields: texts, or references to the table of the same name."""
    made: dict[str, Any] = {"__module__": __name__, "Meta": type("Meta", (), {"app_label": "bench"})}
    made["id"] = models.TextField(primary_key=True)
    for field in fields:
        target = "organization" if field == "party" else field
        made[field] = (
            models.ForeignKey(f"bench.{target}", models.PROTECT, null=True)
            if field in REFERENCES
            else models.TextField(null=True, db_index=field in ("date", "type", "role"))
        )
    return type(name.title(), (models.Model,), made | more)


MODELS = [
    *(_model(kind, "name") for kind in REFERRED),
    _model("meeting", "name", "type", "date", "country", topics=models.ManyToManyField("bench.topic")),
    _model("memorandum", "name", "type", "date"),
    _model("participant", "meeting", "organization", "role", "rank", "capacity"),
    _model("citation", "meeting", "source", "paragraph", "quote", "confidence"),
    _model("name", "meeting", "language", "text", "type"),
    # last, because `party` here is a table and in its own row a reference
    _model("party", "memorandum", "party", "role"),
]


def fixture(lines: Iterator[str]) -> Iterator[str]:
    """The same records in Django's format: one object a line; names are rows of their own, and every row needs a key."""
    for number, line in enumerate(lines):
        record = json.loads(line)
        key = record.pop("id", f"row-{number}")
        kind = record.pop("kind")
        if kind == "citation":
            record["meeting"] = record.pop("record")
        names = record.pop("names", ())
        yield json.dumps({"model": f"bench.{kind}", "pk": key, "fields": record}, ensure_ascii=False)
        for place, name in enumerate(names):
            fields = {"meeting": key, **name}
            yield json.dumps({"model": "bench.name", "pk": f"{key}-{place}", "fields": fields}, ensure_ascii=False)


def main() -> None:
    what, file = sys.argv[1], Path(sys.argv[2])
    if what == "prepare":
        with connection.schema_editor() as editor:
            for model in MODELS:
                editor.create_model(model)
        for model, kind in zip(MODELS, REFERRED, strict=False):
            plural = {"country": "countries"}.get(kind, f"{kind}s")
            lines = (Path("seed") / f"{plural}.ndjson").read_text(encoding="utf-8").splitlines()
            model.objects.bulk_create([model(id=json.loads(line)["id"], name="") for line in lines])
        with file.open(encoding="utf-8") as given, file.with_suffix(".jsonl").open("w", encoding="utf-8") as made:
            made.writelines(f"{line}\n" for line in fixture(given))
    else:
        call_command("loaddata", str(file.with_suffix(".jsonl")), verbosity=0)


if __name__ == "__main__":
    main()
