"""Takes published documents apart: bytes become text, and text becomes numbered paragraphs. Citations refer to these.

A *rule* says how paragraphs are made of a document. The rules are promises, because stored digests and paragraph numbers depend
on them: a rule is never changed, but gets a successor of another name. They are documented for users in `docs/documents.md`.

- `plain-1`: paragraphs stand between blank lines.
- `lines-1`: each line is a paragraph. It is the rule of a plain text that has no blank line.
- `markdown-1`: as `plain-1`, but headings, list items and table rows are paragraphs of their own, and the signs of Markdown are
  left out.
- `html-1`: each block element is a paragraph. Scripts, styles, templates and hidden text are left out.

A text that a rule has made has its paragraphs between blank lines. Such texts, and those of older releases, need no rule.
"""

import codecs
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import NamedTuple

from app.domain.texts import composed
from app.domain.vocabulary import DocumentForm as Form

_BLANK_LINES = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+")
_CHARSET = "; charset="


class Unreadable(ValueError):
    """The document is no text that can be taken apart. The message says why, and what to send instead."""


PLAIN, LINES, MARKDOWN, HTML = "plain-1", "lines-1", "markdown-1", "html-1"


class Passages(NamedTuple):
    """A document taken apart."""

    paragraphs: list[str]
    rule: str
    """The rule by which it was divided."""
    title: str | None = None
    """The title that an HTML page gives itself."""
    language: str | None = None
    """The language that an HTML page says it is in."""

    @property
    def text(self) -> str:
        """The text made from the document. It has blank lines between its paragraphs."""
        return "\n\n".join(self.paragraphs)


def digest(content: bytes) -> str:
    """Return the SHA-256 of a document, in hexadecimal."""
    return sha256(content).hexdigest()


def folded(text: str) -> str:
    """The text in NFC, with each run of white space (including no-break spaces) replaced by one space.

    Raises Unreadable if a letter has too many marks.
    """
    try:
        return " ".join(composed(text).split())
    except ValueError as error:
        raise Unreadable(f"it is no text: it {error}") from None


def with_charset(rule: str, charset: str | None) -> str:
    """Return a rule that names the charset that was declared for the document, if any, because the document may not say it."""
    return rule + (_CHARSET + charset if charset else "")


def divided(content: bytes, rule: str | None) -> list[str]:
    """Return the paragraphs of a document by a stored rule; None means that they stand between blank lines.

    Raises Unreadable if the document has another encoding, or if this program does not know the rule.
    """
    name, _, charset = (rule or PLAIN).partition(_CHARSET)
    if name not in _RULES:
        raise Unreadable(f"it is divided by a rule that this program does not know: {rule}")
    return _RULES[name](_of_today(decoded(content, charset or None, form=Form.HTML if name == HTML else Form.PLAIN))).paragraphs


def taken_apart(text: str, form: Form) -> Passages:
    """Return the paragraphs of a text, folded and never empty."""
    text = _of_today(text)
    if form is Form.PLAIN:
        return _plain(text) if _BLANK_LINES.search(text.strip()) else _lines(text)
    return _RULES[MARKDOWN if form is Form.MARKDOWN else HTML](text)


