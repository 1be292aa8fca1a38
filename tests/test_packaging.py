"""Packages work once installed: sdist and wheel contain the page; only the sdist needs Node.js."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from servers import tensorboard

ROOT = Path(__file__).parent.parent
NODE = {"node", "nodejs", "npm", "npx", "corepack"}
PAGE = "tb_rnngrad/plugin/static/index.js"


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def without_node(tmp_path_factory):
    """The environment with a PATH that has links to all our programs except Node.js."""
    links = tmp_path_factory.mktemp("bin")
    for folder in os.environ["PATH"].split(os.pathsep):
        for program in Path(folder).iterdir() if Path(folder).is_dir() else ():
            link = links / program.name
            if program.name not in NODE and not link.is_symlink():
                link.symlink_to(program)
    return {**os.environ, "PATH": str(links)}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the project's source files, without anything built from them."""
    target = tmp_path_factory.mktemp("checkout") / "tb_rnngrad"
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in listed.splitlines():
        if (ROOT / name).exists() and not name.startswith("demo_logs/"):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    assert not (target / PAGE).exists()
    return target


@pytest.fixture(scope="module")
def built(checkout, without_node, tmp_path_factory):
    """An sdist of the checkout, and a wheel built from that sdist without Node.js."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--sdist", "--outdir", str(out), str(checkout))
    (sdist,) = out.glob("*.tar.gz")
    shutil.unpack_archive(sdist, out / "unpacked")
    (source,) = (out / "unpacked").iterdir()
    output = run(
        *(sys.executable, "-m", "build", "--wheel", "--outdir", str(out), str(source)),
        env=without_node,
    )
    assert "nodejs" not in output
    (wheel,) = out.glob("*.whl")
    return sdist, wheel


def test_sdist_and_wheel_contain_the_page(built):
    sdist, wheel = built
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {PAGE, "frontend/package-lock.json", "frontend/npm.py", "LICENSE"} <= names
    assert not any("node_modules" in name for name in names)
    with zipfile.ZipFile(wheel) as archive:
        assert PAGE in archive.namelist()
        assert "export" in archive.read(PAGE).decode()
        assert not any(name.startswith(("tests", "frontend")) for name in archive.namelist())


def test_the_wheel_serves_the_tab_without_tensorflow(built, tmp_path):
    _, wheel = built
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel)
    script = f"""
import importlib.util, numpy, tb_rnngrad
assert importlib.util.find_spec("tensorflow") is None
with tb_rnngrad.SummaryWriter({str(tmp_path / "logs")!r}) as writer:
    writer.add_sequence("lstm", numpy.ones((2, 3, 4)), 0)
"""
    run(python, "-c", script)
    with tensorboard(tmp_path / "logs", tmp_path / "log.txt", python=str(python)) as server:
        server.wait_for(lambda tags: "." in tags)
        assert b"render" in server.get("/static/index.js").body


def test_a_checkout_without_page_and_node_is_built_with_node_from_pypi(
    checkout, without_node, tmp_path
):
    source = tmp_path / "source"
    shutil.copytree(checkout, source, ignore=shutil.ignore_patterns("node_modules", "static"))
    run(
        *(sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(source)),
        env=without_node,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert PAGE in archive.namelist()
