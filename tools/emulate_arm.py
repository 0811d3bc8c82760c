"""Run the compiled engine's NEON kernels on an x86-64 machine, in an emulated arm64 Debian.

Makes the system under build/arm once, cross-compiles the engine, and runs there: the errors of the
engine's functions, the package without a binary, then tests/native and more tests with it.

Decisions
---------
a) The system is Debian's packages unpacked, never set up: nothing of it must run before Python
   does, so the machine's kernel need not know how to start a program of another processor.
b) For the same reason the Python of the tests, `sys.executable` there, is a small program of this
   machine that starts the emulator: what tests start themselves is emulated, too.
c) The engine is built by the project's own CMakeLists.txt with a cross compiler, at full speed.
d) Mounts and processes live in namespaces of their own, so nothing is left behind.
e) Bits are held against those of x86-64-v3, the set here that fuses products and sums alike.
f) Two tests of memory are left out: the emulator takes no limit that a program sets itself, and
   the other one's products take half an hour.
g) The emulator keeps the order of memory accesses of this machine, which is stricter than ARM's: a
   missing barrier would not be found.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "build" / "arm"
SYSTEM = HOME / "system"
PLACE = "chainrule"
SUITE = "bookworm"
EMULATOR = "qemu-aarch64-static"
COMPILER = "aarch64-linux-gnu-g++"
PYTHON = "usr/local/bin/python"
PROGRAMS = {
    "c++": "g++",
    "cmake": "cmake",
    "debootstrap": "debootstrap",
    "make": "make",
    COMPILER: "g++-aarch64-linux-gnu",
    EMULATOR: "qemu-user-static",
}
"""What is needed here, by the package that brings it."""
WHEELS = ("numpy", "scipy", "scikit-learn", "safetensors", "hypothesis", "pytest")
FLAGS = ("-std=gnu++20", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math")
SAMPLES = ("127", "1000000")
"""Every so many patterns of 32 bits are asked, and so many random numbers of 64."""
STARTER = """
#include <unistd.h>
#include <vector>
int main(int count, char** given) {
    std::vector<const char*> all{"/usr/bin/EMULATOR", "-0", "/PYTHON", "/usr/bin/python3"};
    all.insert(all.end(), given + 1, given + count + 1);
    execv(all[0], const_cast<char* const*>(all.data()));
    return 127;
}
"""
WITHOUT_BINARY = (
    "tests/native/test_selection.py",
    "tests/training/test_reproducible.py",
    "tests/training/test_digits.py::test_held_out_digits[adam]",
)
WITH_BINARY = (
    "tests/native",
    "tests/goldens",
    "tests/laws/test_compiled.py",
    "tests/laws/test_engine.py",
    "tests/training/test_digits.py",
    "tests/training/test_reproducible.py",
)


def say(what: str) -> None:
    """Tell what is being done."""
    print(what, file=sys.stderr, flush=True)


def do(*command: str | Path, **more: str) -> None:
    """Run a command on this machine; end with its name if it fails."""
    result = subprocess.run(command, env={**os.environ, **more}, check=False)
    if result.returncode:
        sys.exit(f"this command failed ({result.returncode}): {' '.join(map(str, command))}")


# ---- What must be here -------------------------------------------------------------------------


def require_machine() -> None:
    """Say what is missing to emulate another processor here."""
    needed = {
        "an x86-64 machine": platform.machine() in ("x86_64", "AMD64"),
        "Linux": sys.platform == "linux",
        "root": hasattr(os, "geteuid") and os.geteuid() == 0,
        "apt-get": shutil.which("apt-get") is not None,
    }
    missing = [name for name, there in needed.items() if not there]
    if missing:
        sys.exit(
            "make arm emulates an arm64 Debian, for which it needs root and apt-get on x86-64 "
            f"Linux; missing here: {', '.join(missing)}"
        )
    if subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        sys.exit("make arm must be allowed to mount; a container needs the capability SYS_ADMIN")


def install_programs() -> None:
    """Install the emulator and the cross compiler where they are missing."""
    missing = [package for name, package in PROGRAMS.items() if not shutil.which(name)]
    if not missing:
        return
    say(f"Installing {', '.join(missing)}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    do("apt-get", "update", "-qq", **quiet)
    do("apt-get", "install", "-qq", "--yes", "--no-install-recommends", *missing, **quiet)


# ---- The system --------------------------------------------------------------------------------


def version() -> str:
    """Return the version of the system's Python, as in 3.11."""
    return os.readlink(SYSTEM / "usr/bin/python3").removeprefix("python")


