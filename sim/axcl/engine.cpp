// SPDX-License-Identifier: Apache-2.0
// libaxcl_rt.so, simulated: the engine, which loads models and runs them.
#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "sim/axcl/process.h"

// NOLINTBEGIN(readability-identifier-naming): the names are AXERA's
#define AXCL_EXPORT extern "C" __attribute__((visibility("default")))

namespace engine = anynpu::engine;
using namespace anynpu::sim::axcl;
using Lock = std::lock_guard<std::mutex>;

struct axclrtEngineIODims {
  std::int32_t dimCount;
  std::int32_t dims[32];
};
static_assert(sizeof(axclrtEngineIODims) == 132);

namespace {

constexpr unsigned kNativeNpu = 0x06, kNativeEngine = 0x1d;

/// What axclrtEngineCreateIO makes.
struct Io {
  const Model* model;
  struct Buffer {
    const void* data = nullptr;
    std::uint64_t size = 0;
  };
  std::vector<Buffer> inputs, outputs;
  std::uint32_t batch = 1;
};

int type_number(engine::DType type) {
  switch (type) {
    case engine::DType::kInt8:
      return 3;
    case engine::DType::kUint8:
      return 4;
    case engine::DType::kInt16:
      return 5;
    case engine::DType::kInt32:
      return 7;
    case engine::DType::kInt64:
      return 9;
    case engine::DType::kFloat16:
      return 13;
    case engine::DType::kFloat32:
      return 15;
    default:
      return 0;
  }
}

bool comes_as_float(const Model& model, const engine::TensorInfo& output) {
  return model.facts.float_outputs && !output.quantisation.scales.empty();
}

/// Runs once on zeros with a group's shapes, to learn the shapes of the outputs.
bool learn_group(Model& model, const std::vector<engine::Shape>& shapes) {
  std::vector<std::vector<std::byte>> zeros;
  std::vector<std::span<const std::byte>> inputs;
  const auto& declared = model.network->info().inputs;
  if (shapes.size() != declared.size()) return false;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    zeros.emplace_back(engine::TensorInfo{"", declared[i].type, shapes[i]}.byte_size());
    model.inputs[i].shapes.push_back(shapes[i]);
  }
  for (const auto& zero : zeros) inputs.emplace_back(zero);
  auto outputs = model.network->compute(inputs, shapes);
  if (!outputs) return false;
  for (std::size_t i = 0; i < outputs->size(); ++i)
    model.outputs[i].shapes.push_back((*outputs)[i].shape);
  return true;
}

Status read_model(std::vector<std::byte> bytes, std::unique_ptr<Model>& model) {
  auto file = read_axmodel(bytes);
  if (!file) return card_native(kNativeEngine, 0x0a);
  if (file->facts.soc != "AX650") return card_native(kNativeNpu, 0x0a);
  auto network = anynpu::sim::Network::from_tflite(file->tflite);
  if (!network) {
    host_log("the simulated card cannot compute: " + network.error().message);
    return card_native(kNativeEngine, 0x29);
  }
  model = std::make_unique<Model>();
  model->facts = std::move(file->facts);
  model->file = std::move(bytes);
  model->network = std::move(*network);
  for (const auto& input : model->network->info().inputs)
    model->inputs.push_back({input.name, input.type, {}});
  for (const auto& output : model->network->info().outputs)
    model->outputs.push_back(
        {output.name, comes_as_float(*model, output) ? engine::DType::kFloat32 : output.type, {}});
  auto groups = model->facts.groups;
  if (groups.empty()) groups.push_back(model->network->shapes());
  for (const auto& group : groups)
    if (!learn_group(*model, group)) return card_native(kNativeEngine, 0x1a);
  return 0;
}

