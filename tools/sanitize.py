"""Run the compiled engine's tests under the compilers' sanitizers.

Builds the package once with AddressSanitizer and UndefinedBehaviorSanitizer, once with
ThreadSanitizer, and runs tests/native with each. Any finding ends the tests and is printed.

Decisions
---------
a) A wheel is built with the project's own CMakeLists.txt and unpacked beside the sources; the tests
   find it through PYTHONPATH, and so do the processes that they start. Nothing is installed.
b) Python itself is not instrumented, so the sanitizer's library is loaded before it, and C++'s,
   whose exceptions it watches. Python frees little at its end, so leaks are not asked for.
c) The tests that measure or limit memory are left out: a sanitizer takes much of its own.
d) Fewer generated plans: everything runs about ten times slower.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SANITIZERS = {
    "address": ("address,undefined", "libasan.so"),
    "thread": ("thread", "libtsan.so"),
}
OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:halt_on_error=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    # A forked child may make threads of its own here: that is one of the things tested.
    "TSAN_OPTIONS": "halt_on_error=1:die_after_fork=0:second_deadlock_stack=1",
}
# An editable install finds the package before PYTHONPATH does, and with it the plain engine.
CUSTOM = """import sys

sys.meta_path[:] = [
    finder for finder in sys.meta_path if type(finder).__name__ != "ScikitBuildRedirectingFinder"
]
"""
EXAMPLES = "40"
SLACK = "20"


def compiler() -> str:
    """Return the C++ compiler that CMake would take."""
    name = os.environ.get("CXX") or next(filter(shutil.which, ("c++", "g++", "clang++")), "")
    if not name:
        sys.exit("make sanitize needs a C++20 compiler with its sanitizers")
    return name


def library(name: str) -> str:
    """Return where the compiler keeps a sanitizer's library."""
    asked = [compiler(), f"-print-file-name={name}"]
    found = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    if not Path(found).is_absolute():
        sys.exit(f"{compiler()} has no {name}: install the sanitizers that belong to it")
    return str(Path(found).resolve())


def build(name: str) -> Path:
    """Build the package with a sanitizer and return the folder to import it from."""
    home = ROOT / "build" / f"sanitize-{name}"
    wheels, package = home / "wheel", home / "package"
    shutil.rmtree(wheels, ignore_errors=True)
    shutil.rmtree(package, ignore_errors=True)
    print(f"Building with -fsanitize={SANITIZERS[name][0]}", file=sys.stderr)
    command = [sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", f"--wheel-dir={wheels}"]
    command += [f"--config-settings=cmake.define.CR_SANITIZE={SANITIZERS[name][0]}"]
    command += [f"--config-settings=build-dir={home / 'cmake'}", str(ROOT)]
    subprocess.run(command, check=True, cwd=ROOT)
    (wheel,) = wheels.glob("chainrule-*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(package)
    if not list(package.glob("chainrule/engine/_engine*")):
        sys.exit(f"the engine could not be built; see why:  {' '.join(command)} --verbose")
    return package


def environment(name: str, package: Path) -> dict[str, str]:
    """Return the environment in which the sanitized engine is tested."""
    (package / "sitecustomize.py").write_text(CUSTOM, encoding="utf-8")
    reports = package.parent / "report"
    for old in reports.parent.glob("report*"):
        old.unlink()
    return {
        **os.environ,
        **{key: f"{value}:log_path={reports}" for key, value in OPTIONS.items()},
        "PYTHONPATH": str(package),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LD_PRELOAD": " ".join(map(library, (SANITIZERS[name][1], "libstdc++.so"))),
        "CHAINRULE_EXAMPLES": EXAMPLES,
        "CHAINRULE_ENGINE": "native",
        "CHAINRULE_SLACK": SLACK,
    }


def prefix(variables: dict[str, str]) -> list[str]:
    """Return what must stand before the command: some cannot bear a random layout of memory."""
    probe = [sys.executable, "-c", "import chainrule.engine._engine"]
    fixed = ["setarch", "-R"]
    for before in ([], fixed) if shutil.which("setarch") else ([],):
        result = subprocess.run([*before, *probe], env=variables, capture_output=True, check=False)
        if result.returncode == 0:
            return before
    sys.exit("the sanitized engine cannot be imported:\n" + result.stderr.decode())


def main() -> int:
    """Build and test with each sanitizer; return 1 if one found something."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=SANITIZERS, help="one sanitizer instead of all")
    parser.add_argument("--built", action="store_true", help="test what was built before")
    parser.add_argument("pytest", nargs="*", help="arguments for pytest, after --")
    given = parser.parse_args()
    failed: list[str] = []
    for name in [given.only] if given.only else SANITIZERS:
        package = ROOT / "build" / f"sanitize-{name}" / "package"
        variables = environment(name, package if given.built else build(name))
        command = [*prefix(variables), sys.executable, "-m", "pytest", "tests/native", "-q"]
        command += ["-p", "no:cacheprovider", "-k", "not memory", *given.pytest]
        print(f"Testing with -fsanitize={SANITIZERS[name][0]}", file=sys.stderr)
        result = subprocess.run(command, cwd=ROOT, env=variables, check=False)
        reports = sorted((ROOT / "build" / f"sanitize-{name}").glob("report*"))
        for report in reports:
            print(report.read_text(encoding="utf-8", errors="replace"), file=sys.stderr)
        if result.returncode or reports:
            failed.append(name)
    if failed:
        print(f"found something: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
