// SPDX-License-Identifier: Apache-2.0
// In a form the fields may stand behind the file. A small file is waited for to its end; a large
// one is begun with the fields that are known, and begun again when later ones change the question.
#include "server/speech/intake.h"

#include <fmt/format.h>

#include "base/text.h"
#include "server/multipart.h"

namespace anynpu::server {
namespace {

constexpr std::size_t kMostFormTextBytes = 16384;
constexpr std::uint64_t kWorthBeginning = 512 << 10;  // bytes of a form's file
constexpr const char* kSpeechHowTo = "send it with: curl -F file=@speech.wav";

class SpeechForm : public MultipartSink {
 public:
  explicit SpeechForm(const IntakeTerms& terms) : terms_(terms) {}

  Result<> begin_part(const MultipartPart& part) override {
    field_ = part.name;
    const bool audio = field_ == "file" || field_ == "audio" || field_ == "audio_file";
    into_ = audio ? Into::kAudio : !part.filename.empty() ? Into::kNothing : Into::kField;
    if (into_ == Into::kField) fields[field_].emplace_back();
    if (into_ != Into::kAudio) return {};
    if (spool)
      return Error{Code::kInvalid, "the form has two audio files"}.with_hint(
          "send several requests");
    filename = part.filename;
    ANYNPU_TRY(made, terms_.spool());
    spool = made;
    return {};
  }

  Result<> part_data(std::string_view bytes) override {
    if (into_ == Into::kNothing) return {};
    std::string& to = into_ == Into::kAudio ? pending : fields[field_].back();
    if (into_ == Into::kField && to.size() + bytes.size() > kMostFormTextBytes)
      return Error{Code::kTooLarge,
                   fmt::format("the form's field '{}' is over {}", printable(field_, 40),
                               human_bytes(kMostFormTextBytes))};
    to.append(bytes);
    return {};
  }

  Result<> end_part() override { return {}; }

  SpeechFields fields;
  std::string filename;
  std::string pending;  // audio that has not been written yet
  std::shared_ptr<audio::Spool> spool;

 private:
  enum class Into { kAudio, kField, kNothing };
  const IntakeTerms& terms_;
  std::string field_;
  Into into_ = Into::kNothing;
};

/// Ends what was begun unless it is kept.
class Intake {
 public:
  Intake(SpeechService& service, const IntakeTerms& terms) : service_(service), terms_(terms) {}
  ~Intake() { drop(); }
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  Result<> begin() {
    if (!terms_.begin || upload.transcription) return {};
    ANYNPU_TRY(begun, service_.start(upload.question.work,
                                     {.audio = upload.audio, .upload = upload.audio}));
    upload.transcription = begun;
    return {};
  }
  bool is_asked(const SpeechWork& work) const {
    return upload.transcription && upload.transcription->work() == work;
  }
  SpeechUpload keep() {
    kept_ = true;
    return std::move(upload);
  }

  SpeechUpload upload;

 private:
  void drop() {
    if (kept_) return;
    if (upload.transcription) upload.transcription->stop();  // before its audio seems to end
    if (upload.audio) upload.audio->fail();
  }

