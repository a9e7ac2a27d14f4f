"""Speed, delay and memory of serving, beside what others reach for, on one machine and one model."""
