"""Options that several commands share; a command's option beats the environment."""

import os
from pathlib import Path
from typing import Annotated

import typer

from fraud_detection_api.settings import Settings

DataFile = Annotated[Path, typer.Argument(metavar="FILE", help="CSV or Parquet, told by its suffix.")]
Registry = Annotated[
    str | None,
    typer.Option(
        "--registry",
        metavar="DIR|mlflow:URL",
        help="The model registry, a folder or an MLflow server; ./registry if not set. [env: FRAUD_REGISTRY]",
    ),
]
ContractOption = Annotated[
    str | None,
    typer.Option(
        "--contract",
        metavar="credit|PATH",
        help="What a record is: `credit`, the default, or a TOML file. [env: FRAUD_CONTRACT]",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def settings_with(**overrides: object) -> Settings:
    """Settings from the environment, with the options that were given on top. Raises InvalidSetting."""
    return Settings.from_environment(os.environ, **overrides)
