"""Import every module of the agent; prints what failed. Build tools are out of reach: nothing may need them later."""

import importlib
import json
import pkgutil
import sys

import agent

for absent in ("setuptools", "pkg_resources", "distutils"):
    sys.modules[absent] = None  # type: ignore[assignment]

names = [module.name for module in pkgutil.walk_packages(agent.__path__, "agent.")]
failed = {}
for name in names:
    if name.endswith("__main__"):
        continue
    try:
        importlib.import_module(name)
    except ImportError as error:
        failed[name] = str(error.name or error)
sys.stdout.write(json.dumps({"modules": len(names), "failed": failed}))
