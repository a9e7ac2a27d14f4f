"""Content as bad disks, bugs and forgers leave it: other bytes, and JSON documents of another shape."""

import json
import random
from collections.abc import Iterator
from typing import Any

ODD = [
    None,
    True,
    -1,
    0,
    10**30,
    10**400,
    1e308,
    -1e308,
    "",
    "x",
    "\x00",
    [],
    {},
    [[]],
    [None],
    {"a": 1},
    "9" * 400,
    1.5,
]
ODD += [2**31, 2**63, -(2**63) - 1]
ODD_CONTENT = [
    b"",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"{}",
    b"[]",
    b"NaN",
    b'{"a":1,"a":2}',
    b"\xff\xfe",
    b"9" * 5000,
]
ODD_CONTENT += [b'{"a":1e999}', b"\x00"]


def mutated(content: bytes, draw: random.Random) -> bytes:
    """The content with one thing changed: a few bytes, or a part of it that is a JSON document."""
    match draw.randrange(10):
        case 0:
            return draw.choice(ODD_CONTENT)
        case 1 | 2:
            changed = bytearray(content)
            for _ in range(draw.randrange(1, 4)):
                changed[draw.randrange(len(changed))] = draw.randrange(256)
            return bytes(changed)
        case 3:
            begin = draw.randrange(len(content))
            return content[:begin] + content[begin + draw.randrange(50) :]
        case _:
            return _reshaped(content, draw)


def _reshaped(content: bytes, draw: random.Random) -> bytes:
    try:
        document = json.loads(content)
        *path, last = draw.choice(list(_paths(document)))
    except (ValueError, IndexError):  # not JSON, or nothing in it: other bytes in a row
        begin = draw.randrange(len(content))
        return content[:begin] + draw.choice([b"\x00" * 8, b"\xff" * 8, content[:20]]) + content[begin + 8 :]
    node = document
    for key in path:
        node = node[key]
    if draw.random() < 0.2:
        del node[last]
    else:
        node[last] = draw.choice(ODD)
    return json.dumps(document).encode()


def _paths(node: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each part of a document."""
    parts = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, part in parts:
        yield (*at, key)
        yield from _paths(part, (*at, key))
