// SPDX-License-Identifier: Apache-2.0
// The ONNX Runtime C API as anynpu declares it for itself.
//
// The library exports one function, OrtGetApiBase. Through it one asks for a table of functions of
// a certain version; the order of that table never changes, it only grows. Here it is declared with
// the slots in use by name and the others as gaps; static_assert holds every one to its slot
// number.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "engine/library.h"

namespace anynpu::engine::ort {

/// Asked for: old enough for every runtime since 1.15 (2023), and the first one that has every slot
/// in use (the newest is 252). Newer runtimes go on serving it.
inline constexpr std::uint32_t kApiVersion = 15;
inline constexpr const char* kOldestVersion = "1.15";

struct Status;
struct Env;
struct SessionHandle;
struct SessionOptions;
struct RunOptions;
struct Value;
struct MemoryInfo;
struct Allocator;
struct TypeInfo;
struct TensorInfo;  // OrtTensorTypeAndShapeInfo

/// ONNXTensorElementDataType: the numbers of onnx.proto's TensorProto.DataType.
enum ElementType : int {
  kUndefined = 0,
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kUint32 = 12,
  kUint64 = 13,
  kComplex64 = 14,
  kComplex128 = 15,
  kBFloat16 = 16,
  kUint4 = 21,
  kInt4 = 22,
};
enum ValueKind : int { kTensorKind = 1 };
enum LogLevel : int { kVerbose = 0, kInfo = 1, kWarning = 2, kError = 3, kFatal = 4 };
enum Optimisation : int { kAllOptimisations = 99 };
enum AllocatorType : int { kDeviceAllocator = 0 };
enum MemoryType : int { kDefaultMemory = 0 };
enum ErrorCode : int {
  kFail = 1,
  kInvalidArgument = 2,
  kNoSuchFile = 3,
  kNoModel = 4,
  kInvalidProtobuf = 7,
  kNotImplemented = 9,
  kInvalidGraph = 10,
};

using LogFunction = void (*)(void* parameter, LogLevel level, const char* category,
                             const char* log_id, const char* code_location, const char* message);

template <std::size_t from, std::size_t to>
using Gap = void * [to - from];  // slots `from` up to, not including, `to`

struct Api {
  Gap<0, 1> gap_0;
  ErrorCode (*get_error_code)(const Status*);
  const char* (*get_error_message)(const Status*);
  Gap<3, 4> gap_3;
  Status* (*create_env_with_custom_logger)(LogFunction, void* parameter, LogLevel,
                                           const char* log_id, Env** out);
  Gap<5, 7> gap_5;
  Status* (*create_session)(const Env*, const char* path, const SessionOptions*,
                            SessionHandle** out);
  Status* (*create_session_from_array)(const Env*, const void* model, std::size_t bytes,
                                       const SessionOptions*, SessionHandle** out);
  Status* (*run)(SessionHandle*, const RunOptions*, const char* const* input_names,
                 const Value* const* inputs, std::size_t input_count,
                 const char* const* output_names, std::size_t output_count, Value** outputs);
  Status* (*create_session_options)(SessionOptions** out);
  Gap<11, 17> gap_11;
  Status* (*disable_mem_pattern)(SessionOptions*);
  Gap<18, 22> gap_18;
  Status* (*set_session_log_severity_level)(SessionOptions*, int level);
  Status* (*set_session_graph_optimization_level)(SessionOptions*, Optimisation);
  Status* (*set_intra_op_num_threads)(SessionOptions*, int threads);
  Status* (*set_inter_op_num_threads)(SessionOptions*, int threads);
  Gap<26, 30> gap_26;
  Status* (*session_get_input_count)(const SessionHandle*, std::size_t* out);
  Status* (*session_get_output_count)(const SessionHandle*, std::size_t* out);
  Gap<32, 33> gap_32;
  Status* (*session_get_input_type_info)(const SessionHandle*, std::size_t index, TypeInfo** out);
  Status* (*session_get_output_type_info)(const SessionHandle*, std::size_t index, TypeInfo** out);
  Gap<35, 36> gap_35;
  Status* (*session_get_input_name)(const SessionHandle*, std::size_t index, Allocator*,
                                    char** out);
  Status* (*session_get_output_name)(const SessionHandle*, std::size_t index, Allocator*,
                                     char** out);
  Gap<38, 48> gap_38;
  Status* (*create_tensor)(Allocator*, const std::int64_t* shape, std::size_t rank, ElementType,
                           Value** out);
  Status* (*create_tensor_with_data)(const MemoryInfo*, void* data, std::size_t bytes,
                                     const std::int64_t* shape, std::size_t rank, ElementType,
                                     Value** out);
  Gap<50, 51> gap_50;
  Status* (*get_tensor_mutable_data)(Value*, void** out);
  Gap<52, 53> gap_52;
  Status* (*get_string_tensor_data_length)(const Value*, std::size_t* out);
  Status* (*get_string_tensor_content)(const Value*, void* text, std::size_t bytes,
                                       std::size_t* offsets, std::size_t count);
  Status* (*cast_type_info_to_tensor_info)(const TypeInfo*, const TensorInfo** out);
  Status* (*get_onnx_type_from_type_info)(const TypeInfo*, ValueKind* out);
  Gap<57, 60> gap_57;
  Status* (*get_tensor_element_type)(const TensorInfo*, ElementType* out);
  Status* (*get_dimensions_count)(const TensorInfo*, std::size_t* out);
  Status* (*get_dimensions)(const TensorInfo*, std::int64_t* dims, std::size_t count);
  Status* (*get_symbolic_dimensions)(const TensorInfo*, const char** names, std::size_t count);
  Gap<64, 65> gap_64;
  Status* (*get_tensor_type_and_shape)(const Value*, TensorInfo** out);
  Gap<66, 69> gap_66;
  Status* (*create_cpu_memory_info)(AllocatorType, MemoryType, MemoryInfo** out);
  Gap<70, 76> gap_70;
  Status* (*allocator_free)(Allocator*, void* memory);
  Gap<77, 78> gap_77;
  Status* (*get_allocator_with_default_options)(Allocator** out);
  Gap<79, 93> gap_79;
  void (*release_status)(Status*);
  void (*release_memory_info)(MemoryInfo*);
  void (*release_session)(SessionHandle*);
  void (*release_value)(Value*);
  Gap<97, 98> gap_97;
  void (*release_type_info)(TypeInfo*);
  void (*release_tensor_info)(TensorInfo*);
  void (*release_session_options)(SessionOptions*);
  Gap<101, 130> gap_101;
  Status* (*add_session_config_entry)(SessionOptions*, const char* key, const char* value);
  Gap<131, 252> gap_131;
  Status* (*get_resized_string_element)(Value*, std::size_t index, std::size_t bytes, char** out);
};

#define ANYNPU_ORT_SLOT(member, number) \
  static_assert(offsetof(Api, member) == (number) * sizeof(void*), #member " is not in its slot")
ANYNPU_ORT_SLOT(get_error_code, 1);
ANYNPU_ORT_SLOT(get_error_message, 2);
ANYNPU_ORT_SLOT(create_env_with_custom_logger, 4);
ANYNPU_ORT_SLOT(create_session, 7);
ANYNPU_ORT_SLOT(create_session_from_array, 8);
ANYNPU_ORT_SLOT(run, 9);
ANYNPU_ORT_SLOT(create_session_options, 10);
ANYNPU_ORT_SLOT(disable_mem_pattern, 17);
ANYNPU_ORT_SLOT(set_session_log_severity_level, 22);
ANYNPU_ORT_SLOT(set_session_graph_optimization_level, 23);
ANYNPU_ORT_SLOT(set_intra_op_num_threads, 24);
ANYNPU_ORT_SLOT(set_inter_op_num_threads, 25);
ANYNPU_ORT_SLOT(session_get_input_count, 30);
ANYNPU_ORT_SLOT(session_get_output_count, 31);
ANYNPU_ORT_SLOT(session_get_input_type_info, 33);
ANYNPU_ORT_SLOT(session_get_output_type_info, 34);
ANYNPU_ORT_SLOT(session_get_input_name, 36);
ANYNPU_ORT_SLOT(session_get_output_name, 37);
ANYNPU_ORT_SLOT(create_tensor, 48);
ANYNPU_ORT_SLOT(create_tensor_with_data, 49);
ANYNPU_ORT_SLOT(get_tensor_mutable_data, 51);
ANYNPU_ORT_SLOT(get_string_tensor_data_length, 53);
ANYNPU_ORT_SLOT(get_string_tensor_content, 54);
ANYNPU_ORT_SLOT(cast_type_info_to_tensor_info, 55);
ANYNPU_ORT_SLOT(get_onnx_type_from_type_info, 56);
ANYNPU_ORT_SLOT(get_tensor_element_type, 60);
ANYNPU_ORT_SLOT(get_dimensions_count, 61);
ANYNPU_ORT_SLOT(get_dimensions, 62);
ANYNPU_ORT_SLOT(get_symbolic_dimensions, 63);
ANYNPU_ORT_SLOT(get_tensor_type_and_shape, 65);
ANYNPU_ORT_SLOT(create_cpu_memory_info, 69);
ANYNPU_ORT_SLOT(allocator_free, 76);
ANYNPU_ORT_SLOT(get_allocator_with_default_options, 78);
ANYNPU_ORT_SLOT(release_status, 93);
ANYNPU_ORT_SLOT(release_memory_info, 94);
ANYNPU_ORT_SLOT(release_session, 95);
ANYNPU_ORT_SLOT(release_value, 96);
ANYNPU_ORT_SLOT(release_type_info, 98);
ANYNPU_ORT_SLOT(release_tensor_info, 99);
ANYNPU_ORT_SLOT(release_session_options, 100);
ANYNPU_ORT_SLOT(add_session_config_entry, 130);
ANYNPU_ORT_SLOT(get_resized_string_element, 252);
#undef ANYNPU_ORT_SLOT

/// What OrtGetApiBase returns.
struct ApiBase {
  const Api* (*get_api)(std::uint32_t version);
  const char* (*get_version_string)();
};

/// The version of an ONNX Runtime library; an error when it is none.
Result<std::string> version_of(const SharedLibrary& library);

/// The table; an error when the runtime is too old to have it.
Result<const Api*> load_api(const SharedLibrary& library);

/// Turns a status into a result, and releases it. `what` goes before the runtime's own words.
Result<> check(const Api& api, Status* status, const std::string& what);

}  // namespace anynpu::engine::ort
