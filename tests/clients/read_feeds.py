"""Reads every Atom feed of a folder with feedparser, and prints what it sees as JSON."""

import json
import sys
from pathlib import Path

import feedparser

if __name__ == "__main__":
    seen = {}
    for path in sorted(Path(sys.argv[1]).glob("*.xml")):
        feed = feedparser.parse(path.read_bytes())
        seen[path.stem] = {
            "bozo": bool(feed.bozo),
            "trouble": str(feed.get("bozo_exception", "")),
            "version": feed.version,
            "title": feed.feed.title,
            "id": feed.feed.id,
            "entries": [
                {
                    "id": entry.id,
                    "title": entry.title,
                    "link": entry.link,
                    "updated": entry.updated,
                    "has_time": entry.get("updated_parsed") is not None and entry.get("published_parsed") is not None,
                    "summary": entry.summary,
                    "topics": [tag.label for tag in entry.get("tags", [])],
                }
                for entry in feed.entries
            ],
        }
    print(json.dumps(seen))
