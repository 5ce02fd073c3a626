"""Runs every test of a built tree and sums up: unit tests, lit, opset adapters,
conformance, random graphs, perturbed tests, bad inputs between guard pages, models,
quantised models, exported graphs, firmware, the GPU simulator.

Called by tools/test. Counts: a conformance test counts when it is on the pass
list; sanitised code, other targets than the host's, and GPUs, run a tenth of their list, in an
emulator where the machine has none of them. A
model row on test/models/known_failures.txt counts as skipped. The last green
result is kept in build/test.stamp together with a hash of the programs and the
tests' files; while that hash holds, the result is repeated.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build")
STAMP = os.path.join(BUILD, "test.stamp")
REPORTS = os.path.join(BUILD, "reports")

sys.path.insert(0, os.path.join(ROOT, "test", "targets"))
import toolchains  # noqa: E402


def hashed_files():
    """Programs, tests, scripts, headers and the models outside, in a fixed order."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z", "test", "tools", "docs", "runtime-lite",
         "third_party", "bench"],
        cwd=ROOT, check=True, stdout=subprocess.PIPE,
    ).stdout.decode()
    files = [os.path.join(ROOT, name) for name in listed.split("\0") if name]
    for folder in (os.path.join(BUILD, "bin"), os.path.join(BUILD, "lib"), os.path.join(BUILD, "test")):
        for here, _, names in os.walk(folder):
            if "Output" in here.split(os.sep):
                continue
            files += [
                os.path.join(here, n) for n in names if os.access(os.path.join(here, n), os.X_OK)
            ]
    models = os.environ.get("ONNX_COMPILE_MODELS")
    if models:
        files += [os.path.join(here, n) for here, _, names in os.walk(models) for n in names]
    return sorted(set(files))


def fingerprint():
    digest = hashlib.sha256()
    for path in hashed_files():
        if not os.path.isfile(path):
            continue
        digest.update(path.encode() + b"\0")
        with open(path, "rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def call(command):
    """Exit code and output; the output also goes to the terminal as it comes."""
    child = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace",
    )
    lines = []
    for line in child.stdout:
        sys.stdout.write(line)
        sys.stdout.flush()
        lines.append(line)
    return child.wait(), "".join(lines)


def unit_tests():
    report = os.path.join(REPORTS, "unit.xml")
    code, said = call(
        ["ctest", "--test-dir", os.path.join(BUILD, "test"), "--output-on-failure", "-j", str(os.cpu_count()),
         "--output-junit", report]
    )
    if "No tests were found" in said or not os.path.exists(report):
        return (0, 1, 0) if code else (0, 0, 0)
    suite = xml.etree.ElementTree.parse(report).getroot()
    total, failed = int(suite.get("tests")), int(suite.get("failures"))
    skipped = int(suite.get("skipped", 0)) + int(suite.get("disabled", 0))
    return total - failed - skipped, failed if failed or not code else 1, skipped


def lit_tests():
    report = os.path.join(REPORTS, "lit.json")
    code, said = call(
        [os.path.join(os.path.dirname(sys.executable), "lit"), "-sv", "--order=lexical", "--output", report,
         os.path.join(BUILD, "test")]
    )
    if "did not discover any tests" in said or not os.path.exists(report):
        return (0, 1, 0) if code and "did not discover any tests" not in said else (0, 0, 0)
    with open(report) as stream:
        codes = [test["code"] for test in json.load(stream)["tests"]]
    passed = sum(c in ("PASS", "XFAIL", "FLAKYPASS") for c in codes)
    skipped = sum(c in ("UNSUPPORTED", "SKIPPED", "EXCLUDED") for c in codes)
    failed = len(codes) - passed - skipped
    return passed, failed if failed or not code else 1, skipped


def closing_counts(said):
    """(passed, failed) of a suite's closing line; zeros without one."""
    closing = re.findall(r"^(\d+) passed, (\d+) failed", said, re.M)
    return tuple(map(int, closing[-1])) if closing else (0, 0)


def adapter_tests():
    code, said = call([sys.executable, os.path.join(ROOT, "test", "adapters", "run.py"), "--build", BUILD])
    passed, failed = closing_counts(said)
    return passed, failed if failed or not code else 1, 0


def conformance_run(arguments):
    """(passed, failed, 0) of one call of the conformance runner."""
    code, said = call([os.path.join(ROOT, "test", "conformance", "run"), *arguments])
    passed, failed = closing_counts(said)
    return passed, failed if failed or not code else 1, 0


def conformance_tests():
    if not os.path.exists(os.path.join(ROOT, "test", "conformance", "pass_list.txt")):
        print("no pass list yet")
        return 0, 0, 0
    return conformance_run(["--listed"])


def reuse_tests():
    """Views, updates in place and layouts change no number: a sample of what is compiled both ways."""
    return conformance_run(["--listed", "--tenth", "--no-reuse"])


def random_tests():
    code, said = call([os.path.join(ROOT, "test", "random", "run"), "--count", "200", "--no-reuse", "--seconds", "40"])
    passed, failed = closing_counts(said)
    return passed, failed if failed or not code else 1, 0


def sanitised_tests():
    return conformance_run(["--sanitize", "--listed", "--tenth"])


