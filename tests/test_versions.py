"""docs/reference/versions.md and pyproject.toml claim the same versions."""

import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).parent.parent
OLDEST = ("oldest", "oldest with TensorFlow", "oldest with PyTorch")
NEWEST = ("newest", "newest with TensorFlow", "newest with PyTorch")


@pytest.fixture(scope="module")
def claims():
    """Name -> the versions that pyproject.toml claims."""
    if sys.version_info < (3, 11):
        pytest.skip("reads TOML with Python 3.11's tomllib")
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    required = map(Requirement, project["dependencies"] + extras["tensorflow"] + extras["torch"])
    claimed = {one.name.lower(): one.specifier for one in required}
    return claimed | {"python": SpecifierSet(project["requires-python"])}


@pytest.fixture(scope="module")
def tested():
    """Environment -> name -> the version that docs/reference/versions.md lists."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (ROOT / "docs/reference/versions.md").read_text().splitlines()
        if line.startswith("|") and not line.startswith("|-")
    ]
    _, *names = map(str.lower, rows[0])
    return {
        environment: {name: version for name, version in zip(names, row, strict=True) if version}
        for environment, *row in rows[1:]
    }


def bound(specifier, operator):
    (found,) = (Version(one.version) for one in specifier if one.operator == operator)
    return found


@pytest.mark.parametrize("environment", OLDEST)
def test_the_oldest_claimed_versions_are_tested(claims, tested, environment):
    for name, version in tested[environment].items():
        oldest = bound(claims[name], ">=")
        assert Version(version).release[: len(oldest.release)] == oldest.release, name


@pytest.mark.parametrize("environment", NEWEST)
def test_the_newest_claimed_versions_are_tested(claims, tested, environment):
    for name, version in tested[environment].items():
        assert Version(version) in claims[name], name
        if name == "python" and environment != "newest":
            continue  # the frameworks do not support the newest Python
        if name == "torch":
            continue  # has no upper bound: the build is the user's
        newest = bound(claims[name], "<")
        position = len(newest.release) - 1
        before = (*newest.release[:position], newest.release[position] - 1)
        assert Version(version).release[: position + 1] == before, name


def test_the_classifiers_name_the_claimed_pythons(claims):
    named = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())
    assert all(Version(f"{one}.0") in claims["python"] for one in named)
    assert Version(named[0]) == bound(claims["python"], ">=")
    assert Version(named[-1]).minor + 1 == bound(claims["python"], "<").minor
