// SPDX-License-Identifier: Apache-2.0
// libxrt_coreutil.so.2, simulated: XRT's classes as far as anynpu's plugin uses them, at their own
// C++ interface, because this is compiled against XRT's headers.
//
// A buffer has a host's side and a device's side, and only sync() moves bytes between them: a
// forgotten one shows. Commands are checked as the NPU's firmware would: opcode, instructions,
// number and sizes of the buffers.
#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <xrt/detail/xclbin.h>
#include <xrt/experimental/xrt_kernel.h>
#include <xrt/experimental/xrt_xclbin.h>
#include <xrt/xrt_bo.h>
#include <xrt/xrt_device.h>
#include <xrt/xrt_hw_context.h>
#include <xrt/xrt_kernel.h>

#include "sim/common/network.h"
#include "sim/xrt/npu.h"

namespace sim = anynpu::sim;
using sim::xrt_device::faults;

namespace {

[[noreturn]] void fail(int number, const std::string& what) {
  throw std::system_error(number, std::generic_category(), what);
}

void still_there() {
  if (faults().active("wedge")) fail(ENODEV, "EXEC_CMD IOCTL failed (err=-19)");
}

}  // namespace

namespace xrt {

class xclbin_impl {
 public:
  std::vector<char> file;
  uuid id;
  anynpu::Json facts;
  std::vector<std::byte> tflite;
};

class device_impl {
 public:
  std::vector<std::shared_ptr<xclbin_impl>> registered;
};

class hw_context_impl {
 public:
  std::shared_ptr<xclbin_impl> xclbin;
  int place = -1;
  ~hw_context_impl() {
    if (place >= 0) sim::xrt_device::give_columns(place);
  }
};

class kernel_impl {
 public:
  std::shared_ptr<hw_context_impl> context;
  std::unique_ptr<sim::Network> network;
  std::vector<std::uint32_t> instructions;
};

class bo_impl {
 public:
  std::vector<std::byte> host, device;
};

class run_impl {
 public:
  std::shared_ptr<kernel_impl> kernel;
  std::map<int, std::uint64_t> numbers;
  std::map<int, std::shared_ptr<bo_impl>> buffers;
  ert_cmd_state state = ERT_CMD_STATE_NEW;

  void execute();

 private:
  std::vector<std::byte>& device_side(int argument) {
    auto found = buffers.find(argument);
    if (found == buffers.end()) fail(EINVAL, fmt::format("argument {} is not set", argument));
    return found->second->device;
  }
};

class runlist_impl {
 public:
  std::vector<run> runs;
  ert_cmd_state state = ERT_CMD_STATE_NEW;
};

class run::command_error_impl {
 public:
  ert_cmd_state state;
  std::string what;
};

class runlist::command_error_impl {
 public:
  run failed;
  ert_cmd_state state;
  std::string what;
};

void run_impl::execute() {
  still_there();
  if (auto slow = faults().strikes("slow")) sim::wait(*slow);
  if (faults().strikes("crash")) sim::crash();
  if (faults().strikes("hang")) sim::hang();
  if (auto timeout = faults().strikes("timeout")) {
    sim::wait(*timeout);
    state = ERT_CMD_STATE_TIMEOUT;
    return;
  }
  if (faults().strikes("fail")) {
    state = ERT_CMD_STATE_ABORT;
    return;
  }
  const auto& instructions = device_side(1);
  const std::size_t bytes = kernel->instructions.size() * sizeof(std::uint32_t);
  const auto& inputs = kernel->network->info().inputs;
  const auto& outputs = kernel->network->info().outputs;
  const bool accepted = numbers[0] == 3 && numbers[2] == kernel->instructions.size() &&
                        instructions.size() == bytes &&
                        std::memcmp(instructions.data(), kernel->instructions.data(), bytes) == 0;
  if (!accepted) {
    state = ERT_CMD_STATE_ERROR;
    return;
  }
  std::vector<std::span<const std::byte>> given;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto& side = device_side(3 + static_cast<int>(i));
    if (side.size() != inputs[i].byte_size()) fail(EINVAL, "a buffer has the wrong size");
    given.emplace_back(side);
  }
  auto computed = kernel->network->compute(given, kernel->network->shapes());
  if (!computed) fail(EIO, computed.error().message);
  const bool wrong = faults().strikes("wrong").has_value();
  const bool stale = faults().strikes("stale").has_value();
  for (std::size_t i = 0; i < outputs.size() && !stale; ++i) {
    auto& side = device_side(3 + static_cast<int>(inputs.size() + i));
    const auto bytes_out = (*computed)[i].bytes;
    if (side.size() != bytes_out.size()) fail(EINVAL, "a buffer has the wrong size");
    std::copy(bytes_out.begin(), bytes_out.end(), side.begin());
    if (!wrong) continue;
    std::reverse(side.begin(), side.end());
    for (std::byte& byte : side) byte ^= std::byte{0x15};
  }
  state = ERT_CMD_STATE_COMPLETED;
}

