"""The page Monitoring: performance as labels mature, drift, and outcomes over time."""