def unpack(package: Path) -> None:
    """Put a package's files into the system."""
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE
    ) as read:
        do_tar = ["tar", "-x", "-C", str(SYSTEM), "--keep-directory-symlink"]
        subprocess.run(do_tar, stdin=read.stdout, check=True)


def make_system() -> None:
    """Make the system with its Python and the packages that tests need, unless it is there."""
    if (HOME / "system-is-complete").exists():
        return
    say(f"Making {SYSTEM.relative_to(ROOT)}")
    shutil.rmtree(SYSTEM, ignore_errors=True)
    SYSTEM.mkdir(parents=True)
    log, python = HOME / "debootstrap.log", "--include=python3,python3-dev"
    options = ["--arch=arm64", "--foreign", "--variant=minbase", python]
    with log.open("w", encoding="utf-8") as output:
        command = ["debootstrap", *options, SUITE, str(SYSTEM)]
        if subprocess.run(command, stdout=output, stderr=output, check=False).returncode:
            sys.exit(f"debootstrap failed; see {log}")
    for package in sorted((SYSTEM / "var/cache/apt/archives").glob("*.deb")):
        unpack(package)
    for name in ("proc", "dev"):  # debootstrap may have made a link to the machine's own
        place = SYSTEM / name
        if place.is_symlink():
            place.unlink()
        place.mkdir(exist_ok=True)
    shutil.copy2(str(shutil.which(EMULATOR)), SYSTEM / "usr/bin" / EMULATOR)
    make_starter()
    install_wheels()
    (HOME / "system-is-complete").touch()


def make_starter() -> None:
    """Make the program that starts the emulated Python."""
    source = STARTER.replace("EMULATOR", EMULATOR).replace("PYTHON", PYTHON)
    (HOME / "starter.cpp").write_text(source, encoding="utf-8")
    (SYSTEM / PYTHON).parent.mkdir(parents=True, exist_ok=True)
    do("c++", "-O1", "-static", "-o", SYSTEM / PYTHON, HOME / "starter.cpp")


def install_wheels() -> None:
    """Install the packages that tests need, built for the system's processor."""
    say("Installing " + ", ".join(WHEELS))
    tags = ["manylinux2014", *(f"manylinux_2_{minor}" for minor in range(17, 37))]
    folder = SYSTEM / f"usr/local/lib/python{version()}/dist-packages"
    do(
        *(sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check"),
        *("--only-binary=:all:", "--implementation=cp", f"--python-version={version()}"),
        *(f"--platform={tag}_aarch64" for tag in tags),
        *(f"--target={folder}", *WHEELS),
    )


def emulated(command: Sequence[str], **variables: str) -> int:
    """Run a program of the system in the copy of the project; return its exit status."""
    prepare = (
        f'mount -t proc proc "{SYSTEM}/proc" && mount --rbind /dev "{SYSTEM}/dev" && exec "$@"'
    )
    apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    told = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": "/tmp",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": f"/{PLACE}/src:/{PLACE}",
        **variables,
    }
    inside = ["chroot", str(SYSTEM), f"/usr/bin/{EMULATOR}", "/usr/bin/env", f"--chdir=/{PLACE}"]
    settings = [f"{name}={value}" for name, value in told.items()]
    whole = [*apart, "sh", "-c", prepare, "sh", *inside, "-i", *settings, *command]
    return subprocess.run(whole, check=False).returncode


# ---- The project -------------------------------------------------------------------------------


def copy_project() -> None:
    """Copy the package without any binary, its tests and its settings into the system."""
    place = SYSTEM / PLACE
    shutil.rmtree(place, ignore_errors=True)
    unwanted = shutil.ignore_patterns("*.so", "__pycache__", "_build", "reference")
    for name in ("src", "tests", "docs", "tools"):
        shutil.copytree(ROOT / name, place / name, ignore=unwanted)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy2(ROOT / name, place / name)


