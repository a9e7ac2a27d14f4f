"""What a report says of the registration: version, date, who and from what, and the champion of that time.

The bundle's documents do not hold it, because a bundle depends only on data, seed and settings. It is added when a
document is written out.
"""

from collections.abc import Mapping
from typing import Any

from fraud_detection_api.model.bundle import circumstances_of
from fraud_detection_api.report.beside import beside_table, champion_caveat
from fraud_detection_api.report.document import Block, Cell, Code, Facts, Paragraph, Section
from fraud_detection_api.report.html import section_html
from fraud_detection_api.report.markdown import section_lines
from fraud_detection_api.report.numbers import count

_CONTENTS, _FIRST_SECTION = b'<nav aria-label="Contents">', b"\n## "


def registered_document(content: bytes, name: str, *, version: str, manifest: Mapping[str, Any]) -> bytes:
    """`report.html` or `card.md` of a bundle, with a section about its registration before all others."""
    section = _section(version, manifest)
    if name.endswith(".html"):
        return content.replace(_CONTENTS, section_html(section).encode() + b"\n" + _CONTENTS, 1)
    lines = "\n".join(section_lines(section)).rstrip() + "\n"
    return content.replace(_FIRST_SECTION, b"\n" + lines.encode() + _FIRST_SECTION, 1)


def _section(version: str, manifest: Mapping[str, Any]) -> Section:
    known = circumstances_of(manifest)
    facts: list[tuple[str, Cell]] = [
        ("version", version),
        ("made", f"{str(manifest['created_at'])[:16].replace('T', ' ')} UTC"),
        ("trained by", str(known.get("by") or "not recorded")),
        ("trained from", str(known.get("source") or "not recorded")),
        ("digest of the model", Code(str(manifest["digest"]))),
    ]
    blocks: list[Block] = [Facts(facts)]
    if champion := known.get("champion"):
        other = f"version {champion['version']}"
        which = f"{other[0].upper()}{other[1:]} was the champion when this model was trained"
        measured = f"{which}. Both are measured on {count(champion['records'])} held-out records."
        table = beside_table(champion, other=other, caption="Beside the champion, on the same held-out records")
        blocks += [Paragraph(f"{measured} {champion_caveat(champion)}"), table]
    return Section("registration", "This version", blocks)
