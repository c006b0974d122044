// SPDX-License-Identifier: Apache-2.0
// The C interface of Rockchip's librknnrt (RKNN API, 1.3 to 2.3) as anynpu declares it for itself.
//
// Numbers and layouts are those of 64-bit machines. No structure changed between 1.5.2 and 2.3.2
// but for fields that were taken from reserved room; the functions that came later are optional in
// the table. rknn_abi_test.cpp holds every size, offset and number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "engine/library.h"

namespace anynpu::engine::rknn {

using Context = std::uint64_t;

inline constexpr std::size_t kMostDims = 16;
inline constexpr std::size_t kNameBytes = 256;
inline constexpr std::size_t kMostDynamicShapes = 512;

/// Flags of init.
enum InitFlag : std::uint32_t {
  kPriorHigh = 0x0,
  kPriorMedium = 0x1,
  kPriorLow = 0x2,
  kAsync = 0x4,
  kCollectPerf = 0x8,
  kMemAllocOutside = 0x10,
  kShareWeightMem = 0x20,
  kFenceInOutside = 0x40,
  kFenceOutOutside = 0x80,
  kModelInfoOnly = 0x100,
  kInternalAllocOutside = 0x200,
  kFallbackToGpu = 0x400,
  kEnableSram = 0x800,
  kShareSram = 0x1000,
  kNoHighProcessPriority = 0x2000,  // without it the runtime renices the whole process to -19
  kNoInputFlush = 0x4000,
  kNoOutputFlush = 0x8000,
  kModelZeroCopy = 0x10000,
  kAllocNoContext = 0x20000,
};

enum ReturnCode : int {
  kSuccess = 0,
  kFail = -1,
  kTimeout = -2,
  kDeviceUnavailable = -3,
  kMallocFail = -4,
  kParamInvalid = -5,
  kModelInvalid = -6,
  kContextInvalid = -7,
  kInputInvalid = -8,
  kOutputInvalid = -9,
  kDeviceUnmatch = -10,
  kPreCompileIncompatible = -11,
  kOptimisationIncompatible = -12,
  kPlatformUnmatch = -13,
};

enum Query : int {
  kQueryInOutNum = 0,
  kQueryInputAttr = 1,
  kQueryOutputAttr = 2,
  kQueryPerfDetail = 3,
  kQueryPerfRun = 4,
  kQuerySdkVersion = 5,
  kQueryMemSize = 6,
  kQueryCustomString = 7,
  kQueryNativeInputAttr = 8,
  kQueryNativeOutputAttr = 9,
  kQueryNativeNhwcInputAttr = 10,
  kQueryNativeNhwcOutputAttr = 11,
  kQueryDeviceMemInfo = 12,
  kQueryInputDynamicRange = 13,
  kQueryCurrentInputAttr = 14,
  kQueryCurrentOutputAttr = 15,
  kQueryCurrentNativeInputAttr = 16,
  kQueryCurrentNativeOutputAttr = 17,
  kQueryCount = 18,
};

enum Type : int {
  kFloat32 = 0,
  kFloat16 = 1,
  kInt8 = 2,
  kUint8 = 3,
  kInt16 = 4,
  kUint16 = 5,
  kInt32 = 6,
  kUint32 = 7,
  kInt64 = 8,
  kBool = 9,
  kInt4 = 10,
  kBFloat16 = 11,
};

enum Quantised : int { kNotQuantised = 0, kDynamicFixedPoint = 1, kAffineAsymmetric = 2 };

enum Format : int { kNchw = 0, kNhwc = 1, kNc1hwc2 = 2, kUndefined = 3 };

enum CoreMask : int {
  kCoreAuto = 0,
  kCore0 = 1,
  kCore1 = 2,
  kCore2 = 4,
  kCore01 = 3,
  kCore012 = 7,
  kCoreAll = 0xffff,          // from 2.0
  kCoreUndefined = 0x10000,   // from 2.0
  kCoreUndefinedUntil16 = 8,  // what 1.x called undefined
};

enum Sync : int { kToDevice = 1, kFromDevice = 2, kBothWays = 3 };

enum AllocFlag : std::uint64_t { kCacheable = 1, kNonCacheable = 2, kTrySram = 4 };

enum MemFlag : std::uint32_t { kAllocatedInside = 1, kFromFd = 2, kFromPhysical = 3 };

struct InOutNum {
  std::uint32_t inputs;
  std::uint32_t outputs;
};

struct TensorAttr {
  std::uint32_t index;
  std::uint32_t n_dims;
  std::uint32_t dims[kMostDims];
  char name[kNameBytes];
  std::uint32_t n_elems;
  std::uint32_t size;  // bytes
  Format fmt;
  Type type;
  Quantised qnt_type;
  std::int8_t fl;  // of dynamic fixed point
  std::int32_t zp;
  float scale;
  std::uint32_t w_stride;          // elements of a row in memory; 0: the width
  std::uint32_t size_with_stride;  // bytes
  std::uint8_t pass_through;
  std::uint32_t h_stride;
};

struct PerfDetail {
  char* text;
  std::uint64_t length;
};

struct PerfRun {
  std::int64_t microseconds;
};

struct SdkVersion {
  char api[256];     // "2.3.2 (429f97ae6b@2025-04-09T09:09:27)"
  char driver[256];  // "0.9.8"
};

struct MemSize {
  std::uint32_t weights;
  std::uint32_t internal;
  std::uint64_t dma_allocated;
  std::uint32_t sram;
  std::uint32_t free_sram;
  std::uint32_t reserved[10];
};

struct CustomString {
  char text[1024];
};

struct InputRange {
  std::uint32_t index;
  std::uint32_t shapes;
  Format fmt;
  char name[kNameBytes];
  std::uint32_t dims[kMostDynamicShapes][kMostDims];
  std::uint32_t n_dims;
};

struct TensorMem {
  void* address;
  std::uint64_t physical;
  std::int32_t fd;
  std::int32_t offset;
  std::uint32_t size;
  std::uint32_t flags;
  void* private_data;
};

struct Input {
  std::uint32_t index;
  void* buf;
  std::uint32_t size;
  std::uint8_t pass_through;
  Type type;
  Format fmt;
};

struct Output {
  std::uint8_t want_float;
  std::uint8_t is_prealloc;
  std::uint32_t index;
  void* buf;
  std::uint32_t size;
};

struct InitExtend {
  Context context;
  std::int32_t real_model_offset;
  std::uint32_t real_model_size;
  std::int32_t model_buffer_fd;      // from 2.1
  std::uint32_t model_buffer_flags;  // from 2.1
  std::uint8_t reserved[112];
};

struct RunExtend {
  std::uint64_t frame;
  std::int32_t non_block;
  std::int32_t timeout_ms;
  std::int32_t fence_fd;
};

struct OutputExtend {
  std::uint64_t frame;
};

/// The functions in use. Those of the second group are absent from older runtimes.
struct Api {
  int (*init)(Context* context, void* model, std::uint32_t size, std::uint32_t flags,
              InitExtend* extend);
  int (*destroy)(Context context);
  int (*query)(Context context, Query query, void* info, std::uint32_t size);
  int (*inputs_set)(Context context, std::uint32_t count, Input* inputs);
  int (*run)(Context context, RunExtend* extend);
  int (*outputs_get)(Context context, std::uint32_t count, Output* outputs, OutputExtend* extend);
  int (*outputs_release)(Context context, std::uint32_t count, Output* outputs);

  int (*set_core_mask)(Context context, CoreMask mask);
  TensorMem* (*create_mem)(Context context, std::uint32_t size);
  int (*destroy_mem)(Context context, TensorMem* memory);
  int (*set_io_mem)(Context context, TensorMem* memory, TensorAttr* attr);
  int (*set_input_shapes)(Context context, std::uint32_t count,
                          TensorAttr* attrs);                 // from 1.5
  int (*set_input_shape)(Context context, TensorAttr* attr);  // late 1.4; deprecated since
};

/// Resolves every function; an error names each missing symbol and the library.
Result<Api> load_api(const SharedLibrary& library);

/// "2.3.2", read from the library's file without opening it. Its name proves nothing: files called
/// librknnrt.so.2.3.0 that hold 2.3.2 have been seen.
Result<std::string> runtime_version_of_file(const std::filesystem::path& library);

/// "TARGET_PLATFORM_UNMATCH" for -13: the names of the interface, without their prefix.
std::string name_of_code(int code);

}  // namespace anynpu::engine::rknn
