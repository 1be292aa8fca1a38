"""What to say if an installed framework does not do what capture relies on."""

from __future__ import annotations

import importlib
from importlib.metadata import requires

from packaging.requirements import Requirement


def unsupported(package: str, what: str) -> RuntimeError:
    """Return an error that names the version found, the versions tested, and what does not work.

    Args:
        package: "tensorflow", "keras" or "tf_keras".
        what: what the package no longer does, and what would follow from it.
    """
    found = importlib.import_module(package).__version__
    return RuntimeError(
        f"capture does not work with {package} {found}; tested versions are "
        f"{tested_versions(package)}. {what}"
    )


def tested_versions(package: str) -> str:
    """Return the versions that pyproject.toml claims, such as ">=2.17,<2.22"."""
    required = map(Requirement, requires("tb_rnngrad") or ())
    specifier = next(one.specifier for one in required if one.name == package)
    return ",".join(sorted(map(str, specifier), reverse=True))
