import os
import platform
import shutil
import sys

import lit.formats

config.name = "Fovea"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".fov", ".test"]
config.excludes = ["Inputs"]
config.test_source_root = os.path.dirname(__file__)

path = [config.fovea_bin_dir, config.llvm_tools_dir, config.environment["PATH"]]
config.environment["PATH"] = os.pathsep.join(path)
config.substitutions.append(("%python", sys.executable))
config.substitutions.append(("%source", config.fovea_source_dir))
config.substitutions.append(("%llvm_lib", os.path.join(config.llvm_tools_dir, "..", "lib")))
config.substitutions.append(("%examples", os.path.join(config.fovea_source_dir, "examples")))
config.substitutions.append(("%fovea_bin", config.fovea_bin_dir))

# Compiled code of tests is nobody else's.
config.environment["XDG_CACHE_HOME"] = os.path.join(config.test_exec_root, "cache")

# Real models and tokenizers lie beside the checkout on some machines; tests that need them
# say "REQUIRES: shared-data".
shared_data = os.path.join(config.fovea_source_dir, "..", "shared", "data")
config.substitutions.append(("%shared", shared_data))
if os.path.isdir(os.path.join(shared_data, "stories260k")):
    config.available_features.add("shared-data")

# The benchmarks may be left out of a build.
if os.path.exists(os.path.join(config.fovea_bin_dir, "fovea-bench")):
    config.available_features.add("bench")

# Pages are looked at in a browser where there is one: scripts/setup.sh installs it.
chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
if chromium and chromedriver:
    config.available_features.add("chromium")
    config.substitutions.append(("%chromium", chromium))
    config.substitutions.append(("%chromedriver", chromedriver))

if platform.machine() == "x86_64":
    config.available_features.add("x86")