def _of_today(text: str) -> str:
    """Return a text with the line ends of today."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


# -- encodings -------------------------------------------------------------------------------------------------------------

_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_DECLARED_IN_HTML = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_HEAD_OF_HTML = 4_096
"""The number of bytes in which a page must declare its charset. HTML asks for the first 1,024."""
CHARSETS = frozenset(
    {"ascii", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "koi8-r", "koi8-u", "koi8-t", "ptcp154", "big5", "big5hkscs"}
    | {
        "gb2312",
        "gbk",
        "gb18030",
        "shift_jis",
        "euc_jp",
        "iso2022_jp",
        "euc_kr",
        "cp932",
        "cp949",
        "cp950",
        "tis-620",
        "ptcp154",
    }
    | {f"cp{number}" for number in (866, 874, *range(1250, 1259))}
    | {f"iso8859-{number}" for number in range(1, 17)}
)
"""The charsets of published texts, as Python names them."""
_OTHERS_MEANT = {"iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254"}
"""What browsers read for these charsets, because pages often declare them wrongly."""


def decoded(content: bytes, charset: str | None = None, *, form: Form = Form.PLAIN) -> str:
    """Decode a document by its byte order mark, else by the declared charset, else by that of the page's head, else as UTF-8.

    No charset is guessed. Raises Unreadable if the bytes do not fit.
    """
    if content.startswith(b"%PDF-"):
        raise Unreadable("it is a PDF, of which only the extracted text can be taken apart")
    for mark, marked in _MARKS.items():
        if content.startswith(mark):
            return _in(content[len(mark) :], marked, f"its byte order mark says {marked}")
    if charset is None and form is Form.HTML and (declared := _DECLARED_IN_HTML.search(content[:_HEAD_OF_HTML])):
        charset = declared[1].decode()
    return _in(content, charset or "utf-8", f"{charset} was declared" if charset else "no charset was declared")


def _in(content: bytes, charset: str, why: str) -> str:
    try:
        name = codecs.lookup(charset).name
    except LookupError:
        name = ""
    if name not in CHARSETS:
        raise Unreadable(f"{charset[:40]!r} is no charset that is read here; send the text in UTF-8")
    try:
        text = content.decode(_OTHERS_MEANT.get(name, name))
    except UnicodeDecodeError as error:
        raise Unreadable(
            f"it is no text in {charset} ({why}), as byte {error.start + 1} shows; declare its charset, or send it in UTF-8"
        ) from None
    if "\0" in text:
        raise Unreadable(f"it is no text: character {text.index(chr(0)) + 1} is NUL")
    return text


# -- paragraphs ------------------------------------------------------------------------------------------------------------


def _plain(text: str) -> Passages:
    return Passages([paragraph for block in _BLANK_LINES.split(text.strip()) if (paragraph := folded(block))], PLAIN)


def _lines(text: str) -> Passages:
    return Passages([paragraph for line in text.split("\n") if (paragraph := folded(line))], LINES)


_BLOCK_OF_MARKDOWN = re.compile(r"[^\S\n]{0,20}(?:>[^\S\n]?|#{1,6}[^\S\n]|[-*+][^\S\n]|\d{1,3}[.)][^\S\n]|\|)")
_OPENING = re.compile(r"^(?:[>\s]|#{1,6}\s|[-*+]\s|\d{1,3}[.)]\s)+")
_RULER = re.compile(r"^\s*(?:[-*_=]\s*){2,}$|^[\s|:-]+$")
_INLINE_MARKDOWN = re.compile(
    r"!?\[([^\[\]\n]{0,1000})\]\([^()\s]{0,2000}(?: \"[^\"\n]{0,200}\")?\)"  # a link, of which its text is shown
    r"|\\([!-/:-@\[-`{-~])"  # an escaped sign
    r"|`+|~~"
    r"|(?<!\w)(?:\*{1,3}|_{1,3})(?=[^\s*_])|(?<=[^\s*_])(?:\*{1,3}|_{1,3})(?!\w)"  # where emphasis begins or ends
)


def _markdown(text: str) -> Passages:
    paragraphs: list[str] = []
    lines: list[str] = []

    def end() -> None:
        if paragraph := folded(_INLINE_MARKDOWN.sub(_shown, " ".join(lines))):
            paragraphs.append(paragraph)
        lines.clear()

    for line in (*text.split("\n"), ""):
        if not line.strip() or _RULER.match(line):
            end()
            continue
        if _BLOCK_OF_MARKDOWN.match(line) and not (lines and line.lstrip().startswith(">")):
            end()
        lines.append(_OPENING.sub("", line).replace("|", " ") if _BLOCK_OF_MARKDOWN.match(line) else line)
        if line.lstrip().startswith(("#", "|")):
            end()
    return Passages(paragraphs, MARKDOWN)


def _shown(sign: re.Match[str]) -> str:
    return sign[1] if sign[1] is not None else sign[2] or ""


_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd", "details", "dialog", "dir", "div"}
    | {"dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header"}
    | {"hgroup", "hr", "html", "legend", "li", "main", "menu", "nav", "ol", "optgroup", "option", "p", "pre", "search"}
    | {"button", "label", "section", "select", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "title", "tr", "ul"}
)
"""Elements that begin and end a paragraph. `br` is one, because news pages write paragraphs with it."""
_UNSEEN = frozenset(
    {"script", "style", "template", "noscript", "svg", "math", "object", "iframe", "canvas", "audio", "video", "textarea"}
    | {"datalist", "noframes"}
)
"""Elements whose content is no text of the page."""


_WITHOUT_END = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
"""Elements that have no content and no end tag."""


def _is_block(tag: str) -> bool:
    return tag in _BLOCKS or "-" in tag  # elements of the page's own have a hyphen in their names


def _is_unseen(tag: str, attributes: Mapping[str, str]) -> bool:
    is_hidden = "hidden" in attributes or "display:none" in attributes.get("style", "").replace(" ", "").lower()
    return is_hidden or tag in _UNSEEN or (tag == "dialog" and "open" not in attributes)


class _Collector:
    """Receives the events of the HTML parser, and collects paragraphs. It keeps no tree, so depth costs nothing."""

    def __init__(self) -> None:
        self._paragraphs: list[str] = []
        self._pieces: list[str] = []
        self._unseen: list[str] = []
        self._title: list[str] | None = None
        self._in_title = False
        self._language: str | None = None

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Called for a start tag."""
        if tag == "html":
            self._language = attributes.get("lang")
        if _is_block(tag) and not self._unseen:
            self._end_paragraph()
        if tag not in _WITHOUT_END and (self._unseen[-1:] == [tag] or _is_unseen(tag, attributes)):
            self._unseen.append(tag)
        self._in_title = tag == "title" and self._title is None and not self._unseen
        if self._in_title:
            self._title = []

    def end(self, tag: str) -> None:
        """Called for an end tag, also where the page leaves it out."""
        if self._unseen and tag == self._unseen[-1]:
            self._unseen.pop()
        if _is_block(tag) and not self._unseen:
            self._end_paragraph()
        self._in_title = False

    def data(self, text: str) -> None:
        """Called for text."""
        if self._in_title and self._title is not None:
            self._title.append(text)
        elif not self._unseen:
            self._pieces.append(text)

    def comment(self, text: str) -> None:
        """Called for a comment."""

    def close(self) -> Passages:
        """Return what was collected."""
        self._end_paragraph()
        title = folded("".join(self._title or ())) or None
        return Passages(self._paragraphs, HTML, title, self._language)

    def _end_paragraph(self) -> None:
        if self._pieces and (paragraph := folded("".join(self._pieces))):
            self._paragraphs.append(paragraph)
        self._pieces.clear()


def _html(text: str) -> Passages:
    from lxml import etree  # noqa: PLC0415 - 12 MB that only documents in HTML need

    parser = etree.HTMLParser(target=_Collector(), huge_tree=True)
    parser.feed(text)
    found: Passages = parser.close()
    return found


_RULES: dict[str, Callable[[str], Passages]] = {PLAIN: _plain, LINES: _lines, MARKDOWN: _markdown, HTML: _html}
