// SPDX-License-Identifier: Apache-2.0
// The keys of model.toml. docs/models.md describes each for users.
#include "model/package_toml.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "engine/engines.h"

namespace anynpu::model {
namespace {

constexpr std::size_t kMostVersions = 1000;
constexpr std::size_t kMostArtifacts = 64;
constexpr double kMostHead = 1000;
constexpr std::size_t kMostHeads = 256;

const std::vector<std::string> kTasks = {"raw", "classify", "detect", "transcribe", "vad"};
const std::vector<std::string> kSpeechKinds = {"whisper", "moonshine"};
const std::vector<std::string> kResizes = {"stretch", "letterbox", "crop"};
const std::vector<std::string> kColours = {"rgb", "bgr", "grey"};
const std::vector<std::string> kFamilies = {"cpu", "rocket", "rknpu", "axcl", "xdna"};
const std::vector<std::string> kEngines = {"tflite", "onnxruntime", "teflon",
                                           "rknn",   "axmodel",     "xclbin"};

// Where artifacts of an engine run when model.toml does not say.
std::string usual_family(const std::string& engine) {
  static const std::map<std::string, std::string> families = {
      {"teflon", "rocket"}, {"rknn", "rknpu"}, {"axmodel", "axcl"}, {"xclbin", "xdna"}};
  auto found = families.find(engine);
  return found != families.end() ? found->second : "cpu";
}

// One number stands for all three channels.
void read_channels(TomlReader& reader, std::string_view key, double least,
                   std::array<float, 3>& into) {
  std::vector<double> values = reader.numbers(key, least, 1e6);
  if (values.empty()) {
    if (reader.has(key)) reader.fail(key, fmt::format("{} needs one number or three", key));
    return;
  }
  if (values.size() != 1 && values.size() != 3)
    return reader.fail(key,
                       fmt::format("{} needs one number or three, not {}", key, values.size()));
  for (std::size_t i = 0; i < 3; ++i)
    into[i] = static_cast<float>(values[values.size() == 3 ? i : 0]);
}

void read_preprocess(TomlReader reader, Preprocess& into) {
  into.resize = static_cast<Resize>(std::max(0, reader.choice("resize", kResizes)));
  into.colour = static_cast<Colour>(std::max(0, reader.choice("colour", kColours)));
  read_channels(reader, "mean", -1e6, into.mean);
  read_channels(reader, "std", 1e-6, into.std);
  reader.refuse_unknown_keys();
}

void read_postprocess(TomlReader reader, const std::string& file, std::optional<Error>& error,
                      Postprocess& into) {
  into.softmax = reader.boolean("softmax", into.softmax);
  into.top = static_cast<int>(reader.integer("top", 1, 1000, into.top));
  into.threshold = static_cast<float>(reader.number("threshold", 0, 1, into.threshold));
  into.iou = static_cast<float>(reader.number("iou", 0, 1, into.iou));
  into.label_offset =
      static_cast<int>(reader.integer("label_offset", -100000, 100000, into.label_offset));
  if (const toml::table* table = reader.table("outputs")) {
    TomlReader outputs(*table, file, "outputs", error);
    auto index = [&](std::string_view key, int fallback) {
      return static_cast<int>(outputs.integer(key, 0, 255, fallback));
    };
    into.boxes_output = index("boxes", into.boxes_output);
    into.classes_output = index("classes", into.classes_output);
    into.scores_output = index("scores", into.scores_output);
    into.count_output = index("count", into.count_output);
    outputs.refuse_unknown_keys();
  }
  reader.refuse_unknown_keys();
}

void read_speech(TomlReader reader, const ResolveFile& resolve, Speech& into) {
  const int kind = reader.choice("kind", kSpeechKinds);
  if (kind < 0) reader.fail("", "[speech] needs kind = \"...\": " + join(kSpeechKinds, ", "));
  into.kind = static_cast<Speech::Kind>(std::max(0, kind));
  into.tokenizer_file = reader.required_text("tokenizer");
  if (!reader.failed()) {
    Result<std::filesystem::path> path = resolve(into.tokenizer_file);
    if (path)
      into.tokenizer = *path;
    else
      reader.fail("tokenizer", path.error().message, path.error().hint);
  }
  for (const double number : reader.numbers("alignment_heads", 0, kMostHead))
    into.alignment_heads.push_back(static_cast<int>(number));
  if (into.alignment_heads.size() % 2 != 0 || into.alignment_heads.size() > kMostHeads)
    reader.fail("alignment_heads", "alignment_heads are pairs of a layer and a head");
  reader.refuse_unknown_keys();
}

Artifact read_artifact(TomlReader reader, int version, const ResolveFile& resolve) {
  Artifact artifact;
  artifact.file = reader.required_text("file");
  if (reader.failed()) return artifact;
  Result<std::filesystem::path> path = resolve(fmt::format("{}/{}", version, artifact.file));
  if (!path) {
    reader.fail("file", path.error().message, path.error().hint);
    return artifact;
  }
  artifact.path = *path;
  artifact.decoder_file = reader.text("decoder");
  if (reader.has("decoder") && !reader.failed()) {
    Result<std::filesystem::path> decoder =
        resolve(fmt::format("{}/{}", version, artifact.decoder_file));
    if (decoder)
      artifact.decoder = *decoder;
    else
      reader.fail("decoder", decoder.error().message, decoder.error().hint);
  }
  int chosen = reader.choice("engine", kEngines);
  artifact.engine =
      chosen >= 0 ? kEngines[static_cast<std::size_t>(chosen)] : engine::engine_for(artifact.file);
  if (artifact.engine.empty())
    reader.fail("file", fmt::format("no engine is known for '{}'", printable(artifact.file, 100)),
                fmt::format("add engine = \"...\": {}", join(kEngines, ", ")));
  artifact.families = reader.texts("families");
  if (!reader.has("families")) artifact.families = {usual_family(artifact.engine)};
  if (artifact.families.empty())
    reader.fail("families", "families is empty",
                fmt::format("name some of {}", join(kFamilies, ", ")));
  for (const std::string& family : artifact.families) {
    if (std::find(kFamilies.begin(), kFamilies.end(), family) != kFamilies.end()) continue;
    std::string near = did_you_mean(family, kFamilies);
    reader.fail("families", fmt::format("unknown family '{}'", printable(family, 60)),
                near.empty() ? "use some of " + join(kFamilies, ", ")
                             : fmt::format("did you mean '{}'?", near));
  }
  artifact.reference = reader.boolean("reference", false);
  artifact.max_batch = static_cast<int>(reader.integer("max_batch", 1, 1024, 1));
  artifact.min_cosine = reader.number("min_cosine", 0, 1, artifact.min_cosine);
  reader.refuse_unknown_keys();
  return artifact;
}

bool runs_on_cpu(const Artifact& artifact) {
  return std::find(artifact.families.begin(), artifact.families.end(), "cpu") !=
         artifact.families.end();
}

// One artifact is what the others are checked against: the one marked, else the first for the CPU.
void settle_reference(TomlReader& reader, std::vector<Artifact>& artifacts) {
  Artifact* reference = nullptr;
  for (Artifact& artifact : artifacts) {
    if (!artifact.reference) continue;
    if (reference != nullptr)
      reader.fail("", "two artifacts of one version are marked as reference");
    if (!runs_on_cpu(artifact))
      reader.fail("", fmt::format("the reference '{}' does not run on the CPU",
                                  printable(artifact.file, 100)));
    reference = &artifact;
  }
  if (reference != nullptr) return;
  auto first = std::find_if(artifacts.begin(), artifacts.end(), runs_on_cpu);
  if (first != artifacts.end()) first->reference = true;
}

Version read_version(TomlReader reader, const std::string& file, std::optional<Error>& error,
                     const ResolveFile& resolve) {
  Version version;
  version.number = static_cast<int>(reader.integer("number", 1, 1000000000, 1));
  std::set<std::string> seen;
  for (const toml::table* table : reader.tables("artifact", kMostArtifacts)) {
    if (error) break;
    TomlReader one(*table, file, "[[version.artifact]]", error);
    version.artifacts.push_back(read_artifact(one, version.number, resolve));
    if (!seen.insert(version.artifacts.back().file).second)
      one.fail("file", "the same file is named twice");
  }
  if (version.artifacts.empty())
    reader.fail("", fmt::format("version {} has no artifact", version.number),
                "add [[version.artifact]] with file = \"...\"");
  settle_reference(reader, version.artifacts);
  reader.refuse_unknown_keys();
  return version;
}

}  // namespace

bool is_package_name(std::string_view name) {
  auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= 64 && plain(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return plain(c) || c == '_' || c == '.' || c == '-'; });
}

