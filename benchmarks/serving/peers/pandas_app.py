"""The usual tutorial: FastAPI, a pydantic body, a data frame, `XGBClassifier.predict_proba`, a `def` handler."""

import os

import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel
from xgboost import XGBClassifier


class Record(BaseModel):
    """The columns that the model was trained with."""

    number_of_open_accounts: float
    total_credit_limit: float
    total_balance: float
    number_of_accounts_in_arrears: float
    credit_utilisation: float
    arrears_share: float
    balance_per_account: float
    limit_per_account: float


app = FastAPI()
model = XGBClassifier()
model.load_model(os.environ["BENCHMARK_MODEL"])


@app.post("/predict")
def predict(records: list[Record]) -> list[float]:
    """Fraud probabilities, in order."""
    frame = pd.DataFrame([record.model_dump() for record in records])
    probabilities: list[float] = model.predict_proba(frame)[:, 1].tolist()
    return probabilities
