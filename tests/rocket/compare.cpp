// SPDX-License-Identifier: Apache-2.0
// Runs quantised models through TFLite's CPU kernels and through Mesa's Teflon delegate, and prints
// how far their outputs are apart. Runs on arm64 with the simulated NPU preloaded
// (tests/rocket/run.py).
//
//   rocket_compare TFLITE TEFLON MODEL...
//
// One line per model, each run in a process of its own:
//
//   NAME difference MAX exact EQUAL of ALL ms CPU NPU    the greatest difference of two output
//   bytes NAME crash SIGNAL                                    where the delegate ended the process
//   NAME error WHAT
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <dlfcn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

// TFLite's C API, as far as it is needed here (tensorflow/lite/c/c_api.h).
struct Model;
struct Options;
struct Interpreter;
struct Tensor;
struct Delegate;
constexpr int kOk = 0;
constexpr int kFloat32 = 1;  // of TfLiteType
constexpr int kUint8 = 3;

struct Tflite {
  Model* (*model_create)(const void*, std::size_t);
  Options* (*options_create)();
  void (*options_set_threads)(Options*, std::int32_t);
  void (*options_add_delegate)(Options*, Delegate*);
  Interpreter* (*interpreter_create)(const Model*, const Options*);
  int (*allocate)(Interpreter*);
  int (*invoke)(Interpreter*);
  std::int32_t (*input_count)(const Interpreter*);
  Tensor* (*input)(const Interpreter*, std::int32_t);
  std::int32_t (*output_count)(const Interpreter*);
  const Tensor* (*output)(const Interpreter*, std::int32_t);
  std::size_t (*byte_size)(const Tensor*);
  void* (*data)(const Tensor*);
  int (*type)(const Tensor*);
};

using CreateDelegate = Delegate* (*)(char**, char**, std::size_t, void (*)(const char*));

[[noreturn]] void fail(const std::string& what) {
  std::printf("error %s\n", what.c_str());
  std::fflush(stdout);
  std::_Exit(1);
}

template <class Function>
void resolve(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) fail(std::string("no symbol ") + name);
}

Tflite open_tflite(const char* path) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) fail(dlerror());
  Tflite tflite;
  resolve(library, "TfLiteModelCreate", tflite.model_create);
  resolve(library, "TfLiteInterpreterOptionsCreate", tflite.options_create);
  resolve(library, "TfLiteInterpreterOptionsSetNumThreads", tflite.options_set_threads);
  resolve(library, "TfLiteInterpreterOptionsAddDelegate", tflite.options_add_delegate);
  resolve(library, "TfLiteInterpreterCreate", tflite.interpreter_create);
  resolve(library, "TfLiteInterpreterAllocateTensors", tflite.allocate);
  resolve(library, "TfLiteInterpreterInvoke", tflite.invoke);
  resolve(library, "TfLiteInterpreterGetInputTensorCount", tflite.input_count);
  resolve(library, "TfLiteInterpreterGetInputTensor", tflite.input);
  resolve(library, "TfLiteInterpreterGetOutputTensorCount", tflite.output_count);
  resolve(library, "TfLiteInterpreterGetOutputTensor", tflite.output);
  resolve(library, "TfLiteTensorByteSize", tflite.byte_size);
  resolve(library, "TfLiteTensorData", tflite.data);
  resolve(library, "TfLiteTensorType", tflite.type);
  return tflite;
}

std::vector<char> read_file(const char* path) {
  std::FILE* file = std::fopen(path, "rb");
  if (file == nullptr) fail(std::string("cannot open ") + path);
  std::vector<char> bytes(std::filesystem::file_size(path));
  if (std::fread(bytes.data(), 1, bytes.size(), file) != bytes.size()) fail("short read");
  std::fclose(file);
  return bytes;
}

struct Output {
  int type = 0;
  std::vector<std::uint8_t> bytes;
};

struct Run {
  std::vector<Output> outputs;
  double milliseconds = 0;  // of the second invocation
};