Status read_file(const char* path, std::vector<std::byte>& bytes) {
  if (path == nullptr) return host_error(kEngine, kNull);
  std::ifstream file(path, std::ios::binary);
  if (!file) return host_error(kEngine, kOpen);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  bytes.resize(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return 0;
}

/// Puts a model on the card. Nothing checks the memory before: when it overflows, the card dies.
Status load(std::vector<std::byte> bytes, std::uint64_t* id) {
  if (id == nullptr) return host_error(kEngine, kNull);
  Process& p = process();
  if (Status status = ready(); status != 0) return status;
  if (!p.engine) return card_native(kNativeEngine, 0x12);
  if (faults().strikes("load")) {
    host_log("Decode api(4) response failed.");
    return host_error(kEngine, kDecode);
  }
  std::unique_ptr<Model> model;
  if (Status status = read_model(std::move(bytes), model); status != 0) return status;
  {
    const LockedCard card;
    if (card.used_cmm() + model->facts.cmm > kTotalCmm) {
      host_log("Decode api(4) response failed.");
      card.die();
      return host_error(kEngine, kDecode);
    }
    if (User* self = card.self(); self != nullptr) self->cmm += model->facts.cmm;
  }
  model->id = p.next_id++;
  *id = model->id;
  p.models[model->id] = std::move(model);
  return 0;
}

Model* model_of(std::uint64_t id) {
  auto found = process().models.find(id);
  return found == process().models.end() ? nullptr : found->second.get();
}

const Tensor* tensor_of(void* info, std::uint32_t index, bool input) {
  const auto* model = static_cast<const Model*>(info);
  if (model == nullptr) return nullptr;
  const auto& tensors = input ? model->inputs : model->outputs;
  return index < tensors.size() ? &tensors[index] : nullptr;
}

std::uint64_t size_of(void* info, std::uint32_t group, std::uint32_t index, bool input) {
  const Tensor* tensor = tensor_of(info, index, input);
  return tensor != nullptr && group < tensor->shapes.size() ? bytes_of(*tensor, group) : 0;
}

Status dims_of(void* info, std::uint32_t group, std::uint32_t index, axclrtEngineIODims* dims,
               bool input) {
  if (info == nullptr || dims == nullptr) return host_error(kEngine, kNull);
  const Tensor* tensor = tensor_of(info, index, input);
  if (tensor == nullptr || group >= tensor->shapes.size()) return host_error(kEngine, 0x81);
  *dims = {};
  for (std::int64_t dimension : tensor->shapes[group])
    dims->dims[dims->dimCount++] = static_cast<std::int32_t>(dimension);
  return 0;
}

std::int32_t index_of(void* info, const char* name, bool input) {
  const auto* model = static_cast<const Model*>(info);
  if (model == nullptr || name == nullptr) return -1;
  const auto& tensors = input ? model->inputs : model->outputs;
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (tensors[i].name == name) return static_cast<std::int32_t>(i);
  return -1;
}

Status set_buffer(void* io, std::uint32_t index, const void* data, std::uint64_t size, bool input) {
  if (io == nullptr || data == nullptr) return host_error(kEngine, kNull);
  auto& buffers = input ? static_cast<Io*>(io)->inputs : static_cast<Io*>(io)->outputs;
  if (index >= buffers.size()) return host_error(kEngine, 0x81);
  buffers[index] = {data, size};
  return 0;
}

Status get_buffer(void* io, std::uint32_t index, void** data, std::uint64_t* size, bool input) {
  if (io == nullptr || data == nullptr || size == nullptr) return host_error(kEngine, kNull);
  auto& buffers = input ? static_cast<Io*>(io)->inputs : static_cast<Io*>(io)->outputs;
  if (index >= buffers.size()) return host_error(kEngine, 0x81);
  *data = const_cast<void*>(buffers[index].data);
  *size = buffers[index].size;
  return 0;
}

/// Copies an output into the card's memory, as the compiled model gives it out.
void write_output(const Model& model, std::size_t index, const engine::Session::OutputView& output,
                  std::byte* to) {
  const engine::TensorInfo& info = model.network->info().outputs[index];
  if (!comes_as_float(model, info)) {
    if (!output.bytes.empty()) std::memcpy(to, output.bytes.data(), output.bytes.size());
    return;
  }
  engine::Tensor tensor{info, {output.bytes.begin(), output.bytes.end()}};
  tensor.info.shape = output.shape;
  if (auto floats = engine::to_floats(tensor); floats && !floats->empty())
    std::memcpy(to, floats->data(), floats->size() * sizeof(float));
}

/// The answer of a card that computes wrongly: the right values in the wrong places.
void spoil(std::byte* bytes, std::size_t size) {
  std::reverse(bytes, bytes + size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] ^= std::byte{0x15};
}

Status compute(Model& model, std::uint32_t group, const Io& io) {
  Process& p = process();
  std::vector<std::span<const std::byte>> inputs;
  std::vector<engine::Shape> shapes;
  for (std::size_t i = 0; i < model.inputs.size(); ++i) {
    const std::size_t bytes = bytes_of(model.inputs[i], group) * io.batch;
    const std::byte* data = p.memory.at(io.inputs[i].data, bytes);
    if (io.inputs[i].data == nullptr) return host_error(kEngine, kNull);
    if (io.inputs[i].size < bytes) return card_native(kNativeEngine, 0x0a);
    if (data == nullptr) return host_error(kMemory, 0x81);
    inputs.emplace_back(data, bytes);
    shapes.push_back(model.inputs[i].shapes[group]);
    if (io.batch > 1) shapes.back().front() *= io.batch;
  }
  std::vector<std::byte*> targets;
  for (std::size_t i = 0; i < model.outputs.size(); ++i) {
    const std::size_t bytes = bytes_of(model.outputs[i], group) * io.batch;
    if (io.outputs[i].data == nullptr) return host_error(kEngine, kNull);
    if (io.outputs[i].size < bytes) return card_native(kNativeEngine, 0x0a);
    targets.push_back(p.memory.at(io.outputs[i].data, bytes));
    if (targets.back() == nullptr) return host_error(kMemory, 0x81);
  }
  auto outputs = model.network->compute(inputs, shapes);
  if (!outputs) {
    host_log("the simulated card cannot compute: " + outputs.error().message);
    return host_error(kEngine, kExecute);
  }
  const bool wrong = faults().strikes("wrong").has_value();
  const bool stale = faults().strikes("stale").has_value();
  for (std::size_t i = 0; i < outputs->size() && !stale; ++i) {
    write_output(model, i, (*outputs)[i], targets[i]);
    if (wrong) spoil(targets[i], bytes_of(model.outputs[i], group) * io.batch);
  }
  return 0;
}

}  // namespace

