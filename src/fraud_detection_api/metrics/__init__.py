"""What is counted and measured for Prometheus: declared once, tallied in each process, shared by files, shown as text."""
