// SPDX-License-Identifier: Apache-2.0
// The border between anynpu and its plugin for XRT, in C.
//
// XRT is C++ and its classes change with its releases, so what uses them is a small library of its
// own (plugins/xrt), built against XRT's headers and opened at run time after XRT itself. Nothing
// crosses here but numbers, addresses and text; no exception does.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

/// Raised whenever anything below changes.
constexpr std::uint32_t kAnynpuXrtPlugin = 1;

struct AnynpuXrtError {
  std::int32_t number;  // errno, where XRT gave one; else 0
  std::int32_t state;   // ert_cmd_state of a command that ended badly; else 0
  char message[512];
};

struct AnynpuXrtRequest {
  std::uint32_t device;               // XRT's index
  const char* xclbin;                 // path
  const char* kernel;                 // the beginning of its name, "MLIR_AIE"
  const std::uint32_t* instructions;  // of the NPU's command processor
  std::uint32_t instruction_count;
  const std::size_t* sizes;  // bytes of each buffer, in the order of the kernel's arguments
  std::uint32_t buffers;
};

struct AnynpuXrtSession;

/// Each returns 0, or -1 with the error filled. A session belongs to one thread at a time.
struct AnynpuXrtPlugin {
  std::uint32_t version;

  /// Registers the xclbin, makes one context, and one slot: a set of buffers with a run that is
  /// ready to start.
  int (*open)(const AnynpuXrtRequest*, AnynpuXrtSession**, AnynpuXrtError*);
  void (*close)(AnynpuXrtSession*);

  /// Has `slots` slots at least; those that are there stay.
  int (*grow)(AnynpuXrtSession*, std::uint32_t slots, AnynpuXrtError*);
  /// The host's side of a buffer.
  void* (*buffer)(AnynpuXrtSession*, std::uint32_t slot, std::uint32_t buffer);

  /// Sends the first `inputs` buffers of the first `slots` slots, runs these, one after another or
  /// as one list, and fetches the other buffers. `timeout_ms` 0 waits for ever.
  int (*run)(AnynpuXrtSession*, std::uint32_t slots, std::uint32_t inputs, std::uint32_t timeout_ms,
             AnynpuXrtError*);
};

/// The plugin's one symbol.
using AnynpuXrtPluginFunction = const AnynpuXrtPlugin*();
constexpr const char* kAnynpuXrtSymbol = "anynpu_xrt_plugin";
}
