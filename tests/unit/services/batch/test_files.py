"""A file scored into another: every column kept, in any number of pieces, whole or not at all."""

import json
import os
from datetime import date, time, timedelta

import polars as pl
import pytest
from pydantic_core import to_json

from fraud_detection_api.contract.columns import columns_from_records
from fraud_detection_api.contract.declaration import OUTCOME, PROBABILITY, RISK_SCORE
from fraud_detection_api.errors import FilesUnavailable, InvalidDataset
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.policy.outcomes import OUTCOMES
from fraud_detection_api.schemas.records.parser import record_parser
from fraud_detection_api.services.batch import files as batch
from fraud_detection_api.services.batch.files import ADDED, REASONS, BatchScorer
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from support.builders import credit_files, every_dtype_files, every_dtype_frame
from support.decided import decided
from support.forgery import resealed
from support.scoring import fraud_probabilities

ROWS = 95
CHUNK = 20


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(batch, "CHUNK_ROWS", CHUNK)


@pytest.fixture(scope="module")
def bundle():
    return read_bundle(credit_files(), source="test")


@pytest.fixture
def frame() -> pl.DataFrame:
    return simulate_credit_records(ROWS, seed=9).drop("is_fraud", "true_fraud_probability")


def write(frame: pl.DataFrame, path) -> None:
    frame.write_parquet(path) if path.suffix == ".parquet" else frame.write_csv(path)


def read(path) -> pl.DataFrame:
    return pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path)


def problems_of(bundle, source, target) -> tuple[str, ...]:
    with pytest.raises(InvalidDataset) as caught:
        BatchScorer(bundle).score_file(source, target)
    return caught.value.problems


