// SPDX-License-Identifier: Apache-2.0
// Running a worker on inputs, and comparing what came out with what ought to.
#include "runtime/canary.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "runtime/recent_answers.h"

namespace anynpu::runtime {
namespace {

using engine::Shape;
using engine::Tensor;
using engine::TensorInfo;

constexpr double kHangMedians = 50;
constexpr auto kLongestWait = seconds(10);
constexpr double kAtLeast = 5;  // medians; of a run that is slow by nature

// One request's shape of every input, and its bytes.
Result<std::vector<InputSize>> sizes_of(const InputSource& source,
                                        const engine::SessionInfo& session) {
  std::vector<InputSize> sizes;
  for (std::size_t i = 0; i < session.inputs.size(); ++i) {
    const TensorInfo& tensor = session.inputs[i];
    ANYNPU_TRY(shape, source.shape(i, tensor));
    TensorInfo one{tensor.name, tensor.type, shape};
    std::size_t bytes =
        tensor.type == engine::DType::kString ? source.string_bytes(i) : one.byte_size();
    if (engine::element_count(shape) < 0)
      return Error{Code::kInvalid, fmt::format("input {}: shape {} is not complete", tensor.name,
                                               engine::to_string(shape))};
    sizes.push_back({shape, bytes});
  }
  return sizes;
}

// The outputs of the index-th of `count` requests that ran together.
Result<std::vector<Tensor>> share_of(const engine::SessionInfo& session, const RunOutput& output,
                                     std::size_t index, std::size_t count) {
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < output.outputs.size(); ++i) {
    const auto& view = output.outputs[i];
    Tensor tensor{session.outputs[i], {}};
    tensor.info.shape = view.shape;
    std::span<const std::byte> bytes = view.bytes;
    if (count > 1) {
      auto whole = static_cast<std::int64_t>(count);
      if (view.shape.empty() || view.shape[0] % whole != 0 || bytes.size() % count != 0)
        return Error{Code::kDevice,
                     fmt::format("output {} of shape {} cannot be shared among {} requests",
                                 tensor.info.name, engine::to_string(view.shape), count)};
      tensor.info.shape[0] /= whole;
      bytes = bytes.subspan(index * (bytes.size() / count), bytes.size() / count);
    }
    tensor.bytes.assign(bytes.begin(), bytes.end());
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

std::size_t argmax(const std::vector<float>& values) {
  return static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

}  // namespace

BatchRule batch_rule(const model::Artifact& artifact, const engine::SessionInfo& session) {
  if (artifact.max_batch <= 1 || session.inputs.empty()) return {};
  // Where one request's strings end among others' cannot be told by dividing.
  const auto is_string = [](const TensorInfo& tensor) {
    return tensor.type == engine::DType::kString;
  };
  if (std::any_of(session.inputs.begin(), session.inputs.end(), is_string) ||
      std::any_of(session.outputs.begin(), session.outputs.end(), is_string))
    return {};
  if (session.batchable) return {artifact.max_batch, false};
  bool fixed =
      std::all_of(session.inputs.begin(), session.inputs.end(), [&](const TensorInfo& tensor) {
        return !tensor.shape.empty() && tensor.shape[0] == artifact.max_batch;
      });
  return fixed ? BatchRule{artifact.max_batch, true} : BatchRule{};
}

tl::expected<BatchOutput, RunFailure> run_batch(Worker& worker,
                                                std::span<const InputSource* const> sources,
                                                const BatchRule& rule, TimePoint give_up) {
  auto input_error = [](Error error) {
    return tl::make_unexpected(RunFailure{std::move(error), true});
  };
  auto worker_error = [](Error error) {
    return tl::make_unexpected(RunFailure{std::move(error), false});
  };
  const engine::SessionInfo& session = worker.session();
  const std::size_t places = rule.fixed ? static_cast<std::size_t>(rule.most) : sources.size();

  auto one = sizes_of(*sources[0], session);
  if (!one) return input_error(one.error());
  for (const InputSource* source : sources.subspan(1)) {
    auto other = sizes_of(*source, session);
    if (!other) return input_error(other.error());
    const bool same = std::equal(one->begin(), one->end(), other->begin(), other->end(),
                                 [](const InputSize& a, const InputSize& b) {
                                   return a.shape == b.shape && a.bytes == b.bytes;
                                 });
    if (!same)
      return input_error({Code::kInvalid, "requests of different shapes do not run together"});
  }
  std::vector<InputSize> all = *one;
  if (places > 1) {
    for (InputSize& size : all) {
      if (size.shape.empty())
        return input_error({Code::kInvalid, "a scalar input cannot be batched"});
      size.shape[0] *= static_cast<std::int64_t>(places);
      size.bytes *= places;
    }
  }
  auto spans = worker.prepare(all);
  if (!spans) return worker_error(spans.error());
  std::vector<std::uint64_t> prints(sources.size());
  for (std::size_t i = 0; i < spans->size(); ++i) {
    std::size_t bytes = (*one)[i].bytes;
    for (std::size_t place = 0; place < places; ++place) {
      std::span<std::byte> to = (*spans)[i].subspan(place * bytes, bytes);
      if (place >= sources.size()) {
        std::memcpy(to.data(), (*spans)[i].data(), bytes);
        continue;
      }
      if (auto written = sources[place]->write(i, session.inputs[i], to); !written)
        return input_error(written.error());
      prints[place] = fingerprint(to, prints[place]);
    }
  }
  auto ran = worker.run(give_up);
  if (!ran) return worker_error(ran.error());
  BatchOutput result{ran->infer_ms, {}, ran->remarks, std::move(prints)};
  for (std::size_t index = 0; index < sources.size(); ++index) {
    auto share = share_of(session, *ran, index, places);
    if (!share) return worker_error(share.error());
    result.outputs.push_back(std::move(*share));
  }
  return result;
}

Duration patience_for(Duration hang_limit, double usual_ms) {
  const auto times = [usual_ms](double factor) {
    return std::chrono::duration_cast<Duration>(
        std::chrono::duration<double, std::milli>(factor * usual_ms));
  };
  return std::max(hang_limit,
                  std::min(times(kHangMedians), std::max<Duration>(kLongestWait, times(kAtLeast))));
}

Result<> ReversedSource::write(std::size_t index, const engine::TensorInfo& tensor,
                               std::span<std::byte> to) const {
  ANYNPU_CHECK(source_.write(index, tensor, to));
  const std::size_t size = engine::bits_of(tensor.type) / 8;
  if (size == 0) return {};  // strings, and elements that share a byte: as they are
  std::reverse(to.begin(), to.end());
  for (std::size_t at = 0; at + size <= to.size(); at += size)
    std::reverse(to.begin() + static_cast<std::ptrdiff_t>(at),
                 to.begin() + static_cast<std::ptrdiff_t>(at + size));
  return {};
}

bool same_bytes(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Tensor& x, const Tensor& y) { return x.bytes == y.bytes; });
}

Result<Agreement> compare(const model::Package& package, const std::vector<Tensor>& reference,
                          const std::vector<Tensor>& outputs) {
  if (reference.size() != outputs.size())
    return Error{Code::kDevice, fmt::format("has {} outputs, the reference has {}", outputs.size(),
                                            reference.size())};
  const bool detect = package.task == model::Task::kDetect;
  const auto scores = static_cast<std::size_t>(package.postprocess.scores_output);
  const auto classes = static_cast<std::size_t>(package.postprocess.classes_output);
  Agreement agreement{1, true};
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].info.type == engine::DType::kString) {
      if (outputs[i].bytes != reference[i].bytes) agreement = {0, false};
      continue;
    }
    if (detect && i != scores) continue;
    ANYNPU_TRY(expected, engine::to_floats(reference[i]));
    ANYNPU_TRY(actual, engine::to_floats(outputs[i]));
    if (expected.size() != actual.size())
      return Error{Code::kDevice,
                   fmt::format("output {} has {} elements, the reference has {}",
                               outputs[i].info.name, actual.size(), expected.size())};
    double cosine = engine::cosine_similarity(expected, actual);
    agreement.cosine = std::min(agreement.cosine, std::isfinite(cosine) ? cosine : 0);
    if (expected.empty()) continue;
    std::size_t best_expected = argmax(expected), best_actual = argmax(actual);
    if (detect) {
      if (classes >= outputs.size()) continue;
      ANYNPU_TRY(expected_class, engine::to_floats(reference[classes]));
      ANYNPU_TRY(actual_class, engine::to_floats(outputs[classes]));
      agreement.same_top1 = best_expected < expected_class.size() &&
                            best_actual < actual_class.size() &&
                            expected_class[best_expected] == actual_class[best_actual];
    } else {
      agreement.same_top1 = agreement.same_top1 && best_expected == best_actual;
    }
  }
  return agreement;
}

}  // namespace anynpu::runtime
