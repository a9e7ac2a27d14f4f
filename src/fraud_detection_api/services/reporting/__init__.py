"""Reports on drift, performance, champion against challenger, and policies."""
