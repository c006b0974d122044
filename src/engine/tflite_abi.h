// SPDX-License-Identifier: Apache-2.0
// The TFLite C API as anynpu declares it for itself: types, and a table of the functions in use.
//
// Structures are declared only where the API has no accessor in older versions (2.9): quantisation
// per axis, and dimensions that a request may choose. Newer versions have accessors; those are
// preferred, and the structure is read only after its fields were seen to agree with the accessors
// there are.
#pragma once

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "base/result.h"
#include "engine/library.h"

namespace anynpu::engine::tflite {

struct Model;
struct InterpreterOptions;
struct Interpreter;

enum Status : int { kOk = 0 };

/// TfLiteType. Values after kUint32 came after 2.9.
enum Type : int {
  kNoType = 0,
  kFloat32 = 1,
  kInt32 = 2,
  kUint8 = 3,
  kInt64 = 4,
  kString = 5,
  kBool = 6,
  kInt16 = 7,
  kComplex64 = 8,
  kInt8 = 9,
  kFloat16 = 10,
  kFloat64 = 11,
  kComplex128 = 12,
  kUint64 = 13,
  kResource = 14,
  kVariant = 15,
  kUint32 = 16,
  kUint16 = 17,
  kInt4 = 18,
  kBFloat16 = 19,
};

/// TfLiteIntArray, TfLiteFloatArray: `size`, and that many elements right after it.
template <typename Element>
struct SizedArray {
  int size;
  Element at(int i) const {
    Element element;
    const auto* first = reinterpret_cast<const std::byte*>(this) + sizeof(int);
    std::memcpy(&element, first + static_cast<std::size_t>(i) * sizeof(Element), sizeof(Element));
    return element;
  }
};
using IntArray = SizedArray<int>;
using FloatArray = SizedArray<float>;

struct QuantizationParams {
  float scale;
  std::int32_t zero_point;
};
struct Quantization {
  int type;  // 1: params is an AffineQuantization
  void* params;
};
struct AffineQuantization {
  FloatArray* scale;
  IntArray* zero_point;
  std::int32_t quantized_dimension;
};

/// TfLiteTensor, 2.4 to 2.14.
struct Tensor {
  Type type;
  void* data;
  IntArray* dims;
  QuantizationParams params;
  int allocation_type;
  std::size_t bytes;
  const void* allocation;
  const char* name;
  void* delegate;
  int buffer_handle;
  bool data_is_stale;
  bool is_variable;
  Quantization quantization;
  void* sparsity;
  const IntArray* dims_signature;
};

/// The beginning of TfLiteContext.
struct Context {
  std::size_t tensors_size;
  Status (*get_execution_plan)(Context* context, IntArray** plan);
};

/// The beginning of TfLiteDelegate; the same in all versions.
struct Delegate {
  void* data;
  Status (*prepare)(Context* context, Delegate* delegate);
};

struct XnnpackOptions;  // engine/tflite_xnnpack.h

using ErrorReporter = void (*)(void* user_data, const char* format, std::va_list arguments);

struct Api {
  std::string version;  // "2.9.0"

  Model* (*model_create)(const void* data, std::size_t size);
  void (*model_delete)(Model*);
  InterpreterOptions* (*options_create)();
  void (*options_delete)(InterpreterOptions*);
  void (*options_set_num_threads)(InterpreterOptions*, std::int32_t threads);
  void (*options_set_error_reporter)(InterpreterOptions*, ErrorReporter, void* user_data);
  Interpreter* (*interpreter_create)(const Model*, const InterpreterOptions*);
  void (*interpreter_delete)(Interpreter*);
  std::int32_t (*input_count)(const Interpreter*);
  Tensor* (*input)(const Interpreter*, std::int32_t index);
  Status (*resize_input)(Interpreter*, std::int32_t index, const int* dims, std::int32_t count);
  Status (*allocate_tensors)(Interpreter*);
  Status (*reset_variables)(Interpreter*);
  Status (*modify_graph)(Interpreter*, Delegate*);
  Status (*invoke)(Interpreter*);
  std::int32_t (*output_count)(const Interpreter*);
  const Tensor* (*output)(const Interpreter*, std::int32_t index);
  Type (*tensor_type)(const Tensor*);
  std::int32_t (*tensor_rank)(const Tensor*);
  std::int32_t (*tensor_dim)(const Tensor*, std::int32_t index);
  std::size_t (*tensor_bytes)(const Tensor*);
  void* (*tensor_data)(const Tensor*);
  const char* (*tensor_name)(const Tensor*);
  QuantizationParams (*tensor_quantisation)(const Tensor*);
  Status (*tensor_copy_from)(Tensor*, const void* data, std::size_t size);
  void (*tensor_realloc)(std::size_t bytes,
                         Tensor*);  // returns a status in newer versions; not used

  // Absent from older versions.
  Model* (*model_create_reporting)(const void* data, std::size_t size, ErrorReporter,
                                   void* user_data);
  Status (*signature_rank)(const Tensor*, std::int32_t* rank);  // -1: the tensor has no signature
  Status (*signature_dim)(const Tensor*, std::int32_t index, std::int32_t* dimension);
  Quantization (*quantization)(const Tensor*);

  // Absent where the library was built without XNNPACK, such as Debian's.
  Delegate* (*xnnpack_create)(const XnnpackOptions*);
  void (*xnnpack_delete)(Delegate*);
  XnnpackOptions (*xnnpack_default_options)();
  bool xnnpack_has_get_options;

  bool has_xnnpack() const { return xnnpack_create != nullptr && xnnpack_delete != nullptr; }
};

/// The version of a TFLite library; an error when it is none.
Result<std::string> version_of(const SharedLibrary& library);

/// Resolves every function; an error names each missing symbol, the library and its version.
Result<Api> load_api(const SharedLibrary& library);

}  // namespace anynpu::engine::tflite
