"""What differs between the versions: one row each, spelled out from the specifications."""

import hashlib
from dataclasses import dataclass
from typing import Callable, Tuple

DASHED = b"RoughTime v1 delegation signature--\0"
PLAIN = b"RoughTime v1 delegation signature\0"
RESPELLED = b"Roughtime v1 delegation signature\0"
RESPONSE = b"RoughTime v1 response signature\0"
RESPELLED_RESPONSE = b"Roughtime v1 response signature\0"


def sha512(data: bytes) -> bytes:
    return hashlib.sha512(data).digest()


def sha512_half(data: bytes) -> bytes:
    return sha512(data)[:32]


def sha512_256(data: bytes) -> bytes:
    return hashlib.new("sha512_256", data).digest()


@dataclass(frozen=True)
class Version:
    label: str
    nonce_bytes: int
    hash: Callable[[bytes], bytes]
    hash_bytes: int
    # "nonce" or "packet": what a leaf is made of
    leaf: str
    # may a path also be read node-first?
    node_first: bool
    # "unix-micros", "mjd" or "seconds"
    time: str
    radius_unit_micros: int
    zero_radius: bool
    delegation_contexts: Tuple[bytes, ...]
    response_contexts: Tuple[bytes, ...]
    # "optional", "srep" or "required": the nonce in the reply
    nonce_echo: str
    # is the version inside SREP, next to VERS?
    signed: bool


GOOGLE = Version(
    "google", 64, sha512, 64, "nonce", False, "unix-micros", 1, True,
    (DASHED,), (RESPONSE,), "optional", False,
)


def _unsigned(number: int) -> Version:
    seconds = number >= 8
    return Version(
        label=f"draft-{number:02}",
        nonce_bytes=64 if number <= 4 else 32,
        hash=sha512_256 if number in (2, 7) else sha512_half,
        hash_bytes=32,
        leaf="nonce",
        node_first=number >= 5,
        time="seconds" if seconds else "mjd",
        radius_unit_micros=1_000_000 if seconds else 1,
        zero_radius=number < 10,
        delegation_contexts=(PLAIN,) if number == 7 else (DASHED,),
        response_contexts=(RESPONSE,),
        nonce_echo="srep" if number <= 2 else "optional",
        signed=False,
    )


UNSIGNED = {0x80000000 + number: _unsigned(number) for number in range(1, 12)}

# Versions that could be taken for each other if the time did not tell.
CONFUSABLE = (
    frozenset({0x80000005, 0x80000006}),
    frozenset({0x80000008, 0x80000009, 0x8000000A, 0x8000000B}),
)


def _signed(label: str, node_first: bool, delegations: tuple, responses: tuple) -> Version:
    return Version(
        label, 32, sha512_half, 32, "packet", node_first, "seconds", 1_000_000, False,
        delegations, responses, "required", True,
    )


DRAFT_12 = _signed("draft-12", True, (PLAIN,), (RESPONSE,))
DRAFT_14 = _signed("draft-14", False, (PLAIN,), (RESPONSE,))
RFC_10049 = _signed(
    "rfc-10049", False, (RESPELLED, PLAIN), (RESPELLED_RESPONSE, RESPONSE)
)

RFC_NUMBER = 1
# 0x8000000c, and the numbers some servers use for the same thing.
DRAFT_NUMBERS = range(0x8000000C, 0x80000014)
SIGNED_NUMBERS = frozenset({RFC_NUMBER, *DRAFT_NUMBERS})
