"""Make the checkout's virtual environment hold what a make target needs, and nothing twice.

Decisions
---------
a) Standard library only, and pip only: this runs before anything is installed.
b) The environment carries a stamp: where it stands, which Python made it, the checksum of what
   decides the install, and the extras that are in. The stamp is written after the install, so an
   environment that was interrupted half made has an empty one and is made anew.
c) A change of the dependencies makes the environment anew instead of adding to it: a dependency
   that was dropped would otherwise stay importable, and hide that it is still needed.
d) What is compiled is installed again when its sources change, into the same environment; and, if
   it could not be built, once there is another compiler.
e) One process at a time: a lock on pyproject.toml, so that `make -j` works.
f) An environment without a stamp is somebody else's, and is never removed.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAMP = "made-by-make.json"
SECTIONS = re.compile(r"build-system|project(\..*)?|tool\.scikit-build(\..*)?")


def checksum() -> str:
    """Return the digest of everything in the checkout that decides what is installed."""
    digest = hashlib.sha256((ROOT / "src/chainrule/_version.py").read_bytes())
    inside = False
    for line in (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines():
        header = re.fullmatch(r"\[+([^\[\]]+)\]+", line.strip())
        if header:
            inside = SECTIONS.fullmatch(header[1].strip()) is not None
        if inside:
            digest.update(line.encode())
    return digest.hexdigest()


def compiled_checksum() -> str:
    """Return the digest of what is compiled; empty while nothing is."""
    build = ROOT / "CMakeLists.txt"
    if not build.exists():
        return ""
    digest = hashlib.sha256(build.read_bytes())
    for path in sorted((ROOT / "src").rglob("csrc/*")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def compiler() -> str:
    """Return the C++ compiler that a build would take; empty if there is none."""
    names = filter(None, (os.environ.get("CXX"), "c++", "g++", "clang++"))
    return next(filter(None, map(shutil.which, names)), "")


@contextlib.contextmanager
def locked() -> Generator[None]:
    """Hold the lock of the checkout; without one where the file system has none."""
    with (ROOT / "pyproject.toml").open("r+b") as file:
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def read_stamp(home: Path) -> dict[str, object] | None:
    """Return the stamp, `{}` if the environment is half made, None if it is not ours."""
    if not home.exists() or not any(home.iterdir()):
        return {}
    try:
        return dict(json.loads((home / STAMP).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except ValueError:
        return {}


def stamp_extras(stamp: dict[str, object]) -> set[str]:
    """Return the extras that a stamp names."""
    extras = stamp.get("extras")
    return {str(extra) for extra in extras} if isinstance(extras, list) else set()


def usable(home: Path, stamp: dict[str, object], wanted: dict[str, object], exact: bool) -> bool:
    """Say whether the environment can stay, if need be with more extras."""
    fixed = {"place", "checksum", "files"} | ({"python"} if exact else set())
    same = all(stamp.get(key) == wanted.get(key) for key in fixed)
    return bool(stamp) and same and (home / "bin/python").exists()


def up_to_date(stamp: dict[str, object], wanted: dict[str, object]) -> bool:
    """Say whether what is compiled is as good as it can be here."""
    settled = stamp.get("built", True) or stamp.get("compiler") == wanted["compiler"]
    return bool(settled) and stamp.get("compiled") == wanted["compiled"]


def make(home: Path) -> None:
    """Create an empty environment in place of what is there."""
    print(f"Making {home.name} with Python {platform.python_version()}", file=sys.stderr)
    if home.exists():
        shutil.rmtree(home)
    home.mkdir(parents=True)
    (home / STAMP).touch()
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)


def install(home: Path, extras: list[str], files: list[str], present: bool) -> None:
    """Install the checkout, editable, with extras; if it is `present`, only what these need.

    `files` are options of pip.
    """
    package = f"chainrule[{','.join(extras)}]"
    print(f"Installing {package} and what it needs", file=sys.stderr)
    command = [str(home / "bin/python"), "-m", "pip", "install", "-qq"]
    command += ["--disable-pip-version-check", "--retries", "5"]
    command += [*files, package] if present else [*files, "--editable", f".[{','.join(extras)}]"]
    environment = {**os.environ, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
    subprocess.run(command, check=True, cwd=ROOT, env=environment)


def report_engine(home: Path) -> bool:
    """Return whether the engine was built, and say so where the reference engine must do."""
    python = str(home / "bin/python")
    probe = [python, "-c", "import chainrule.engine._engine"]
    built = subprocess.run(probe, stderr=subprocess.DEVNULL).returncode == 0
    if compiled_checksum() and not built:
        print(
            "The compiled engine was not built: Chainrule runs on its reference engine, slower.\n"
            f"To see why:  {shlex.quote(python)} -m pip install --verbose --no-deps --editable .",
            file=sys.stderr,
        )
    return built


def ensure(home: Path, extras: list[str], files: list[str], exact: bool) -> None:
    """Bring the environment to the wanted state, doing only what is missing."""
    wanted: dict[str, object] = {
        "place": str(home),
        "checksum": checksum(),
        "compiled": compiled_checksum(),
        "compiler": compiler(),
        "files": [(ROOT / name).read_text(encoding="utf-8") for name in files[1::2]],
        "python": platform.python_version(),
    }
    stamp = read_stamp(home)
    if stamp is None:
        sys.exit(f"{home} was not made by make: move it away, or choose another with VENV=NAME")
    known = usable(home, stamp, wanted, exact)
    present = stamp_extras(stamp) if known else set[str]()
    fresh = known and up_to_date(stamp, wanted)
    if fresh and set(extras) <= present:
        return
    start = time.monotonic()
    if not known:
        make(home)
    every = sorted({*extras, *present})
    install(home, every, files, fresh)
    wanted["built"] = report_engine(home)
    python = {"python": stamp["python"]} if known else {}
    scratch = home / (STAMP + ".new")
    scratch.write_text(json.dumps({**wanted, **python, "extras": every}), encoding="utf-8")
    scratch.replace(home / STAMP)
    print(f"Ready after {time.monotonic() - start:.0f} s", file=sys.stderr)


def main() -> None:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(description="Make the checkout's virtual environment.")
    parser.add_argument("extras", nargs="+", help="extras of chainrule to install")
    parser.add_argument("--venv", default=".venv", help="folder, relative to the checkout")
    parser.add_argument("--constraint", help="file of versions, for pip")
    parser.add_argument("--requirement", help="file of further packages, for pip")
    parser.add_argument("--exact", action="store_true", help="insist on this very Python")
    chosen = parser.parse_args()
    files = ["--constraint", chosen.constraint] if chosen.constraint else []
    files += ["--requirement", chosen.requirement] if chosen.requirement else []
    try:
        with locked():
            ensure(ROOT / chosen.venv, chosen.extras, files, chosen.exact)
    except subprocess.CalledProcessError as error:
        sys.exit(f"The set-up stopped (exit status {error.returncode}); the next make repeats it.")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
