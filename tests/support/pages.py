"""Pages of the documentation: their blocks of code, and a shell for what is no `fraud` command (`commands.run_block`)."""

import os
import re
import subprocess
import sys
from pathlib import Path

from support.servers import clean_environment


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of that language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def install_fraud(folder: Path) -> None:
    """Make `fraud` a command of shells that run in this folder."""
    program = folder / "bin" / "fraud"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from fraud_detection_api.cli import app; app()" "$@"\n')
    program.chmod(0o755)


def run_shell(commands: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the commands in the folder, up to the first that fails."""
    return subprocess.run(
        ["bash", "-ec", commands],
        cwd=folder,
        env=clean_environment(PATH=f"{folder / 'bin'}:{os.environ['PATH']}"),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
