"""Protobuf messages with one large field, put together and taken apart without protobuf touching that field.

Protobuf copies a field several times on its way in and out, which at megabytes takes longer than everything else. Its
wire format lets messages be concatenated: fields of a nested message that come later are merged with those that came
before. So the message without the large field is followed by the large field alone, in its nesting, and any protobuf
library reads the two as one.
"""

from collections.abc import Iterator

#: A field that is preceded by its length (protobuf's wire type 2).
_DELIMITED = 2


def with_bulk(message: bytes, path: tuple[int, ...], data: bytes | memoryview) -> bytes:
    """A serialised message, and a large field behind it.

    Args:
        message: Without the large field.
        path: Numbers of the fields that lead to it, from the outermost.
        data: Its bytes.
    """
    header, length = b"", len(data)
    for number in reversed(path):
        header = _varint(number << 3 | _DELIMITED) + _varint(length) + header
        length = len(header) + len(data)
    return b"".join((message, header, data))


def without_bulk(raw: bytes, path: tuple[int, ...]) -> tuple[bytes, memoryview | None]:
    """Take apart what `with_bulk` put together; what others put together stays whole.

    Returns:
        The message without the large field, and the field, not copied; None if it does not stand apart at the end.

    Raises:
        ValueError: If it is no message.
    """
    view = memoryview(raw)
    last = 0
    for start, _, _, end in _fields(view):
        if end == len(view):
            last = start
    bulk = view[last:]
    for number in path:
        fields = list(_fields(bulk))
        if len(fields) != 1 or fields[0][1] != number:
            return raw, None
        _, _, begin, end = fields[0]
        bulk = bulk[begin:end]
    return raw[:last], bulk


def _fields(view: memoryview) -> Iterator[tuple[int, int, int, int]]:
    """Start, number, begin of the content and end of each field."""
    position = 0
    while position < len(view):
        start = position
        tag, position = _read_varint(view, position)
        kind = tag & 7
        if kind == _DELIMITED:
            length, position = _read_varint(view, position)
        elif kind == 0:
            begin = position
            _, position = _read_varint(view, position)
            yield start, tag >> 3, begin, position
            continue
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError(f"no protobuf message: wire type {kind}")
        if position + length > len(view):
            raise ValueError("no protobuf message: it ends within a field")
        yield start, tag >> 3, position, position + length
        position += length


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def _read_varint(view: memoryview, position: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        if position >= len(view) or shift > 63:
            raise ValueError("no protobuf message: it ends within a number")
        byte = view[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
        shift += 7
