"""Builds what people review decisions with, from the settings."""

from fraud_detection_api.adapters.sql.clock import DatabaseClock
from fraud_detection_api.adapters.sql.database import Database
from fraud_detection_api.adapters.sql.labels import SqlLabelStore
from fraud_detection_api.adapters.sql.quality import SqlQualityStore
from fraud_detection_api.adapters.sql.reviews import SqlReviewStore
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.labels.recording import LabelStore
from fraud_detection_api.services.reviewing.quality import QualityService, QualityStores
from fraud_detection_api.services.reviewing.reviewing import ReviewService, ReviewShares, ReviewStores
from fraud_detection_api.services.storage.decision_store import DecisionStore
from fraud_detection_api.services.storage.patience import PatientThreads, patient


def reviews_in(
    database: Database,
    decisions: DecisionStore,
    labels: LabelStore,
    recorder: Recorder,
    threads: PatientThreads,
    shares: ReviewShares,
) -> tuple[ReviewService, QualityService]:
    """For a server, which waits for the database in `threads`. Leases end by the database's clock, which servers share."""
    store = patient(SqlReviewStore(database, SqlLabelStore(database, recorder)), threads)
    stores = ReviewStores(store, patient(decisions, threads), patient(labels, threads))
    clock = DatabaseClock(database)
    quality = QualityStores(patient(SqlQualityStore(database), threads), stores.decisions, stores.labels)
    return (
        ReviewService(stores, recorder, shares=shares, wall_clock=lambda: threads.run(clock)),
        QualityService(quality),
    )
