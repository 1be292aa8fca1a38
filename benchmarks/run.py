"""Runs all benchmarks, and writes results, machine and versions to docs/reference/performance.md.

Replaces the text between the markers in that file; given names, only their sections. All take about
ten minutes on two quiet cores.

    python benchmarks/run.py [NAME ...]
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent / "docs" / "reference" / "performance.md"
BEGIN, END = "<!-- make bench: begin -->", "<!-- make bench: end -->"
PACKAGES = ("tensorboard", "tensorflow", "keras", "tf_keras", "torch", "numpy", "google-crc32c")

# NAME: the script and its arguments, in the order in which they run.
RUNS: dict[str, list[str]] = {
    "record": ["record.py"],
    "loading": ["loading.py"],
    "views": ["views.py"],
    "scaling": ["scaling.py"],
    "capture": ["capture.py", "small", "--cells", "SimpleRNN"],
    "capture_tf_keras": ["capture.py", "small", "--cells", "SimpleRNN", "--keras", "tf_keras"],
    "torch_capture": ["torch_capture.py", "small", "long", "--cells", "LSTM"],
    "page": ["page.py"],
}


def title_of(script: str) -> str:
    """Return the first line of a script's docstring."""
    return re.match(r'"""(.*)', (FOLDER / script).read_text())[1]


def output_of(command: list[str]) -> str:
    """Run a benchmark; print and return what it prints."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    lines = []
    with subprocess.Popen(
        [sys.executable, *command], cwd=FOLDER, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line)
    if process.returncode:
        raise SystemExit(f"benchmarks/{' '.join(command)} ended with {process.returncode}")
    return "".join(lines)


def machine() -> str:
    """Return the machine and the versions that the numbers were measured with."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    text = information.read_text() if information.exists() else ""
    if named := re.search(r"model name\s*: (.*)", text):
        model = named[1]
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{datetime.date.today().isoformat()}; {os.cpu_count()} cores of {model.strip()}, "
        f"{platform.system()}, load {os.getloadavg()[0]:.1f} at the start; "
        f"Python {platform.python_version()}, {versions}."
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", help=f"which of {', '.join(RUNS)}; default: all")
    names = parser.parse_args().names or list(RUNS)
    before, rest = PAGE.read_text().split(BEGIN)
    measured, after = rest.split(END)
    sections = sections_of(measured)
    for name in names:
        script, *arguments = RUNS[name]
        command = " ".join([f"benchmarks/{script}", *arguments])
        print(f"\n{command}", flush=True)
        now = machine()
        output = output_of([script, *arguments]).rstrip()
        sections[command] = f"{title_of(script)}\n\n{now}\n\n```\n{output}\n```"
    commands = (" ".join([f"benchmarks/{script}", *rest]) for script, *rest in RUNS.values())
    measured = "\n\n".join(f"### `{c}`\n\n{sections[c]}" for c in commands if c in sections)
    PAGE.write_text(f"{before}{BEGIN}\n\n{measured}\n\n{END}{after}")


def sections_of(measured: str) -> dict[str, str]:
    """Return command -> what its section says, of the text between the markers."""
    parts = re.split(r"^### `(.*)`$", measured, flags=re.MULTILINE)[1:]
    return {command: text.strip() for command, text in zip(parts[::2], parts[1::2], strict=True)}


if __name__ == "__main__":
    main()
