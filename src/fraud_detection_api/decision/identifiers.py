"""Identifiers of decisions."""

import re

_VERSION, _VARIANT = 7, 0b10
_WRITTEN = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LAST_MILLISECOND = 0xFFFFFFFFFFFF
_VARIANTS = {f"{digit:x}": f"{_VARIANT << 2 | digit & 3:x}" for digit in range(16)}


def uuids7(milliseconds: int, random: bytes) -> list[str]:
    """A UUID of version 7 from `milliseconds` since 1970 for each ten `random` bytes. Source: RFC 9562, 5.7.

    Such identifiers sort by time, to the millisecond.

    >>> uuids7(1_645_557_742_000, bytes.fromhex("0cc318c4dc0c0c07398f"))
    ['017f22e2-79b0-7cc3-98c4-dc0c0c07398f']
    """
    time, digits = f"{milliseconds & _LAST_MILLISECOND:012x}", random.hex()
    head = f"{time[:8]}-{time[8:]}-{_VERSION}"
    return [
        f"{head}{digits[at + 1 : at + 4]}-{_VARIANTS[digits[at + 4]]}{digits[at + 5 : at + 8]}-{digits[at + 8 : at + 20]}"
        for at in range(0, len(digits), 20)
    ]


def is_written(identifier: str) -> bool:
    """Whether the text is a UUID as `uuids7` writes it."""
    return _WRITTEN.fullmatch(identifier) is not None


def uuid_bytes(identifier: str) -> bytes:
    """The 16 bytes of a UUID as `uuids7` writes it; they sort as the text does. Raises ValueError for other text.

    >>> uuid_bytes("017f22e2-79b0-7cc3-98c4-dc0c0c07398f").hex()
    '017f22e279b07cc398c4dc0c0c07398f'
    """
    if not is_written(identifier):
        raise ValueError("not a UUID in lower-case digits")
    return bytes.fromhex(identifier.replace("-", ""))


def uuid_text(packed: bytes) -> str:
    """The text of a UUID from its 16 bytes."""
    return _dashed(packed.hex())


def as_answered(identifier: str) -> str:
    """An identifier as `uuids7` writes it; programs and people may write its digits in upper case. Source: RFC 9562, 4.

    >>> as_answered("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")
    '017f22e2-79b0-7cc3-98c4-dc0c0c07398f'
    """
    return identifier.lower()


def first_uuid7(milliseconds: int) -> str:
    """The lowest identifier of `milliseconds` since 1970; the lowest of all for a time before 1970.

    >>> first_uuid7(1_645_557_742_000)
    '017f22e2-79b0-0000-0000-000000000000'
    >>> first_uuid7(-1), first_uuid7(1 << 60)
    ('00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-0000-0000-000000000000')
    """
    return _dashed(f"{min(max(milliseconds, 0), _LAST_MILLISECOND) << 80:032x}")


def milliseconds_of(identifier: str) -> int:
    """The time of an identifier of version 7, in milliseconds since 1970.

    >>> milliseconds_of("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
    1645557742000
    """
    return int(identifier[:8] + identifier[9:13], 16)


def _dashed(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
