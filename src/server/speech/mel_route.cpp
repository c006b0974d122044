// SPDX-License-Identifier: Apache-2.0
// POST /mel: what a model sees of a sound, for the page and for people.
#include <fmt/format.h>

#include "mel/front_end.h"
#include "server/speech/intake.h"
#include "server/speech/routes.h"
#include "speech/audio_input.h"
#include "vision/mel_picture.h"
#include "vision/png_writer.h"

namespace anynpu::server {
namespace {

constexpr double kMostPictureSeconds = 600;  // longer sounds show their beginning

Result<std::vector<std::byte>> mel_png(audio::ByteSource& audio) {
  ANYNPU_TRY(options, mel::variant("whisper"));
  ANYNPU_TRY(front_end, mel::FrontEnd::create(options));
  speech::AudioInput input(audio);
  std::vector<float> samples;
  const auto most = static_cast<std::size_t>(kMostPictureSeconds * speech::kSampleRate);
  bool more = true;
  while (more && samples.size() < most) {
    ANYNPU_TRY(got, input.read(samples));
    more = got;
  }
  samples.resize(std::min(samples.size(), most));
  const std::size_t frames = front_end.frames(samples.size());
  if (frames == 0) return Error{Code::kInvalid, "the audio is shorter than one frame"};
  std::vector<float> values(frames * front_end.bins());
  front_end.compute(std::span<const float>(samples), values.data(), mel::Layout::kBinsFirst, 1);
  return vision::encode_png(vision::mel_picture(values, front_end.bins(), frames, true));
}

asio::awaitable<Response> answer_mel(RequestContext& context, Services& services,
                                     SpeechService& speech) {
  IntakeTerms terms;
  terms.begin = false;
  terms.spool = [&speech]() -> Result<std::shared_ptr<audio::Spool>> {
    const SpeechOptions& options = speech.options();
    ANYNPU_TRY(spool, audio::Spool::create(options.spool, options.upload_bytes));
    return std::shared_ptr<audio::Spool>(std::move(spool));
  };
  auto upload = co_await take_audio(context, speech, services.pool, terms);
  if (!upload) co_return speech_error(SpeechFace::kOwn, upload.error().error);
  Result<std::vector<std::byte>> png = Error{Code::kInternal, ""};
  std::function<void()> draw = [&] { png = mel_png(*upload->audio); };
  Result<> ran = co_await services.pool.run(Work::kStart, draw);
  if (!ran) co_return speech_error(SpeechFace::kOwn, ran.error());
  if (!png) co_return speech_error(SpeechFace::kOwn, png.error());
  Response response;
  response.headers = {{"Content-Type", "image/png"}, {"Cache-Control", "no-store"}};
  response.body.assign(reinterpret_cast<const char*>(png->data()), png->size());
  co_return response;
}

}  // namespace

void add_mel_route(Router& router, Services& services, SpeechService& speech) {
  router.add("POST", "/mel",
             "Audio in, the picture of its mel spectrogram out (PNG; the first ten minutes).",
             [&services, &speech](RequestContext& context) {
               return answer_mel(context, services, speech);
             });
}

}  // namespace anynpu::server
