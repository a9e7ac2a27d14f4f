"""Prometheus, Alertmanager and Grafana; the dashboards are Python, written as JSON by `make dashboards`."""
