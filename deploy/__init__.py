"""Deployment files: monitoring, Kubernetes manifests, and the programs that generate them."""
