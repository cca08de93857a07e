"""The format of server-sent events (HTML Standard, section 9.2): a stream of changes, each with its position as id."""

from app.http.representations.representation import Representation
from app.reading.changes import Position


class Events(Representation):
    """Writes a change log as a stream. It is no format of records, so it is not among REPRESENTATIONS."""

    name = "events"
    media_type = content_type = "text/event-stream"

    def beginning(self, position: Position, *, retry_seconds: int) -> str:
        """Return the first lines: after how long a client reconnects, and where it then goes on if nothing else came."""
        return f"retry: {retry_seconds * 1000}\nid: {position}\n\n"

    def event(self, position: Position, operation: str, entry: str) -> str:
        """Return an event: an entry of the log, whose JSON has no line breaks."""
        return f"id: {position}\nevent: {operation}\ndata: {entry}\n\n"

    def comment(self, position: Position | None) -> str:
        """Return a comment, which shows that the stream is alive. It causes no event in the client.

        With a position, a client that reconnects goes on from there, although no event of its filters came up to it. Without
        one, there is no empty line, because some libraries make an event of each empty line.
        """
        return f":\nid: {position}\n\n" if position else ":\n"
