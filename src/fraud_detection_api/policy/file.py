"""A policy as a team writes it: a TOML file of costs and, where reviewers are few, their capacity."""

import tomllib
from dataclasses import fields
from pathlib import Path

from fraud_detection_api.errors import InvalidPolicy
from fraud_detection_api.policy.outcomes import Policy

WORKED_OUT = ("version", "review_price")
"""What no file says: a version is counted, and the price of a review follows from the capacity."""

FILE_KEYS = [field.name for field in fields(Policy) if field.name not in WORKED_OUT]


def load_policy(path: Path) -> Policy:
    """The policy in a TOML file, not yet priced; keys left out are the defaults. Raises InvalidPolicy."""
    source = str(path)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InvalidPolicy(source, ["no such file; name a TOML file of costs"]) from None
    except UnicodeDecodeError:
        raise InvalidPolicy(source, ["not UTF-8 text; save it as UTF-8"]) from None
    except OSError as error:
        raise InvalidPolicy(source, [f"cannot be read: {error.strerror}"]) from None
    except (ValueError, RecursionError) as error:  # tomllib's own error is a ValueError
        raise InvalidPolicy(source, [f"not valid TOML: {error}"]) from None
    for key in WORKED_OUT:
        if key in document:
            raise InvalidPolicy(source, [f"{key}: is worked out, not written; remove the key"])
    return Policy.from_keys(document, source=source, known=FILE_KEYS, all_required=False)
