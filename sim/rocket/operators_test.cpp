// SPDX-License-Identifier: Apache-2.0
// Single operators, laid out for the NPU as Mesa lays them out, against TFLite's CPU kernels: equal
// within 1, because the NPU multiplies with 15 bits where TFLite has 31.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "engine_runs.h"
#include "sim/rocket/compute.h"
#include "sim/rocket/test_memory.h"
#include "sim/rocket/test_stream.h"
#include "sim/rocket/weight_cache.h"
#include "tiny_tflite.h"

namespace anynpu::sim::rocket {
namespace {

using anynpu::test::TfliteOp;
using anynpu::test::TfliteType;
using anynpu::test::TinyTflite;

struct Layer {
  bool depthwise = false;
  int size = 8;  // of the square map
  int channels = 16, out_channels = 16;
  int kernel = 1, stride = 1;
  int zero_in = 128, zero_weights = 128, zero_out = 128;
  float scale_in = 0.02F, scale_weights = 0.01F, scale_out = 0.05F;

  int out_size() const { return (size + stride - 1) / stride; }
  int padding() const { return std::max(0, (out_size() - 1) * stride + kernel - size) / 2; }
  int stored() const { return std::max(16, (channels + 15) / 16 * 16); }
  std::int64_t taps() const { return std::int64_t{kernel} * kernel; }
};

struct Values {
  std::vector<std::uint8_t> input, weights;  // NHWC; OHWI, or HWC of a depthwise layer
  std::vector<std::int32_t> biases;
};

Values values_of(const Layer& layer) {
  std::uint32_t state = 7;
  auto next = [&state] { return (state = state * 1664525 + 1013904223) >> 24; };
  Values values;
  values.input.resize(static_cast<std::size_t>(layer.size * layer.size * layer.channels));
  values.weights.resize(static_cast<std::size_t>(layer.taps() * layer.channels *
                                                 (layer.depthwise ? 1 : layer.out_channels)));
  for (std::uint8_t& byte : values.input) byte = static_cast<std::uint8_t>(next());
  for (std::uint8_t& byte : values.weights) byte = static_cast<std::uint8_t>(next());
  for (int c = 0; c < layer.out_channels; ++c)
    values.biases.push_back(static_cast<std::int32_t>(next()) * 16 - 2048);
  return values;
}

/// A convolution with the same padding and no activation.
std::vector<std::uint8_t> tflite_output(const Layer& layer, const Values& values) {
  TinyTflite model;
  const int input = model.input({"x",
                                 TfliteType::kUint8,
                                 {1, layer.size, layer.size, layer.channels},
                                 {},
                                 {layer.scale_in},
                                 {layer.zero_in}});
  std::vector<std::int32_t> shape = {layer.out_channels, layer.kernel, layer.kernel,
                                     layer.channels};
  if (layer.depthwise) shape[0] = 1;
  const int weights = model.constant(
      {"w", TfliteType::kUint8, shape, {}, {layer.scale_weights}, {layer.zero_weights}},
      values.weights);
  const int bias = model.constant({"b",
                                   TfliteType::kInt32,
                                   {layer.out_channels},
                                   {},
                                   {layer.scale_in * layer.scale_weights},
                                   {0}},
                                  values.biases);
  const int output = model.output({"y",
                                   TfliteType::kUint8,
                                   {1, layer.out_size(), layer.out_size(), layer.out_channels},
                                   {},
                                   {layer.scale_out},
                                   {layer.zero_out}});
  auto options = [&layer](TinyTflite::Builder& builder) {
    auto field = [](int id) { return static_cast<flatbuffers::voffset_t>(4 + 2 * id); };
    const auto start = builder.StartTable();
    builder.AddElement<std::int32_t>(field(1), layer.stride, 0);
    builder.AddElement<std::int32_t>(field(2), layer.stride, 0);
    if (layer.depthwise) builder.AddElement<std::int32_t>(field(3), 1, 0);
    return TinyTflite::Table(builder.EndTable(start));
  };
  constexpr auto kDepthwiseConv2d = static_cast<TfliteOp>(4);
  model.op(layer.depthwise ? kDepthwiseConv2d : TfliteOp::kConv2d, {input, weights, bias}, {output},
           layer.depthwise ? 2 : 1, options);
  auto session = anynpu::test::loaded("tflite", model.build());
  if (session == nullptr) return {};
  return anynpu::test::values_of<std::uint8_t>(
      anynpu::test::run_once(*session, anynpu::test::bytes_of(values.input)));
}

class Npu {
 public:
  Npu(const Layer& layer, const Values& values) : layer_(layer) {
    lay_out_input(values);
    lay_out_weights(values);
  }

