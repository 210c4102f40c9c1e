"""A second verifier, written from the specifications alone, to judge the first one by.

It shares no line, no table and no library with lib/. It says only whether an exchange
proves a time, and which.
"""

import itertools

import strict_ed25519
import versions
from versions import Version
from wire import (
    Refused,
    decode,
    field,
    is_framed,
    refuse_unless,
    uint32,
    uint32s,
    uint64,
    unframe,
)

MAX_VERSIONS = 32
MAX_PATH = 32
DAY_MICROS = 86_400_000_000
# A day may have one second more.
LONGEST_DAY_MICROS = 86_401_000_000
MJD_1970 = 40587
# Where the version is not signed, a midpoint beyond 2^40 seconds is one of another layout.
PLAUSIBLE_MICROS = range(0, 2**40 * 1_000_000)


def _ascending(numbers: list) -> bool:
    return all(a < b for a, b in zip(numbers, numbers[1:]))


def _version_list(value: bytes) -> list:
    refuse_unless(len(value) % 4 == 0, "size of the list of versions")
    numbers = uint32s(value)
    refuse_unless(1 <= len(numbers) <= MAX_VERSIONS, "length of the list of versions")
    return numbers


def _read_request(packet: bytes) -> tuple:
    """Nonce and offered versions; None are offered where there is no frame."""
    framed = is_framed(packet)
    tags = decode(unframe(packet) if framed else packet)
    nonce = field(tags, b"NONC", 32, 64)
    if b"TYPE" in tags:
        refuse_unless(tags[b"TYPE"] == bytes(4), "TYPE of the request")
    if not framed:
        return nonce, None
    offered = _version_list(field(tags, b"VER\0"))
    if versions.SIGNED_NUMBERS & set(offered):
        refuse_unless(_ascending(offered), "order of the offer")
    return nonce, offered


def _check_offer_is_clear(number: int, offered: list) -> None:
    """No specification asks for this; the project does, see `version-ambiguous`.

    Drafts 05-06 and 08-11 sign alike and read the time differently.
    """
    for group, others in itertools.permutations(versions.CONFUSABLE):
        if number in group:
            refuse_unless(not others & set(offered), "offer is ambiguous")


def _signed_number(srep: dict):
    """What SREP's VER says, if it names a version whose place that is."""
    value = srep.get(b"VER\0", b"")
    if len(value) == 4 and uint32(value) in versions.SIGNED_NUMBERS:
        return uint32(value)
    return None


def _find_version(top: dict, srep: dict, offered: list) -> tuple:
    """The number and what it means. Up to draft 11 it is at the top, later inside SREP.

    A signed number that is in its place makes whatever is at the top irrelevant.
    """
    number = _signed_number(srep)
    if number is None:
        number = uint32(field(top, b"VER\0", 4))
        refuse_unless(number in versions.UNSIGNED, "unknown or misplaced version")
        refuse_unless(number in offered, "version was not offered")
        _check_offer_is_clear(number, offered)
        return number, versions.UNSIGNED[number]
    refuse_unless(number in offered, "version was not offered")
    typed = b"TYPE" in top
    if number == versions.RFC_NUMBER:
        refuse_unless(typed, "no TYPE")
        return number, versions.RFC_10049
    return number, versions.DRAFT_14 if typed else versions.DRAFT_12


def _check_nonce(version: Version, nonce: bytes, top: dict, srep: dict) -> None:
    refuse_unless(len(nonce) == version.nonce_bytes, "nonce of another version")
    holder = srep if version.nonce_echo == "srep" else top
    if version.nonce_echo != "optional" or b"NONC" in holder:
        refuse_unless(field(holder, b"NONC") == nonce, "NONC differs")


def _micros(version: Version, value: bytes) -> int:
    raw = uint64(value)
    if version.time == "seconds":
        return raw * 1_000_000
    if version.time == "unix-micros":
        return raw
    day, micros = raw >> 40, raw & (2**40 - 1)
    refuse_unless(micros < LONGEST_DAY_MICROS, "time of day")
    return (day - MJD_1970) * DAY_MICROS + micros


