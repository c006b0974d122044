// SPDX-License-Identifier: Apache-2.0
// Creates the XNNPACK delegate and counts the operators that it takes.
#include "engine/tflite_xnnpack.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include <fmt/format.h>

namespace anynpu::engine::tflite {
namespace {

// A delegate's prepare function gets no data of ours, so the one at work is remembered per thread.
thread_local XnnpackDelegate* preparing = nullptr;

std::vector<int> execution_plan(Context* context) {
  IntArray* plan = nullptr;
  std::vector<int> nodes;
  if (context->get_execution_plan(context, &plan) != kOk || plan == nullptr) return nodes;
  for (int i = 0; i < plan->size; ++i) nodes.push_back(plan->at(i));
  return nodes;
}

}  // namespace

XnnpackLayout xnnpack_layout(const std::string& version, bool has_get_options) {
  int major = 0;
  int minor = 0;
  if (std::sscanf(version.c_str(), "%d.%d", &major, &minor) == 2 && major == 2 && minor <= 17 &&
      (minor >= 10 || (minor >= 3 && !has_get_options)))
    return XnnpackLayout::kThreadsAndFlags;
  return has_get_options ? XnnpackLayout::kDefaultsThroughMemory : XnnpackLayout::kNoOptions;
}

std::uint32_t xnnpack_flags(const std::string& version) {
  return compare_versions(version, "2.10") >= 0 ? kXnnpackQs8 | kXnnpackQu8 : kXnnpackQs8;
}

Result<std::unique_ptr<XnnpackDelegate>> XnnpackDelegate::create(const Api& api, int threads) {
  if (!api.has_xnnpack())
    return Error{Code::kUnsupported,
                 fmt::format("TFLite {} was built without XNNPACK", api.version)};
  Delegate* delegate = nullptr;
  std::string title = "XNNPACK";
  switch (xnnpack_layout(api.version,
                         api.xnnpack_has_get_options && api.xnnpack_default_options != nullptr)) {
    case XnnpackLayout::kThreadsAndFlags: {
      XnnpackOptions options{};
      options.num_threads = threads;
      options.flags = xnnpack_flags(api.version);
      delegate = api.xnnpack_create(&options);
      title += (options.flags & kXnnpackQu8) != 0 ? " QS8 QU8" : " QS8";
      break;
    }
    case XnnpackLayout::kDefaultsThroughMemory: {
      XnnpackOptions options = api.xnnpack_default_options();
      options.num_threads = threads;
      delegate = api.xnnpack_create(&options);
      break;
    }
    case XnnpackLayout::kNoOptions:
      delegate = api.xnnpack_create(nullptr);
      break;
  }
  if (delegate == nullptr)
    return Error{Code::kUnsupported,
                 fmt::format("TFLite {}: XNNPACK does not support this processor", api.version)};
  return std::unique_ptr<XnnpackDelegate>(new XnnpackDelegate(api, delegate, std::move(title)));
}

XnnpackDelegate::~XnnpackDelegate() {
  api_.xnnpack_delete(delegate_);
}

Status XnnpackDelegate::take_over(Interpreter* interpreter) {
  prepare_ = delegate_->prepare;
  delegate_->prepare = counting_prepare;
  preparing = this;
  const Status status = api_.modify_graph(interpreter, delegate_);
  preparing = nullptr;
  delegate_->prepare = prepare_;
  return status;
}

// Nodes that the plan had before and has not any more were taken; nodes that it had not before are
// the delegate's own.
Status XnnpackDelegate::counting_prepare(Context* context, Delegate* delegate) {
  const std::vector<int> before = execution_plan(context);
  const Status status = preparing->prepare_(context, delegate);
  const std::vector<int> after = execution_plan(context);
  auto had = [&before](int node) {
    return std::find(before.begin(), before.end(), node) != before.end();
  };
  const auto kept = static_cast<int>(std::count_if(after.begin(), after.end(), had));
  preparing->coverage_.operators += static_cast<int>(before.size());
  preparing->coverage_.taken += static_cast<int>(before.size()) - kept;
  preparing->coverage_.parts += static_cast<int>(after.size()) - kept;
  return status;
}

std::string XnnpackDelegate::note() const {
  return fmt::format("{} of TFLite {}: {} of {} operators{}", title_, api_.version, coverage_.taken,
                     coverage_.operators,
                     coverage_.parts > 1 ? fmt::format(" in {} parts", coverage_.parts) : "");
}

}  // namespace anynpu::engine::tflite
