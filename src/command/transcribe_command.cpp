// SPDX-License-Identifier: Apache-2.0
// `anynpu transcribe FILE...`: what is said in recordings, as text, subtitles or JSON.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "base/tell.h"
#include "base/text.h"
#include "command/command.h"
#include "command/interrupt.h"
#include "command/output.h"
#include "command/serve_options.h"
#include "command/transcribe_files.h"
#include "model/store.h"
#include "speech/languages.h"

namespace anynpu::command {
namespace {

struct TranscribeCommandOptions {
  std::vector<std::string> files;
  std::string model;
  std::string format;  // empty: as the output ends, or text
  std::string output;
  std::string language;
  std::string prompt;
  double temperature = -1;
  int beam = 0;
  int parallel = 0;
  bool beside = false, translate = false, words = false, vad = false, again = false;
  runtime::ServeOptions serve;
};

// Without a name the first one that can, as the server chooses; else the first, whose own words say
// what it cannot do.
Result<model::Package> package_for(const TranscribeCommandOptions& options,
                                   const speech::TranscribeOptions& asked, int& version) {
  if (!options.model.empty()) {
    const ModelName wanted = parse_model_name(options.model);
    ANYNPU_TRY(package, model::open_package(wanted.name));
    ANYNPU_TRY(number, version_of(package, wanted.version));
    version = number;
    return std::move(package);
  }
  std::optional<model::Package> chosen;
  for (const model::Package& package : model::list_packages().packages) {
    if (package.task != model::Task::kTranscribe) continue;
    const bool can = speech::may_understand(package, asked.language, asked.translate);
    if (can || !chosen) chosen = package;
    if (can) break;
  }
  if (chosen) {
    version = chosen->latest().number;
    return std::move(*chosen);
  }
  return Error{Code::kNotFound, "there is no model that transcribes", 0,
               "fetch one: anynpu models pull moonshine_tiny"};
}

Result<std::shared_ptr<runtime::ServedModel>> start_speech_model(
    const model::Package& package, int version, const runtime::ServeOptions& options) {
  ANYNPU_TRY(canary, speech::canary(package));
  ANYNPU_TRY(served, runtime::ServedModel::start(package, version, canary, options));
  return std::shared_ptr<runtime::ServedModel>(std::move(served));
}

/// Finds speech more exactly than loudness does; one that is not there or does not start is no
/// loss.
std::shared_ptr<runtime::ServedModel> start_vad(const runtime::ServeOptions& options) {
  runtime::ServeOptions alone = options;
  alone.only.clear();
  for (const model::Package& package : model::list_packages().packages) {
    if (package.task != model::Task::kVad) continue;
    auto started = start_speech_model(package, package.latest().number, alone);
    if (started) return *started;
  }
  return nullptr;
}

Json result_json(const AudioResult& result, const speech::FormatOptions& writing) {
  Json json = {{"file", result.file->path.string()}};
  if (!result.file->result.empty()) json["result"] = result.file->result.string();
  json["skipped"] = result.skipped;
  if (result.error) {
    json["error"] = to_json(*result.error);
  } else if (!result.skipped) {
    const Json transcript = speech::verbose_json(result.transcript, writing);
    for (const auto& [key, value] : transcript.items()) json[key] = value;
  }
  return json;
}

class Printer {
 public:
  Printer(const TranscribePlan& plan, const CommandContext& context)
      : plan_(plan), context_(context) {}

  void add(const AudioResult& result) {
    failed += result.error ? 1 : 0;
    skipped += result.skipped ? 1 : 0;
    ++done;
    if (context_.json) {
      list_.push_back(result_json(result, plan_.writing));
    } else if (result.error) {
      context_.fail(*result.error);
    } else {
      print(result);
    }
  }

  void finish() {
    if (!context_.json) return;
    auto report = context_.report();
    report->data("results", list_);
    report->data("failed", failed);
    report->data("skipped", skipped);
    report->finish();
  }

  std::size_t done = 0, failed = 0, skipped = 0;

 private:
  void print(const AudioResult& result) const {
    if (!result.skipped)
      for (const std::string& note : result.transcript.notes)
        tell("{}: {}\n", result.file->path.string(), note);
    if (!result.file->result.empty()) {
      tell("{}{}\n", result.file->result.string(), result.skipped ? " is there already" : "");
      return;
    }
    if (plan_.files.size() > 1 && plan_.format == speech::Format::kText)
      context_.out() << result.file->path.string() << ":\n";
    context_.out() << speech::write(result.transcript, plan_.format, plan_.writing);
    context_.out().flush();
  }