def _signed_by(key: bytes, signature: bytes, contexts: tuple, value: bytes) -> bool:
    return any(
        strict_ed25519.verify(key, signature, context + value) for context in contexts
    )


def _root(version: Version, leaf: bytes, path: list, index: int, node_first: bool) -> bytes:
    node = version.hash(b"\0" + leaf)
    for sibling in path:
        we_are_left = (index & 1 == 0) != node_first
        left, right = (node, sibling) if we_are_left else (sibling, node)
        node = version.hash(b"\1" + left + right)
        index >>= 1
    return node


def _check_tree(version: Version, leaf: bytes, top: dict, root: bytes) -> None:
    size = version.hash_bytes
    packed = field(top, b"PATH")
    refuse_unless(len(packed) % size == 0 and len(packed) <= MAX_PATH * size, "PATH")
    path = [packed[at : at + size] for at in range(0, len(packed), size)]
    index = uint32(field(top, b"INDX", 4))
    refuse_unless(index >> len(path) == 0, "INDX has bits left over")
    orders = (False, True) if version.node_first else (False,)
    refuse_unless(
        any(_root(version, leaf, path, index, order) == root for order in orders), "ROOT"
    )


def _verify(request: bytes, response: bytes, public_key: bytes) -> dict:
    nonce, offered = _read_request(request)
    framed = offered is not None
    refuse_unless(is_framed(response) == framed, "frame")
    top = decode(unframe(response) if framed else response)
    if b"TYPE" in top:
        refuse_unless(top[b"TYPE"] == b"\1\0\0\0", "TYPE of the reply")

    signature = field(top, b"SIG\0", 64)
    srep_bytes = field(top, b"SREP")
    srep = decode(srep_bytes)
    cert = decode(field(top, b"CERT"))
    dele_bytes = field(cert, b"DELE")
    dele = decode(dele_bytes)

    number, version = (
        _find_version(top, srep, offered) if framed else (None, versions.GOOGLE)
    )
    _check_nonce(version, nonce, top, srep)
    if version.signed:
        supported = _version_list(field(srep, b"VERS"))
        refuse_unless(_ascending(supported) and number in supported, "VERS")

    online_key = field(dele, b"PUBK", 32)
    not_before = _micros(version, field(dele, b"MINT", 8))
    not_after = _micros(version, field(dele, b"MAXT", 8))
    midpoint = _micros(version, field(srep, b"MIDP", 8))
    radius = uint32(field(srep, b"RADI", 4))
    root = field(srep, b"ROOT", version.hash_bytes)
    refuse_unless(not_before <= midpoint <= not_after, "outside the delegation")
    refuse_unless(radius > 0 or version.zero_radius, "RADI is 0")
    # Google's protocol has no version to change; 64-byte hashes tell it from all others.
    if not version.signed and version.label != "google":
        refuse_unless(midpoint in PLAUSIBLE_MICROS, "MIDP is no plausible time")

    _check_tree(version, request if version.leaf == "packet" else nonce, top, root)
    refuse_unless(
        _signed_by(
            public_key, field(cert, b"SIG\0", 64), version.delegation_contexts, dele_bytes
        ),
        "signature of the delegation",
    )
    refuse_unless(
        _signed_by(online_key, signature, version.response_contexts, srep_bytes),
        "signature of the reply",
    )
    return {
        "ok": True,
        "dialect": version.label,
        "midpointMicros": str(midpoint),
        "radiusMicros": str(radius * version.radius_unit_micros),
        "onlineKey": online_key.hex(),
        "notBeforeMicros": str(not_before),
        "notAfterMicros": str(not_after),
    }


def verify(request: bytes, response: bytes, public_key: bytes) -> dict:
    """What the exchange proves, or why it proves nothing."""
    try:
        return _verify(request, response, public_key)
    except Refused as refusal:
        return {"ok": False, "reason": str(refusal)}