  SpeechService& service_;
  const IntakeTerms& terms_;
  bool kept_ = false;
};

tl::unexpected<SpeechProblem> problem(Error error, std::string parameter = {}) {
  return tl::unexpected(SpeechProblem{std::move(error), std::move(parameter)});
}

// On the pool: a full disk's cache would hold up the event loop.
asio::awaitable<Result<>> write_audio(WorkPool& pool, audio::Spool& spool, std::string_view bytes) {
  Result<> written;
  std::function<void()> write = [&] { written = spool.append(std::as_bytes(std::span(bytes))); };
  Result<> ran = co_await pool.run(Work::kFinish, write);
  if (!ran) co_return ran;
  co_return written;
}

using Taken = tl::expected<SpeechUpload, SpeechProblem>;

asio::awaitable<Taken> take_form(RequestContext& context, SpeechService& service, WorkPool& pool,
                                 const IntakeTerms& terms) {
  Result<std::string> boundary = multipart_boundary(context.head().header("Content-Type"));
  if (!boundary) co_return problem(std::move(boundary).error());
  SpeechForm form(terms);
  MultipartParser parser(*boundary, form);
  Intake intake(service, terms);
  bool more = true;
  while (more) {
    Result<std::string_view> bytes = co_await context.read_some();
    if (!bytes) co_return problem(std::move(bytes).error());
    more = !bytes->empty();
    Result<> parsed = more ? parser.feed(*bytes) : parser.finish();
    if (!parsed) co_return problem(std::move(parsed).error());
    if (form.pending.empty()) continue;
    intake.upload.audio = form.spool;
    Result<> written = co_await write_audio(pool, *form.spool, form.pending);
    if (!written) co_return problem(std::move(written).error());
    form.pending.clear();
    if (!more || form.spool->bytes() < kWorthBeginning || intake.upload.transcription) continue;
    auto asked = read_question(terms.face, context.head().target, form.fields);
    if (!asked) continue;  // the field that makes it right may come behind the file
    intake.upload.question = *asked;
    Result<> begun = intake.begin();
    if (!begun) co_return problem(std::move(begun).error());
  }
  if (!form.spool)
    co_return problem(Error{Code::kInvalid, "the form has no field named 'file'", 0, kSpeechHowTo},
                      "file");
  auto asked = read_question(terms.face, context.head().target, form.fields);
  if (!asked) co_return tl::unexpected(asked.error());
  intake.upload.question = *asked;
  intake.upload.audio = form.spool;
  intake.upload.filename = form.filename;
  form.spool->end();
  if (intake.upload.transcription && !intake.is_asked(asked->work)) {
    auto again = form.spool->again();
    if (!again) co_return problem(std::move(again).error());
    intake.upload.transcription->stop();
    intake.upload.transcription = nullptr;
    intake.upload.audio = std::move(*again);
  }
  if (form.spool->bytes() == 0)
    co_return problem(Error{Code::kInvalid, "the audio is empty", 0, kSpeechHowTo}, "file");
  Result<> begun = intake.begin();
  if (!begun) co_return problem(std::move(begun).error());
  co_return intake.keep();
}

asio::awaitable<Taken> take_bare(RequestContext& context, SpeechService& service, WorkPool& pool,
                                 const IntakeTerms& terms) {
  auto asked = read_question(terms.face, context.head().target, {});
  if (!asked) co_return tl::unexpected(asked.error());
  Result<std::shared_ptr<audio::Spool>> spool = terms.spool();
  if (!spool) co_return problem(std::move(spool).error());
  Intake intake(service, terms);
  intake.upload.question = *asked;
  intake.upload.audio = *spool;
  while (true) {
    Result<std::string_view> bytes = co_await context.read_some();
    if (!bytes) co_return problem(std::move(bytes).error());
    if (bytes->empty()) break;
    Result<> written = co_await write_audio(pool, **spool, *bytes);
    if (!written) co_return problem(std::move(written).error());
    Result<> begun = intake.begin();
    if (!begun) co_return problem(std::move(begun).error());
  }
  (*spool)->end();
  if ((*spool)->bytes() == 0)
    co_return problem(Error{Code::kInvalid, "the request has no audio", 0, kSpeechHowTo});
  co_return intake.keep();
}

}  // namespace

asio::awaitable<Taken> take_audio(RequestContext& context, SpeechService& service, WorkPool& pool,
                                  const IntakeTerms& terms) {
  context.allow_body(
      {.most_bytes = service.options().upload_bytes, .time = service.options().upload_time});
  const std::string type = context.head().media_type();
  const std::string_view coding = context.head().header("Content-Encoding");
  if (!coding.empty() && !equal_ignoring_case(coding, "identity"))
    co_return problem(
        Error{Code::kUnsupported,
              fmt::format("the body has the content encoding '{}'", printable(coding, 40)), 0,
              "send the audio as it is"});
  if (type == "multipart/form-data") co_return co_await take_form(context, service, pool, terms);
  const bool bare = type.empty() || type == "application/octet-stream" ||
                    type == "application/ogg" || type.starts_with("audio/") ||
                    type.starts_with("video/");
  if (!bare)
    co_return problem(Error{Code::kUnsupported,
                            fmt::format("a body of the type '{}' is no audio", printable(type, 60)),
                            0, kSpeechHowTo});
  co_return co_await take_bare(context, service, pool, terms);
}

}  // namespace anynpu::server
