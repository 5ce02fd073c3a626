"""weights_file.py FOLDER NAME: the file of weights is laid out as documented, and as header and report say."""

import json
import re
import struct
import sys

folder, name = sys.argv[1:]
data = open(f"{folder}/{name}.weights.bin", "rb").read()
magic, version, zero, fingerprint, size = struct.unpack("<8sII16sQ", data[:40])
assert magic == b"ONNXCWTS" and version == 1 and zero == 0 and any(fingerprint) and not any(data[40:64])
assert size == len(data) and size % 64 == 0
header = open(f"{folder}/{name}.h").read()
assert int(re.search(r"_WEIGHTS_BYTES (\d+)", header)[1]) == size
assert json.load(open(f"{folder}/{name}.report.json"))["flash"]["weight_bytes"] == size
