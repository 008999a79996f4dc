"""Just enough of HTTP/1.1 to know where a message ends, while its bytes pass through unchanged."""

from dataclasses import dataclass, field

END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Head:
    """The first line and the headers (names in lower case) of a request or response."""

    first_line: tuple[str, str, str]
    headers: dict[str, str]

    @property
    def is_chunked(self) -> bool:
        return self.headers.get("transfer-encoding", "").lower().endswith("chunked")

    @property
    def length(self) -> int | None:
        value = self.headers.get("content-length")
        return None if value is None else int(value)


def parse_head(raw: bytes) -> Head:
    """Parse the bytes up to and with the empty line. Raises OSError if they are not HTTP."""
    first, *rest = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2:
        raise OSError(f"not HTTP: {first[:80]!r}")
    pairs = (line.split(":", 1) for line in rest if ":" in line)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    return Head((words[0], words[1], words[2] if len(words) > 2 else ""), headers)


@dataclass(slots=True)
class Body:
    """Follows a body through its bytes: where it ends, and (if kept) what its content is.

    Made by `request_body` and `response_body`. `left` is None for a body that ends with its
    connection, and then the connection belongs to both sides: a hijacked or upgraded one.
    """

    left: int | None
    is_chunked: bool = False
    keep: bool = False
    complete: bool = False
    content: bytearray = field(default_factory=bytearray)
    _line: bytes = b""
    _in_trailer: bool = False

    @property
    def ends_with_connection(self) -> bool:
        return self.left is None and not self.is_chunked

    def feed(self, data: bytes) -> int:
        """Take in the next bytes; return how many of them belong to this body."""
        if self.ends_with_connection:
            return len(data)
        position = 0
        while position < len(data) and not self.complete:
            take = self._take_content if self.left else self._take_line
            position = take(data, position)
        return position

    def _take_content(self, data: bytes, position: int) -> int:
        assert self.left is not None
        taken = data[position : position + self.left]
        self.left -= len(taken)
        if self.keep:
            self.content += taken
        self.complete = not self.is_chunked and self.left == 0
        return position + len(taken)

    def _take_line(self, data: bytes, position: int) -> int:
        end = data.find(b"\n", position)
        if end < 0:
            self._line += data[position:]
            return len(data)
        line, self._line = (self._line + data[position:end]).strip(), b""
        if self._in_trailer:
            self.complete = not line
        elif line:  # an empty one ends the chunk before
            self.left = int(line.split(b";")[0], 16)
            self._in_trailer = self.left == 0
        return end + 1


def request_body(head: Head, *, keep: bool) -> Body:
    """Return the body that follows the head of a request."""
    if head.is_chunked:
        return Body(0, is_chunked=True, keep=keep)
    length = head.length or 0
    return Body(length, keep=keep, complete=length == 0)


def response_body(head: Head, method: str) -> Body:
    """Return the body that follows the head of the response to a request with this method."""
    status = int(head.first_line[1])
    if status == 101:
        return Body(None)
    if method == "HEAD" or status < 200 or status in (204, 304):
        return Body(0, complete=True)
    if head.is_chunked:
        return Body(0, is_chunked=True)
    return Body(head.length, complete=head.length == 0)
