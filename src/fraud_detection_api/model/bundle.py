"""A model bundle: every file that a score depends on, verified before it is read, immutable ever after."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.encoding import Encoder, LevelCodes
from fraud_detection_api.contract.levels import composed
from fraud_detection_api.contract.loading import parse_contract
from fraud_detection_api.errors import CorruptBundle, InvalidContract, InvalidPolicy
from fraud_detection_api.model.calibration import Calibration, RiskScale
from fraud_detection_api.model.documents import json_object
from fraud_detection_api.model.engine import Engine, Scorer
from fraud_detection_api.model.placement import Placement
from fraud_detection_api.model.reasons import Reasoner
from fraud_detection_api.model.reference import golden_difference, golden_rows, never_missing, reference_of
from fraud_detection_api.model.trees.forest import Forest
from fraud_detection_api.model.trees.nodes import Trees
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.policy.population import Population

FORMAT, READABLE = 4, (3, 4)
"""The format that is written, and those that are read. In format 3, the trees split only numbers."""

MANIFEST = "manifest.json"
DOCUMENTS = ("card.md", "report.html")
"""What is in a bundle for people to read."""

FILES = (
    "booster.ubj",
    "calibration.json",
    "card.json",
    "contract.json",
    "encoding.json",
    "evidence.json",
    "forest.npz",
    "golden.json",
    "policy.json",
    "reference.json",
    "risk.json",
    *DOCUMENTS,
)

_DECIDING = ("calibration.json", "encoding.json", "forest.npz", "policy.json", "risk.json")
"""The files that a decision depends on, besides what the contract's fingerprint covers."""

BundleFiles = Mapping[str, bytes]

_MALFORMED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What reading a document of another shape than ours ends in. A test mutates every file to find others."""


@dataclass(frozen=True)
class Bundle:
    """A verified model. `digest` names its content, `created_at` (ISO 8601 UTC) is no part of it.

    Models of the same `decision_digest` decide alike, and may differ in their wording.
    """

    digest: str
    created_at: str
    contract: Contract
    scorer: Scorer
    policy: Policy
    risk: RiskScale
    card: dict[str, Any]
    reference: dict[str, Any]
    decision_digest: str
    placement: Placement
    never_missing: tuple[str, ...] = ()

    @cached_property
    def engine(self) -> Engine:
        """Assesses records: margins, probabilities, risk scores and outcomes."""
        return Engine(self.scorer, self.policy, self.risk, self.contract.amount_at_risk, self.never_missing)

    @cached_property
    def reasoner(self) -> Reasoner:
        """Words the reasons for this model's scores."""
        return Reasoner(self.contract, self.scorer.encoder.column_names, self.placement)

    @cached_property
    def accepted(self) -> Contract:
        """The contract of what callers may send: where unseen levels are refused, it lists those that the model learned."""
        return self.contract.refusing({name: codes.levels for name, codes in self.scorer.encoder.level_codes.items()})


@dataclass(frozen=True, slots=True)
class SealedBundle:
    """A bundle's files, ready for a registry, and the digest of their content."""

    files: BundleFiles
    digest: str


def seal_bundle(  # noqa: PLR0913 each is one of the bundle's files
    scorer: Scorer,
    booster: bytes,
    *,
    policy: Policy,
    risk: RiskScale,
    card: dict[str, Any],
    evidence: dict[str, Any],
    reference: dict[str, Any],
    documents: Mapping[str, bytes],
    created_at: str,
    circumstances: Mapping[str, Any] | None = None,
) -> SealedBundle:
    """The files of a bundle, golden rows and manifest included. `booster` is the UBJSON that `scorer` was made from.

    `documents` holds the DOCUMENTS by name. `circumstances`, a JSON value, are in the manifest beside `created_at`: like
    it, they are no part of the digest.
    """
    contract = scorer.encoder.contract
    files = {
        "booster.ubj": booster,
        "calibration.json": _json_bytes(scorer.calibration.as_json()),
        "card.json": _json_bytes(card),
        "contract.json": _json_bytes(contract.as_json()),
        "encoding.json": _json_bytes({name: _encoding(scorer, name) for name in scorer.encoder.level_codes}),
        "evidence.json": _json_bytes(evidence),
        "forest.npz": scorer.forest.trees.as_bytes(),
        "golden.json": _json_bytes(golden_rows(contract, reference, scorer.score)),
        "policy.json": _json_bytes(policy.as_json()),
        "reference.json": _json_bytes(reference),
        "risk.json": _json_bytes(risk.as_json()),
        **{name: documents[name] for name in DOCUMENTS},
    }
    return _sealed(files, created_at, circumstances or {})


def _encoding(scorer: Scorer, name: str) -> dict[str, Any]:
    """The numbers of a category, and what becomes of its unseen levels, so that a later default changes no replay."""
    encoder = scorer.encoder
    return {**asdict(encoder.level_codes[name]), "reviews_unseen": encoder.contract.inputs[name].unseen != "flag"}


def with_changes(
    files: BundleFiles,
    *,
    policy: Policy | None = None,
    contract: Contract | None = None,
    card: dict[str, Any],
    documents: Mapping[str, bytes],
    created_at: str,
) -> SealedBundle:
    """A verified bundle's files with another policy or a contract in other words; scores stay the same.

    `card` and the DOCUMENTS describe the result.
    """
    changed = {"card.json": _json_bytes(card), **{name: documents[name] for name in DOCUMENTS}}
    if policy is not None:
        changed["policy.json"] = _json_bytes(policy.as_json())
    if contract is not None:
        changed["contract.json"] = _json_bytes(contract.as_json())
    circumstances = circumstances_of(json_object(files[MANIFEST]))
    return _sealed({**{name: files[name] for name in FILES}, **changed}, created_at, circumstances)


