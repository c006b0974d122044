// SPDX-License-Identifier: Apache-2.0
// What a picture costs before the model runs: decoding, resizing, writing the tensor.
//
// The picture is made here: gradients and shapes with some grain, as JPEG of about 100 KB at 720p,
// which is what cameras and phones of home projects send.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>
#include <turbojpeg.h>

#include "vision/decode.h"
#include "vision/fit.h"
#include "vision/image_model.h"
#include "vision/pixels.h"
#include "vision/png_writer.h"
#include "vision/resize.h"
#include "vision/synthetic.h"

namespace anynpu::vision {
namespace {

const Image& picture() {
  static const Image kPicture = [] {
    Image image = synthetic_picture(1280, 720);
    std::uint32_t state = 1;
    for (std::uint8_t& sample : image.rgb) {
      state = state * 1664525 + 1013904223;
      sample =
          static_cast<std::uint8_t>(std::clamp(sample + static_cast<int>(state >> 29) - 4, 0, 255));
    }
    return image;
  }();
  return kPicture;
}

const std::vector<std::byte>& jpeg() {
  static const std::vector<std::byte> kJpeg = [] {
    tjhandle handle = tjInitCompress();
    unsigned char* bytes = nullptr;
    unsigned long size = 0;
    tjCompress2(handle, picture().rgb.data(), 1280, 0, 720, TJPF_RGB, &bytes, &size, TJSAMP_420, 92,
                0);
    const auto* first = reinterpret_cast<std::byte*>(bytes);
    std::vector<std::byte> encoded(first, first + size);
    tjFree(bytes);
    tjDestroy(handle);
    return encoded;
  }();
  return kJpeg;
}

const std::vector<std::byte>& png() {
  static const std::vector<std::byte> kPng = *encode_png(picture());
  return kPng;
}

void decode_for(benchmark::State& state, const std::vector<std::byte>& encoded) {
  const auto side = static_cast<int>(state.range(0));
  for (auto _ : state) {
    auto decoded = decode(encoded, {.target_width = side, .target_height = side});
    benchmark::DoNotOptimize(decoded);
  }
  state.counters["encoded_KB"] = static_cast<double>(encoded.size()) / 1000;
}

void BM_DecodeJpeg720p(benchmark::State& state) {
  decode_for(state, jpeg());
}
BENCHMARK(BM_DecodeJpeg720p)
    ->ArgName("target")
    ->Arg(0)
    ->Arg(224)
    ->Arg(320)
    ->Unit(benchmark::kMillisecond);

void BM_DecodePng720p(benchmark::State& state) {
  decode_for(state, png());
}
BENCHMARK(BM_DecodePng720p)->ArgName("target")->Arg(0)->Arg(224)->Unit(benchmark::kMillisecond);

void BM_Resize(benchmark::State& state) {
  const Image source =
      synthetic_picture(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)));
  const auto side = static_cast<int>(state.range(2));
  for (auto _ : state) {
    Image resized = resize(source, side, side);
    benchmark::DoNotOptimize(resized.rgb.data());
  }
}
BENCHMARK(BM_Resize)
    ->ArgNames({"width", "height", "to"})
    ->Args({1280, 720, 224})
    ->Args({640, 360, 224})
    ->Args({640, 360, 320})
    ->Args({1920, 1080, 640})
    ->Unit(benchmark::kMillisecond);

void BM_WriteTensor(benchmark::State& state, engine::DType type) {
  const engine::TensorInfo tensor = {"input", type, {1, 224, 224, 3}};
  const Image image = synthetic_picture(224, 224);
  const auto layout = picture_layout(tensor);
  std::vector<std::byte> to(tensor.byte_size());
  for (auto _ : state) {
    const auto table = sample_table(tensor, {});
    write_samples(image, *layout, model::Colour::kRgb, *table, to);
    benchmark::DoNotOptimize(to.data());
  }
}
BENCHMARK_CAPTURE(BM_WriteTensor, uint8, engine::DType::kUint8)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_WriteTensor, int8, engine::DType::kInt8)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_WriteTensor, float32, engine::DType::kFloat32)->Unit(benchmark::kMicrosecond);

// All of it: what the timings of a reply call decode and preprocess.
void BM_PrepareJpeg720p(benchmark::State& state) {
  const auto side = state.range(0);
  engine::SessionInfo session;
  session.inputs = {{"input", engine::DType::kUint8, {1, side, side, 3}}};
  const auto model = ImageModel::create({}, session);
  for (auto _ : state) {
    auto prepared = model->prepare(jpeg());
    benchmark::DoNotOptimize(prepared);
  }
}
BENCHMARK(BM_PrepareJpeg720p)->ArgName("input")->Arg(224)->Arg(320)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace anynpu::vision
