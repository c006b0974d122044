// SPDX-License-Identifier: Apache-2.0
// `anynpu mel`: the mel spectrogram of an audio file, as numbers, as a picture, or as a
// measurement.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <thread>

#include <fmt/format.h>

#include "audio/mono.h"
#include "base/clock.h"
#include "base/text.h"
#include "command/command.h"
#include "mel/front_end.h"
#include "mel/npy.h"
#include "vision/mel_picture.h"
#include "vision/png_writer.h"

namespace anynpu::command {
namespace {

constexpr double kMostAudioSeconds = 4.0 * 3600;
constexpr double kMeasuredSeconds = 1;  // for each kernel and number of threads

struct MelCommandOptions {
  std::string file;
  std::string output;
  std::string picture;
  std::string variant = "whisper";
  std::string layout = "bins";
  int rate = 0, transform = 0, hop = 0, bins = 0;
  int threads = 1;
  bool bench = false;
};

Result<mel::MelOptions> mel_options(const MelCommandOptions& o) {
  auto or_else = [](int value, int usual) { return value > 0 ? value : usual; };
  const bool sized = o.rate > 0 || o.transform > 0 || o.hop > 0 || o.bins > 0;
  if (o.variant == "librosa" || o.variant == "librosa-htk")
    return mel::librosa(or_else(o.rate, 22050), or_else(o.transform, 2048), or_else(o.hop, 512),
                        or_else(o.bins, 128),
                        o.variant == "librosa" ? mel::Scale::kSlaney : mel::Scale::kHtk);
  if (o.variant == "kaldi" && o.transform == 0 && o.hop == 0)
    return mel::kaldi(or_else(o.bins, 80), or_else(o.rate, 16000));
  if (sized)
    return Error{Code::kInvalid, fmt::format("the sizes of {} are fixed", o.variant)}.with_hint(
        "--rate, --transform, --hop and --bins go with --variant librosa");
  return mel::variant(o.variant);
}

/// What is measured without a file: a tone that glides over four octaves, once in eight seconds.
std::vector<float> gliding_tone(int rate) {
  constexpr double kSeconds = 60, kGlide = 8, kLowest = 110;
  std::vector<float> samples(static_cast<std::size_t>(kSeconds * rate));
  double phase = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double seconds = static_cast<double>(i) / rate;
    phase += kLowest * std::exp2(4 * std::fmod(seconds, kGlide) / kGlide) / rate;
    samples[i] = static_cast<float>(0.5 * std::sin(2 * std::numbers::pi * phase));
  }
  return samples;
}

Result<std::vector<float>> samples_of(const MelCommandOptions& o, int rate) {
  if (o.file.empty()) return gliding_tone(rate);
  ANYNPU_TRY(source, audio::file_source(o.file));
  auto samples = audio::read_mono(*source, rate, kMostAudioSeconds);
  if (!samples) return Error(samples.error()).within(o.file);
  return samples;
}

/// The best time per frame, in nanoseconds.
double best_ns_per_frame(mel::FrontEnd& front_end, const std::vector<float>& samples, int threads,
                         std::vector<float>& out) {
  double best = 1e30;
  const TimePoint start = Clock::now();
  do {
    const TimePoint begin = Clock::now();
    front_end.compute(std::span<const float>(samples), out.data(), mel::Layout::kBinsFirst,
                      threads);
    best = std::min(best, ms_since(begin));
  } while (ms_since(start) < kMeasuredSeconds * 1000);
  return best * 1e6 / static_cast<double>(front_end.frames(samples.size()));
}

void report_kernels(Report& report, const mel::MelOptions& options,
                    const std::vector<float>& samples, std::vector<float>& out) {
  std::vector<std::vector<Cell>> rows;
  std::vector<int> counts = {1};
  if (std::thread::hardware_concurrency() > 1)
    counts.push_back(static_cast<int>(std::thread::hardware_concurrency()));
  for (const mel::Kernel& kernel : mel::kernels())
    for (int threads : counts) {
      auto front_end = mel::FrontEnd::create(options, kernel);
      const double ns = best_ns_per_frame(*front_end, samples, threads, out);
      const double real_time = 1e9 * options.hop / options.sample_rate / ns;
      rows.push_back({kernel.name, kernel.lanes, threads, Cell(ns, fmt::format("{:.1f}", ns)),
                      Cell(real_time, fmt::format("{:.0f}", real_time))});
    }
  report.table("kernels",
               {{"kernel", "KERNEL"},
                {"lanes", "LANES", true},
                {"threads", "THREADS", true},
                {"ns_per_frame", "NS/FRAME", true},
                {"times_real_time", "X REAL TIME", true}},
               rows);
}

int mel_of_file(const MelCommandOptions& o, const CommandContext& context) {
  auto options = mel_options(o);
  if (!options) return context.fail_usage(options.error());
  auto front_end = mel::FrontEnd::create(*options);
  if (!front_end) return context.fail_usage(front_end.error());
  if (o.file.empty() && !o.bench)
    return context.fail_usage(Error{Code::kInvalid, "FILE is required"}.with_hint(
        "only --bench does without; see anynpu mel --help"));
  auto samples = samples_of(o, options->sample_rate);
  if (!samples) return context.fail(samples.error());
  const std::size_t frames = front_end->frames(samples->size());
  if (frames == 0)
    return context.fail(Error{Code::kInvalid, fmt::format("{}: {} samples are less than one frame",
                                                          o.file, samples->size())});

  std::vector<float> mel(frames * front_end->bins());
  const TimePoint start = Clock::now();
  front_end->compute(std::span<const float>(*samples), mel.data(), mel::Layout::kBinsFirst,
                     o.threads);
  const double ms = ms_since(start);
  if (!o.picture.empty()) {
    const bool logarithmic = options->logarithm != mel::Logarithm::kNone;
    auto written = vision::write_png(
        o.picture, vision::mel_picture(mel, front_end->bins(), frames, logarithmic));
    if (!written) return context.fail(written.error());
  }
  const bool by_frames = o.layout == "frames";
  std::vector<std::size_t> shape = {front_end->bins(), frames};
  if (by_frames) std::swap(shape[0], shape[1]);
  if (!o.output.empty()) {
    if (by_frames)
      front_end->compute(std::span<const float>(*samples), mel.data(), mel::Layout::kFramesFirst,
                         o.threads);
    auto written = mel::write_npy(o.output, mel, shape);
    if (!written) return context.fail(written.error());
  }

  auto report = context.report();
  const double seconds = static_cast<double>(samples->size()) / options->sample_rate;
  report->fact("file", "File",
               o.file.empty() ? Cell(nullptr, "none: a gliding tone") : Cell(o.file));
  report->fact("variant", "Variant", options->name);
  report->fact("kernel", "Kernel", front_end->kernel().name);
  report->fact("seconds", "Audio", Cell(seconds, fmt::format("{:.2f} s", seconds)));
  report->fact("frames", "Frames", frames);
  report->fact("bins", "Bins", front_end->bins());
  report->data("shape", shape);
  report->fact("compute_ms", "Time", Cell(ms, fmt::format("{:.2f} ms", ms)));
  if (!o.output.empty()) report->fact("output", "Written", o.output);
  if (!o.picture.empty()) report->fact("picture", "Picture", o.picture);
  if (o.bench) report_kernels(*report, *options, *samples, mel);
  report->finish();
  return kExitOk;
}

}  // namespace

