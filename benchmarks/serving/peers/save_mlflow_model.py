"""Save the booster as an MLflow model: python save_mlflow_model.py BOOSTER FOLDER."""

import sys
from pathlib import Path

import mlflow.xgboost
import xgboost


def main(booster: str, folder: str) -> None:
    """Write the model where there is none yet."""
    if not Path(folder).exists():
        mlflow.xgboost.save_model(xgboost.Booster(model_file=booster), folder)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
