"""interrupt_link.py MODEL FOLDER: `fovea compile` to a shared library is ended by a signal while its
linker runs. Says what is left of it once the linker is through as well."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

# Says that it has begun, waits for leave to go on, and writes what it was asked to write.
LINKER = """#!/bin/sh
out=$3
touch begun
while [ ! -e go-on ]; do sleep 0.05; done
echo late > "$out"
touch ended
"""


def wait_for(path):
    end = time.monotonic() + 300
    while not path.exists():
        if time.monotonic() > end:
            sys.exit(f"{path} did not appear")
        time.sleep(0.05)


def check(model, folder, number, action):
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tmp").mkdir(parents=True)
    linker = folder / "linker"
    linker.write_text(LINKER)
    linker.chmod(0o755)
    process = subprocess.Popen(["fovea", "compile", model, "-o", "out.so", "--header", "out.h"], cwd=folder,
                               env=os.environ | {"CC": str(linker), "TMPDIR": str(folder / "tmp")},
                               stderr=subprocess.DEVNULL, preexec_fn=lambda: signal.signal(number, action))
    wait_for(folder / "begun")
    process.send_signal(number)
    if action == signal.SIG_IGN:
        time.sleep(0.5)
        (folder / "go-on").touch()
    status = process.wait()
    (folder / "go-on").touch()
    wait_for(folder / "ended")
    left = sorted(path.name for path in [*(folder / "tmp").rglob("*"), *folder.glob("out*")])
    end = "ended by it" if status == -number else f"exit status {status}"
    print(f"{signal.Signals(number).name}: {end}, left {left}")


def main():
    model, folder = sys.argv[1:]
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        check(model, pathlib.Path(folder), number, signal.SIG_DFL)
    check(model, pathlib.Path(folder), signal.SIGHUP, signal.SIG_IGN)


if __name__ == "__main__":
    main()
