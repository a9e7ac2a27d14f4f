"""Install locked packages and this project: `python3 requirements/install.py .venv train.txt`.

uv installs, or pip where uv is not to be had. Both take the versions of `poetry.lock` and check the hash of every file.
Only the standard library is used, because this runs before anything is installed.
"""

import ast
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
INSTALLER = HERE / "installer.txt"
LOCKED = ("--no-deps", "--require-hashes")
"""The lock is complete. Without --no-deps, pips before 23.3 look beyond it for `coverage[toml]` and then miss its hash."""

VARIABLES_OF_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
}
"""pip's options, and the variables that tell uv the same."""


class CannotInstall(Exception):
    """Why nothing was installed, in words for the person at the terminal."""


def main() -> None:
    """Install the named requirement files into the named environment, and this project, editable."""
    if sys.version_info < (3, 11):
        sys.exit("Python 3.11 or newer is needed; name one: make PYTHON=python3.12 serve")
    environment, *files = sys.argv[1:]
    began = time.monotonic()
    try:
        _install(PROJECT / environment, [HERE / name for name in files])
    except CannotInstall as error:
        sys.exit(str(error))
    _say(f"Installed in {time.monotonic() - began:.0f} s.")


def _install(environment: Path, files: list[Path]) -> None:
    python = environment / "bin" / "python"
    if not python.exists():
        _run([sys.executable, "-m", "venv", "--without-pip", str(environment)])
    try:
        uv, variables = _uv(), uv_variables(_pip_configuration(), os.environ)
        _say(f"Installing the packages of {' '.join(each.name for each in files)} into {environment.name}/ ...")
        build = ("--build-constraints", str(INSTALLER))
        _install_with([*uv, "--python", str(python)], files, build, variables)
    except CannotInstall as error:
        _say(f"{error}\nuv cannot install here. pip does it instead, which takes minutes ...")
        _install_with([*_pip(), "--python", str(python), "install", "--quiet"], files, (), {})


def _install_with(command: list[str], files: list[Path], build: tuple[str, ...], variables: Mapping[str, str]) -> None:
    wanted = [word for file in files for word in ("--requirement", str(file))]
    _run([*command, *LOCKED, *wanted], variables)
    _run([*command, "--no-deps", *build, "--editable", str(PROJECT)], variables)


def _uv() -> list[str]:
    """The command of uv that installs; uv itself is installed first, into .uv/, unless that version is there."""
    folder = PROJECT / ".uv"
    stamp, wanted = folder / INSTALLER.name, INSTALLER.read_text(encoding="utf-8")
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        _say("Installing uv into .uv/ ...")
        target = ("--target", str(folder), "--upgrade")
        _run([*_pip(), "install", "--quiet", *target, *LOCKED, "--requirement", str(INSTALLER)])
        stamp.write_text(wanted, encoding="utf-8")
    return [str(folder / "bin" / "uv"), "pip", "install", "--quiet"]


def _pip() -> list[str]:
    """This Python's pip, or that of an environment made for it in .pip/: Debian's Python has none."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    folder = PROJECT / ".pip"
    if not (folder / "bin" / "pip").exists():
        try:
            _run([sys.executable, "-m", "venv", str(folder)])
        except CannotInstall as error:
            hint = "This Python cannot make environments. On Debian and Ubuntu: apt-get install python3-venv"
            raise CannotInstall(f"{error}\n{hint}") from error
    return [str(folder / "bin" / "python"), "-m", "pip"]


def _pip_configuration() -> dict[str, str]:
    """What pip is told by its files and its variables, by option; the variables take precedence."""
    listed = _run([*_pip(), "config", "list"])
    pairs = [
        line.partition("=")[::2] for line in listed.splitlines() if line.startswith(("global.", "install.", ":env:"))
    ]
    return {key.rpartition(".")[2]: " ".join(str(ast.literal_eval(text)).split()) for key, text in pairs}


def uv_variables(pip: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """The variables by which uv reads packages from where pip does; those that `environment` sets stay as they are.

    All indexes are searched for the version, as pip searches them. That is safe here: the hash of each file is known.
    """
    found = {variable: pip[option] for option, variable in VARIABLES_OF_UV.items() if option in pip}
    if "UV_FIND_LINKS" in found:
        found["UV_FIND_LINKS"] = found["UV_FIND_LINKS"].replace(" ", ",")
    defaults = {"UV_SYSTEM_CERTS": "1", "UV_INDEX_STRATEGY": "unsafe-best-match"}
    return {name: text for name, text in {**defaults, **found}.items() if name not in environment}


def _run(command: list[str], variables: Mapping[str, str] | None = None) -> str:
    """What the command prints. Raises CannotInstall, with what it said, where it fails."""
    # a pip that is told to work inside environments only, or for the user, would refuse a folder of ours
    own = {"PIP_REQUIRE_VIRTUALENV": "0", "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    environment = {**os.environ, **own, **(variables or {})}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotInstall((done.stderr or done.stdout).strip())
    return done.stdout


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
