"""Pages of the documentation: their blocks of code, and a shell for what is no `fraud` command (`commands.run_block`)."""

import re
import subprocess
from pathlib import Path

from support.servers import clean_environment


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of that language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def run_shell(commands: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the commands in the folder, up to the first that fails."""
    return subprocess.run(
        ["bash", "-ec", commands],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
