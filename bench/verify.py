"""Times two Ed25519 verifications, again and again, with Python's `cryptography`.

Reads one JSON object from stdin: `seconds`, and `signatures`, a list of objects with
`publicKey`, `signature` and `message` in base64. Writes the microseconds that one pass
over the list takes. Exit code 2: a signature does not verify. 3: no `cryptography`.
"""

import base64
import json
import sys
import time

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    sys.exit(3)


def main() -> None:
    job = json.load(sys.stdin)
    checks = [
        tuple(
            base64.b64decode(entry[name])
            for name in ("publicKey", "signature", "message")
        )
        for entry in job["signatures"]
    ]

    def once() -> None:
        # The key is read anew each time, as a client does that knows its bytes.
        for public_key, signature, message in checks:
            Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)

    try:
        for _ in range(50):
            once()
    except InvalidSignature:
        sys.exit(2)

    passes = 0
    start = time.perf_counter()
    elapsed = 0.0
    while elapsed < job["seconds"]:
        for _ in range(8):
            once()
        passes += 8
        elapsed = time.perf_counter() - start
    print(elapsed / passes * 1e6)


main()
