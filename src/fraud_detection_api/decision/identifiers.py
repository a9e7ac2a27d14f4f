"""Identifiers of decisions."""

_VERSION, _VARIANT = 0x7, 0b10


def uuid7(milliseconds: int, random: bytes) -> str:
    """UUID of version 7: made at `milliseconds` since 1970, told apart by ten `random` bytes. Source: RFC 9562, 5.7.

    Such identifiers sort by time, to the millisecond, so a store keeps them in order.

    >>> uuid7(1_645_557_742_000, bytes.fromhex("0cc318c4dc0c0c07398f"))
    '017f22e2-79b0-7cc3-98c4-dc0c0c07398f'
    """
    drawn = int.from_bytes(random, "big")
    whole = (milliseconds & 0xFFFFFFFFFFFF) << 80 | _VERSION << 76 | (drawn >> 64 & 0xFFF) << 64
    digits = f"{whole | _VARIANT << 62 | drawn & 0x3FFFFFFFFFFFFFFF:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
