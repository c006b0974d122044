// SPDX-License-Identifier: Apache-2.0
// The C interface of AXERA's libaxcl_rt.so (AXCL SDK 2024 to 3.10), as far as it is used here.
//
// Own declarations, written from the observable interface: names, arguments, sizes and numbers. The
// library is opened at run time and each function is found by name; what older and newer SDKs lack
// is optional and null.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "engine/library.h"

namespace anynpu::engine::axcl {

/// 0 is success; axmodel_error.h knows the rest.
using Status = std::int32_t;
/// Contexts, streams, descriptions of inputs and outputs, sets of buffers.
using Handle = void*;

inline constexpr int kMostDevices = 256;
inline constexpr int kMostDims = 32;

/// `devices` are PCI bus numbers, which is what every call takes for a device.
struct DeviceList {
  std::uint32_t num;
  std::int32_t devices[kMostDevices];
};

struct DeviceProperties {
  char sw_version[64];
  std::uint64_t uid;
  std::uint32_t pci_domain;
  std::uint32_t pci_bus;
  std::uint32_t pci_device;
  std::int32_t temperature;  // thousandths of a degree
  std::uint32_t total_mem;   // KiB, as all four
  std::uint32_t free_mem;
  std::uint32_t total_cmm;  // the part of the card's memory that models use
  std::uint32_t free_cmm;
  std::uint32_t cpu_loading;  // hundredths of a percent
  std::uint32_t npu_loading;
  std::uint32_t reserved[32];
};

struct IoDims {
  std::int32_t count;
  std::int32_t dims[kMostDims];
};

enum MallocPolicy : int { kHugeFirst = 0, kHugeOnly = 1, kNormalOnly = 2, kSizeAlign = 3 };
enum MemcpyKind : int {
  kHostToHost = 0,
  kHostToDevice = 1,
  kDeviceToHost = 2,
  kDeviceToDevice = 3
};
/// How the card's NPU is divided among processes.
enum VNpuKind : int { kVNpuDisable = 0, kVNpuEnable = 1, kVNpuBigLittle = 2, kVNpuLittleBig = 3 };
enum ModelType : int { kOneCore = 0, kTwoCores = 1, kThreeCores = 2 };
enum DataType : int {
  kTypeNone = 0,
  kTypeInt4 = 1,
  kTypeUint4 = 2,
  kTypeInt8 = 3,
  kTypeUint8 = 4,
  kTypeInt16 = 5,
  kTypeUint16 = 6,
  kTypeInt32 = 7,
  kTypeUint32 = 8,
  kTypeInt64 = 9,
  kTypeUint64 = 10,
  kTypeFp4 = 11,
  kTypeFp8 = 12,
  kTypeFp16 = 13,
  kTypeBf16 = 14,
  kTypeFp32 = 15,
  kTypeFp64 = 16,
};

struct Api {
  std::string version;  // "3.10.2"; empty when the library does not tell

  Status (*init)(const char* config);
  Status (*finalize)();
  Status (*get_device_list)(DeviceList*);
  Status (*set_device)(std::int32_t device);
  Status (*reset_device)(std::int32_t device);
  Status (*create_context)(Handle* context, std::int32_t device);
  Status (*destroy_context)(Handle context);
  Status (*set_current_context)(Handle context);
  Status (*malloc)(void** memory, std::size_t, MallocPolicy);
  Status (*free)(void* memory);
  Status (*memcpy)(void* to, const void* from, std::size_t, MemcpyKind);
  Status (*engine_init)(VNpuKind);
  Status (*load_from_file)(const char* path, std::uint64_t* model);
  Status (*unload)(std::uint64_t model);
  Status (*create_model_context)(std::uint64_t model, std::uint64_t* context);
  Status (*get_io_info)(std::uint64_t model, Handle* info);
  Status (*destroy_io_info)(Handle info);
  Status (*get_shape_groups_count)(Handle info, std::int32_t* count);
  std::uint32_t (*num_inputs)(Handle info);
  std::uint32_t (*num_outputs)(Handle info);
  std::uint64_t (*input_size)(Handle info, std::uint32_t group, std::uint32_t index);
  std::uint64_t (*output_size)(Handle info, std::uint32_t group, std::uint32_t index);
  const char* (*input_name)(Handle info, std::uint32_t index);
  const char* (*output_name)(Handle info, std::uint32_t index);
  Status (*input_dims)(Handle info, std::uint32_t group, std::uint32_t index, IoDims*);
  Status (*output_dims)(Handle info, std::uint32_t group, std::uint32_t index, IoDims*);
  Status (*create_io)(Handle info, Handle* io);
  Status (*destroy_io)(Handle io);
  Status (*set_input_buffer)(Handle io, std::uint32_t index, const void*, std::uint64_t size);
  Status (*set_output_buffer)(Handle io, std::uint32_t index, const void*, std::uint64_t size);
  Status (*execute)(std::uint64_t model, std::uint64_t context, std::uint32_t group, Handle io);

  // Absent from some SDKs.
  Status (*get_version)(std::int32_t* major, std::int32_t* minor, std::int32_t* patch);
  const char* (*soc_name)();
  Status (*get_device_properties)(std::int32_t device, DeviceProperties*);
  Status (*get_vnpu_kind)(VNpuKind*);
  Status (*get_usage)(const char* path, std::int64_t* system, std::int64_t* cmm);  // bytes
  Status (*get_model_type)(const char* path, ModelType*);
  const char* (*compiler_version)(std::uint64_t model);
  Status (*input_type)(Handle info, std::uint32_t index, DataType*);
  Status (*output_type)(Handle info, std::uint32_t index, DataType*);
  Status (*set_dynamic_batch)(Handle io, std::uint32_t batch);
};

/// The version of libaxcl_rt.so without touching a card; an error when it is another library.
Result<std::string> version_of(const SharedLibrary& library);

/// Resolves every function; an error names each missing symbol.
Result<Api> load_api(const SharedLibrary& library);

}  // namespace anynpu::engine::axcl
