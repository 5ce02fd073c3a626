"""Finds the model that the magika package ships: prints its path, writes its labels as C.

    shipped_model.py LABELS.h
"""

import importlib.util
import json
import os
import sys

package = importlib.util.find_spec("magika").submodule_search_locations[0]
folder = os.path.join(package, "models", "standard_v3_3")
with open(os.path.join(folder, "config.min.json")) as stream:
    labels = json.load(stream)["target_labels_space"]
with open(sys.argv[1], "w") as out:
    out.write("/* What each output of the model stands for. */\n")
    out.write("static const char *const labels[] = {\n")
    out.writelines(f'    "{label}",\n' for label in labels)
    out.write("};\n")
print(os.path.join(folder, "model.onnx"))
