"""docs/limits.md says what the code does: each row is compared with the setting or the constant that it is about."""

import re
from dataclasses import fields

from app import workshop
from app.declaration import filters, model
from app.declaration.filters import values
from app.domain import collation
from app.faults import FAULTS_ALIKE, MAX_FAULTS, MOST_FAULTS
from app.files import calendars, workbook
from app.http import endpoints, exports, matrix, parameters, queries, records
from app.http import proposals as proposals_over_http
from app.http.problems import all_problems
from app.http.protocol import LEAST_RATE
from app.intake import examining, proposals
from app.reading import changes, following, paging
from app.search import candidates, finder, service, suggesting, tiers
from app.search import models as search_models
from app.settings import PREFIX, ROOT, Settings
from app.text import analyzer, query, terms
from app.views import counterparts, dossier, results, selection
from app.views import network as views_network
from app.writing import frames, json_patch, queue, write_schema

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "limits.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| what")
]
FIXED = {
    "path and query of an address": endpoints.MAX_ADDRESS,
    "parameters of an address": parameters.MAX_PARAMETERS,
    "exports at once, a process": exports.AT_ONCE,
    "exports at once of one client": exports.OF_ONE_CLIENT,
    "records of a calendar": calendars.MOST_EVENTS,
    "participants that an event lists": calendars.MOST_PARTICIPANTS,
    "edges of a network": views_network.MAX_EDGES,
    "rows, and columns, of a matrix": matrix.MAX_LIMIT,
    "figures that wait to be counted, a process": results.MOST_WAITING,
    "statements of each query of figures": selection.STATEMENT_BYTES,
    "numbers that figures counted": results.REMEMBERED_BYTES,
    "values of one filter": filters.MAX_VALUES,
    "ids of `/v1/records`": queries.MAX_IDS,
    "actors of `between`, and of a comparison": values.MOST_ACTORS,
    "counterparts of an answer": counterparts.MOST,
    "hits of a page of a search": search_models.MAX_HITS,
    "names of an answer of suggestions": search_models.MAX_SUGGESTED,
    "such files that are made at once, a process": workshop.AT_ONCE,
    "such files that wait to be made, a process": workshop.MOST_WAITING,
    "such files of one client that are made, one after another, or wait": workshop.OF_ONE_CLIENT,
    "records of a page of a list": queries.MAX_LIMIT,
    "records that `limit` asks of a format of whole lists": queries.MAX_WHOLE_LIMIT,
    "columns that `columns` adds": queries.MAX_COLUMNS,
    "records of a workbook": workbook.MOST_ROWS,
    "records of a dossier": dossier.MOST_RECORDS,
    "letters of a cell of a workbook": workbook.MOST_LETTERS,
    "links of a sheet of a workbook": workbook.MOST_LINKS,
    "bytes of the links to other formats in the header `Link`": queries.MAX_ALTERNATES,
    "entries of a page of the changes": changes.MAX_CHANGES,
    "seconds of `wait`": changes.MAX_WAIT,
    "letters of a page: of a list, a history, the changes": paging.PAGE_LETTERS,
    "rows of a frame": frames.MOST_ROWS,
    "records that a frame stands for": frames.MOST_EXPANDED,
    "quotes of a row": frames.MOST_QUOTES,
    "letters of a paragraph, around a quote, in which a proposal looks for names and dates": examining.LONGEST,
    "letters of all paragraphs in which a proposal looks for them": examining.LOOKED_AT,
    "records of a proposal, those of its frames included": proposals.MOST_RECORDS,
    "documents of a proposal": proposals_over_http.MOST_DOCUMENTS,
    "proposals that one answer lists": proposals.MOST_LISTED,
    "letters of a search that count": query.MOST_TYPED,
    "words and phrases of a search": query.MOST_SLOTS,
    "words of a search that end with a star": query.MOST_STARRED,
    "words of a phrase, pairs of Han in a row": query.MOST_IN_A_ROW,
    "words of a search that are also looked for as one word with the next": tiers.MOST_PAIRED,
    "records that are read for each word if none has all": finder.MOST_WITH_A_WORD,
    "records that are read for all of them together": finder.MOST_WITH_ANY_WORD,
    "words of a search up to which slips are forgiven, and words may stand in linked records": finder.MOST_TOGETHER,
    "letters of hits that are analyzed if none has all words": service.RELAXED_LETTERS,
    "words in these, pairs of Han among them": query.MOST_WORDS,
    "letters of a word that count": analyzer.MAX_WORD,
    "letters of a word up to which slips are forgiven": suggesting._LONGEST_SLIP,
    "candidates of each reason for which a hit is found": tiers.CANDIDATES,
    "letters of stored texts that one search analyzes": terms.LETTERS,
    "writes that wait, a process": queue.MAX_WAITING,
    "levels of nesting of a body or a line": write_schema.MAX_DEPTH,
    "fields of a body or a line, in all its objects; objects and arrays": write_schema.MAX_PARTS,
    "citations that come with a record": write_schema.MAX_CITATIONS,
    "items of each other array of a record: names, identifiers, topics": write_schema.MAX_ITEMS,
    "operations of a JSON Patch": json_patch.MAX_OPERATIONS,
    "bytes that its copies and moves take together": json_patch.MAX_COPIED,
    "letters of a text": model.MAX_TEXT,
    "letters of an address in a record": model.MAX_ADDRESS,
    "letters of an id": model.MAX_ID,
    "faults that one answer lists": MAX_FAULTS,
    "faults of one sort that an import lists": FAULTS_ALIKE,
    "faults after which an import is read no further": MOST_FAULTS,
    "requests as they were read, for each of four sorts": records.PARSED_BYTES,
    "statements": records.STATEMENT_BYTES,
    "statements of search": candidates.STATEMENT_BYTES,
    "statements of the changes": following.STATEMENT_BYTES,
}
CACHES = {
    "forms of words": analyzer._forms,
    "words that were typed": analyzer._typed_forms,
    "typed words as whole names": query.whole_name,
    "terms of words": terms._of_word,
    "terms of texts": terms._of_text,
    "forms of names that suggestions compare": suggesting._forms_of,
    "folded texts": collation.fold,
}


