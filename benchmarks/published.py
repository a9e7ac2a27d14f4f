"""Figures that others published for the same protocols, or for the same task on folds of their own."""

HANDBOOK = "Le Borgne et al., Reproducible Machine Learning for Credit Card Fraud Detection, 2022"
TABARENA = "published, on other folds"

PUBLISHED: dict[str, list[tuple[str, dict[str, float], str]]] = {
    "handbook": [
        ("logistic regression", {"AUC": 0.868, "AP": 0.623, "CP@100": 0.297}, HANDBOOK),
        ("random forest", {"AUC": 0.870, "AP": 0.678, "CP@100": 0.299}, HANDBOOK),
        ("XGBoost, tuned on validation", {"AUC": 0.869, "AP": 0.687, "CP@100": 0.303}, HANDBOOK),
        ("XGBoost, best in hindsight", {"AUC": 0.872, "AP": 0.694, "CP@100": 0.304}, HANDBOOK),
        ("balanced bagging", {"AUC": 0.879, "AP": 0.680, "CP@100": 0.305}, HANDBOOK),
        ("neural network", {"AUC": 0.876, "AP": 0.675, "CP@100": 0.303}, HANDBOOK),
    ],
    "uci": [
        ("TabICLv2", {"AUC": 0.7910}, TABARENA),
        ("CatBoost", {"AUC": 0.7819}, TABARENA),
        ("LightGBM", {"AUC": 0.7792}, TABARENA),
        ("random forest", {"AUC": 0.7621}, TABARENA),
        ("XGBoost, defaults", {"AUC": 0.7599}, TABARENA),
    ],
    "german": [
        ("TabICLv2", {"AUC": 0.7928}, TABARENA),
        ("CatBoost", {"AUC": 0.7809}, TABARENA),
        ("LightGBM", {"AUC": 0.7734}, TABARENA),
        ("XGBoost, defaults", {"AUC": 0.7664}, TABARENA),
    ],
    "polish": [],
    "lending_club": [],
    "sba": [],
}
PUBLISHED["handbook_raw"] = PUBLISHED["handbook"]  # the same records, folds and columns
