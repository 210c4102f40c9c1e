"""Judges exchanges, one JSON object a line, until its input ends.

The first line it writes says whether it can: `{"problem": null}`, or what is missing.
After that a line with `request`, `response` and `publicKey` in base64 is answered by a
line with the verdict, in the same order.
"""

import base64
import hashlib
import json
import sys
from typing import Optional


def _problem() -> Optional[str]:
    if sys.version_info < (3, 8):
        return "python3 is too old: install Python 3.8 or later"
    if "sha512_256" not in hashlib.algorithms_available:
        return "python3 has no SHA-512/256: install one with a current OpenSSL"
    try:
        import cryptography.hazmat.primitives.asymmetric.ed25519  # noqa: F401
    except ImportError:
        return "python3 has no module cryptography: pip install cryptography"
    return None


def main() -> None:
    problem = _problem()
    print(json.dumps({"problem": problem}), flush=True)
    if problem is not None:
        return
    from verify import verify

    for line in sys.stdin.buffer:
        exchange = json.loads(line)
        verdict = verify(
            *(
                base64.b64decode(exchange[name])
                for name in ("request", "response", "publicKey")
            )
        )
        print(json.dumps(verdict), flush=True)


main()