  std::vector<std::uint8_t> output() {
    auto task = parse(stream(registers())).and_then(decode);
    EXPECT_TRUE(task) << (task ? "" : task.error());
    if (!task) return {};
    WeightCache weights;
    EXPECT_EQ(compute(*task, memory_, weights, Quirks{}, 2), std::nullopt);
    std::vector<std::uint8_t> values;
    const int area = layer_.out_size() * layer_.out_size();
    for (int pixel = 0; pixel < area; ++pixel)
      for (int c = 0; c < layer_.out_channels; ++c)
        values.push_back(memory_.bytes[kOutput + static_cast<std::size_t>(place(c, pixel, area))] ^
                         0x80);
    return values;
  }

 private:
  static constexpr std::uint32_t kInput = 0x10000, kWeights = 0x40000;
  static constexpr std::uint32_t kBiases = 0x80000, kOutput = 0x90000;

  static int place(int channel, int pixel, int area) {
    return channel / 16 * area * 16 + pixel * 16 + channel % 16;
  }

  void lay_out_input(const Values& values) {
    const int area = layer_.size * layer_.size;
    for (int pixel = 0; pixel < area; ++pixel)
      for (int c = 0; c < layer_.channels; ++c)
        memory_.bytes[kInput + static_cast<std::size_t>(place(c, pixel, area))] =
            values.input[static_cast<std::size_t>(pixel * layer_.channels + c)] ^ 0x80;
  }

  /// The byte of a weight; channels that only the layout has count nothing.
  std::uint8_t weight(const Values& values, int out, std::int64_t tap, int in) const {
    if (in >= layer_.channels || out >= layer_.out_channels)
      return static_cast<std::uint8_t>(layer_.zero_weights ^ 0x80);
    const std::int64_t at = layer_.depthwise ? tap * layer_.channels + in
                                             : (out * layer_.taps() + tap) * layer_.channels + in;
    return values.weights[static_cast<std::size_t>(at)] ^ 0x80;
  }

  void lay_out_weights(const Values& values) {
    std::uint8_t* to = &memory_.bytes[kWeights];
    const int out_block = layer_.depthwise ? 1 : 32, in_block = layer_.depthwise ? 64 : 32;
    for (int o1 = 0; o1 < kernels(); o1 += out_block)
      for (int i1 = 0; i1 < layer_.stored(); i1 += in_block)
        for (std::int64_t tap = 0; tap < layer_.taps(); ++tap)
          for (int out = o1; out < std::min(o1 + out_block, kernels()); ++out)
            for (int in = i1; in < std::min(i1 + in_block, layer_.stored()); ++in)
              *to++ = weight(values, out, tap, in);
    // What the zero points add to every sum is taken from the biases.
    for (int out = 0; out < layer_.out_channels; ++out) {
      std::int32_t bias = values.biases[static_cast<std::size_t>(out)];
      for (std::int64_t tap = 0; tap < layer_.taps(); ++tap)
        for (int in = layer_.depthwise ? out : 0;
             in < (layer_.depthwise ? out + 1 : layer_.channels); ++in)
          bias -= ((weight(values, out, tap, in) ^ 0x80) - layer_.zero_weights) *
                  (layer_.zero_in - 128);
      std::memcpy(&memory_.bytes[kBiases + 4 * static_cast<std::size_t>(out)], &bias, 4);
    }
  }

  int kernels() const { return layer_.depthwise ? 1 : (layer_.out_channels + 1) / 2 * 2; }

