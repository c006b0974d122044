// SPDX-License-Identifier: Apache-2.0
// The plugin for XRT: one xclbin, one context, and slots of buffers with runs that are ready.
//
// What costs milliseconds is done once: the xclbin is registered, the context made, each buffer
// taken and each run filled when the session opens. A request copies, synchronises and starts. Runs
// that go together are one run list, which the driver takes as one command chain.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <xrt/experimental/xrt_kernel.h>
#include <xrt/experimental/xrt_xclbin.h>
#include <xrt/xrt_bo.h>
#include <xrt/xrt_device.h>
#include <xrt/xrt_hw_context.h>
#include <xrt/xrt_kernel.h>

#include "engine/xclbin_plugin.h"

namespace {

// Arguments of a kernel that mlir-aie built: opcode, instructions, their count, then the buffers.
constexpr unsigned kOpcode = 3;
constexpr int kInstructions = 1, kFirstBuffer = 3;

struct Slot {
  std::vector<xrt::bo> buffers;
  xrt::run run;
};

}  // namespace

struct AnynpuXrtSession {
  xrt::device device;
  xrt::hw_context context;
  xrt::kernel kernel;
  xrt::bo instructions;
  std::uint32_t instruction_count = 0;
  std::vector<std::size_t> sizes;
  std::vector<std::unique_ptr<Slot>> slots;
  std::unique_ptr<xrt::runlist> list;  // of the first `listed` slots
  std::size_t listed = 0;
};

