"""What a server tells of itself on GET /metrics, read with Prometheus' own parser."""

from prometheus_client.parser import text_string_to_metric_families


class Scrape:
    """Samples by name and labels."""

    def __init__(self, text: str) -> None:
        families = list(text_string_to_metric_families(text))
        self.kinds = {family.name: family.type for family in families}
        self.samples = [sample for family in families for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """Of the one series that has these labels, whatever its others."""
        [value] = self.series(name, **labels).values()
        return value

    def total(self, name: str, **labels: str) -> float:
        """The sum of all series that have these labels; 0 where there is none."""
        return sum(self.series(name, **labels).values())

    def series(self, name: str, **labels: str) -> dict[tuple[tuple[str, str], ...], float]:
        """Value by labels, of all series that have these."""
        return {
            tuple(sorted(sample.labels.items())): sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        }

    def names(self) -> set[str]:
        """Names of the metrics, as the catalogue has them."""
        return {name + "_total" * (kind == "counter") for name, kind in self.kinds.items()}


def scraped(client, base: str = "", **given: object) -> Scrape:
    """What `client` gets; anything with a `get` as that of an HTTP client."""
    answer = client.get(f"{base}/metrics", **given)
    assert answer.status_code == 200, answer.text
    return Scrape(answer.text)