AXCL_EXPORT Status axclrtEngineInit(int kind) {
  if (kind < 0 || kind > 3) return host_error(kEngine, kIllegal);
  Process& p = process();
  const Lock lock(p.mutex);
  if (Status status = ready(); status != 0) return status;
  const LockedCard card;
  User* self = card.self();
  p.engine = true;
  const bool first = card->vnpu < 0;
  if (faults().active("vnpu")) card->vnpu = 1;
  if (self != nullptr) self->engine = 1;
  if (card->vnpu >= 0) return first ? host_error(kEngine, kBusy) : host_error(kEngine, kFailed);
  card->vnpu = kind;
  return 0;
}

AXCL_EXPORT Status axclrtEngineGetVNpuKind(int* kind) {
  if (kind == nullptr) return host_error(kEngine, kNull);
  Process& p = process();
  const Lock lock(p.mutex);
  if (Status status = ready(); status != 0) return status;
  const LockedCard card;
  if (card->vnpu < 0) return card_native(kNativeEngine, 0x12);
  *kind = card->vnpu;
  return 0;
}

/// As the real one: it takes the engine away from all other processes, which then crash.
AXCL_EXPORT Status axclrtEngineFinalize() {
  Process& p = process();
  const Lock lock(p.mutex);
  if (Status status = ready(); status != 0) return status;
  const LockedCard card;
  User* self = card.self();
  for (User& user : card->users)
    if (user.pid != 0 && &user != self && user.engine != 0) user.doomed = 1;
  card->vnpu = -1;
  p.engine = false;
  if (self != nullptr) self->engine = 0;
  return 0;
}