Result<> check_inside(std::string_view relative) {
  auto refuse = [&](std::string_view why) -> Result<> {
    return Error{Code::kInvalid, fmt::format("'{}' {}", printable(relative, 100), why)}.with_hint(
        "name a file inside the package's folder");
  };
  if (relative.empty()) return refuse("is not a file name");
  if (relative.size() > 1000) return refuse("is too long");
  if (relative[0] == '/') return refuse("is an absolute path");
  if (relative.find('\0') != std::string_view::npos) return refuse("is not a file name");
  for (const std::string& part : split(relative, '/')) {
    if (part == "..") return refuse("leaves the package");
    if (part.empty() || part == ".") return refuse("is not a plain path");
  }
  return {};
}

Result<std::filesystem::path> resolve_by_name(const std::string& relative) {
  ANYNPU_CHECK(check_inside(relative));
  return std::filesystem::path(relative);
}

PackageText read_package_keys(TomlReader& reader, const std::string& file,
                              std::optional<Error>& error, const std::string& name,
                              const ResolveFile& resolve) {
  PackageText text;
  Package& package = text.package;
  package.name = reader.text("name", name);
  if (!is_package_name(package.name))
    reader.fail("name",
                fmt::format("'{}' cannot be a package's name", printable(package.name, 100)),
                "use name = \"...\" with a-z, 0-9, '_', '.' and '-', at most 64 of them");
  package.title = printable(reader.text("title", package.name));
  package.license = printable(reader.text("license"));
  package.source = printable(reader.text("source"), 500);
  int task = reader.choice("task", kTasks);
  if (task < 0) reader.fail("task", "the package needs task = \"...\": " + join(kTasks, ", "));
  package.task = static_cast<Task>(std::max(0, task));

  auto file_of = [&](std::string_view key, std::filesystem::path& path) {
    std::string relative = reader.text(key);
    if (!reader.has(key) || reader.failed()) return relative;
    Result<std::filesystem::path> resolved = resolve(relative);
    if (resolved)
      path = *resolved;
    else
      reader.fail(key, resolved.error().message, resolved.error().hint);
    return relative;
  };
  std::filesystem::path labels_path;
  text.labels = file_of("labels", labels_path);
  text.canary = file_of("canary", package.canary);

  if (const toml::table* table = reader.table("preprocess"))
    read_preprocess(TomlReader(*table, file, "[preprocess]", error), package.preprocess);
  if (const toml::table* table = reader.table("postprocess"))
    read_postprocess(TomlReader(*table, file, "[postprocess]", error), file, error,
                     package.postprocess);

  if (const toml::table* table = reader.table("speech"))
    read_speech(TomlReader(*table, file, "[speech]", error), resolve, package.speech);
  else if (package.task == Task::kTranscribe)
    reader.fail("", "a package of the task transcribe needs a table [speech]");

  std::set<int> numbers;
  for (const toml::table* table : reader.tables("version", kMostVersions)) {
    if (error) break;
    TomlReader one(*table, file, "[[version]]", error);
    package.versions.push_back(read_version(one, file, error, resolve));
    if (!numbers.insert(package.versions.back().number).second)
      one.fail("number", fmt::format("there are two versions {}", package.versions.back().number),
               "give each [[version]] its own number");
  }
  if (package.versions.empty())
    reader.fail("", "the package has no version", "add [[version]] with a [[version.artifact]]");
  std::sort(package.versions.begin(), package.versions.end(),
            [](const Version& a, const Version& b) { return a.number < b.number; });
  reader.refuse_unknown_keys();
  return text;
}