def version_of_package() -> str:
    """Return the package's version."""
    source = (ROOT / "src/chainrule/_version.py").read_text(encoding="utf-8")
    (found,) = re.findall(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    return found


def build_engine() -> None:
    """Cross-compile the engine and put it into the copy of the package."""
    say("Building the engine")
    nanobind = HOME / "nanobind"
    if not nanobind.exists():
        pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        do(*pip, f"--target={nanobind}", "nanobind")
    python = HOME / "python"  # CMake asks it for the names of files
    python.write_text(
        f'#!/bin/sh\nPYTHONHOME="{SYSTEM}/usr" exec {EMULATOR} -L "{SYSTEM}" -0 "$0" '
        f'"{SYSTEM}/usr/bin/python3" "$@"\n',
        encoding="utf-8",
    )
    python.chmod(0o755)
    built = HOME / "cmake"
    told = {
        "CMAKE_RULE_MESSAGES": "OFF",
        "CMAKE_SYSTEM_NAME": "Linux",
        "CMAKE_SYSTEM_PROCESSOR": "aarch64",
        "CMAKE_CXX_COMPILER": COMPILER,
        "CMAKE_CXX_FLAGS": f"-idirafter {SYSTEM}/usr/include",
        "Python_EXECUTABLE": str(python),
        "Python_INCLUDE_DIR": f"{SYSTEM}/usr/include/python{version()}",
        "nanobind_DIR": str(nanobind / "nanobind/cmake"),
        "SKBUILD_PROJECT_VERSION": version_of_package(),
    }
    do(
        "cmake",
        "--log-level=ERROR",
        "-S",
        ROOT,
        "-B",
        built,
        *(f"-D{k}={v}" for k, v in told.items()),
    )
    do("cmake", "--build", built, "--", "--no-print-directory")
    (binary,) = built.glob("_engine.*.so")
    shutil.copy2(binary, SYSTEM / PLACE / "src/chainrule/engine" / binary.name)


# ---- What is tested ----------------------------------------------------------------------------


def errors_of_functions(name: str, compiler: str, *flags: str) -> tuple[list[str], int]:
    """Return a line for each function, which ends with a checksum, and the exit status."""
    program, source = HOME / f"function_errors_{name}", ROOT / "tools/function_errors.cpp"
    headers = f"-I{ROOT / 'src/chainrule/engine/csrc'}"
    do(compiler, *FLAGS, *flags, "-static", f"-DCR_ISA={name}", headers, "-o", program, source)
    command = [*([EMULATOR] if compiler == COMPILER else []), str(program), *SAMPLES]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    return result.stdout.splitlines(), result.returncode


def check_functions() -> int:
    """Measure the functions' errors, and hold their bits against those of this processor."""
    found, status = errors_of_functions("base", COMPILER)
    print("\n".join(found), flush=True)
    if not {"avx2", "bmi2", "fma"} <= set(Path("/proc/cpuinfo").read_text().split()):
        say("this processor lacks x86-64-v3, so bits are not compared")
        return status
    right, _ = errors_of_functions("v3", "c++", "-march=x86-64-v3")
    same = sum(one.split()[-1] == two.split()[-1] for one, two in zip(found, right, strict=True))
    say(f"{same} of {len(found)} with the bits of x86-64-v3")
    return status or int(same < len(found))


def check_package(paths: Sequence[str], examples: int, *options: str) -> int:
    """Run tests in the system."""
    command = [f"/{PYTHON}", "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, *paths]
    return emulated(command, CHAINRULE_EXAMPLES=str(examples))


def check_without_binary() -> int:
    """Run tests on the reference engine, which says once that it is slow."""
    quiet = "ignore::chainrule.errors.ReferenceEngineWarning"
    return check_package(WITHOUT_BINARY, 1, "-W", quiet)


def check_engine(chosen: Sequence[str], examples: int) -> int:
    """Build the engine and run tests with it."""
    build_engine()
    return check_package(chosen or (*WITH_BINARY, "-k", "not test_memory"), examples)


def passed(name: str, check: Callable[[], int]) -> bool:
    """Run a part, and say how long it took."""
    say(f"Testing {name}")
    began = time.monotonic()
    good = check() == 0
    say(f"{name}: {'passed' if good else 'FAILED'} after {time.monotonic() - began:.0f} s")
    return good


def main() -> int:
    """Make what is missing and test; return 1 if something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=100, help="generated plans to compare")
    parser.add_argument("pytest", nargs="*", help="after --: what pytest runs, instead of all this")
    parser.add_argument("--possible", action="store_true", help="only see what is missing here")
    given = parser.parse_args()
    require_machine()
    if given.possible:
        return 0
    install_programs()
    make_system()
    copy_project()
    parts: dict[str, Callable[[], int]] = {}
    if not given.pytest:
        parts["the functions"] = check_functions
        parts["the package without a binary"] = check_without_binary
    parts["the engine"] = lambda: check_engine(given.pytest, given.examples)
    failed = [name for name, check in parts.items() if not passed(name, check)]
    if failed:
        say(f"found something: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