AXCL_EXPORT Status axclrtEngineGetUsage(const char* path, std::int64_t* system, std::int64_t* cmm) {
  if (system == nullptr || cmm == nullptr) return host_error(kEngine, kNull);
  Process& p = process();
  const Lock lock(p.mutex);
  if (Status status = ready(); status != 0) return status;
  std::vector<std::byte> bytes;
  if (Status status = read_file(path, bytes); status != 0) return status;
  auto file = read_axmodel(bytes);
  if (!file) return card_native(kNativeEngine, 0x0a);
  *system = std::int64_t{1} << 20;
  *cmm = static_cast<std::int64_t>(file->facts.cmm);
  return 0;
}

AXCL_EXPORT Status axclrtEngineGetModelType(const char* path, int* type) {
  if (type == nullptr) return host_error(kEngine, kNull);
  std::vector<std::byte> bytes;
  if (Status status = read_file(path, bytes); status != 0) return status;
  auto file = read_axmodel(bytes);
  if (!file) return card_native(kNativeEngine, 0x0a);
  *type = file->facts.cores - 1;
  return 0;
}

AXCL_EXPORT Status axclrtEngineLoadFromFile(const char* path, std::uint64_t* id) {
  Process& p = process();
  const Lock lock(p.mutex);
  std::vector<std::byte> bytes;
  if (Status status = read_file(path, bytes); status != 0) return status;
  return load(std::move(bytes), id);
}

/// The model lies in the card's memory, not in the host's.
AXCL_EXPORT Status axclrtEngineLoadFromMem(const void* model, std::uint64_t size,
                                           std::uint64_t* id) {
  Process& p = process();
  const Lock lock(p.mutex);
  const std::byte* bytes = p.memory.at(model, size);
  if (bytes == nullptr) return host_error(kMemory, 0x81);
  return load({bytes, bytes + size}, id);
}

AXCL_EXPORT Status axclrtEngineUnload(std::uint64_t id) {
  Process& p = process();
  const Lock lock(p.mutex);
  const Model* model = model_of(id);
  if (model == nullptr) return card_native(kNativeEngine, 0x17);
  const LockedCard card;
  if (User* self = card.self(); self != nullptr) self->cmm -= std::min(self->cmm, model->facts.cmm);
  p.models.erase(id);
  return 0;
}

AXCL_EXPORT const char* axclrtEngineGetModelCompilerVersion(std::uint64_t id) {
  Process& p = process();
  const Lock lock(p.mutex);
  const Model* model = model_of(id);
  return model != nullptr ? model->facts.compiler.c_str() : nullptr;
}

AXCL_EXPORT Status axclrtEngineCreateContext(std::uint64_t id, std::uint64_t* context) {
  if (context == nullptr) return host_error(kEngine, kNull);
  Process& p = process();
  const Lock lock(p.mutex);
  if (Status status = ready(); status != 0) return status;
  Model* model = model_of(id);
  if (model == nullptr) return card_native(kNativeEngine, 0x17);
  *context = p.next_id++;
  model->contexts.insert(*context);
  return 0;
}

AXCL_EXPORT Status axclrtEngineSetAffinity(std::uint64_t id, std::uint32_t set) {
  Process& p = process();
  const Lock lock(p.mutex);
  if (model_of(id) == nullptr) return card_native(kNativeEngine, 0x17);
  return set >= 1 && set <= 7 ? 0 : card_native(kNativeEngine, 0x0a);
}

AXCL_EXPORT Status axclrtEngineGetAffinity(std::uint64_t id, std::uint32_t* set) {
  if (set == nullptr) return host_error(kEngine, kNull);
  Process& p = process();
  const Lock lock(p.mutex);
  if (model_of(id) == nullptr) return card_native(kNativeEngine, 0x17);
  *set = 7;
  return 0;
}

AXCL_EXPORT Status axclrtEngineGetIOInfo(std::uint64_t id, void** info) {
  if (info == nullptr) return host_error(kEngine, kNull);
  Process& p = process();
  const Lock lock(p.mutex);
  if (Status status = ready(); status != 0) return status;
  *info = model_of(id);
  return *info != nullptr ? 0 : card_native(kNativeEngine, 0x17);
}

AXCL_EXPORT Status axclrtEngineDestroyIOInfo(void* info) {
  return info != nullptr ? 0 : host_error(kEngine, kNull);
}

