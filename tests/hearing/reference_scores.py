"""openWakeWord's own wrapper over a sound (.npy, int16): its scores of "hey jarvis", one a hop, as JSON."""

import json
import sys

import numpy as np
import openwakeword

models = [openwakeword.models["hey_jarvis"]["model_path"]]
model = openwakeword.Model(models)
sound = np.load(sys.argv[1])
hops = [sound[at : at + 1280] for at in range(0, len(sound) - 1279, 1280)]
sys.stdout.write(json.dumps([float(next(iter(model.predict(hop).values()))) for hop in hops]))