  Registers registers() const {
    auto u = [](int value) { return static_cast<std::uint32_t>(value); };
    Registers r = small_convolution({kInput, kWeights, kBiases, kOutput});
    r[kCnaConvCon1] = layer_.depthwise ? 3 : 0;
    r[kCnaConvCon3] = u(layer_.stride) | u(layer_.stride) << 3;
    r[kCnaDataSize0] = u(layer_.size) << 16 | u(layer_.size);
    r[kCnaDataSize1] = u(layer_.channels - 1) << 16 | u(layer_.stored());
    r[kCnaWeightSize2] = u(layer_.kernel) << 24 | u(layer_.kernel) << 16 | u(kernels());
    r[kCnaCbufCon1] = 0x3fff;
    r[kCnaPadCon0] = u(layer_.padding()) | u(layer_.padding()) << 4;
    r[kCnaPadCon1] = u(((layer_.zero_in - 128) & 0xff) * 0x101);
    r[kCnaDmaCon1] = u(layer_.size) * 4;
    r[kCnaDmaCon2] = u(layer_.size * layer_.size - layer_.size * 4) & 0xfffffff;
    r[kDpuDstSurfStride] = u(layer_.out_size() * layer_.out_size()) * 16;
    r[kDpuDataCubeWidth] = r[kDpuDataCubeHeight] = u(layer_.out_size() - 1);
    r[kDpuDataCubeChannel] = u(layer_.out_channels - 1) << 16 | u(layer_.out_channels - 1);
    r[kDpuBsOwOp] = u(128 - layer_.zero_weights) & 0xffff;
    int exponent = 0;
    const float scale =
        std::frexp(layer_.scale_in * layer_.scale_weights / layer_.scale_out, &exponent);
    r[kDpuOutCvtScale] =
        u(static_cast<int>(std::lround(scale * 32768)) - (scale > 0.99998F ? 1 : 0));
    r[kDpuOutCvtShift] = u(15 - exponent);
    r[kDpuOutCvtOffset] = u(layer_.zero_out - 128);
    return r;
  }

  Layer layer_;
  TestMemory memory_{1 << 20};
};

void expect_agreement(const Layer& layer) {
  const Values values = values_of(layer);
  const std::vector<std::uint8_t> expected = tflite_output(layer, values);
  const std::vector<std::uint8_t> got = Npu(layer, values).output();
  ASSERT_FALSE(expected.empty());
  ASSERT_EQ(expected.size(), got.size());
  int greatest = 0;
  std::size_t equal = 0;
  for (std::size_t at = 0; at < got.size(); ++at) {
    const int difference = std::abs(int{expected[at]} - int{got[at]});
    greatest = std::max(greatest, difference);
    equal += difference == 0 ? 1 : 0;
  }
  EXPECT_LE(greatest, 1);
  EXPECT_GT(equal, got.size() / 2);
  // A layer whose output is the same everywhere would agree with anything.
  EXPECT_GT(std::set<std::uint8_t>(expected.begin(), expected.end()).size(), 32U);
}

TEST(RocketOperators, Convolution1x1) {
  expect_agreement({.channels = 32, .out_channels = 40});
  expect_agreement({.channels = 100,
                    .out_channels = 7,
                    .zero_in = 3,
                    .zero_weights = 126,
                    .zero_out = 77,
                    .scale_out = 0.2F});
}

TEST(RocketOperators, Convolution3x3) {
  expect_agreement({.channels = 16, .out_channels = 32, .kernel = 3, .scale_out = 0.1F});
  expect_agreement({.channels = 3,
                    .out_channels = 16,
                    .kernel = 3,
                    .stride = 2,
                    .zero_in = 0,
                    .zero_weights = 120});
  expect_agreement({.size = 9,
                    .channels = 33,
                    .out_channels = 17,
                    .kernel = 3,
                    .stride = 2,
                    .zero_in = 200,
                    .scale_out = 0.2F});
}

TEST(RocketOperators, Convolution5x5) {
  expect_agreement({.size = 7,
                    .channels = 20,
                    .out_channels = 12,
                    .kernel = 5,
                    .zero_weights = 90,
                    .scale_out = 0.2F});
}

TEST(RocketOperators, Depthwise) {
  expect_agreement({.depthwise = true, .channels = 16, .out_channels = 16, .kernel = 3});
  expect_agreement({.depthwise = true,
                    .channels = 72,
                    .out_channels = 72,
                    .kernel = 3,
                    .stride = 2,
                    .zero_in = 10,
                    .zero_weights = 140});
  expect_agreement({.depthwise = true,
                    .size = 11,
                    .channels = 24,
                    .out_channels = 24,
                    .kernel = 5,
                    .zero_in = 255,
                    .zero_out = 4,
                    .scale_out = 0.1F});
}

}  // namespace
}  // namespace anynpu::sim::rocket
