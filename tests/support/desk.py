"""A console with cases to review."""

from fraud_detection_api.adapters.sql.accounts import SqlAccountStore
from fraud_detection_api.container.storage import build_database, stores_in
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.settings import Settings
from support.console import PASSWORD, sign_in
from support.kept import decision_id, kept


class Desk:
    """A console with cases, and what its store holds."""

    def __init__(self, served, location) -> None:
        self.served, self.settings = served, Settings(store=location)
        self.database = build_database(self.settings)
        self.stores = stores_in(self.database, self.settings)

    def save(self, *numbers, losses=None, **changes) -> None:
        rows = [kept(number, **{"outcome": "review", **changes}) for number in numbers]
        known = {decision_id(number): loss for number, loss in (losses or {}).items()}
        self.stores.decisions.save([StoredRequest(rows, losses=known)])

    def person(self, name, role="analyst", *, is_lead=False):
        self.served.accounts.add(name, PASSWORD, role, is_lead=is_lead, by="root")
        browser = self.served.browser()
        sign_in(browser, name)
        return browser

    def labels(self, number):
        return [(each.is_fraud, each.reviewer, each.note) for each in self.stores.labels.history(decision_id(number))]

    def trail(self):
        return [(each.who, each.what, each.about) for each in SqlAccountStore(self.database).trail(limit=3)]
