// SPDX-License-Identifier: Apache-2.0
// The delegate of the simulated Teflon. Like the real one it claims by operator and quantisation
// alone, ends the process on an addition that no convolution of its partition makes, exchanges
// width and height, takes every byte for unsigned, reports no error of the driver, and leaves the
// last run's output where a job was not run.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "engine/teflon_abi.h"
#include "sim/teflon/convolution.h"
#include "sim/teflon/teflon.h"

namespace anynpu::sim::teflon {
namespace {

namespace tfl = engine::tflite;

// Read by what looks for the version and the driver in the file.
[[gnu::used]] constexpr char kVersionOfMesa[] =
    "DRI_Mesa\0\0\0\0\0\0\0\0"
    "26.2.6-sim\0/dev/accel";

/// TfLiteRegistration, with room for what newer versions have.
struct KernelRegistration {
  void* (*init)(tfl::WholeContext*, const char* parameters, std::size_t);
  void (*free)(tfl::WholeContext*, void* kernel);
  tfl::Status (*prepare)(tfl::WholeContext*, tfl::Node*);
  tfl::Status (*invoke)(tfl::WholeContext*, tfl::Node*);
  void* profiling = nullptr;
  std::int32_t builtin_code = 32;  // custom
  const char* name = "Teflon Delegate";
  int version = 1;
  std::array<void*, 12> newer = {};
};

struct TeflonDelegate {
  tfl::WholeDelegate base{};
  int device = -1;
};

struct Operation {
  bool addition = false;
  int a = 0, b = 0, to = 0;  // tensors
  Convolution convolution;
  Plane plane_a, plane_b, plane_to;
};

Plane plane_of(const tfl::WholeContext* context, int index) {
  const tfl::Tensor& tensor = context->tensors[index];
  Plane plane;
  const std::vector<int> dims = tfl::values_of(tensor.dims);
  if (dims.size() == 4) plane = {dims[1], dims[2], dims[3]};
  plane.scale = tensor.params.scale;
  plane.zero = tensor.params.zero_point;
  return plane;
}

class Kernel {
 public:
  Kernel(tfl::WholeContext* context, const tfl::DelegateParams& parameters, int device)
      : device_(device),
        inputs_(tfl::values_of(parameters.inputs)),
        outputs_(tfl::values_of(parameters.outputs)) {
    for (const int node : tfl::values_of(parameters.nodes)) compile(context, node);
    for (const int output : outputs_) storage(context, output);
  }

  void invoke(tfl::WholeContext* context) {
    if (faults().strikes("crash")) crash();
    unsigned words[10] = {};
    const bool submitted = ::ioctl(device_, kSubmit, words) == 0;  // an error is not looked at
    ::ioctl(device_, kPrepBo, words);
    const bool executed = submitted && !job_given_up().exchange(false);
    if (executed) compute(context);
    const bool wrong = executed && faults().strikes("corrupt").has_value();
    for (const int output : outputs_) {
      std::vector<std::uint8_t>& bytes = storage(context, output);
      if (wrong)
        for (std::uint8_t& byte : bytes) byte ^= 0x55;
      std::memcpy(context->tensors[output].data, bytes.data(), bytes.size());
    }
  }

 private:
  void compile(tfl::WholeContext* context, int index) {
    tfl::Node* node = nullptr;
    tfl::Registration* registration = nullptr;
    context->get_node(context, index, &node, &registration);
    const std::vector<int> inputs = tfl::values_of(node->inputs);
    Operation op;
    op.to = node->outputs->at(0);
    op.a = inputs.at(0);
    op.plane_to = plane_of(context, op.to);
    op.plane_a = plane_of(context, op.a);
    if (registration->builtin_code == tfl::kAdd) {
      op.addition = true;
      op.b = inputs.at(1);
      op.plane_b = plane_of(context, op.b);
      bool made_here = false;
      for (const Operation& earlier : operations_)
        made_here = made_here || (!earlier.addition && earlier.to == op.a);
      if (!made_here) crash();
    } else {
      op.convolution = convolution_of(context, *node, *registration, inputs);
    }
    operations_.push_back(op);
  }

  static Convolution convolution_of(const tfl::WholeContext* context, const tfl::Node& node,
                                    const tfl::Registration& registration,
                                    const std::vector<int>& inputs) {
    Convolution task;
    task.depthwise = registration.builtin_code == tfl::kDepthwiseConv2d;
    task.input = plane_of(context, inputs.at(0));
    task.output = plane_of(context, node.outputs->at(0));
    const tfl::Tensor& weights = context->tensors[inputs.at(1)];
    const std::vector<int> dims = tfl::values_of(weights.dims);
    task.kernel_height = dims.at(1);
    task.kernel_width = dims.at(2);
    const auto& parameters = *static_cast<const tfl::ConvParams*>(node.builtin_data);
    task.stride = parameters.stride_width;  // one for both
    if (parameters.padding == tfl::kSamePadding) {
      auto before = [&](int out, int in, int kernel) {
        return std::max(0, (out - 1) * task.stride + kernel - in) / 2;
      };
      task.pad_top = before(task.output.height, task.input.height, task.kernel_height);
      task.pad_left = before(task.output.width, task.input.width, task.kernel_width);
    }
    const bool local = task.kernel_height == 1 && task.stride == 1;
    if (!local && task.input.height != task.input.width) {
      std::swap(task.input.height, task.input.width);
      std::swap(task.output.height, task.output.width);
    }
    task.weight_scale = weights.params.scale;
    task.weight_zero = weights.params.zero_point;
    task.weights = static_cast<const std::uint8_t*>(weights.data);
    task.bias = static_cast<const std::int32_t*>(context->tensors[inputs.at(2)].data);
    return task;
  }

