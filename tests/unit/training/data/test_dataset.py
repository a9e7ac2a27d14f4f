"""Training data that breaks its contract is refused with columns, counts and row numbers, and never a value."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_detection_api.contract.encoding import Encoder, LevelCodes
from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.tables.checking import check_table
from fraud_detection_api.training.data import dataset as dataset_module
from fraud_detection_api.training.data.load import dataset_from_frame, load_dataset
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from support.builders import every_dtype_contract, every_dtype_frame

ROWS = 400
CREDIT = load_contract("credit")
SECRET = 987654321.5


@pytest.fixture(scope="module")
def credit() -> pl.DataFrame:
    return simulate_credit_records(ROWS, seed=3, fraud_rate=0.2)


def problems_of(frame: pl.DataFrame, contract=CREDIT) -> tuple[str, ...]:
    with pytest.raises(InvalidDataset) as caught:
        dataset_from_frame(frame, contract, source="data.parquet")
    return caught.value.problems


def with_values(frame: pl.DataFrame, column: str, value: object, rows: list[int], dtype=None) -> pl.DataFrame:
    """The frame with `value` in the given rows, which are numbered from 1."""
    values = frame[column].to_list()
    for row in rows:
        values[row - 1] = value
    return frame.with_columns(pl.Series(column, values, dtype=dtype, strict=False))


def test_sound_records_make_a_dataset(credit):
    dataset = dataset_from_frame(credit, CREDIT, source="data.parquet")
    assert len(dataset) == ROWS
    assert dataset.is_fraud.tolist() == (credit["is_fraud"] == 1).to_list()
    assert dataset.columns["total_balance"].tolist() == credit["total_balance"].cast(pl.Float32).to_list()
    assert dataset.known_probability.tolist() == credit["true_fraud_probability"].to_list()
    assert dataset.seconds is None


def test_columns_keep_out_the_id_and_the_target(credit):
    dataset = dataset_from_frame(credit, CREDIT, source="data.parquet")
    assert set(dataset.columns) == set(CREDIT.features)


def test_chosen_rows_come_in_the_order_that_was_asked_for(credit):
    import numpy as np

    dataset = dataset_from_frame(credit, CREDIT, source="data.parquet")
    chosen = dataset.take(np.array([7, 0, 7]))
    balances = credit["total_balance"].cast(pl.Float32)
    assert chosen.columns["total_balance"].tolist() == [balances[row] for row in (7, 0, 7)]
    assert chosen.is_fraud.tolist() == [credit["is_fraud"][row] == 1 for row in (7, 0, 7)]


@pytest.mark.parametrize("optional", ["customer_id", "true_fraud_probability"])
def test_the_id_and_the_true_probability_may_be_left_out(credit, optional):
    assert len(dataset_from_frame(credit.drop(optional), CREDIT, source="data.parquet")) == ROWS


def test_every_missing_column_is_named(credit):
    problems = problems_of(credit.drop("total_balance", "number_of_open_accounts", "is_fraud"))
    assert problems == (
        "column 'number_of_open_accounts' is missing",
        "column 'total_balance' is missing",
        "column 'is_fraud' is missing",
    )


def test_unknown_columns_are_named_with_the_mend(credit):
    extra = credit.with_columns(shoe_size=pl.lit(43), colour=pl.lit("red"))
    (problem,) = problems_of(extra)
    assert "'shoe_size', 'colour'" in problem
    assert "`ignored`" in problem


def test_the_unnamed_row_numbers_that_pandas_writes_are_no_problem(credit):
    dataset = dataset_from_frame(credit.with_row_index(name=""), CREDIT, source="data.csv")
    assert "" not in dataset.columns


def test_a_time_that_is_none_is_told_once():
    frame = every_dtype_frame().with_columns(applied_at=pl.lit("soon"))
    assert [p for p in problems_of(frame, every_dtype_contract()) if p.startswith("applied_at")] == [
        "applied_at must be ISO 8601 times: 600 rows (1, 2, 3, 4, 5, …)"
    ]


def test_ignored_columns_are_no_problem():
    assert len(dataset_from_frame(every_dtype_frame(100), every_dtype_contract(), source="x")) == 100


def test_a_missing_time_column_is_named():
    problems = problems_of(every_dtype_frame(100).drop("applied_at"), every_dtype_contract())
    assert problems == ("column 'applied_at' is missing",)


def test_values_of_another_type_are_counted_with_their_first_rows(credit):
    texts = credit.with_columns(pl.col("total_balance").cast(pl.String))
    (problem,) = problems_of(with_values(texts, "total_balance", "secret", [2, 5, 9, 11, 20, 33, 40]))
    assert problem == "total_balance must be numbers: 7 rows (2, 5, 9, 11, 20, …)"


def test_fractions_are_no_whole_numbers(credit):
    (problem,) = problems_of(with_values(credit, "number_of_open_accounts", 2.5, [4], dtype=pl.Float64))
    assert problem == "number_of_open_accounts must be whole numbers: 1 row (4)"


def test_empty_values_are_counted_with_their_first_rows(credit):
    (problem,) = problems_of(with_values(credit, "total_balance", None, [1, ROWS]))
    assert problem == f"total_balance is empty and the contract does not say nullable = true: 2 rows (1, {ROWS})"


@pytest.mark.parametrize("value", [-1.0, 1e13])
def test_values_out_of_range_are_counted_with_their_first_rows(credit, value):
    (problem,) = problems_of(with_values(credit, "total_credit_limit", value, [3]))
    assert problem.startswith("total_credit_limit must be within 0 to ")
    assert problem.endswith(": 1 row (3)")


def test_records_that_break_a_rule_are_counted(credit):
    broken = with_values(credit, "number_of_open_accounts", 0, [6, 7])
    broken = with_values(broken, "number_of_accounts_in_arrears", 4, [6, 7])
    (problem,) = problems_of(broken)
    assert problem == "number_of_accounts_in_arrears must be at most number_of_open_accounts: 2 rows (6, 7)"


def test_all_problems_are_told_at_once(credit):
    broken = with_values(credit, "total_balance", None, [1])
    broken = with_values(broken, "total_credit_limit", -5.0, [2])
    problems = problems_of(broken.drop("is_fraud").with_columns(extra=pl.lit(1)))
    assert len(problems) == 4


def test_no_value_is_quoted(credit):
    broken = with_values(credit, "total_credit_limit", -SECRET, [1])
    broken = with_values(broken, "number_of_open_accounts", SECRET, [2], dtype=pl.Float64)
    broken = with_values(broken, "is_fraud", int(SECRET), [3], dtype=pl.Int64)
    text = "; ".join(problems_of(broken))
    assert len(problems_of(broken)) >= 3
    assert "98765" not in text


@pytest.mark.parametrize("label", [0, 1])
def test_a_target_of_one_class_is_told_with_the_mend(credit, label):
    (problem,) = problems_of(credit.with_columns(is_fraud=pl.lit(label)))
    share = "every row" if label else "no row"
    assert problem.startswith(f"target is_fraud has a single class: {share} of {ROWS} has that value; positive = 1 in")


def test_a_target_spelled_otherwise_than_the_contract_says_is_a_single_class(credit):
    (problem,) = problems_of(credit.with_columns(is_fraud=pl.col("is_fraud").replace_strict({0: "no", 1: "yes"})))
    assert "no row" in problem
    assert "positive = 1 in the contract's [target] must occur" in problem


def test_a_target_of_three_values_is_told(credit):
    (problem,) = problems_of(with_values(credit, "is_fraud", 2, [5]))
    mend = "leave out rows whose outcome is not known yet, and write the rest as two values"
    assert problem == f"target is_fraud has 3 different values and must have two: row 5 has the third; {mend}"


def test_an_empty_target_is_counted_with_its_first_rows(credit):
    (problem,) = problems_of(with_values(credit, "is_fraud", None, [5, 6]))
    assert problem == "target is_fraud is empty: 2 rows (5, 6)"


@pytest.mark.parametrize("dtype", [pl.Int64, pl.Float64, pl.Boolean, pl.String])
@pytest.mark.parametrize("positive", [1, True])
def test_the_positive_value_is_known_in_every_type(credit, dtype, positive):
    contract = CREDIT.model_copy(update={"target": CREDIT.target.model_copy(update={"positive": positive})})
    typed = credit.with_columns(pl.col("is_fraud").cast(dtype))
    dataset = dataset_from_frame(typed, contract, source="data.parquet")
    assert dataset.is_fraud.sum() == credit["is_fraud"].sum()


def test_a_record_without_a_time_is_told():
    frame = with_values(every_dtype_frame(100), "applied_at", None, [8])
    assert problems_of(frame, every_dtype_contract()) == ("applied_at is empty: 1 row (8)",)


def test_times_are_read_as_seconds():
    frame = every_dtype_frame(100)
    dataset = dataset_from_frame(frame, every_dtype_contract(), source="x")
    assert dataset.seconds.tolist() == [moment.timestamp() for moment in frame["applied_at"]]


@pytest.mark.parametrize("value", [None, float("nan"), -0.1, 1.5])
def test_a_true_probability_that_is_none_is_told(credit, value):
    (problem,) = problems_of(with_values(credit, "true_fraud_probability", value, [9]))
    assert problem == "true_fraud_probability must be within 0 to 1: 1 row (9)"


def test_a_true_probability_that_is_text_is_told(credit):
    text = with_values(credit.cast({"true_fraud_probability": pl.String}), "true_fraud_probability", "high", [9])
    assert problems_of(text) == ("true_fraud_probability must be within 0 to 1: 1 row (9)",)


def file_problems(path, contract=CREDIT) -> str:
    with pytest.raises(InvalidDataset) as caught:
        load_dataset(path, contract)
    assert caught.value.source == str(path)
    return "; ".join(caught.value.problems)


def test_a_file_that_is_not_there_is_told(tmp_path):
    assert file_problems(tmp_path / "none.csv") == "no such file"
    assert file_problems(tmp_path / "none.parquet") == "no such file"


@pytest.mark.parametrize("name", ["data.txt", "data", "csv"])
def test_a_file_of_another_suffix_is_told(tmp_path, name):
    assert file_problems(tmp_path / name).startswith("name the file .csv, .csv.gz or .parquet")


def test_an_empty_csv_is_told(tmp_path):
    path = tmp_path / "data.csv"
    path.touch()
    assert file_problems(path) == "is empty"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_file_of_columns_alone_holds_no_rows(tmp_path, credit, suffix):
    path = tmp_path / f"data.{suffix}"
    getattr(credit.clear(), f"write_{suffix}")(path)
    assert file_problems(path) == "holds no rows"


def test_a_header_that_misses_a_column_is_told_although_there_are_no_rows(tmp_path, credit):
    path = tmp_path / "data.csv"
    credit.clear().drop("total_balance").write_csv(path)
    assert file_problems(path) == "column 'total_balance' is missing; holds no rows"


@pytest.mark.parametrize("content", [b"", b"not parquet at all", b"PAR1PAR1"])
def test_a_parquet_file_that_is_none_is_told(tmp_path, content):
    path = tmp_path / "data.parquet"
    path.write_bytes(content)
    assert file_problems(path) == "is empty" or file_problems(path).startswith("cannot be read as Parquet")


def test_a_folder_is_no_data_file(tmp_path):
    (tmp_path / "data.csv").mkdir()
    assert "data" not in file_problems(tmp_path / "data.csv")


def test_a_csv_in_latin_1_is_told_and_not_quoted(tmp_path):
    path = tmp_path / "data.csv"
    header = (
        "customer_id,number_of_open_accounts,total_credit_limit,total_balance,number_of_accounts_in_arrears,is_fraud"
    )
    path.write_bytes(f"{header}\n1,2,3,Müller,0,0\n".encode("latin-1"))
    told = file_problems(path)
    assert told.endswith("is not UTF-8; save it as UTF-8, for example with `iconv -f CP1252 -t UTF-8`")
    assert "ller" not in told


def test_a_csv_with_ragged_lines_is_told_and_not_quoted(tmp_path, credit):
    path = tmp_path / "data.csv"
    credit.head(3).write_csv(path)
    path.write_text(path.read_text() + "1,2,3,secret,5,6,7,8,9\n")
    told = file_problems(path)
    assert told.endswith(": 1 row (4)")
    assert "secret" not in told


@pytest.mark.parametrize("case", ["credit", "every dtype"])
def test_csv_and_parquet_of_the_same_records_have_the_same_digest(tmp_path, credit, case):
    frame, contract = (credit, CREDIT) if case == "credit" else (every_dtype_frame(300), every_dtype_contract())
    frame.write_csv(tmp_path / "data.csv")
    frame.write_parquet(tmp_path / "data.parquet")
    datasets = [load_dataset(tmp_path / f"data.{suffix}", contract) for suffix in ("csv", "parquet")]
    assert datasets[0].digest == datasets[1].digest


def test_the_digest_follows_the_values_the_target_and_the_order(credit):
    changed = [
        credit,
        with_values(credit, "total_balance", 1.25, [1]),
        with_values(credit, "is_fraud", 1 - credit["is_fraud"][0], [1]),
        credit.reverse(),
    ]
    digests = {dataset_from_frame(frame, CREDIT, source="x").digest for frame in changed}
    assert len(digests) == 4


def test_the_digest_does_not_follow_what_is_not_learned_from(credit):
    other_ids = credit.with_columns(pl.col("customer_id") + 5).drop("true_fraud_probability")
    digests = {dataset_from_frame(frame, CREDIT, source="x").digest for frame in (credit, other_ids)}
    assert len(digests) == 1


TEXTS = st.one_of(st.none(), st.sampled_from(["web", "branch", "None", "ünïcode"]))
CODES = st.builds(
    LevelCodes,
    levels=st.dictionaries(st.sampled_from(["web", "branch", "None"]), st.floats(-1e300, 1e300)),
    unseen=st.floats(-9, 9),
    missing=st.floats(-9, 9),
)


@given(
    channels=st.lists(TEXTS, min_size=8, max_size=8),
    amounts=st.lists(st.floats(600, 3e38), min_size=8, max_size=8),
    employed=st.lists(st.one_of(st.none(), st.booleans()), min_size=8, max_size=8),
    codes=CODES,
    chosen=st.lists(st.integers(0, 7), min_size=1, max_size=12),
)
def test_the_matrix_of_any_part_is_what_serving_would_encode_to_the_bit(channels, amounts, employed, codes, chosen):
    frame = every_dtype_frame(8).with_columns(
        channel=pl.Series(channels, dtype=pl.String),
        amount_eur=pl.Series(amounts, dtype=pl.Float64),
        is_employed=pl.Series(employed, dtype=pl.Boolean),
        outcome=pl.Series(["fraud", "good"] * 4),
    )
    contract = every_dtype_contract()
    part = dataset_from_frame(frame, contract, source="x").take(np.array(chosen))
    served = Encoder(contract, {"channel": codes}).encode(check_table(frame[chosen], contract).columns)
    matrix = part.matrix(part.tables_of({"channel": codes}))
    assert matrix.dtype == served.dtype
    np.testing.assert_array_equal(matrix.view(np.uint32), served.view(np.uint32))


@pytest.fixture(scope="module")
def every_dtype():
    return dataset_from_frame(every_dtype_frame(100), every_dtype_contract(), source="x")


def test_blocks_are_the_matrix_in_pieces(every_dtype, monkeypatch):
    codes = {"channel": LevelCodes({"web": 0.25, "branch": 0.5}, unseen=0.1, missing=0.2)}
    whole = every_dtype.matrix(every_dtype.tables_of(codes))
    monkeypatch.setattr(dataset_module, "BLOCK_ROWS", 30)
    blocks = list(every_dtype.blocks(every_dtype.tables_of(codes)))
    assert [len(block) for block in blocks] == [30, 30, 30, 10]
    np.testing.assert_array_equal(np.concatenate(blocks), whole)


def test_each_record_is_coded_by_the_table_of_its_own_fold(every_dtype, monkeypatch):
    monkeypatch.setattr(dataset_module, "BLOCK_ROWS", 30)
    folds = np.arange(100) % 3
    levels = every_dtype.records.levels["channel"]
    table = np.arange(3 * (len(levels) + 1), dtype=np.float32).reshape(3, -1)
    coded = every_dtype.matrix({"channel": np.stack([table, -table], axis=2)}, folds)
    expected = table[folds, every_dtype.level_numbers("channel")]
    np.testing.assert_array_equal(coded[:, every_dtype.records.position("channel")], expected)
    np.testing.assert_array_equal(coded[:, -1], -expected)
    assert coded.shape[1] == len(every_dtype.records.column_names) + 1


def test_coding_a_part_leaves_the_shared_matrix_alone(every_dtype):
    before = every_dtype.records.matrix.copy()
    every_dtype.matrix(every_dtype.tables_of({"channel": LevelCodes({}, unseen=9.0, missing=9.0)}))
    np.testing.assert_array_equal(every_dtype.records.matrix, before)


def test_a_level_is_numbered_as_it_comes_and_missing_after_all_of_them(every_dtype):
    levels = every_dtype.records.levels["channel"]
    names = [*levels, None]
    frame = every_dtype_frame(100)
    assert [names[number] for number in every_dtype.level_numbers("channel")] == frame["channel"].to_list()
    assert list(levels) == list(dict.fromkeys(frame["channel"].drop_nulls().to_list()))


def test_columns_are_those_of_the_file_in_float32(every_dtype):
    frame = every_dtype_frame(100)
    columns = every_dtype.columns
    assert set(columns) == set(every_dtype_contract().features)
    assert len(columns) == len(every_dtype_contract().features)
    assert columns["channel"].tolist() == frame["channel"].to_list()
    assert columns["instalments"].tolist() == frame["instalments"].cast(pl.Float64).to_list()
    assert columns["opened_at"].tolist() == [moment.timestamp() for moment in frame["opened_at"]]
    employed = [np.nan if known is None else float(known) for known in frame["is_employed"]]
    np.testing.assert_array_equal(columns["is_employed"], employed)


@pytest.mark.parametrize("name", ["amount_a_month", "applied_at", "outcome", "application"])
def test_what_is_no_feature_is_no_column(every_dtype, name):
    with pytest.raises(KeyError):
        every_dtype.columns[name]


def test_a_part_may_be_chosen_by_a_mask_and_of_a_part(every_dtype):
    late = every_dtype.take(every_dtype.seconds > np.median(every_dtype.seconds))
    last = late.take(np.array([len(late) - 1]))
    assert last.seconds[0] == late.seconds[-1]
    assert last.entity[0] == late.entity[-1]
    assert last.columns["amount_eur"][0] == late.columns["amount_eur"][-1]
    assert last.records is every_dtype.records