def circumstances_of(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """Who made a model, from which file, and how it compared with the champion of that time; empty where unknown."""
    found = manifest.get("circumstances")
    return found if isinstance(found, dict) else {}


def _sealed(files: BundleFiles, created_at: str, circumstances: Mapping[str, Any]) -> SealedBundle:
    digests = {name: _sha256(content) for name, content in files.items()}
    digest = _digest_of_all(digests)
    manifest = {"format": FORMAT, "created_at": created_at, "digest": digest, "files": digests}
    manifest |= {"circumstances": dict(circumstances)} if circumstances else {}
    return SealedBundle({**files, MANIFEST: _json_bytes(manifest)}, digest)


def read_bundle(files: BundleFiles, *, source: str) -> Bundle:
    """Bundle from its files: digests first, then parsing, then the golden rows.

    Raises CorruptBundle, naming `source` and what is wrong, where any of that fails.
    """
    manifest = read_manifest(files, source=source)
    try:
        documents = {name: json_object(files[name]) for name in FILES if name.endswith(".json")}
        contract = parse_contract(documents["contract.json"], source=source)
        codes = {name: _level_codes(document) for name, document in documents["encoding.json"].items()}
        calibration = Calibration.from_json(documents["calibration.json"])
        scorer = Scorer(
            Encoder(contract, codes), Forest(Trees.from_bytes(files["forest.npz"]), files["booster.ubj"]), calibration
        )
        policy, risk = Policy.from_json(documents["policy.json"]), RiskScale.from_json(documents["risk.json"])
        reference = reference_of(documents["reference.json"])
        difference = golden_difference(documents["golden.json"], scorer.score)
        placement = Placement.of(contract, reference)
        present = never_missing(contract, reference)
    except (InvalidContract, InvalidPolicy, *_MALFORMED) as error:
        raise CorruptBundle(source, f"cannot be read ({type(error).__name__})") from error
    if difference is not None:
        raise CorruptBundle(source, difference)
    card = documents["card.json"]
    deciding = {name: manifest["files"][name] for name in _DECIDING} | {"contract": contract.fingerprint}
    made = manifest["digest"], manifest["created_at"]
    return Bundle(*made, contract, scorer, policy, risk, card, reference, _digest_of_all(deciding), placement, present)


def _level_codes(document: Any) -> LevelCodes:
    """The numbers of a category. A level that was learned with accents of their own is also found as requests have it."""
    records = document.get("records")
    codes = LevelCodes(**{**document, "records": None if records is None else _level_codes(records)})
    return replace(codes, levels={composed(level): code for level, code in codes.levels.items()} | dict(codes.levels))


def read_card(files: BundleFiles, *, source: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Manifest and model card, without loading the model; every file has the digest that was stated.

    Raises CorruptBundle.
    """
    manifest = read_manifest(files, source=source)
    try:
        card = json_object(files["card.json"])
        _require_summary(card)
    except _MALFORMED:
        raise CorruptBundle(source, "card.json is broken") from None
    return manifest, card


def read_contract(files: BundleFiles, *, source: str) -> Contract:
    """The contract, without loading the model, which takes seconds. Raises CorruptBundle."""
    read_manifest(files, source=source)
    try:
        return parse_contract(json_object(files["contract.json"]), source=source)
    except (InvalidContract, *_MALFORMED):
        raise CorruptBundle(source, "contract.json is broken") from None


def _require_summary(card: dict[str, Any]) -> None:
    """Raise what is in _MALFORMED where a list of models could not show the card: one bad card must not hide the others."""
    metrics = card.get("evaluation", {}).get("metrics", {})
    figures = [metrics.get(name, {}).get("value") for name in ("roc_auc", "average_precision")]
    if not isinstance(card.get("contract", {}).get("name", ""), str):
        raise TypeError("the contract's name is not text")
    for figure in figures:
        if figure is not None and not math.isfinite(figure):
            raise ValueError("a metric is not a number")


def read_evidence(files: BundleFiles, *, source: str) -> tuple[dict[str, Any], Population]:
    """The report's evidence, and the out-of-fold scores in cells that policies are weighed on. Raises CorruptBundle."""
    read_manifest(files, source=source)
    try:
        evidence = json_object(files["evidence.json"])
        return evidence, Population.from_json(evidence["policy"])
    except _MALFORMED:
        raise CorruptBundle(source, "evidence.json is broken") from None


def read_manifest(files: BundleFiles, *, source: str) -> dict[str, Any]:
    """The manifest, after every file was found to have the digest that it states. Raises CorruptBundle."""
    try:
        manifest = json_object(files[MANIFEST])
        stated, whole, version = dict(manifest["files"]), manifest["digest"], manifest["format"]
        created_at = manifest["created_at"]
    except _MALFORMED:
        raise CorruptBundle(source, f"{MANIFEST} is missing or broken") from None
    if version not in READABLE or not isinstance(created_at, str):
        formats = " and ".join(map(str, READABLE))
        raise CorruptBundle(source, f"its format is {version!r:.20}, and this program reads formats {formats}")
    if set(files) - {MANIFEST} != set(FILES) or set(stated) != set(FILES):
        raise CorruptBundle(source, "files are missing or do not belong to it")
    for name in FILES:
        if _sha256(files[name]) != stated[name]:
            raise CorruptBundle(source, f"{name} is not the file that was registered")
    if _digest_of_all(stated) != whole:
        raise CorruptBundle(source, "its digest is not that of its files")
    return manifest


def _json_bytes(document: object) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _sha256(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _digest_of_all(digests: Mapping[str, str]) -> str:
    return _sha256("".join(f"{name} {digests[name]}\n" for name in sorted(digests)).encode())
