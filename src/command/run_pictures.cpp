// SPDX-License-Identifier: Apache-2.0
// The pictures of `anynpu run`.
//
// Decoding happens here, on one thread, while up to `window` pictures that are ready wait for or
// run in the workers; so the workers are kept busy and no more than a window of pictures is in
// memory.
#include "command/run_pictures.h"

#include <deque>
#include <future>

#include "base/file.h"
#include "base/progress.h"
#include "base/text.h"
#include "command/annotation.h"

namespace anynpu::command {
namespace {

constexpr std::size_t kMostEncodedBytes = 64 << 20;  // as the decoder's own limit

// A picture on its way.
struct Pending {
  const ImageFile* image = nullptr;
  std::optional<Error> error;
  std::shared_ptr<const vision::PreparedImage> prepared;
  std::vector<std::byte> encoded;  // only where it is drawn on
  std::future<Result<runtime::Reply>> reply;
};

Error about(const ImageFile& image, Error error) {
  std::string path = image.path.string();
  return error.message.find(path) == std::string::npos ? std::move(error).within(path) : error;
}

class Runner {
 public:
  Runner(const RunPlan& plan, const vision::ImageModel& images, runtime::ServedModel& model,
         RunOutput& output, RunSummary& summary)
      : plan_(plan),
        images_(images),
        model_(model),
        output_(output),
        summary_(summary),
        annotator_(plan.annotate, plan.images.size() == 1) {}

  void run() {
    std::optional<Progress> progress;
    if (plan_.images.size() > 1)
      progress.emplace("pictures", plan_.images.size(), ProgressUnit::kItems);
    std::deque<Pending> window;
    std::size_t next = 0;
    while (!plan_.stop() && (next < plan_.images.size() || !window.empty())) {
      if (next < plan_.images.size() && window.size() < plan_.window) {
        window.push_back(start(plan_.images[next++]));
        continue;
      }
      FileResult result = finish(window.front());
      window.pop_front();
      ++summary_.done;
      if (result.error) ++summary_.failed;
      if (progress) progress->clear();
      output_.add(result);
      if (progress) progress->set(summary_.done);
    }
    // After an early end the requests still refer to nothing but themselves; the model's drain ends
    // them.
  }

 private:
  Pending start(const ImageFile& image) {
    Pending pending;
    pending.image = &image;
    pending.error = image.error;
    if (pending.error) return pending;
    if (auto prepared = prepare(pending); !prepared) {
      pending.error = about(image, std::move(prepared).error());
      return pending;
    }
    auto promise = std::make_shared<std::promise<Result<runtime::Reply>>>();
    pending.reply = promise->get_future();
    runtime::Request request;
    request.input = pending.prepared;
    request.deadline = Clock::now() + plan_.timeout;
    model_.submit(std::move(request), [promise](Result<runtime::Reply> reply) {
      promise->set_value(std::move(reply));
    });
    return pending;
  }

  Result<> prepare(Pending& pending) {
    ANYNPU_TRY(encoded, read_bytes(pending.image->path, kMostEncodedBytes));
    ANYNPU_TRY(prepared, images_.prepare(encoded));
    pending.prepared = std::move(prepared);
    if (annotator_.wanted()) pending.encoded = std::move(encoded);
    return {};
  }

  FileResult finish(Pending& pending) {
    FileResult result;
    result.file = pending.image->path.string();
    result.error = std::move(pending.error);
    if (result.error) return result;
    if (auto answered = answer(pending, result); !answered)
      result.error = about(*pending.image, std::move(answered).error());
    return result;
  }

  Result<> answer(Pending& pending, FileResult& result) {
    ANYNPU_TRY(reply, pending.reply.get());
    TimePoint start = Clock::now();
    ANYNPU_TRY(predictions, images_.interpret(reply.outputs, *pending.prepared, plan_.interpret));
    result.timings = {pending.prepared->decode_ms(), pending.prepared->preprocess_ms(),
                      reply.queue_ms, reply.infer_ms, ms_since(start)};
    result.predictions = std::move(predictions);
    result.device = reply.device;
    result.engine = reply.engine;
    result.artifact = reply.artifact;
    result.fallback = reply.fallback;
    result.note = reply.note;
    if (!annotator_.wanted()) return {};
    return annotator_.draw(pending.image->name, pending.encoded, result.predictions);
  }

  const RunPlan& plan_;
  const vision::ImageModel& images_;
  runtime::ServedModel& model_;
  RunOutput& output_;
  RunSummary& summary_;
  Annotator annotator_;
};

}  // namespace

void run_pictures(const RunPlan& plan, const vision::ImageModel& images,
                  runtime::ServedModel& model, RunOutput& output, RunSummary& summary) {
  TimePoint start = Clock::now();
  summary.files = plan.images.size();
  Runner(plan, images, model, output, summary).run();
  summary.seconds = ms_since(start) / 1000;
}

}  // namespace anynpu::command
