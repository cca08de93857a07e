"""The commands `propose` and `review`. They are HTTP clients of a running server."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

import click

from app.commands.group import FilePath, main
from app.commands.records import lines_of
from app.errors import OperatorError
from app.settings import Settings
from app.writing.write_schema import read_json

SECONDS = 120
"""The time limit for one HTTP request, in seconds."""
TYPES = {".html": "text/html", ".htm": "text/html", ".md": "text/markdown"}
"""The content type of a document by the extension of its file. Any other file is sent as plain text."""
KEYS = "[a]ccept [t]old apart: accept although similar [c]orrect [r]eject [s]kip [A]ll the rest [q]uit"
SHOWN_OF_A_VALUE = 300


class Server:
    """An HTTP client of the server in the setting `server`."""

    def __init__(self, settings: Settings) -> None:
        if not settings.key:
            raise OperatorError(
                "RAPPORTEUR_KEY has no key; to make one: rapporteur keys create NAME --scope propose (or write)"
            )
        self._address = settings.server.rstrip("/")
        self._key = settings.key

    def ask(
        self, method: str, path: str, body: Any = None, *, content_type: str = "application/json", version: int | None = None
    ) -> Any:
        """Send a request, and return the JSON of the answer. Raises OperatorError with the error message of the server."""
        headers = {"Authorization": f"Bearer {self._key}", "Accept": "application/json"}
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        data = None
        if body is not None:
            headers["Content-Type"] = content_type
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = Request(self._address + path, data=data, headers=headers, method=method)  # noqa: S310 - http or https
        try:
            with urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - the settings allow http and https alone
                return json.loads(answer.read() or b"null")
        except HTTPError as error:
            raise OperatorError(_told(error)) from error
        except (URLError, TimeoutError) as error:
            raise OperatorError(f"{self._address} does not answer: {getattr(error, 'reason', error)}") from error


def _told(error: HTTPError) -> str:
    try:
        problem = json.loads(error.read())
    except ValueError:
        return f"the server answered {error.code}"
    faults = [f"{each.get('pointer') or each.get('header', '')}: {each['detail']}" for each in problem.get("errors", ())]
    return "\n".join([f"{problem.get('detail', error.code)}", *(faults if len(faults) > 1 else ())])


@main.command()
@click.argument("file", type=FilePath(exists=True, allow_dash=True, dir_okay=False))
@click.option("--text", type=FilePath(exists=True, dir_okay=False), help="The document: .html, .md, or plain text in UTF-8.")
@click.option("--url", help="Where the document stands.")
@click.option("--retrieved", help="When it was retrieved, as 2026-03-03.")
@click.option("--language", help="Its language, as ru.")
@click.option("--title", help="What the proposal is about; by default, the name of FILE.")
@click.option("--by", help="Who made it.")
@click.pass_obj
def propose(settings: Settings, /, file: Path, text: Path | None, **said: str | None) -> None:
    """Propose the records and frames of FILE (NDJSON; `-` is standard input) to the server that RAPPORTEUR_SERVER names.

    Quotes are proved with the document. A source without `texts` is completed from it, and fields that follow from others are
    filled. Needs a key in RAPPORTEUR_KEY; the scope `propose` is enough.
    """
    server = Server(settings)
    records = []
    for line in lines_of((file,)):
        try:
            records.append(read_json(line.text))
        except ValueError as error:
            raise OperatorError(f"{line.where}: is no JSON that is read here: {error}") from error
    documents = []
    if text is not None:
        given = {name: said[name] for name in ("url", "retrieved", "language") if said[name]}
        path = "/v1/documents" + (f"?{urlencode(given)}" if given else "")
        content_type = TYPES.get(text.suffix.lower(), "text/plain")
        documents = [server.ask("POST", path, text.read_bytes(), content_type=content_type)["id"]]
    body = {"title": said["title"] or file.name, "documents": documents, "records": records, "derive": True}
    proposal = server.ask("POST", "/v1/proposals", body | ({"by": said["by"]} if said["by"] else {}))
    for record in proposal["records"]:
        click.echo(f"{record['place']}\t{record['verdict']}\t{record['kind']}\t{record['id'] or ''}")
        for remark in _remarks(record):
            click.echo(f"\t{remark}")
    for sentence in proposal["unused"]:
        click.echo(f"no record rests on paragraph {sentence['paragraph']}: {sentence['text'].strip()}", err=True)
    click.echo(f"proposal {proposal['id']}; to decide on it: rapporteur review {proposal['id']}", err=True)


@main.command()
@click.argument("proposal", required=False)
@click.pass_obj
def review(settings: Settings, proposal: str | None) -> None:
    """Decide on the records of a PROPOSAL one by one, and write what was accepted. Without PROPOSAL: print the open ones.

    For each record it shows the passages, what would change, what is wrong, and which records may be meant. Needs a key in
    RAPPORTEUR_KEY with the scope `write`, and not the one that proposed.
    """
    server = Server(settings)
    if proposal is None:
        for each in server.ask("GET", "/v1/proposals?status=open")["data"]:
            click.echo(f"{each['id']}\t{each['counts']['pending']} waiting\t{each['proposed_by']}\t{each['title'] or ''}")
        return
    path = f"/v1/proposals/{quote(proposal, safe='')}"
    _Review(server, path).run()


class _Review:
    """Decides on one proposal in a terminal."""

    def __init__(self, server: Server, path: str) -> None:
        self._server = server
        self._path = path
        self._shown = server.ask("GET", path)
        self._paragraphs: list[list[str]] = []
        for document in self._shown["documents"]:
            try:
                self._paragraphs.append(server.ask("GET", f"/v1/documents/{document}")["paragraphs"])
            except OperatorError as error:
                click.echo(f"without its passages: {error}")

    def run(self) -> None:
        """Ask for a decision on each record that waits, then whether to write what was accepted."""
        places = [each["place"] for each in self._shown["records"] if each["decision"] == "pending"]
        for place in places:
            if not self._decided(place):
                break
        left = self._server.ask("GET", self._path)
        counts = ", ".join(f"{count} {what}" for what, count in left["counts"].items() if count)
        click.echo(counts)
        if left["counts"]["pending"] or left["status"] != "open":
            return
        if click.confirm("write what was accepted?"):
            report = self._server.ask("POST", f"{self._path}/apply", version=left["version"])
            done = ", ".join(f"{report[name]} {name}" for name in ("created", "replaced", "unchanged", "deleted"))
            click.echo(done)
            if report["transaction"]:
                click.echo(f"to undo it: rapporteur undo {report['transaction']}", err=True)

    def _decided(self, place: int) -> bool:
        """Show a record, and ask until it is decided on or left. Returns False if no further record is to be shown."""
        while True:
            record = next(each for each in self._shown["records"] if each["place"] == place)
            click.echo("\n".join(self._lines(record)))
            choice = click.prompt(KEYS, type=click.Choice(list("atcrsAq")), show_choices=False)
            if choice in "sq":
                return bool(choice == "s")
            try:
                self._decide(record, choice)
            except OperatorError as error:
                click.echo(f"refused: {error}")
                self._shown = self._server.ask("GET", self._path)
                continue
            return bool(choice != "A")

    def _decide(self, record: Mapping[str, Any], choice: str) -> None:
        body: dict[str, Any] = {"decision": "accept"}
        path = f"{self._path}/records/{record['place']}/decision"
        match choice:
            case "A":
                path = f"{self._path}/decision"
            case "t":
                body["similar"] = "allow"
            case "c":
                body = {"decision": "correct", "patch": _asked_patch()}
            case "r":
                body = {"decision": "reject", "reason": click.prompt("why")}
        if choice in "atc":
            body["version"] = record["version"]
        self._shown["version"] = self._server.ask("POST", path, body, version=self._shown["version"])["version"]

    def _lines(self, record: Mapping[str, Any]) -> Iterator[str]:
        yield f"\n{record['place']}. {record['verdict']}: {record['kind']} {record['id'] or ''}"
        for cited in record["quotes"]:
            yield f"  {'proved' if cited['proved'] else 'NOT PROVED'}: {cited['source']} {cited['paragraph']}"
            yield f"    {self._passage(cited)}"
        if record["difference"]:
            for each in record["difference"]:
                yield f"  {each['op']} {each['path']}: {_short(each.get('value'))}"
        else:
            for name, value in (record["record"] or record["proposed"] or {}).items():
                if name not in ("kind", "id", "citations"):
                    yield f"  {name}: {_short(value)}"
        yield from (f"  {line}" for line in _remarks(record))

    def _passage(self, cited: Mapping[str, Any]) -> str:
        for paragraphs in self._paragraphs:
            number = cited["paragraph"]
            if 0 < number <= len(paragraphs) and cited["quote"] in paragraphs[number - 1]:
                before, _, after = paragraphs[number - 1].partition(cited["quote"])
                return f"{before[-SHOWN_OF_A_VALUE:]}»{cited['quote']}«{after[:SHOWN_OF_A_VALUE]}"
        return f"»{cited['quote']}«"


def _remarks(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a reviewer should know of a record, a line each."""
    for what in ("faults", "warnings"):
        for each in record[what]:
            yield f"{what[:-1]}: {each['pointer'] or ''} {each['detail']}"
    several = [("similar", record["similar"]), *((f"meant by {place}", found) for place, found in record["candidates"].items())]
    for what, found in several:
        for each in found:
            told = [each["date"], (each["country"] or {}).get("id"), *each["offices"]]
            yield f"{what}: {each['id']}, {each['name']} {' '.join(filter(None, told))}".rstrip()
    if record["uncited"]:
        yield f"without a citation: {', '.join(record['uncited'])}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_OF_A_VALUE else f"{text[:SHOWN_OF_A_VALUE]}…"


def _asked_patch() -> dict[str, Any]:
    """Ask the user for a merge patch (RFC 7396), and return it. Raises OperatorError if the input is not a JSON object."""
    try:
        patch = read_json(click.prompt('what changes, as JSON, such as {"date": "2026-03"}'))
    except ValueError as error:
        raise OperatorError(f"this is no JSON: {error}") from error
    if not isinstance(patch, dict):
        raise OperatorError("this is no JSON object")
    return patch
