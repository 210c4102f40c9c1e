"""Ed25519 by RFC 8032 without the cofactor, and without the keys that prove nothing.

`cryptography` hands the work to OpenSSL, which takes keys of small order and keys in
encodings that are not the shortest. Those are refused here, before it is asked.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def _square_roots(value: int) -> set:
    """Both roots modulo P, or none."""
    root = pow(value, (P + 3) // 8, P)
    for candidate in (root, root * pow(2, (P - 1) // 4, P) % P):
        if candidate * candidate % P == value % P:
            return {candidate, -candidate % P}
    return set()


def _small_order_ys() -> set:
    """The y of all eight points of small order.

    y = 1 is neutral, y = -1 has order 2, y = 0 order 4. Twice a point of order 8 has
    y = 0, thus x^2 = -y^2, and the curve's equation becomes d y^4 + 2 y^2 - 1 = 0.
    """
    ys = {1, P - 1, 0}
    for root in _square_roots(1 + D):
        ys |= _square_roots((root - 1) * pow(D, -1, P) % P)
    assert len(ys) == 5
    return ys


SMALL_ORDER_YS = _small_order_ys()


def _is_sound_point(encoded: bytes) -> bool:
    """Is the encoding canonical, and not of small order? Its sign plays no part in either:

    only y = 1 and y = -1 have x = 0, where a sign would be a second encoding.
    """
    y = int.from_bytes(encoded, "little") & (2**255 - 1)
    return y < P and y not in SMALL_ORDER_YS


def verify(public_key: bytes, signature: bytes, message: bytes) -> bool:
    if len(public_key) != 32 or len(signature) != 64:
        return False
    if not _is_sound_point(public_key) or not _is_sound_point(signature[:32]):
        return False
    if int.from_bytes(signature[32:], "little") >= L:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