AXCL_EXPORT Status axclrtEngineGetShapeGroupsCount(void* info, std::int32_t* count) {
  if (info == nullptr || count == nullptr) return host_error(kEngine, kNull);
  *count = static_cast<std::int32_t>(static_cast<Model*>(info)->inputs.front().shapes.size());
  return 0;
}

AXCL_EXPORT std::uint32_t axclrtEngineGetNumInputs(void* info) {
  return info != nullptr ? static_cast<std::uint32_t>(static_cast<Model*>(info)->inputs.size()) : 0;
}

AXCL_EXPORT std::uint32_t axclrtEngineGetNumOutputs(void* info) {
  return info != nullptr ? static_cast<std::uint32_t>(static_cast<Model*>(info)->outputs.size())
                         : 0;
}

AXCL_EXPORT std::uint64_t axclrtEngineGetInputSizeByIndex(void* info, std::uint32_t group,
                                                          std::uint32_t index) {
  return size_of(info, group, index, true);
}

AXCL_EXPORT std::uint64_t axclrtEngineGetOutputSizeByIndex(void* info, std::uint32_t group,
                                                           std::uint32_t index) {
  return size_of(info, group, index, false);
}

AXCL_EXPORT const char* axclrtEngineGetInputNameByIndex(void* info, std::uint32_t index) {
  const Tensor* tensor = tensor_of(info, index, true);
  return tensor != nullptr ? tensor->name.c_str() : nullptr;
}

AXCL_EXPORT const char* axclrtEngineGetOutputNameByIndex(void* info, std::uint32_t index) {
  const Tensor* tensor = tensor_of(info, index, false);
  return tensor != nullptr ? tensor->name.c_str() : nullptr;
}

AXCL_EXPORT std::int32_t axclrtEngineGetInputIndexByName(void* info, const char* name) {
  return index_of(info, name, true);
}

AXCL_EXPORT std::int32_t axclrtEngineGetOutputIndexByName(void* info, const char* name) {
  return index_of(info, name, false);
}

AXCL_EXPORT Status axclrtEngineGetInputDims(void* info, std::uint32_t group, std::uint32_t index,
                                            axclrtEngineIODims* dims) {
  return dims_of(info, group, index, dims, true);
}

AXCL_EXPORT Status axclrtEngineGetOutputDims(void* info, std::uint32_t group, std::uint32_t index,
                                             axclrtEngineIODims* dims) {
  return dims_of(info, group, index, dims, false);
}

AXCL_EXPORT Status axclrtEngineGetInputDataType(void* info, std::uint32_t index, int* type) {
  const Tensor* tensor = tensor_of(info, index, true);
  if (tensor == nullptr || type == nullptr) return host_error(kEngine, 0x81);
  *type = type_number(tensor->type);
  return 0;
}

AXCL_EXPORT Status axclrtEngineGetOutputDataType(void* info, std::uint32_t index, int* type) {
  const Tensor* tensor = tensor_of(info, index, false);
  if (tensor == nullptr || type == nullptr) return host_error(kEngine, 0x81);
  *type = type_number(tensor->type);
  return 0;
}

AXCL_EXPORT Status axclrtEngineGetInputDataLayout(void* info, std::uint32_t index, int* layout) {
  if (tensor_of(info, index, true) == nullptr || layout == nullptr)
    return host_error(kEngine, 0x81);
  *layout = 1;
  return 0;
}

AXCL_EXPORT Status axclrtEngineGetOutputDataLayout(void* info, std::uint32_t index, int* layout) {
  if (tensor_of(info, index, false) == nullptr || layout == nullptr)
    return host_error(kEngine, 0x81);
  *layout = 1;
  return 0;
}

AXCL_EXPORT Status axclrtEngineCreateIO(void* info, void** io) {
  if (info == nullptr || io == nullptr) return host_error(kEngine, kNull);
  const auto* model = static_cast<const Model*>(info);
  auto made = std::make_shared<Io>(Io{model, {}, {}, 1});
  made->inputs.resize(model->inputs.size());
  made->outputs.resize(model->outputs.size());
  *io = made.get();
  Process& p = process();
  const Lock lock(p.mutex);
  p.buffers.insert(std::move(made));
  return 0;
}