Result<PackageText> parse_package(std::string_view text, const std::string& file,
                                  const std::string& name, const ResolveFile& resolve) {
  if (text.size() > kMostModelTomlBytes)
    return Error{Code::kTooLarge, fmt::format("{}: is larger than the limit of {}", file,
                                              human_bytes(kMostModelTomlBytes))};
  ANYNPU_TRY(table, parse_toml(text, file));
  std::optional<Error> error;
  TomlReader reader(table, file, "model.toml", error);
  PackageText package = read_package_keys(reader, file, error, name, resolve);
  if (error) return *std::move(error);
  return package;
}

namespace {

// Text in quotes as TOML wants it; control characters were removed when it was read.
std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out + '"';
}

// A number that TOML reads as a real number, with the digits that a float keeps.
std::string real(double number) {
  std::string text = fmt::format("{}", static_cast<float>(number));
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string channels(const std::array<float, 3>& values) {
  if (values[0] == values[1] && values[1] == values[2]) return real(values[0]);
  return fmt::format("[{}, {}, {}]", real(values[0]), real(values[1]), real(values[2]));
}

std::string artifact_toml(const Artifact& artifact) {
  std::string out = "\n[[version.artifact]]\nfile = " + in_quotes(artifact.file) + "\n";
  if (!artifact.decoder_file.empty()) out += "decoder = " + in_quotes(artifact.decoder_file) + "\n";
  if (artifact.engine != engine::engine_for(artifact.file))
    out += "engine = " + in_quotes(artifact.engine) + "\n";
  std::vector<std::string> families;
  for (const std::string& family : artifact.families) families.push_back(in_quotes(family));
  out += "families = [" + join(families, ", ") + "]\n";
  if (artifact.reference) out += "reference = true\n";
  if (artifact.max_batch != 1) out += fmt::format("max_batch = {}\n", artifact.max_batch);
  if (artifact.min_cosine != Artifact{}.min_cosine)
    out += fmt::format("min_cosine = {}\n", real(artifact.min_cosine));
  return out;
}

}  // namespace

