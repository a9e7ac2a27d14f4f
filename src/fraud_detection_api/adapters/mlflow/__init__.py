"""Models and training runs on an MLflow server. The library is the extra `mlflow`; `connection.py` alone imports it."""