device::device(unsigned int index) {
  if (faults().active("no-device") || faults().active("firmware") || index != 0)
    fail(ENODEV, fmt::format("No such device with index '{}'", index));
  if (faults().active("memlock"))
    fail(EAGAIN, "mmap(addr=(nil), len=67108864, prot=3, flags=8193, offset=0) failed (err=-11)");
  handle = std::shared_ptr<xrt_core::device>(
      reinterpret_cast<xrt_core::device*>(new device_impl),
      [](xrt_core::device* made) { delete reinterpret_cast<device_impl*>(made); });
}

device::~device() = default;

uuid device::register_xclbin(const xclbin& file) {
  reinterpret_cast<device_impl*>(handle.get())->registered.push_back(file.get_handle());
  return file.get_uuid();
}

xclbin::xclbin(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(ENOENT, "Failed to open " + path);
  auto made = std::make_shared<xclbin_impl>();
  made->file.assign(std::istreambuf_iterator<char>(file), {});
  if (made->file.size() < sizeof(axlf) || std::memcmp(made->file.data(), "xclbin2", 8) != 0)
    throw std::runtime_error("Invalid xclbin");
  const auto* top = reinterpret_cast<const axlf*>(made->file.data());
  made->id = uuid(top->m_header.uuid);
  const axlf_section_header* section = ::xclbin::get_axlf_section(top, USER_METADATA);
  if (section == nullptr || section->m_sectionOffset + section->m_sectionSize > made->file.size())
    throw std::runtime_error("the simulated NPU runs only what was made for it");
  auto artifact = sim::unpack_artifact(
      {reinterpret_cast<const std::byte*>(made->file.data()) + section->m_sectionOffset,
       section->m_sectionSize});
  if (!artifact) throw std::runtime_error("the simulated NPU runs only what was made for it");
  made->facts = artifact->facts;
  made->tflite.assign(artifact->tflite.begin(), artifact->tflite.end());
  handle = std::move(made);
}

uuid xclbin::get_uuid() const {
  return handle->id;
}

class xclbin::kernel_impl {
 public:
  std::string name;
};

std::vector<xclbin::kernel> xclbin::get_kernels() const {
  auto made = std::make_shared<kernel_impl>();
  made->name = handle->facts.value("kernel", "");
  return {kernel(std::move(made))};
}

std::string xclbin::kernel::get_name() const {
  return handle->name;
}

hw_context::hw_context(const device& on, const uuid& id, access_mode) {
  still_there();
  if (faults().active("context"))
    fail(EINVAL, "DRM_IOCTL_AMDXDNA_CREATE_HWCTX IOCTL failed (err=-22): Invalid argument");
  auto made = std::make_shared<hw_context_impl>();
  for (const auto& known : reinterpret_cast<device_impl*>(on.get_handle().get())->registered)
    if (known->id == id) made->xclbin = known;
  if (!made->xclbin) fail(EINVAL, "the xclbin is not registered");
  const int place = sim::xrt_device::take_columns(made->xclbin->facts.value("columns", 0));
  if (place < 0)
    fail(-place, fmt::format("DRM_IOCTL_AMDXDNA_CREATE_HWCTX IOCTL failed (err={})", place));
  made->place = place;
  handle = std::move(made);
}