def perturb_tests():
    code, said = call([os.path.join(ROOT, "test", "perturb", "run"), "--sample", "80"])
    passed, failed = closing_counts(said)
    return passed, failed if failed or not code else 1, 0


def target_tests():
    counts = [conformance_run(["--target", row, "--tenth"]) for row in toolchains.emulated_rows()]
    return tuple(map(sum, zip(*counts)))


def model_tests():
    report = os.path.join(REPORTS, "models.json")
    code, _ = call([os.path.join(ROOT, "test", "models", "run"), "--json", report])
    if not os.path.exists(report):
        return 0, 1, 0
    with open(report) as stream:
        results = json.load(stream)
    passed = sum(r["status"] == "passed" for r in results)
    known = sum(r["status"] != "passed" and r["known"] for r in results)
    failed = len(results) - passed - known
    return passed, failed if failed or not code else 1, known


def table_run(folder, *arguments):
    """(passed, failed, skipped) of test/<folder>/run, which prints a table and a closing line."""
    report = os.path.join(REPORTS, folder + ".json")
    code, said = call([os.path.join(ROOT, "test", folder, "run"), "--json", report, *arguments])
    closing = re.findall(r"^(\d+) passed, (\d+) failed, (\d+) skipped", said, re.M)
    passed, failed, skipped = map(int, closing[-1]) if closing else (0, 0, 0)
    return passed, failed if failed or not code else 1, skipped


def quantised_tests():
    return table_run("quantized", "--small", "--runs", "3", "--step-runs", "2")


def quantised_op_tests():
    """Single quantised ops of random sizes: on the host, and products in blocks."""
    totals = [0, 0, 0]
    blocks = ["--only", "qlinear_conv,qlinear_matmul,qgemm", "--target", "aarch64-linux", "--features=+dotprod,+i8mm"]
    for command, arguments in (("shapes", []), ("shapes", blocks), ("fixed_point", [])):
        code, said = call([os.path.join(ROOT, "test", "quantized", command), "--count", "6", *arguments])
        closing = re.findall(r"^(\d+) passed, (\d+) failed, (\d+) skipped", said, re.M)
        passed, failed, skipped = map(int, closing[-1]) if closing else (0, 0, 0)
        totals = [t + n for t, n in zip(totals, (passed, failed if failed or not code else 1, skipped))]
    return tuple(totals)


def export_tests():
    report = os.path.join(REPORTS, "exports.json")
    code, said = call([sys.executable, os.path.join(ROOT, "test", "exports", "graphs.py"), "--json", report])
    passed, failed = closing_counts(said)
    return passed, failed if failed or not code else 1, 0


def firmware_tests():
    return table_run("firmware")


def gpu_tests():
    return table_run("gpu-sim", "--tenth")


def guard_tests():
    """A sample of the bad inputs; each run counts."""
    code, said = call([os.path.join(ROOT, "test", "guard", "run"), "--sample", "10"])
    closing = re.findall(r"^(\d+) runs of \d+ models, \d+ with right outputs: (.*)", said, re.M)
    if not closing:
        return 0, 1, 0
    failed = sum(int(n) for n in re.findall(r"(\d+) ", closing[-1][1]))
    return int(closing[-1][0]) - failed, failed if failed or not code else 1, 0


SUITES = (
    ("unit tests", unit_tests),
    ("lit tests", lit_tests),
    ("opset adapters", adapter_tests),
    ("conformance", conformance_tests),
    ("conformance without reuse", reuse_tests),
    ("random graphs", random_tests),
    ("conformance with sanitised code", sanitised_tests),
    ("perturbed backend tests", perturb_tests),
    ("conformance on other targets", target_tests),
    ("bad inputs between guard pages", guard_tests),
    ("models", model_tests),
    ("quantised models", quantised_tests),
    ("quantised ops", quantised_op_tests),
    ("exported graphs", export_tests),
    ("firmware", firmware_tests),
    ("GPU", gpu_tests),
)


def main():
    started = time.monotonic()
    before = fingerprint()
    if "--again" not in sys.argv and os.path.exists(STAMP):
        with open(STAMP) as stream:
            last = json.load(stream)
        if last["fingerprint"] == before:
            print("nothing changed since the last green run; its result (tools/test --again runs it anew):")
            print("\n".join(last["lines"]))
            return 0

    os.makedirs(REPORTS, exist_ok=True)
    for name in os.listdir(REPORTS):
        os.remove(os.path.join(REPORTS, name))
    sums, lines = [0, 0, 0], []
    for title, suite in SUITES:
        print(f"\n[test {time.monotonic() - started:5.0f}s] {title}", flush=True)
        counts = suite()
        sums = [a + b for a, b in zip(sums, counts)]
        lines.append("{}: {} passed, {} failed, {} skipped".format("  " + title, *counts))
    lines.append("{} passed, {} failed, {} skipped".format(*sums))
    print(f"\n[test {time.monotonic() - started:5.0f}s] summary")
    print("\n".join(lines), flush=True)
    if sums[1] or not sums[0]:
        if os.path.exists(STAMP):
            os.remove(STAMP)
        return 1
    with open(STAMP, "w") as out:
        json.dump({"fingerprint": fingerprint(), "lines": lines}, out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