  const TranscribePlan& plan_;
  const CommandContext& context_;
  Json list_ = Json::array();
};

Result<TranscribePlan> plan_of(const TranscribeCommandOptions& options) {
  TranscribePlan plan;
  std::string ending = std::filesystem::path(options.output).extension().string();
  if (!ending.empty()) ending.erase(0, 1);
  speech::Format format = speech::format_of_extension(ending).value_or(speech::Format::kText);
  if (!options.format.empty()) {
    ANYNPU_TRY(named, speech::parse_format(options.format));
    format = named;
  }
  plan.format = format;
  plan.files = find_audio(options.files);
  ANYNPU_CHECK(place_results(plan.files, options.output, format, options.beside));
  plan.writing = {.translated = options.translate, .words = options.words};
  if (!options.language.empty()) {
    const std::string code = speech::language_code(options.language);
    if (code.empty())
      return Error{Code::kInvalid, fmt::format("'{}' is no language", printable(options.language)),
                   0, "use a code of ISO 639-1, such as en"};
    plan.options.language = code;
  }
  plan.options.translate = options.translate;
  plan.options.prompt = options.prompt;
  if (options.temperature > 0)
    plan.options.temperatures = {static_cast<float>(options.temperature)};
  plan.options.beam_size = options.beam;
  plan.options.word_times = options.words || format == speech::Format::kWhisperX;
  if (options.vad) plan.options.segmentation = speech::Segmentation::kVad;
  plan.again = options.again;
  plan.parallel = options.parallel > 0
                      ? options.parallel
                      : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  plan.stop = [] { return interrupted() || standard_output_errno() != 0; };
  return plan;
}

bool all_there(const TranscribePlan& plan) {
  return !plan.again && std::all_of(plan.files.begin(), plan.files.end(), [](const auto& file) {
    std::error_code ignored;
    return !file.error && !file.result.empty() && std::filesystem::exists(file.result, ignored);
  });
}

int transcribe_command(const TranscribeCommandOptions& options, const CommandContext& context) {
  auto plan = plan_of(options);
  if (!plan) return context.fail_usage(plan.error());
  Printer printer(*plan, context);
  if (all_there(*plan)) {
    for (const AudioFile& file : plan->files) {
      AudioResult result;
      result.file = &file;
      result.skipped = true;
      printer.add(result);
    }
    printer.finish();
    return kExitOk;
  }
  int version = 0;
  auto package = package_for(options, plan->options, version);
  if (!package) return context.fail(package.error());
  auto model = start_speech_model(*package, version, options.serve);
  if (!model) return context.fail(model.error());
  auto transcriber = speech::Transcriber::open(*model, start_vad(options.serve));
  if (!transcriber) return context.fail(transcriber.error());
  watch_for_interrupt();
  transcribe_files(*plan, **transcriber, [&](const AudioResult& result) { printer.add(result); });
  printer.finish();
  if (interrupted()) {
    tell("interrupted after {} of {} files; the same command goes on from there\n", printer.done,
         plan->files.size());
    return kExitInterrupted;
  }
  if (printer.failed == 0) return kExitOk;
  return printer.failed == printer.done ? kExitFailed : kExitDegraded;
}

}  // namespace

void add_transcribe_command(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<TranscribeCommandOptions>();
  CLI::App* command = app.add_subcommand("transcribe", "Write down what is said in recordings");
  command
      ->add_option("FILE", options->files,
                   "recordings (WAV, FLAC, Ogg, MP3; with ffmpeg M4A, MP4, WebM and others), and "
                   "folders of them")
      ->required()
      ->type_name("");
  std::vector<std::string> names;
  for (speech::Format format : speech::formats()) names.emplace_back(speech::to_string(format));
  command
      ->add_option("-f,--format", options->format,
                   "one of " + join(names, ", ") + " (as the file of -o ends, or text)")
      ->check(CLI::IsMember(names))
      ->type_name("FORMAT");
  command
      ->add_option(
          "-o,--output", options->output,
          "write to this file, or into this folder, or to standard output (-); files whose "
          "result is there already are left out")
      ->type_name("PATH");
  command->add_flag("--beside", options->beside, "write each result beside its recording");
  command->add_flag("--again", options->again, "also files whose result is there already");
  command
      ->add_option("--model", options->model,
                   "a model package (NAME or NAME@VERSION); the first that can otherwise")
      ->type_name("NAME");
  command->add_option("--language", options->language, "what is spoken; heard otherwise")
      ->type_name("CODE");
  command->add_flag("--translate", options->translate, "into English");
  command->add_flag("--words", options->words, "with the times of words");
  command->add_option("--prompt", options->prompt, "text that went before, for spelling and style")
      ->type_name("TEXT");
  command->add_option("--temperature", options->temperature, "the only one to decode at")
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("T");
  command
      ->add_option("--beam", options->beam,
                   "how many texts are followed at one time (1, and 5 where that one is doubtful)")
      ->check(CLI::Range(1, 16))
      ->type_name("N");
  command->add_flag("--vad", options->vad, "cut silence away before");
  command->add_option("--jobs", options->parallel, "files at one time (one per core)")
      ->check(CLI::Range(1, 64))
      ->type_name("N");
  add_placement_options(*command, options->serve);
  add_isolation_options(*command, options->serve);
  command->footer(
      "Ends with 3 when some files failed and with 1 when all did. Started again after an\n"
      "interruption, it goes on with the files that have no result yet.\n\n"
      "Examples:\n"
      "  anynpu transcribe talk.mp3\n"
      "  anynpu transcribe film.mp4 -o film.srt\n"
      "  anynpu transcribe recordings/ -f vtt --beside\n"
      "  anynpu transcribe recordings/ -o texts/ --model whisper_base --language de");
  on_chosen(*command, context,
            [options](CommandContext& c) { return transcribe_command(*options, c); });
}

}  // namespace anynpu::command
