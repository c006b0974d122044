# SPDX-License-Identifier: Apache-2.0
"""A peer for comparison: the same work as POST /infer, as people write it in Python.

Flask, Pillow and NumPy from Debian; the same TFLite library with the same XNNPACK delegate and one thread,
through ctypes. One interpreter in each process, which threads take in turn, and pictures decoded whole. With
TUNED=1 an interpreter per core in each process, and JPEG decoded at a reduced scale, as anynpu does.

  MODEL=model.float32.tflite LABELS=labels.txt TFLITE=libtensorflowlite_c.so PORT=8090 python3 peer.py
  ... gunicorn -w 2 -b 127.0.0.1:8090 peer:app
"""
import ctypes
import io
import os
import queue
import time

import numpy
from flask import Flask, jsonify, request
from PIL import Image

lib = ctypes.CDLL(os.environ["TFLITE"])
P = ctypes.c_void_p


class XnnpackOptions(ctypes.Structure):  # TFLite 2.9
    _fields_ = [("num_threads", ctypes.c_int32), ("flags", ctypes.c_uint32)]


def function(name, result, *arguments):
    found = getattr(lib, name)
    found.restype, found.argtypes = result, arguments
    return found


model_create = function("TfLiteModelCreateFromFile", P, ctypes.c_char_p)
options_create = function("TfLiteInterpreterOptionsCreate", P)
set_threads = function("TfLiteInterpreterOptionsSetNumThreads", None, P, ctypes.c_int32)
add_delegate = function("TfLiteInterpreterOptionsAddDelegate", None, P, P)
xnnpack_create = function("TfLiteXNNPackDelegateCreate", P, ctypes.POINTER(XnnpackOptions))
interpreter_create = function("TfLiteInterpreterCreate", P, P, P)
allocate = function("TfLiteInterpreterAllocateTensors", ctypes.c_int, P)
get_input = function("TfLiteInterpreterGetInputTensor", P, P, ctypes.c_int32)
get_output = function("TfLiteInterpreterGetOutputTensor", P, P, ctypes.c_int32)
copy_from = function("TfLiteTensorCopyFromBuffer", ctypes.c_int, P, P, ctypes.c_size_t)
copy_to = function("TfLiteTensorCopyToBuffer", ctypes.c_int, P, P, ctypes.c_size_t)
byte_size = function("TfLiteTensorByteSize", ctypes.c_size_t, P)
invoke = function("TfLiteInterpreterInvoke", ctypes.c_int, P)

tuned = os.environ.get("TUNED") == "1"
model = model_create(os.environ["MODEL"].encode())
labels = open(os.environ["LABELS"], encoding="utf-8").read().splitlines()


def interpreter():
    options = options_create()
    set_threads(options, 1)
    add_delegate(options, xnnpack_create(ctypes.byref(XnnpackOptions(1, 1))))
    made = interpreter_create(model, options)
    assert allocate(made) == 0
    return made


interpreters = queue.LifoQueue()
for _ in range(os.cpu_count() if tuned else 1):
    interpreters.put(interpreter())

app = Flask(__name__)


@app.post("/infer")
def infer():
    start = time.perf_counter()
    data = request.files["image"].read() if "image" in request.files else request.get_data()
    image = Image.open(io.BytesIO(data))
    if tuned:
        image.draft("RGB", (224, 224))
    image = image.convert("RGB").resize((224, 224), Image.BILINEAR)
    tensor = (numpy.asarray(image, dtype=numpy.float32) - 127.5) / 127.5
    source = numpy.ascontiguousarray(tensor)
    handle = interpreters.get()
    copy_from(get_input(handle, 0), source.ctypes.data, source.nbytes)
    assert invoke(handle) == 0
    output = get_output(handle, 0)
    scores = numpy.empty(byte_size(output) // 4, dtype=numpy.float32)
    copy_to(output, scores.ctypes.data, scores.nbytes)
    interpreters.put(handle)
    best = numpy.argsort(scores)[::-1][:5]
    return jsonify(success=True, inference_time_ms=(time.perf_counter() - start) * 1000,
                   predictions=[{"class_id": int(i), "label": labels[i], "score": float(scores[i])} for i in best])


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8090")))
