"""What a contract file may declare, as immutable values."""

import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, cast

from pydantic import AliasChoices, Field, StringConstraints

from fraud_detection_api.contract.formula import Formula, parse_formula
from fraud_detection_api.contract.levels import as_id, composed, folded
from fraud_detection_api.contract.windows import HistoryFeature, Key, Time
from fraud_detection_api.contract.wording import (
    NOT_IN_FORMER,
    PRESENTATION,
    ROWS,
    ColumnName,
    Declared,
    GroupName,
    LevelName,
    ReasonGroup,
    ReasonOrNone,
)
from fraud_detection_api.contract.written import PLAINLY, Written
from fraud_detection_api.field_texts import plain_number

FLOAT32_MAX = 3.4028234663852886e38
INT_MAX = 2**53 - 1  # in this range every integer is exact in float64, and none beyond it rounds into it

PROBABILITY, RISK_SCORE, OUTCOME = ADDED_COLUMNS = ("fraud_probability", "risk_score", "outcome")
"""Columns that scoring adds."""

LABEL_AGE, LABEL_REVIEWER = "label_age_days", "label_reviewer"
"""Columns of an exported training set, beside the records and the target."""

DECISION_FIELDS = (
    "decision_id",
    "fraud_probability",
    "risk_score",
    "outcome",
    "reasons",
    "warnings",
    "history",
    "model",
    "policy_version",
    "decided_at",
    "decision_source",
)
"""The fields of a decision beside the record's id, whose column must have another name."""

CONSTRAINTS, RULES = "constraints", "rules"
"""The section's name in a file, and its earlier name, which bundles keep so that their digests stay the same."""

MAX_TEXT = 256  # characters of a category's level or a customer's id

Dtype = Literal["int", "float", "bool", "category", "datetime"]
Part = Literal["year", "month", "day", "weekday", "hour", "minute"]

Unseen = Literal["flag", "review", "refuse"]
"""What becomes of a record with an unseen level: a warning, a review in place of an approval too, or an error."""

_Marker = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)]
Markers = Annotated[tuple[_Marker, ...], Field(strict=False)]

_WHOLE_NUMBER = re.compile("-?[0-9]{1,18}")


class Identifier(Declared):
    """The column that names the customer. It is passed through, and is never a feature."""

    name: ColumnName
    dtype: Literal["int", "str"] = "int"
    description: str = ""

    def as_declared(self, sent: int | str) -> int | str:
        """The id in its dtype: the number that a text says, or the text of a number; a text that says none as it is.

        >>> Identifier(name="id").as_declared("7"), Identifier(name="id", dtype="str").as_declared(7)
        (7, '7')
        """
        if self.dtype == "str":
            return as_id(str(sent))
        return int(sent) if isinstance(sent, int) or _WHOLE_NUMBER.fullmatch(sent) else sent


class Target(Declared):
    """What is predicted. `positive` is the value that means fraud.

    `known_probability` names an optional column of simulated data: each record's true probability, from which the best
    possible metrics follow. `label_delay_days` is the time from a record to its label.
    """

    name: ColumnName
    positive: bool | int | str = 1
    known_probability: ColumnName | None = None
    label_delay_days: Annotated[int | float, Field(ge=0, le=36_500)] = 0
    description: str = ""


class Feature(Declared):
    """A column of the record that the model reads.

    The model reads a `datetime` as `parts` (numbers of the UTC calendar; Monday is weekday 0) or as the days elapsed since
    `elapsed_days_since`, which is an ISO date, another datetime feature or the time column.

    `format` and `missing` say how files write numbers and times, and missing values (`contract.written`). The contributions
    of features with the same `reason_group` are one reason. `protected` marks an attribute by which people may not be
    treated differently, such as age; it is never a reason.

    `levels` are those that a category should have; without them, those that the model learned. `unseen` says what becomes of
    others: None means "review", and "flag" under models that were trained before there was a choice. With `fold_case`,
    levels are read in small letters. Reasons show a level by its name in `level_names`, if it has one.
    """

    dtype: Dtype
    description: str = ""
    unit: str = ""
    minimum: int | float | None = None
    maximum: int | float | None = None
    nullable: bool = False
    format: str | None = None
    missing: Markers = ()
    levels: Markers = ()
    level_names: dict[str, LevelName] = Field(default={})
    unseen: Unseen | None = None
    fold_case: bool = False
    monotone: Literal["increasing", "decreasing"] | None = None
    parts: Annotated[tuple[Part, ...], Field(strict=False)] = ()
    elapsed_days_since: str | None = None
    example: bool | int | float | str | None = None
    reason: ReasonOrNone | None = None
    reason_group: GroupName | None = None
    protected: bool = False

    @property
    def lower(self) -> float:
        """The smallest valid value."""
        return self.minimum if self.minimum is not None else (-INT_MAX if self.dtype == "int" else -FLOAT32_MAX)

    @property
    def upper(self) -> float:
        """The largest valid value."""
        return self.maximum if self.maximum is not None else (INT_MAX if self.dtype == "int" else FLOAT32_MAX)

    @property
    def level_of(self) -> Callable[[str], str]:
        """A function that makes a level of a category of the text that was sent, without blanks around it."""
        return folded if self.fold_case else composed

    @property
    def known_levels(self) -> frozenset[str]:
        """The declared levels, as they are read; empty where none are declared."""
        return frozenset(self.level_of(level.strip()) for level in self.levels)

    @property
    def shown_levels(self) -> dict[str, str]:
        """The names of levels that have one, by the level as it is read."""
        return {self.level_of(level.strip()): name for level, name in self.level_names.items()}

    @property
    def refused_outside(self) -> frozenset[str]:
        """The levels of a category that refuses all others; empty where it refuses none."""
        return self.known_levels if self.unseen == "refuse" else frozenset()

    def encoded(self, name: str) -> tuple[str, ...]:
        """Names of the columns that the model reads instead of a datetime called `name`; none for other dtypes."""
        elapsed = (f"{name}.elapsed_days",) if self.elapsed_days_since is not None else ()
        return (*(f"{name}.{part}" for part in self.parts), *elapsed)