namespace {

void fill(AnynpuXrtError* error, int number, int state, const char* message) {
  error->number = number;
  error->state = state;
  std::strncpy(error->message, message, sizeof error->message - 1);
  error->message[sizeof error->message - 1] = '\0';
}

/// Runs `work`; whatever it throws becomes the error.
template <typename Work>
int guarded(AnynpuXrtError* error, const Work& work) {
  fill(error, 0, 0, "");
  try {
    return work();
  } catch (const xrt::runlist::command_error& problem) {
    fill(error, 0, problem.get_command_state(), problem.what());
  } catch (const xrt::run::command_error& problem) {
    fill(error, 0, problem.get_command_state(), problem.what());
  } catch (const std::system_error& problem) {
    fill(error, problem.code().value(), 0, problem.what());
  } catch (const std::exception& problem) {
    fill(error, 0, 0, problem.what());
  } catch (...) {
    fill(error, 0, 0, "XRT threw something that is no exception");
  }
  return -1;
}

void add_slot(AnynpuXrtSession& session) {
  auto slot = std::make_unique<Slot>();
  slot->run = xrt::run(session.kernel);
  slot->run.set_arg(0, kOpcode);
  slot->run.set_arg(kInstructions, session.instructions);
  slot->run.set_arg(2, session.instruction_count);
  for (std::size_t i = 0; i < session.sizes.size(); ++i) {
    const int argument = kFirstBuffer + static_cast<int>(i);
    slot->buffers.emplace_back(session.device, session.sizes[i], xrt::bo::flags::host_only,
                               static_cast<xrt::memory_group>(session.kernel.group_id(argument)));
    slot->run.set_arg(argument, slot->buffers.back());
  }
  session.slots.push_back(std::move(slot));
}

int open(const AnynpuXrtRequest* request, AnynpuXrtSession** opened, AnynpuXrtError* error) {
  return guarded(error, [&] {
    auto session = std::make_unique<AnynpuXrtSession>();
    session->device = xrt::device(request->device);
    const xrt::xclbin xclbin{std::string(request->xclbin)};
    std::string name;
    for (const auto& kernel : xclbin.get_kernels())
      if (name.empty() && kernel.get_name().rfind(request->kernel, 0) == 0)
        name = kernel.get_name();
    if (name.empty()) {
      fill(error, ENOENT, 0, "the xclbin has no kernel of that name");
      return -1;
    }
    session->device.register_xclbin(xclbin);
    session->context =
        xrt::hw_context(session->device, xclbin.get_uuid(), xrt::hw_context::access_mode::shared);
    session->kernel = xrt::kernel(session->context, name);
    session->instruction_count = request->instruction_count;
    const std::size_t bytes = request->instruction_count * sizeof(std::uint32_t);
    session->instructions =
        xrt::bo(session->device, bytes, xrt::bo::flags::cacheable,
                static_cast<xrt::memory_group>(session->kernel.group_id(kInstructions)));
    std::memcpy(session->instructions.map(), request->instructions, bytes);
    session->instructions.sync(XCL_BO_SYNC_BO_TO_DEVICE, bytes, 0);
    session->sizes.assign(request->sizes, request->sizes + request->buffers);
    add_slot(*session);
    *opened = session.release();
    return 0;
  });
}

void close(AnynpuXrtSession* session) {
  AnynpuXrtError ignored;
  guarded(&ignored, [&] {
    delete session;
    return 0;
  });
}

int grow(AnynpuXrtSession* session, std::uint32_t slots, AnynpuXrtError* error) {
  return guarded(error, [&] {
    while (session->slots.size() < slots) add_slot(*session);
    return 0;
  });
}

void* buffer(AnynpuXrtSession* session, std::uint32_t slot, std::uint32_t index) {
  AnynpuXrtError ignored;
  void* data = nullptr;
  guarded(&ignored, [&] {
    data = session->slots.at(slot)->buffers.at(index).map();
    return 0;
  });
  return data;
}

int finished(ert_cmd_state state, AnynpuXrtError* error) {
  if (state == ERT_CMD_STATE_COMPLETED) return 0;
  fill(error, 0, state, "the command did not complete");
  return -1;
}

int run_one(AnynpuXrtSession& session, std::chrono::milliseconds timeout, AnynpuXrtError* error) {
  xrt::run& run = session.slots.front()->run;
  run.start();
  return finished(run.wait(timeout), error);
}

int run_list(AnynpuXrtSession& session, std::uint32_t slots, std::chrono::milliseconds timeout,
             AnynpuXrtError* error) {
  if (!session.list || session.listed != slots) {
    auto list = std::make_unique<xrt::runlist>(session.context);
    for (std::uint32_t i = 0; i < slots; ++i) list->add(session.slots[i]->run);
    session.list = std::move(list);
    session.listed = slots;
  }
  session.list->execute();
  if (session.list->wait(timeout) == std::cv_status::timeout) {
    session.list.reset();
    fill(error, 0, ERT_CMD_STATE_TIMEOUT, "the command list did not complete");
    return -1;
  }
  return finished(session.list->state(), error);
}

int run(AnynpuXrtSession* session, std::uint32_t slots, std::uint32_t inputs,
        std::uint32_t timeout_ms, AnynpuXrtError* error) {
  return guarded(error, [&] {
    if (slots == 0 || slots > session->slots.size()) {
      fill(error, EINVAL, 0, "there are not that many slots");
      return -1;
    }
    auto sync = [&](bool to_device) {
      for (std::uint32_t s = 0; s < slots; ++s)
        for (std::size_t i = 0; i < session->sizes.size(); ++i)
          if ((i < inputs) == to_device)
            session->slots[s]->buffers[i].sync(
                to_device ? XCL_BO_SYNC_BO_TO_DEVICE : XCL_BO_SYNC_BO_FROM_DEVICE,
                session->sizes[i], 0);
    };
    sync(true);
    const std::chrono::milliseconds timeout{timeout_ms};
    const int result =
        slots == 1 ? run_one(*session, timeout, error) : run_list(*session, slots, timeout, error);
    if (result == 0) sync(false);
    return result;
  });
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const AnynpuXrtPlugin* anynpu_xrt_plugin() {
  static constexpr AnynpuXrtPlugin kPlugin{kAnynpuXrtPlugin, open, close, grow, buffer, run};
  return &kPlugin;
}
