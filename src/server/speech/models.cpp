// SPDX-License-Identifier: Apache-2.0
// A transcriber is kept as long as the host keeps the version that it works with.
#include "server/speech/models.h"

#include <algorithm>
#include <future>
#include <map>
#include <mutex>

#include <fmt/format.h>

namespace anynpu::server {
namespace {

class HostedSpeechModels : public SpeechModels {
 public:
  HostedSpeechModels(ModelHost& host, std::string first) : host_(host), first_(std::move(first)) {}

  std::vector<std::string> names() override {
    std::vector<std::string> all = names_of(model::Task::kTranscribe);
    auto found = std::find(all.begin(), all.end(), first_);
    if (found != all.end()) std::rotate(all.begin(), found, found + 1);
    return all;
  }

  Result<std::shared_ptr<speech::Transcriber>> open(const std::string& name) override {
    ANYNPU_TRY(hosted, wait_for(name));
    {
      std::lock_guard lock(mutex_);
      auto found = kept_.find(name);
      if (found != kept_.end() && found->second.hosted == hosted) return found->second.transcriber;
    }
    std::shared_ptr<runtime::ServedModel> vad;
    if (const auto names = names_of(model::Task::kVad); !names.empty())
      if (auto found = wait_for(names.front())) vad = served(*found);
    ANYNPU_TRY(opened, speech::Transcriber::open(served(hosted), vad));
    std::shared_ptr<speech::Transcriber> transcriber = std::move(opened);
    std::lock_guard lock(mutex_);
    kept_[name] = {hosted, transcriber};
    return transcriber;
  }

  void tidy() override {
    std::map<std::string, Kept> dropped;  // let go of without the lock
    std::lock_guard lock(mutex_);
    for (auto each = kept_.begin(); each != kept_.end();) {
      const bool stale =
          host_.ready(each->first, each->second.hosted->served->version()) != each->second.hosted;
      auto next = std::next(each);
      if (stale) dropped.insert(kept_.extract(each));
      each = next;
    }
  }

 private:
  struct Kept {
    ModelHost::Hosted hosted;
    std::shared_ptr<speech::Transcriber> transcriber;
  };

  // Those that were named at the start first, in their order.
  std::vector<std::string> names_of(model::Task task) {
    std::vector<std::string> all;
    if (std::string first = host_.first_of(task); !first.empty()) all.push_back(std::move(first));
    auto add = [&](const model::Package& package) {
      if (package.task == task && !contains(all, package.name)) all.push_back(package.name);
    };
    for (const ModelStatus& model : host_.status()) add(model.package);
    for (const model::Package& package : host_.available()) add(package);
    return all;
  }

  static std::shared_ptr<runtime::ServedModel> served(const ModelHost::Hosted& hosted) {
    return {hosted, hosted->served.get()};
  }

  Result<ModelHost::Hosted> wait_for(const std::string& name) {
    auto promise = std::make_shared<std::promise<Result<ModelHost::Hosted>>>();
    auto answer = promise->get_future();
    host_.find(name, 0, [promise](Result<ModelHost::Hosted> found) {
      promise->set_value(std::move(found));
    });
    return answer.get();
  }

  ModelHost& host_;
  const std::string first_;
  std::mutex mutex_;
  std::map<std::string, Kept> kept_;
};

}  // namespace

std::unique_ptr<SpeechModels> hosted_speech_models(ModelHost& host, std::string first) {
  return std::make_unique<HostedSpeechModels>(host, std::move(first));
}

}  // namespace anynpu::server