class Derived(Declared):
    """A feature computed from the record's numeric columns. An undefined result (x / 0) is missing."""

    formula: str
    description: str = ""
    unit: str = ""
    monotone: Literal["increasing", "decreasing"] | None = None
    reason: ReasonOrNone | None = None
    reason_group: GroupName | None = None

    @cached_property
    def parsed(self) -> Formula:
        return parse_formula(self.formula)


class Constraint(Declared):
    """A comparison that every record must satisfy. A missing operand passes. `field` is the column to report."""

    check: str
    field: ColumnName
    message: Annotated[str, StringConstraints(min_length=1, max_length=200)]

    @cached_property
    def parsed(self) -> Formula:
        return parse_formula(self.check)


_UNSENT: dict[str, Any] = {
    "missing": True,
    "time": {"format", "arrival_delay", "late"},
    "features": {ROWS: {"format", "missing", "protected"}},
    "history": True,
}
"""What callers do not send: how files write values, what a feature means to the law, and what the server computes."""


class Contract(Declared):
    """What a record is. `contract.loading` makes one, and also checks what types cannot.

    `amount_at_risk` names the numeric feature that says how much money an approved fraud could take. `missing` are texts
    that mean a missing value in all columns of a file, beside the usual markers.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    description: str = ""
    purpose: Literal["fraud", "credit"] = "fraud"
    amount_at_risk: ColumnName | None = None
    identifier: Identifier | None = Field(default=None, alias="id")
    target: Target
    time: Time | None = None
    keys: dict[ColumnName, Key] = Field(default={})
    features: dict[ColumnName, Feature]
    history: dict[ColumnName, HistoryFeature] = Field(default={})
    derived: dict[ColumnName, Derived] = Field(default={})
    constraints: dict[str, Constraint] = Field(
        default={}, validation_alias=AliasChoices(CONSTRAINTS, RULES), serialization_alias=RULES
    )
    reason_groups: dict[GroupName, ReasonGroup] = Field(default={})
    ignored: Annotated[tuple[ColumnName, ...], Field(strict=False)] = ()
    missing: Markers = ()

    @cached_property
    def fingerprint(self) -> str:
        """`sha256:…` of what scores depend on, the same for files that differ in layout, spelled-out defaults or wording."""
        return self._digest(without=PRESENTATION)

    @cached_property
    def record_fingerprint(self) -> str:
        """The fingerprint of what callers send: without derived features, purpose, amount at risk and label delay.

        Nor does it cover how files write values, which features are protected, or which levels are unseen unless these are
        refused.
        """
        return self._sent.fingerprint

    @cached_property
    def former_fingerprint(self) -> str:
        """The fingerprint by earlier releases, which covered the wording."""
        return self._digest(without=NOT_IN_FORMER)

    @property
    def record_fingerprints(self) -> tuple[str, str]:
        """The fingerprint of what callers send, and the one by earlier releases: stored decisions name either."""
        return self.record_fingerprint, self._sent.former_fingerprint

    @cached_property
    def content_digest(self) -> str:
        """`sha256:…` of all that the contract says, its wording too."""
        return self._digest(without={})

    def _digest(self, *, without: dict[str, Any]) -> str:
        ordered = [list(self.features), list(self.derived), list(self.constraints)]
        ordered += [list(some) for some in (self.keys, self.history) if some]  # earlier releases had neither
        content = [self.declared(without=without), ordered]
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()

    @cached_property
    def _sent(self) -> "Contract":
        document: dict[str, Any] = self.declared(without=_UNSENT)
        for name, feature in self.features.items():
            declared = document["features"][name]
            if feature.unseen != "refuse":
                declared.pop("levels", None)
                declared.pop("unseen", None)
            elif feature.levels:
                declared["levels"] = sorted(feature.levels)
        target = self.target.model_copy(update={"label_delay_days": 0}).model_dump(exclude_defaults=True)
        unsent: dict[str, object] = {"derived": {}, "purpose": "fraud", "amount_at_risk": None}
        return self.model_validate({**document, "target": target, **unsent})

    def as_json(self) -> dict[str, object]:
        """The declaration as JSON values, without defaults. `loading.parse_contract` reads it back."""
        return self.declared(without={})

    def declared(self, *, without: dict[str, Any]) -> dict[str, object]:
        """The declaration as JSON values, without defaults and without these keys, which are pydantic's `exclude`."""
        document = self.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=without)
        if self.target.positive is True:  # equals the default 1, and would be left out
            document["target"]["positive"] = True
        return document

    @cached_property
    def inputs(self) -> dict[str, Feature]:
        """The columns that a model reads: features, and then history features, which are numbers or missing."""
        shared = {"description", "unit", "monotone", "reason", "reason_group"}
        history = {name: {key: getattr(each, key) for key in shared} for name, each in self.history.items()}
        return self.features | {name: Feature(dtype="float", nullable=True, **keys) for name, keys in history.items()}

    def entity_dtype(self, name: str) -> Literal["int", "str"]:
        """The dtype of the id or a key."""
        return self.keys[name].dtype if name in self.keys else cast("Identifier", self.identifier).dtype

    @cached_property
    def dtypes(self) -> dict[str, Dtype]:
        """The dtype of each column that a model may read: its inputs, then the time column if there is one."""
        dtypes: dict[str, Dtype] = {name: feature.dtype for name, feature in self.inputs.items()}
        return dtypes if self.time is None else {**dtypes, self.time.name: "datetime"}

    def written(self, name: str) -> Written:
        """How files write a column."""
        if self.time is not None and name == self.time.name:
            return Written(self.time.format, self.missing)
        if name in self.history:  # the server's own numbers
            return PLAINLY
        feature = self.features.get(name)
        if feature is None:
            return Written(None, self.missing)
        return Written(feature.format, self.missing + feature.missing, feature.fold_case)

    def refusing(self, learned: Mapping[str, Collection[str]]) -> "Contract":
        """This contract, in which a category that refuses unseen levels and lists none has those that a model `learned`."""
        document: dict[str, Any] = self.as_json()
        unlisted = [name for name, each in self.features.items() if each.unseen == "refuse" and not each.levels]
        for name in unlisted:
            document["features"][name]["levels"] = sorted(learned[name])
        return self.model_validate(document) if unlisted else self

    @property
    def times(self) -> list[str]:
        """The columns that hold times, in the same order."""
        return [name for name, dtype in self.dtypes.items() if dtype == "datetime"]

    @cached_property
    def record_columns(self) -> tuple[str, ...]:
        """The columns of a record on the wire, in order: id, time, keys, features."""
        named = [column.name for column in (self.identifier, self.time) if column is not None]
        return tuple(dict.fromkeys([*named, *self.keys, *self.features]))  # the time may be a feature, too

    @cached_property
    def read_by_history(self) -> frozenset[str]:
        """The columns that history features go by, measure, or have conditions on."""
        return frozenset(name for feature in self.history.values() for name in feature.reads)

    def shares_history(self, name: str, other: "Contract") -> bool:
        """Whether the other contract has a history feature of that name with the same values."""
        return name in other.history and self.history[name].counts_as(other.history[name])

    @cached_property
    def modelled(self) -> dict[str, Feature | Derived]:
        """The features, history features and derived features, in the order of the columns that a model reads."""
        return {**self.inputs, **self.derived}

    @cached_property
    def enforced(self) -> dict[str, Constraint]:
        """The constraints, and one for each number that marks a missing value: a file's is missing, a request's an error."""
        numeric = (name for name, dtype in self.dtypes.items() if dtype in ("int", "float"))
        markers = {
            f"{name} is not {plain_number(number)}": Constraint(
                check=f"`{name}` != {number!r}",
                field=name,
                message=f"must not be {plain_number(number)}, which means a missing value; write null",
            )
            for name in numeric
            for number in self.written(name).missing_numbers
        }
        return {**self.constraints, **markers}

    @cached_property
    def protected(self) -> frozenset[str]:
        """The protected features, and what is computed of them: derived and history features, and times since one."""
        marked = {name for name, feature in self.features.items() if feature.protected}
        elapsed = {name for name, feature in self.features.items() if feature.elapsed_days_since in marked}
        earlier = {name for name, feature in self.history.items() if marked & feature.reads}
        derived = {name for name, item in self.derived.items() if (marked | earlier) & {*item.parsed.names}}
        return frozenset(marked | elapsed | earlier | derived)

    @cached_property
    def explained(self) -> dict[str, Feature | Derived]:
        """The features, history features and derived features that may be reasons: neither barred nor protected."""
        unbarred = {name: item for name, item in self.modelled.items() if item.reason is not False}
        return {name: item for name, item in unbarred.items() if name not in self.protected}

    @cached_property
    def monotone_columns(self) -> dict[str, int]:
        """+1 or -1 for each of them that is declared monotone."""
        signs = {"increasing": 1, "decreasing": -1}
        return {name: signs[item.monotone] for name, item in self.modelled.items() if item.monotone is not None}
