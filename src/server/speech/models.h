// SPDX-License-Identifier: Apache-2.0
// SpeechModels: which models transcribe, and a transcriber for one of them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/model_host.h"
#include "speech/transcriber.h"

namespace anynpu::server {

class SpeechModels {
 public:
  virtual ~SpeechModels() = default;
  /// Names of all that there are, the default first. May read the store.
  virtual std::vector<std::string> names() = 0;
  /// Waits until the model is loaded. Any thread.
  virtual Result<std::shared_ptr<speech::Transcriber>> open(const std::string& name) = 0;
  /// Lets go of transcribers whose models were unloaded or replaced. Called from time to time.
  virtual void tidy() {}
};

/// Those of a model host, which is borrowed. `first`: the default's name; empty: the first one.
std::unique_ptr<SpeechModels> hosted_speech_models(ModelHost& host, std::string first);

}  // namespace anynpu::server
