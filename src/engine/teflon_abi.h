// SPDX-License-Identifier: Apache-2.0
// The parts of TFLite's delegate ABI that a wrapper around a delegate needs, and Teflon's two
// functions. TFLite 2.9 to 2.14, 64-bit; layouts checked in teflon_rules_test.cpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/tflite_abi.h"

namespace anynpu::engine::tflite {

struct Node {
  IntArray* inputs;
  IntArray* outputs;
  IntArray* intermediates;
  IntArray* temporaries;
  void* user_data;
  void* builtin_data;
};

struct Registration {
  std::array<void*, 5> functions;
  std::int32_t builtin_code;
  const char* custom_name;
  int version;
};

/// TfLiteRegistration is passed by value and has grown between versions. It is passed on untouched:
/// on arm64 it travels as a pointer, on amd64 as bytes on the stack, of which more are copied than
/// any version has.
#if defined(__aarch64__)
using RegistrationArgument = const void*;
#else
struct RegistrationArgument {
  std::array<std::byte, 160> bytes;
};
#endif

struct DelegateParams {
  struct WholeDelegate* delegate;
  IntArray* nodes;
  IntArray* inputs;
  IntArray* outputs;
};

/// TfLiteContext up to the last member in use.
struct WholeContext {
  std::size_t tensors_size;
  Status (*get_execution_plan)(WholeContext*, IntArray** plan);
  Tensor* tensors;
  void* implementation;
  std::array<void*, 3> functions_of_kernels;
  Status (*get_node)(WholeContext*, int node, Node**, Registration**);
  Status (*replace_nodes)(WholeContext*, RegistrationArgument, const IntArray* nodes,
                          WholeDelegate*);
  int recommended_threads;
  std::array<void*, 2> external_contexts;
  bool relax_to_half;
  void* profiler;
  std::array<void*, 5> functions_of_memory;
  Status (*preview_partitions)(WholeContext*, const IntArray* nodes, DelegateParams** parts,
                               int* count);
};

/// TfLiteDelegate; 2.9 has all but the last member.
struct WholeDelegate {
  void* data;
  Status (*prepare)(WholeContext*, WholeDelegate*);
  void* copy_from_buffer;
  void* copy_to_buffer;
  void* free_buffer;
  std::int64_t flags;
  void* opaque_builder;
};

enum Operator : std::int32_t { kAdd = 0, kConv2d = 3, kDepthwiseConv2d = 4 };
enum Padding : int { kSamePadding = 1 };
enum FusedActivation : int { kNoActivation = 0, kRelu = 1, kRelu6 = 3 };
constexpr int kReadOnlyInFile = 1;  // TfLiteAllocationType: kTfLiteMmapRo

struct ConvParams {
  int padding, stride_width, stride_height, activation, dilation_width, dilation_height;
};
struct DepthwiseConvParams {
  int padding, stride_width, stride_height, depth_multiplier, activation, dilation_width,
      dilation_height;
};
struct AddParams {
  int activation;
};

/// A list as TFLite has it: its size, and its elements right after it.
class IntList {
 public:
  explicit IntList(const std::vector<int>& values) : words_{static_cast<int>(values.size())} {
    words_.insert(words_.end(), values.begin(), values.end());
  }
  IntArray* get() { return reinterpret_cast<IntArray*>(words_.data()); }

 private:
  std::vector<int> words_;
};

inline std::vector<int> values_of(const IntArray* list) {
  std::vector<int> values;
  for (int i = 0; list != nullptr && i < list->size; ++i) values.push_back(list->at(i));
  return values;
}

}  // namespace anynpu::engine::tflite

namespace anynpu::engine::teflon {

/// libteflon.so. It ignores the options and never calls `report`, so neither is offered to anyone.
struct Library {
  tflite::WholeDelegate* (*create)(char** keys, char** values, std::size_t count,
                                   void (*report)(const char*));
  void (*destroy)(tflite::WholeDelegate*);
};

}  // namespace anynpu::engine::teflon
