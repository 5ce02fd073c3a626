"""Ends onnx-compile by a signal while its temporary files are there.

    killed.py SIGNAL[-ignored] MODEL FOLDER     prints the files that are left in FOLDER, their marks shortened
"""

import os
import re
import signal
import subprocess
import sys
import time


def main(word, model, folder):
    number, _, ignored = word.partition("-")
    signal.signal(getattr(signal, number), signal.SIG_IGN) if ignored else None
    start = (lambda: None) if ignored or number == "SIGKILL" else (lambda: signal.signal(getattr(signal, number), signal.SIG_DFL))
    os.makedirs(folder, exist_ok=True)
    # The text of the import is written first, and gets its name last.
    child = subprocess.Popen(["onnx-compile", model, "-o", folder, "--emit=mlir,obj"], preexec_fn=start)
    while child.poll() is None and not os.listdir(folder):
        time.sleep(0.001)
    child.send_signal(getattr(signal, number))
    print("ended by", -child.wait())
    for name in sorted(os.listdir(folder)):
        print("left:", re.sub(r"\.tmp-[0-9a-f]{16}-[0-9]+$", ".tmp-...", name))


main(*sys.argv[1:])
