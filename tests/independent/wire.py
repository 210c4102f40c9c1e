"""Messages and frames, read from the specification and from nothing of this project."""

import struct

MAGIC = b"ROUGHTIM"

# No specification sets these two; they are the project's own limits (lib/wire/message.ts).
MAX_TAGS = 64
MAX_MESSAGE_BYTES = 65535


class Refused(Exception):
    """The bytes prove nothing."""


def refuse_unless(condition: bool, reason: str) -> None:
    if not condition:
        raise Refused(reason)


def uint32s(value: bytes) -> list:
    return [number for (number,) in struct.iter_unpack("<I", value)]


def uint32(value: bytes) -> int:
    return struct.unpack("<I", value)[0]


def uint64(value: bytes) -> int:
    return struct.unpack("<Q", value)[0]


def decode(message: bytes) -> dict:
    """Tags, each as its four bytes, to values. `uint32 N | N-1 offsets | N tags | values`."""
    size = len(message)
    refuse_unless(4 <= size <= MAX_MESSAGE_BYTES, "size of message")
    refuse_unless(size % 4 == 0, "message is no multiple of 4")
    count = uint32(message[:4])
    refuse_unless(1 <= count <= MAX_TAGS, "number of tags")
    header = 8 * count
    refuse_unless(header <= size, "header leaves the message")
    numbers = uint32s(message[4:header])
    offsets = [0, *numbers[: count - 1], size - header]
    for start, end in zip(offsets, offsets[1:]):
        refuse_unless(start % 4 == 0 and start <= end, "offset")
    tags = numbers[count - 1 :]
    refuse_unless(all(a < b for a, b in zip(tags, tags[1:])), "order of tags")
    return {
        struct.pack("<I", tag): message[header + start : header + end]
        for tag, start, end in zip(tags, offsets, offsets[1:])
    }


def is_framed(packet: bytes) -> bool:
    return packet[:8] == MAGIC


def unframe(packet: bytes) -> bytes:
    refuse_unless(len(packet) >= 12, "frame is cut short")
    refuse_unless(uint32(packet[8:12]) == len(packet) - 12, "length in the frame")
    return packet[12:]


def field(tags: dict, tag: bytes, *sizes: int) -> bytes:
    """A value that must be there, in one of the sizes where some are named."""
    refuse_unless(tag in tags, f"no {tag!r}")
    value = tags[tag]
    refuse_unless(not sizes or len(value) in sizes, f"size of {tag!r}")
    return value