Run run(const Tflite& tflite, const std::vector<char>& file, Delegate* delegate) {
  Options* options = tflite.options_create();
  tflite.options_set_threads(options, 1);
  if (delegate != nullptr) tflite.options_add_delegate(options, delegate);
  Model* model = tflite.model_create(file.data(), file.size());
  if (model == nullptr) fail("not a model");
  Interpreter* interpreter = tflite.interpreter_create(model, options);
  if (interpreter == nullptr || tflite.allocate(interpreter) != kOk) fail("no interpreter");
  for (std::int32_t index = 0; index < tflite.input_count(interpreter); ++index) {
    Tensor* tensor = tflite.input(interpreter, index);
    auto* bytes = static_cast<std::uint8_t*>(tflite.data(tensor));
    std::uint32_t state = 42 + static_cast<std::uint32_t>(index);
    for (std::size_t at = 0; at < tflite.byte_size(tensor); ++at) {
      state = state * 1664525 + 1013904223;
      bytes[at] = static_cast<std::uint8_t>(state >> 24);
    }
  }
  auto start = std::chrono::steady_clock::now();
  if (tflite.invoke(interpreter) != kOk) fail("invoke failed");
  Run result;
  result.milliseconds =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  for (std::int32_t index = 0; index < tflite.output_count(interpreter); ++index) {
    const Tensor* tensor = tflite.output(interpreter, index);
    const auto* bytes = static_cast<const std::uint8_t*>(tflite.data(tensor));
    result.outputs.push_back({tflite.type(tensor), {bytes, bytes + tflite.byte_size(tensor)}});
  }
  return result;
}

void compare(const Tflite& tflite, CreateDelegate create_delegate, const char* path) {
  std::vector<char> file = read_file(path);
  Run cpu = run(tflite, file, nullptr);
  Delegate* delegate = create_delegate(nullptr, nullptr, 0, nullptr);
  if (delegate == nullptr) fail("no delegate");
  Run npu = run(tflite, file, delegate);
  int greatest = 0;
  std::size_t equal = 0, all = 0;
  for (std::size_t index = 0; index < cpu.outputs.size(); ++index) {
    const Output& expected = cpu.outputs[index];
    const Output& got = npu.outputs[index];
    if (expected.bytes.size() != got.bytes.size()) fail("outputs of different sizes");
    if (expected.type == kFloat32)
      continue;  // what the model's own post-processing makes of the rest
    for (std::size_t at = 0; at < expected.bytes.size(); ++at) {
      int difference = expected.type == kUint8
                           ? std::abs(int{expected.bytes[at]} - int{got.bytes[at]})
                           : std::abs(static_cast<std::int8_t>(expected.bytes[at]) -
                                      static_cast<std::int8_t>(got.bytes[at]));
      greatest = std::max(greatest, difference);
      equal += difference == 0;
      ++all;
    }
  }
  std::printf("difference %d exact %zu of %zu ms %.1f %.1f\n", greatest, equal, all,
              cpu.milliseconds, npu.milliseconds);
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 4) {
    std::fprintf(stderr, "usage: rocket_compare TFLITE TEFLON MODEL...\n");
    return 2;
  }
  rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  Tflite tflite = open_tflite(arguments[1]);
  void* teflon = dlopen(arguments[2], RTLD_NOW | RTLD_LOCAL);
  if (teflon == nullptr) fail(dlerror());
  CreateDelegate create_delegate = nullptr;
  resolve(teflon, "tflite_plugin_create_delegate", create_delegate);
  for (int index = 3; index < count; ++index) {
    std::printf("%s ", std::filesystem::path(arguments[index]).stem().c_str());
    std::fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
      compare(tflite, create_delegate, arguments[index]);
      std::fflush(stdout);
      std::_Exit(0);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) return 1;
    if (WIFSIGNALED(status)) std::printf("crash %d\n", WTERMSIG(status));
    std::fflush(stdout);
  }
  return 0;
}