AXCL_EXPORT Status axclrtEngineDestroyIO(void* io) {
  if (io == nullptr) return host_error(kEngine, kNull);
  Process& p = process();
  const Lock lock(p.mutex);
  std::erase_if(p.buffers, [&](const auto& each) { return each.get() == io; });
  return 0;
}

AXCL_EXPORT Status axclrtEngineSetInputBufferByIndex(void* io, std::uint32_t index,
                                                     const void* data, std::uint64_t size) {
  return set_buffer(io, index, data, size, true);
}

AXCL_EXPORT Status axclrtEngineSetOutputBufferByIndex(void* io, std::uint32_t index,
                                                      const void* data, std::uint64_t size) {
  return set_buffer(io, index, data, size, false);
}

AXCL_EXPORT Status axclrtEngineSetInputBufferByName(void* io, const char* name, const void* data,
                                                    std::uint64_t size) {
  if (io == nullptr) return host_error(kEngine, kNull);
  const std::int32_t index = index_of(const_cast<Model*>(static_cast<Io*>(io)->model), name, true);
  return index < 0 ? host_error(kEngine, 0x81)
                   : set_buffer(io, static_cast<std::uint32_t>(index), data, size, true);
}

AXCL_EXPORT Status axclrtEngineSetOutputBufferByName(void* io, const char* name, const void* data,
                                                     std::uint64_t size) {
  if (io == nullptr) return host_error(kEngine, kNull);
  const std::int32_t index = index_of(const_cast<Model*>(static_cast<Io*>(io)->model), name, false);
  return index < 0 ? host_error(kEngine, 0x81)
                   : set_buffer(io, static_cast<std::uint32_t>(index), data, size, false);
}

AXCL_EXPORT Status axclrtEngineGetInputBufferByIndex(void* io, std::uint32_t index, void** data,
                                                     std::uint64_t* size) {
  return get_buffer(io, index, data, size, true);
}

AXCL_EXPORT Status axclrtEngineGetOutputBufferByIndex(void* io, std::uint32_t index, void** data,
                                                      std::uint64_t* size) {
  return get_buffer(io, index, data, size, false);
}

AXCL_EXPORT Status axclrtEngineSetDynamicBatchSize(void* io, std::uint32_t batch) {
  if (io == nullptr) return host_error(kEngine, kNull);
  auto* set = static_cast<Io*>(io);
  if (batch < 1 || batch > static_cast<std::uint32_t>(set->model->facts.max_batch))
    return card_native(kNativeEngine, 0x14);
  set->batch = batch;
  return 0;
}

AXCL_EXPORT Status axclrtEngineExecute(std::uint64_t id, std::uint64_t context, std::uint32_t group,
                                       void* io) {
  if (io == nullptr) return host_error(kEngine, kNull);
  if (auto slow = faults().strikes("slow")) anynpu::sim::wait(*slow);
  if (faults().strikes("crash")) anynpu::sim::crash();
  if (faults().strikes("hang")) anynpu::sim::hang();
  Process& p = process();
  const Lock lock(p.mutex);
  if (Status status = ready(); status != 0) return status;
  Model* model = model_of(id);
  if (model == nullptr || model->contexts.count(context) == 0)
    return card_native(kNativeEngine, 0x17);
  if (group >= model->inputs.front().shapes.size()) return host_error(kEngine, 0x81);
  if (auto timeout = faults().strikes("timeout")) {
    anynpu::sim::wait(*timeout);
    return host_error(kEngine, kTimeout);
  }
  if (faults().strikes("fail")) {
    host_log("[NPU][Error] npu hard error, please reset npu");
    return host_error(kEngine, kExecute);
  }
  return compute(*model, group, *static_cast<Io*>(io));
}

AXCL_EXPORT Status axclrtEngineExecuteAsync(std::uint64_t id, std::uint64_t context,
                                            std::uint32_t group, void* io, void* stream) {
  return stream != nullptr ? axclrtEngineExecute(id, context, group, io)
                           : host_error(kEngine, kNull);
}
// NOLINTEND(readability-identifier-naming)
