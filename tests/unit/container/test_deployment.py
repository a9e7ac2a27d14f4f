"""A model that is put into service has all that its first request needs."""

from fraud_detection_api.container.deployment import _in_service
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.services.storage.contracts import StoreContract
from support.builders import every_dtype_files


def test_nothing_is_built_for_the_first_request():
    bundle = read_bundle(every_dtype_files(), source="test")
    deployment = _in_service(
        "default", None, StoreContract(None, "none"), lambda _contract: None, ServedModel("1", bundle)
    )
    assert {"engine", "reasoner"} <= vars(bundle).keys()
    assert {"_row", "_finish"} <= vars(bundle.engine).keys()
    assert {"content_digest", "record_fingerprint", "dtypes"} <= vars(deployment.contract).keys()
