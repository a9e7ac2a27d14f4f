"""What a process has started: read from /proc, as Linux tells it."""

from pathlib import Path


def children_of(process: int, program: str = "") -> list[int]:
    """Children whose command line contains the program, oldest first."""
    threads = Path(f"/proc/{process}/task").glob("*/children")
    children = [int(child) for thread in threads for child in thread.read_text().split()]
    return sorted(child for child in children if program in command_of(child))


def command_of(process: int) -> str:
    """Its words, with a space between them; empty where it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().decode().replace("\0", " ").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_running(process: int) -> bool:
    return command_of(process) != ""