void add_mel_command(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<MelCommandOptions>();
  CLI::App* command = app.add_subcommand("mel", "Compute the mel spectrogram of an audio file");
  command->add_option("FILE", options->file, "WAV, FLAC, Ogg or MP3; any rate and channels")
      ->type_name("");
  command->add_option("-o,--output", options->output, "write the numbers as a .npy file")
      ->type_name("FILE");
  command->add_option("--png", options->picture, "write a picture")->type_name("FILE");
  command
      ->add_option("--variant", options->variant,
                   "one of " + join(mel::variant_names(), ", ") + " (whisper)")
      ->type_name("NAME");
  command
      ->add_option("--layout", options->layout, "order of the numbers: bins or frames first (bins)")
      ->check(CLI::IsMember({"bins", "frames"}))
      ->type_name("ORDER");
  command->add_option("--rate", options->rate, "sample rate of librosa and kaldi (22050, 16000)")
      ->check(CLI::Range(1000, 384000))
      ->type_name("HZ");
  command->add_option("--transform", options->transform, "n_fft of librosa (2048)")
      ->check(CLI::Range(2, 65536))
      ->type_name("N");
  command->add_option("--hop", options->hop, "hop of librosa (512)")
      ->check(CLI::Range(1, 65536))
      ->type_name("N");
  command->add_option("--bins", options->bins, "mel bins of librosa and kaldi (128, 80)")
      ->check(CLI::Range(1, 4096))
      ->type_name("N");
  command->add_option("--threads", options->threads, "most threads (1)")
      ->check(CLI::Range(1, 64))
      ->type_name("N");
  command->add_flag("--bench", options->bench,
                    "measure every kernel of this processor; FILE may be left out");
  command->footer(
      "Examples:\n"
      "  anynpu mel speech.wav -o mel.npy --png mel.png\n"
      "  anynpu mel speech.mp3 --variant kaldi --layout frames -o fbank.npy\n"
      "  anynpu mel music.flac --variant librosa --transform 4096 --bins 256 --png music.png\n"
      "  anynpu mel --bench");
  on_chosen(*command, context, [options](CommandContext& c) { return mel_of_file(*options, c); });
}

}  // namespace anynpu::command