std::string to_toml(const PackageText& text) {
  const Package& package = text.package;
  std::string out;
  auto line = [&](std::string_view key, std::string_view value) {
    out += fmt::format("{} = {}\n", key, value);
  };
  line("name", in_quotes(package.name));
  line("title", in_quotes(package.title));
  line("task", in_quotes(to_string(package.task)));
  if (!package.license.empty()) line("license", in_quotes(package.license));
  if (!package.source.empty()) line("source", in_quotes(package.source));
  if (!text.labels.empty()) line("labels", in_quotes(text.labels));
  if (!text.canary.empty()) line("canary", in_quotes(text.canary));

  const Preprocess& pre = package.preprocess;
  out += "\n[preprocess]\n";
  line("resize", in_quotes(kResizes[static_cast<std::size_t>(pre.resize)]));
  line("colour", in_quotes(kColours[static_cast<std::size_t>(pre.colour)]));
  line("mean", channels(pre.mean));
  line("std", channels(pre.std));

  const Postprocess& post = package.postprocess;
  out += "\n[postprocess]\n";
  line("softmax", post.softmax ? "true" : "false");
  line("top", std::to_string(post.top));
  line("threshold", real(post.threshold));
  line("iou", real(post.iou));
  line("label_offset", std::to_string(post.label_offset));
  line("outputs",
       fmt::format("{{boxes = {}, classes = {}, scores = {}, count = {}}}", post.boxes_output,
                   post.classes_output, post.scores_output, post.count_output));
  if (const Speech& speech = package.speech; !speech.tokenizer_file.empty()) {
    out += "\n[speech]\n";
    line("kind", in_quotes(kSpeechKinds[static_cast<std::size_t>(speech.kind)]));
    line("tokenizer", in_quotes(speech.tokenizer_file));
    if (!speech.alignment_heads.empty())
      line("alignment_heads", fmt::format("[{}]", fmt::join(speech.alignment_heads, ", ")));
  }
  for (const Version& version : package.versions) {
    out += fmt::format("\n[[version]]\nnumber = {}\n", version.number);
    for (const Artifact& artifact : version.artifacts) out += artifact_toml(artifact);
  }
  return out;
}

}  // namespace anynpu::model
