"""The oldest and newest versions that pyproject.toml claims, each in an environment of its own.

In each, `check.py` writes, reads and serves with the package as it is installed from its wheel.
What passes is written into docs/reference/versions.md. uv makes the environments: `lowest-direct`
takes every lower bound of pyproject.toml, `highest` the newest release within the upper ones.

    python tests/versions/run.py [NAME ...]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CHECK = Path(__file__).parent / "check.py"
TABLE = ROOT / "docs" / "reference" / "versions.md"
COLUMNS = (
    "python",
    "tensorboard",
    "numpy",
    "tensorflow",
    "keras",
    "tf_keras",
    "torch",
    "setuptools",
)
PYENV = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"


@dataclass(frozen=True)
class Environment:
    """A Python, and which of the claimed versions it gets."""

    name: str
    python: str
    resolution: str
    extra: str | None = None
    frameworks: tuple[str, ...] = ()


KERASES = ("keras", "tf_keras")
ENVIRONMENTS = (
    Environment("oldest", "3.10", "lowest-direct"),
    Environment("newest", "3.15", "highest"),
    Environment("oldest with TensorFlow", "3.10", "lowest-direct", "tensorflow", KERASES),
    Environment("newest with TensorFlow", "3.13", "highest", "tensorflow", KERASES),
    Environment("oldest with PyTorch", "3.10", "lowest-direct", "torch", ("torch",)),
    Environment("newest with PyTorch", "3.13", "highest", "torch", ("torch",)),
)


def uv(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run uv, which looks for Pythons among pyenv's too."""
    path = os.pathsep.join([*map(str, PYENV.glob("*/bin")), os.environ["PATH"]])
    return subprocess.run(
        [sys.executable, "-m", "uv", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
    )


def run(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a command printed; where it failed, raise RuntimeError with what it said."""
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, done.args))}\n{done.stdout}{done.stderr}")
    return done.stdout


def has_python(version: str) -> bool:
    """Return whether there is such a Python, here or where uv fetches its own from."""
    return (
        not uv("python", "find", version).returncode
        or not uv("python", "install", version).returncode
    )


def check(environment: Environment, wheel: Path, folder: Path) -> dict[str, str]:
    """Return the versions with which all of it works.

    Raises:
        RuntimeError: something does not; the message has what it printed.
    """
    python = folder / "venv" / "bin" / "python"
    extra = ["--extra", environment.extra] if environment.extra else []
    run(uv("venv", "--python", environment.python, folder / "venv"))
    install = "pip", "install", "--python", python
    # From pyproject.toml, as of a wheel's requirements `lowest-direct` takes the newest.
    requirements = "--requirements", ROOT / "pyproject.toml", *extra
    run(uv(*install, *requirements, "--resolution", environment.resolution))
    run(uv(*install, "--no-deps", wheel))
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    printed = run(
        subprocess.run(
            [python, CHECK, *environment.frameworks],
            capture_output=True,
            text=True,
            cwd=folder,
            env={**outside, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
    )
    versions: dict[str, str] = json.loads(printed.splitlines()[-1])
    return versions


def write_row(name: str, versions: dict[str, str]) -> None:
    """Replace an environment's row of the table."""
    cells = " | ".join([name, *(versions.get(column, "") for column in COLUMNS)])
    text = TABLE.read_text()
    TABLE.write_text(re.sub(rf"^\| {name} \|.*$", f"| {cells} |", text, flags=re.MULTILINE))


def attempt(environment: Environment, wheel: Path) -> str:
    """Check an environment, tell of it and write its row; return passed, failed or skipped."""
    if not has_python(environment.python):
        told = f"there is no Python {environment.python} here, and uv cannot fetch one"
        print(f"{environment.name}: skipped, as {told}", flush=True)
        return "skipped"
    with tempfile.TemporaryDirectory() as folder:
        try:
            versions = check(environment, wheel, Path(folder))
        except RuntimeError as error:
            print(f"{environment.name}: failed\n{error}", flush=True)
            return "failed"
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    print(f"{environment.name}: passed with {told}", flush=True)
    write_row(environment.name, versions)
    return "passed"


def main() -> None:
    """Check each environment; end with 1 where one fails."""
    known = {environment.name: environment for environment in ENVIRONMENTS}
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {[*known]}; default: all")
    names = parser.parse_args().names or known
    with tempfile.TemporaryDirectory() as folder:
        run(uv("build", "--quiet", "--out-dir", folder, ROOT))
        (wheel,) = Path(folder).glob("*.whl")
        outcomes = [attempt(known[name], wheel) for name in names]
    print(", ".join(f"{outcomes.count(one)} {one}" for one in ("passed", "failed", "skipped")))
    sys.exit("failed" in outcomes)


if __name__ == "__main__":
    main()