  void compute(tfl::WholeContext* context) {
    for (const Operation& op : operations_) {
      std::vector<std::uint8_t>& to = storage(context, op.to);
      if (op.addition)
        add(op.plane_a, read(context, op.a), op.plane_b, read(context, op.b), op.plane_to,
            to.data());
      else
        convolve(op.convolution, read(context, op.a), to.data());
    }
  }

  const std::uint8_t* read(tfl::WholeContext* context, int tensor) {
    auto own = storage_.find(tensor);
    return own != storage_.end() ? own->second.data()
                                 : static_cast<const std::uint8_t*>(context->tensors[tensor].data);
  }

  std::vector<std::uint8_t>& storage(tfl::WholeContext* context, int tensor) {
    std::vector<std::uint8_t>& bytes = storage_[tensor];
    if (bytes.empty()) bytes.assign(context->tensors[tensor].bytes, 128);
    return bytes;
  }

  int device_;
  std::vector<int> inputs_, outputs_;
  std::vector<Operation> operations_;
  std::map<int, std::vector<std::uint8_t>> storage_;  // what the operations make
};

bool one_scale(const tfl::Tensor& tensor) {
  const auto* affine = static_cast<const tfl::AffineQuantization*>(tensor.quantization.params);
  return tensor.quantization.type != 1 || affine == nullptr || affine->scale == nullptr ||
         affine->scale->size <= 1;
}

bool claims(tfl::WholeContext* context, int index) {
  tfl::Node* node = nullptr;
  tfl::Registration* registration = nullptr;
  if (context->get_node(context, index, &node, &registration) != tfl::kOk) return false;
  const std::vector<int> inputs = tfl::values_of(node->inputs);
  switch (registration->builtin_code) {
    case tfl::kAdd:
      return inputs.size() == 2;
    case tfl::kConv2d:
    case tfl::kDepthwiseConv2d:
      return inputs.size() == 3 && one_scale(context->tensors[inputs[1]]);
    default:
      return false;
  }
}

tfl::Status prepare(tfl::WholeContext* context, tfl::WholeDelegate* delegate) {
  tfl::IntArray* plan = nullptr;
  context->get_execution_plan(context, &plan);
  std::vector<int> claimed;
  for (const int index : tfl::values_of(plan))
    if (claims(context, index)) claimed.push_back(index);
  KernelRegistration kernel;
  kernel.init = [](tfl::WholeContext* c, const char* parameters, std::size_t) -> void* {
    const auto& params = *reinterpret_cast<const tfl::DelegateParams*>(parameters);
    return new Kernel(c, params, reinterpret_cast<TeflonDelegate*>(params.delegate)->device);
  };
  kernel.free = [](tfl::WholeContext*, void* made) { delete static_cast<Kernel*>(made); };
  kernel.prepare = [](tfl::WholeContext*, tfl::Node*) { return tfl::kOk; };
  kernel.invoke = [](tfl::WholeContext* c, tfl::Node* node) {
    static_cast<Kernel*>(node->user_data)->invoke(c);
    return tfl::kOk;
  };
  tfl::IntList list(claimed);
#if defined(__aarch64__)
  return context->replace_nodes(context, &kernel, list.get(), delegate);
#else
  tfl::RegistrationArgument registration{};
  std::memcpy(registration.bytes.data(), &kernel, sizeof kernel);
  return context->replace_nodes(context, registration, list.get(), delegate);
#endif
}

}  // namespace

Faults& faults() {
  static auto& all = *new Faults({"open", "version", "other-driver", "create", "submit", "timeout",
                                  "slow", "hang", "crash", "corrupt"});
  return all;
}

}  // namespace anynpu::sim::teflon

using anynpu::sim::teflon::TeflonDelegate;

extern "C" __attribute__((visibility("default"))) anynpu::engine::tflite::WholeDelegate*
tflite_plugin_create_delegate(char**, char**, std::size_t, void (*)(const char*)) {
  const char* node = std::getenv("ANYNPU_SIM_NODE");
  const int device =
      ::open(node != nullptr && *node != '\0' ? node : "/dev/accel/accel0", O_RDWR | O_CLOEXEC);
  if (device < 0) {
    std::fputs("Couldn't open kernel device\n", stderr);
    return nullptr;
  }
  struct {
    unsigned size = 4096, handle = 0;
    unsigned long dma_address = 0, offset = 0;
  } buffer;
  if (::ioctl(device, anynpu::sim::teflon::kCreateBo, &buffer) != 0) anynpu::sim::crash();
  auto* delegate = new TeflonDelegate;
  delegate->base.prepare = anynpu::sim::teflon::prepare;
  delegate->base.flags = 5;
  delegate->device = device;
  return &delegate->base;
}

extern "C" __attribute__((visibility("default"))) void tflite_plugin_destroy_delegate(
    anynpu::engine::tflite::WholeDelegate* delegate) {
  auto* ours = reinterpret_cast<TeflonDelegate*>(delegate);
  ::close(ours->device);
  delete ours;
}