hw_context::~hw_context() = default;

kernel::kernel(const hw_context& context, const std::string& name)
    : handle(std::make_shared<kernel_impl>()) {
  handle->context = context.get_handle();
  const xclbin_impl& file = *handle->context->xclbin;
  if (file.facts.value("kernel", "") != name) fail(ENOENT, "No such kernel '" + name + "'");
  handle->instructions = file.facts.at("instructions").get<std::vector<std::uint32_t>>();
  auto network = sim::Network::from_tflite(file.tflite);
  if (!network) throw std::runtime_error(network.error().message);
  handle->network = std::move(*network);
}

kernel::~kernel() = default;

int kernel::group_id(int argument) const {
  return argument == 1 ? 1 : 0x10000 + argument;
}

bo::bo(const device&, std::size_t bytes, bo::flags, memory_group)
    : handle(std::make_shared<bo_impl>()) {
  still_there();
  handle->host.resize(bytes);
  handle->device.resize(bytes);
}

bo::~bo() = default;

void* bo::map() {
  return handle->host.data();
}

void bo::sync(xclBOSyncDirection direction, std::size_t bytes, std::size_t offset) {
  if (offset > handle->host.size() || bytes > handle->host.size() - offset)
    fail(EINVAL, "sync outside of the buffer");
  const bool to_device = direction == XCL_BO_SYNC_BO_TO_DEVICE;
  auto& from = to_device ? handle->host : handle->device;
  auto& to = to_device ? handle->device : handle->host;
  std::memcpy(to.data() + offset, from.data() + offset, bytes);
}

run::run(const kernel& of) : handle(std::make_shared<run_impl>()) {
  handle->kernel = of.get_handle();
}

run::~run() = default;

void run::set_arg_at_index(int index, const void* value, std::size_t bytes) {
  std::uint64_t number = 0;
  std::memcpy(&number, value, std::min(bytes, sizeof number));
  handle->numbers[index] = number;
}

void run::set_arg_at_index(int index, const bo& buffer) {
  handle->buffers[index] = buffer.get_handle();
}

void run::start() {
  handle->execute();
}

ert_cmd_state run::wait(const std::chrono::milliseconds&) const {
  return handle->state;
}

runlist::runlist(const hw_context&)
    : detail::pimpl<runlist_impl>(std::make_shared<runlist_impl>()) {}
runlist::~runlist() = default;

void runlist::add(const run& one) {
  handle->runs.push_back(one);
}

void runlist::execute() {
  for (const run& one : handle->runs) {
    one.get_handle()->execute();
    handle->state = one.get_handle()->state;
    if (handle->state != ERT_CMD_STATE_COMPLETED) return;
  }
}

std::cv_status runlist::wait(const std::chrono::milliseconds&) const {
  if (handle->state == ERT_CMD_STATE_COMPLETED) return std::cv_status::no_timeout;
  for (const run& one : handle->runs)
    if (one.get_handle()->state != ERT_CMD_STATE_COMPLETED)
      throw command_error(one, one.get_handle()->state, "runlist failed execution");
  return std::cv_status::timeout;
}

ert_cmd_state runlist::state() const {
  return handle->state;
}

run::command_error::command_error(ert_cmd_state state, const std::string& what)
    : m_impl(std::make_shared<command_error_impl>(command_error_impl{state, what})) {
  handle = m_impl;
}

ert_cmd_state run::command_error::get_command_state() const {
  return handle->state;
}

const char* run::command_error::what() const noexcept {
  return handle->what.c_str();
}

runlist::command_error::command_error(const run& failed, ert_cmd_state state,
                                      const std::string& what)
    : detail::pimpl<command_error_impl>(
          std::make_shared<command_error_impl>(command_error_impl{failed, state, what})) {}

ert_cmd_state runlist::command_error::get_command_state() const {
  return handle->state;
}

const char* runlist::command_error::what() const noexcept {
  return handle->what.c_str();
}

}  // namespace xrt
