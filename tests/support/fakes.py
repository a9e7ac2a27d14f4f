"""Stand-ins for what lies behind the ports; they pass the same conformance suites as the adapters."""

from collections.abc import Mapping

from fraud_detection_api.errors import NoChampion, UnknownModel
from fraud_detection_api.ports import Alias


class InMemoryRegistry:
    """ModelRegistry in a dict."""

    def __init__(self) -> None:
        self._bundles: dict[str, dict[str, bytes]] = {}
        self._histories: dict[Alias, list[str]] = {}

    def register(self, files: Mapping[str, bytes]) -> str:
        version = str(len(self._bundles) + 1)
        self._bundles[version] = dict(files)
        return version

    def require_writable(self) -> None:
        """A dict always is."""

    def fetch(self, version: str) -> Mapping[str, bytes]:
        if version not in self._bundles:
            raise UnknownModel(version)
        return dict(self._bundles[version])

    def versions(self) -> list[str]:
        return list(self._bundles)

    def assigned(self, alias: Alias) -> str | None:
        history = self._histories.get(alias)
        return history[-1] if history else None

    def assign(self, alias: Alias, version: str) -> None:
        self.fetch(version)
        history = self._histories.setdefault(alias, [])
        if history[-1:] != [version]:
            history.append(version)

    def previous(self, alias: Alias) -> str:
        history = self._histories.get(alias, [])
        if len(history) < 2:
            raise NoChampion(f"there is no {alias} before this one to go back to")
        return history[-2]

    def restore_previous(self, alias: Alias) -> str:
        previous = self.previous(alias)
        self._histories[alias].pop()
        return previous