@pytest.mark.parametrize("given", ["csv", "parquet"])
def test_reasons_are_those_of_the_service(tmp_path, given, monkeypatch):
    monkeypatch.setattr(batch, "EXPLAINED_ROWS", CHUNK // 3)
    source, target = tmp_path / f"in.{given}", tmp_path / "out.parquet"
    loans, bundle = every_dtype_frame(ROWS).drop("outcome", "note"), read_bundle(every_dtype_files(), source="test")
    write(loans, source)
    assert BatchScorer(bundle, explains=True).score_file(source, target) == ROWS
    found = read(target)
    assert found.columns == [*loans.columns, *ADDED, REASONS]
    sent = record_parser(bundle.contract).parse(to_json(loans.to_dicts()), limit=ROWS)
    assert found[REASONS].to_list() == [row.reasons for row in decided(ServedModel("1", bundle), sent, explain=True)]


@pytest.mark.parametrize("written", ["csv", "parquet"])
@pytest.mark.parametrize("given", ["csv", "parquet"])
def test_columns_and_order_are_kept_and_probabilities_are_those_of_the_service(tmp_path, bundle, frame, given, written):
    source, target = tmp_path / f"in.{given}", tmp_path / f"out.{written}"
    write(frame, source)
    assert BatchScorer(bundle).score_file(source, target) == ROWS
    scored = read(target)
    assert scored.columns == [*frame.columns, *ADDED]
    assert scored.drop(ADDED).cast(pl.Float64).equals(frame.cast(pl.Float64))
    assert scored[PROBABILITY].to_list() == fraud_probabilities(bundle, frame.to_dicts())


@pytest.mark.parametrize("written", ["csv", "parquet"])
def test_risk_scores_and_outcomes_are_those_that_each_record_gets_alone(tmp_path, bundle, frame, written):
    write(frame, tmp_path / "in.parquet")
    BatchScorer(bundle).score_file(tmp_path / "in.parquet", tmp_path / f"out.{written}")
    scored = read(tmp_path / f"out.{written}")
    assert scored[OUTCOME].to_list() == outcomes(bundle.policy, scored[PROBABILITY])
    margins, _probabilities = bundle.scorer.score(columns_from_records(bundle.contract, frame.to_dicts()))
    assert scored[RISK_SCORE].to_list() == bundle.risk.scores(margins).tolist()


def outcomes(policy, probabilities):
    """The policy's outcomes of records without amounts."""
    return [OUTCOMES[code] for code in policy.outcomes(probabilities.to_numpy())]


def test_outcomes_follow_the_amount_at_risk_that_the_contract_names(tmp_path):
    sound = json.loads(every_dtype_files()["contract.json"])
    contract = json.dumps({**sound, "amount_at_risk": "amount_eur"}).encode()
    bundle = read_bundle(resealed(every_dtype_files(), contract_json=contract), source="test")
    frame = every_dtype_frame(60).drop("outcome").with_columns(amount_eur=pl.Series([0.0, 5.0, 1e6] * 20))
    frame = frame.with_columns(instalments=pl.lit(1), amount_eur=pl.max_horizontal("amount_eur", 1.0))
    write(frame, tmp_path / "in.parquet")
    BatchScorer(bundle).score_file(tmp_path / "in.parquet", tmp_path / "out.parquet")
    scored = read(tmp_path / "out.parquet")
    codes = bundle.policy.outcomes(scored[PROBABILITY].to_numpy(), scored["amount_eur"].to_numpy())
    assert scored[OUTCOME].to_list() == [OUTCOMES[code] for code in codes]
    assert scored[OUTCOME].to_list() != outcomes(bundle.policy, scored[PROBABILITY])


@pytest.mark.parametrize("rows", [1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_the_number_of_pieces_does_not_matter(tmp_path, bundle, frame, monkeypatch, rows):
    write(frame.head(rows), tmp_path / "in.parquet")
    assert BatchScorer(bundle).score_file(tmp_path / "in.parquet", tmp_path / "pieces.parquet") == rows
    monkeypatch.setattr(batch, "CHUNK_ROWS", 1000)
    BatchScorer(bundle).score_file(tmp_path / "in.parquet", tmp_path / "whole.parquet")
    assert read(tmp_path / "pieces.parquet").equals(read(tmp_path / "whole.parquet"))


def test_progress_is_told_as_a_share_up_to_the_whole(tmp_path, bundle, frame):
    told: list[float] = []
    write(frame, tmp_path / "in.parquet")
    BatchScorer(bundle, on_progress=told.append).score_file(tmp_path / "in.parquet", tmp_path / "out.csv")
    assert told == sorted(told)
    assert len(told) > 1
    assert told[-1] == 1


def test_columns_that_the_contract_does_not_know_are_kept(tmp_path, bundle, frame):
    write(frame.with_columns(note=pl.lit('x, "y"\n')), tmp_path / "in.csv")
    BatchScorer(bundle).score_file(tmp_path / "in.csv", tmp_path / "out.csv")
    assert set(read(tmp_path / "out.csv")["note"]) == {'x, "y"\n'}


@pytest.mark.parametrize("given", ["csv", "parquet"])
def test_a_column_that_came_in_holds_no_formula_afterwards(tmp_path, bundle, frame, given):
    write(frame.with_columns(pl.lit("=1+1").alias("=note")), tmp_path / f"in.{given}")
    BatchScorer(bundle).score_file(tmp_path / f"in.{given}", tmp_path / "out.csv")
    assert set(read(tmp_path / "out.csv")["'=note"]) == {"'=1+1"}


def test_labelled_records_can_be_scored(tmp_path, bundle):
    write(simulate_credit_records(50, seed=2), tmp_path / "in.parquet")
    BatchScorer(bundle).score_file(tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert "is_fraud" in read(tmp_path / "out.parquet").columns


@pytest.mark.parametrize("given", ["csv", "parquet"])
def test_every_dtype_is_scored(tmp_path, given):
    bundle = read_bundle(every_dtype_files(), source="test")
    frame = every_dtype_frame(60).drop("outcome")
    write(frame, tmp_path / f"in.{given}")
    BatchScorer(bundle).score_file(tmp_path / f"in.{given}", tmp_path / "out.parquet")
    assert read(tmp_path / "out.parquet")[PROBABILITY].to_list() == fraud_probabilities(bundle, frame.to_dicts())


@pytest.mark.parametrize("given", ["csv", "parquet"])
def test_a_file_without_records_has_none_afterwards(tmp_path, bundle, frame, given):
    write(frame.clear(), tmp_path / f"in.{given}")
    assert BatchScorer(bundle).score_file(tmp_path / f"in.{given}", tmp_path / "out.parquet") == 0
    assert read(tmp_path / "out.parquet").columns == [*frame.columns, *ADDED]


def test_a_bare_quote_loses_no_rows_unsaid(tmp_path, bundle, frame):
    write(frame.head(1).with_columns(note=pl.lit("x")), tmp_path / "in.csv")
    with (tmp_path / "in.csv").open("a") as file:
        file.write('1,2,3,4,0,se"cret\n1,2,3,4,0,x\n')
    told = problems_of(bundle, tmp_path / "in.csv", tmp_path / "out.csv")
    assert "secret" not in str(told)
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("name", ["in.csv", "link.csv", "hard_link.csv"])
def test_a_file_is_not_scored_onto_itself(tmp_path, bundle, frame, name):
    source = tmp_path / "in.csv"
    write(frame, source)
    (tmp_path / "link.csv").symlink_to(source)
    (tmp_path / "hard_link.csv").hardlink_to(source)
    assert problems_of(bundle, source, tmp_path / name) == ("is the file to be scored; name another one to write",)
    assert read(source).equals(frame)


def test_a_row_that_breaks_off_is_told(tmp_path, bundle, frame):
    write(frame, tmp_path / "in.csv")
    content = (tmp_path / "in.csv").read_text()
    (tmp_path / "in.csv").write_text(content[: content.rindex(",")])
    (problem,) = problems_of(bundle, tmp_path / "in.csv", tmp_path / "out.csv")
    assert problem.endswith(f": 1 row ({ROWS}); is the last row a footer, or was the file cut off?")


@pytest.mark.parametrize("target", ["out.csv", "out.parquet"])
def test_blank_lines_at_the_end_are_not_scored(tmp_path, bundle, frame, target):
    write(frame, tmp_path / "in.csv")
    with (tmp_path / "in.csv").open("a") as file:
        file.write("\n\n")
    assert BatchScorer(bundle).score_file(tmp_path / "in.csv", tmp_path / target) == ROWS
    assert read(tmp_path / target).height == ROWS


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_scores_of_a_file_that_was_scored_before_are_replaced(tmp_path, bundle, frame, suffix):
    first, second, third = (tmp_path / f"{name}.{suffix}" for name in ("first", "second", "third"))
    write(frame, first)
    BatchScorer(bundle).score_file(first, second)
    write(read(second).with_columns(pl.lit(0.5).alias(PROBABILITY), pl.lit("old").alias(REASONS)), first)
    replaced: list[str] = []
    BatchScorer(bundle, on_replaced=replaced.extend).score_file(first, third)
    assert replaced == [*ADDED, REASONS]
    assert read(third).equals(read(second))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_column_of_any_type_that_the_contract_ignores_is_kept(tmp_path, bundle, frame, suffix):
    odd = {
        "list": pl.Series([[1, None], None], dtype=pl.List(pl.Int64)),
        "array": pl.Series([[1, 2], None], dtype=pl.Array(pl.Int64, 2)),
        "struct": pl.Series([{"a": date(2025, 1, 2)}, None]),
        "bytes": pl.Series([b"\xff", None]),
        "duration": pl.Series([timedelta(hours=1), None]),
        "decimal": pl.Series(["1.50", None]).cast(pl.Decimal(10, 2)),
        "kind": pl.Series(["a", None], dtype=pl.Enum(["a"])),
        "clock": pl.Series([time(1), None]),
        "none": pl.Series([None, None]),
    }
    source, target = tmp_path / "in.parquet", tmp_path / f"out.{suffix}"
    frame.head(2).with_columns(each.alias(name) for name, each in odd.items()).write_parquet(source)
    assert BatchScorer(bundle).score_file(source, target) == 2
    found = read(target).select(list(odd)).row(0)
    if suffix == "csv":
        assert found == (
            "[1, null]",
            "[1, 2]",
            '{"a": "2025-01-02"}',
            '"ff"',
            '"1:00:00"',
            1.5,
            "a",
            "01:00:00.000000000",
            None,
        )


@pytest.mark.parametrize("name", ["risk_score", "outcome"])
def test_a_column_that_scoring_adds_is_not_overwritten(tmp_path, bundle, frame, name):
    write(frame.with_columns(pl.lit("mine").alias(name)), tmp_path / "in.csv")
    assert problems_of(bundle, tmp_path / "in.csv", tmp_path / "out.csv") == (
        f"has a column {name!r} already; rename it",
    )


def with_balance(frame: pl.DataFrame, value: str, *rows: int) -> pl.DataFrame:
    balances = frame["total_balance"].cast(pl.String).to_list()
    for row in rows:
        balances[row - 1] = value
    return frame.with_columns(pl.Series("total_balance", balances))


@pytest.mark.parametrize("row", [1, CHUNK, CHUNK + 1, ROWS])
def test_a_bad_row_is_told_by_its_number_in_the_file(tmp_path, bundle, frame, row):
    write(with_balance(frame, "secret", row), tmp_path / "in.csv")
    (problem,) = problems_of(bundle, tmp_path / "in.csv", tmp_path / "out.csv")
    assert problem == f"total_balance must be numbers: 1 row ({row})"


def test_a_missing_column_is_told(tmp_path, bundle, frame):
    write(frame.drop("total_balance"), tmp_path / "in.csv")
    assert problems_of(bundle, tmp_path / "in.csv", tmp_path / "out.csv") == ("column 'total_balance' is missing",)


def test_an_id_that_is_none_is_told(tmp_path, bundle, frame):
    write(frame.with_columns(customer_id=pl.lit("secret")), tmp_path / "in.csv")
    told = "; ".join(problems_of(bundle, tmp_path / "in.csv", tmp_path / "out.csv"))
    assert "customer_id must be a whole number" in told
    assert "secret" not in told


@pytest.mark.parametrize("target", ["out.csv", "out.parquet"])
def test_a_failure_late_in_the_file_leaves_no_target(tmp_path, bundle, frame, target):
    write(with_balance(frame, "secret", ROWS), tmp_path / "in.csv")
    problems_of(bundle, tmp_path / "in.csv", tmp_path / target)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_failure_leaves_an_earlier_target_as_it_was(tmp_path, bundle, frame):
    (tmp_path / "out.csv").write_text("earlier")
    write(with_balance(frame, "secret", ROWS), tmp_path / "in.csv")
    problems_of(bundle, tmp_path / "in.csv", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "earlier"


def test_a_full_disk_leaves_no_target(tmp_path, bundle, frame, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    write(frame, tmp_path / "in.csv")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FilesUnavailable) as caught:
        BatchScorer(bundle).score_file(tmp_path / "in.csv", tmp_path / "out.csv")
    assert caught.value.source == str(tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_target_in_no_folder_is_told(tmp_path, bundle, frame):
    write(frame, tmp_path / "in.csv")
    with pytest.raises(InvalidDataset) as caught:
        BatchScorer(bundle).score_file(tmp_path / "in.csv", tmp_path / "nowhere" / "out.csv")
    assert caught.value.source == str(tmp_path / "nowhere" / "out.csv")
    assert caught.value.problems == ("cannot be written: no such folder",)


@pytest.mark.parametrize("name", ["out.xlsx", "out"])
def test_a_target_of_another_suffix_is_refused_before_any_work(tmp_path, bundle, name):
    with pytest.raises(InvalidDataset, match=r"name the file \.csv or \.parquet"):
        BatchScorer(bundle).score_file(tmp_path / "none.csv", tmp_path / name)


def broken_files(tmp_path, frame):
    (tmp_path / "garbage.parquet").write_bytes(b"not parquet")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "folder.csv").mkdir()
    write(frame.head(3), tmp_path / "ragged.csv")
    with (tmp_path / "ragged.csv").open("a") as file:
        file.write("1,2,3,secret,5,6,7\n")
    header = ",".join([*frame.columns, "note"])
    (tmp_path / "latin.csv").write_bytes(f"{header}\n1,2,3,4,0,secret-Müller\n".encode("latin-1"))


@pytest.mark.parametrize("name", ["none.csv", "none.parquet", "garbage.parquet", "empty.csv", "folder.csv"])
def test_a_file_that_cannot_be_opened_is_told(tmp_path, bundle, frame, name):
    broken_files(tmp_path, frame)
    with pytest.raises(InvalidDataset):
        BatchScorer(bundle).score_file(tmp_path / name, tmp_path / "out.csv")


@pytest.mark.parametrize("name", ["ragged.csv", "latin.csv"])
@pytest.mark.parametrize("target", ["out.csv", "out.parquet"])
def test_a_file_that_breaks_off_is_told_and_not_quoted(tmp_path, bundle, frame, name, target):
    broken_files(tmp_path, frame)
    told = "; ".join(problems_of(bundle, tmp_path / name, tmp_path / target))
    assert "secret" not in told
    assert not (tmp_path / target).exists()


@pytest.mark.parametrize("target", ["out.csv", "out.parquet"])
def test_a_failure_of_the_sink_is_not_blamed_on_the_source(tmp_path, bundle, frame, monkeypatch, target):
    def full(*_arguments):
        raise pl.exceptions.ComputeError("secret: No space left on device (os error 28)")

    write(frame, tmp_path / "in.csv")
    monkeypatch.setattr(pl.LazyFrame, "sink_csv", full)
    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", full)
    with pytest.raises(FilesUnavailable) as caught:
        BatchScorer(bundle).score_file(tmp_path / "in.csv", tmp_path / target)
    assert caught.value.source == str(tmp_path / target)
    assert "secret" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_source_that_breaks_off_while_it_is_read_is_told_as_the_source(tmp_path, bundle, frame):
    source = tmp_path / "in.parquet"
    write(pl.concat([frame] * 200), source)
    content = source.read_bytes()
    source.write_bytes(content[:8] + b"secret" * 200 + content[1208:])  # pages, not the footer
    with pytest.raises(InvalidDataset) as caught:
        BatchScorer(bundle).score_file(source, tmp_path / "out.csv")
    assert caught.value.source == str(source)
    assert "cannot be read as Parquet" in str(caught.value)
    assert not (tmp_path / "out.csv").exists()