def number_in(cell: str) -> int:
    """The first number of a cell, in groups of three digits."""
    found = re.match(r"\d{1,3}(?: \d{3})*", cell)
    assert found, cell
    return int(found[0].replace(" ", ""))


def test_each_limit_with_a_setting_is_its_default() -> None:
    settings = {setting.name: setting.default for setting in fields(Settings)}
    told = {setting.strip("`").removeprefix(PREFIX).lower(): limit for _, limit, setting, _ in ROWS if setting}
    assert {name: number_in(limit) for name, limit in told.items()} == {name: settings[name] for name in told}
    # Those that bound nothing of a client's: where the database is and how it is reached, and how the server listens.
    others = {"database_url", "host", "port", "workers", "pooler", "read_connections", "allowed_hosts"}
    others |= {"key_secret", "trusted_proxies", "log_level", "contact", "server", "key", "review_own", "id_host"}
    assert set(told) == set(settings) - others, "every setting that is a limit has its row"


def test_each_limit_without_a_setting_is_what_the_code_has() -> None:
    told = {what: number_in(limit) for what, limit, setting, _ in ROWS if not setting}
    caches = {what: function.most_bytes for what, function in CACHES.items()}  # type: ignore[attr-defined]
    assert told == FIXED | caches


def test_every_answer_that_tells_a_limit_is_a_problem_that_there_is() -> None:
    statuses = {int(status) for *_, past in ROWS for status in re.findall(r"\b[45]\d\d\b", past)}
    assert statuses <= {problem.status for problem in all_problems()}
    assert {408, 413, 414, 422, 429, 431, 503} <= statuses
    assert f"{LEAST_RATE:,}".replace(",", " ") + " bytes a second" in (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
