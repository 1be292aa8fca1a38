"""Builds the page into the package; everything else about it stands in pyproject.toml."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, ClassVar

from setuptools import Command, setup
from setuptools.command.build import build
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent
BUNDLE = ROOT / "tb_rnngrad" / "plugin" / "static" / "index.js"

sys.path.insert(0, str(ROOT / "frontend"))
import npm  # noqa: E402


class BuildFrontend(Command):
    """Build the page, unless it is there already."""

    user_options: ClassVar[list[tuple[str, str | None, str]]] = []

    def initialize_options(self) -> None: ...

    def finalize_options(self) -> None: ...

    def run(self) -> None:
        if not BUNDLE.exists():
            npm.run("ci", "--no-audit", "--no-fund")
            npm.run("run", "build")


class Build(build):
    """Build the page before the package's files are collected."""

    sub_commands = [("build_frontend", None), *build.sub_commands]


class SourceDistribution(sdist):
    """Ship the built page in the sdist, so that installing from it needs no Node."""

    def run(self) -> None:
        self.run_command("build_frontend")
        super().run()


def build_requirements() -> dict[str, Any]:
    """Ask for Node from PyPI only where there is neither a built page nor a usable npm."""
    needed = not BUNDLE.exists() and npm.system_npm() is None
    return {"setup_requires": [npm.NODE_REQUIREMENT]} if needed else {}


setup(
    cmdclass={"build": Build, "build_frontend": BuildFrontend, "sdist": SourceDistribution},
    **build_requirements(),
)
