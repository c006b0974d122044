// SPDX-License-Identifier: Apache-2.0
// Writes and reads model digests.
#include "doctor/model_digest.h"

#include <filesystem>

#include <fmt/format.h>

#include "base/report.h"
#include "base/text.h"
#include "doctor/model_check.h"
#include "engine/rknn_file.h"
#include "model/inspect.h"
#include "model/xclbin_file.h"

namespace anynpu::doctor {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostReasons = 100;
constexpr std::size_t kMostPlatforms = 16;
constexpr std::int64_t kMostOperators = 1'000'000;

Result<Json> facts_of(std::span<const std::byte> bytes, const fs::path& file,
                      const engine::teflon::MesaVersion& mesa) {
  const std::string name = file.string();
  // Of a file that is called .rknn the reader knows more ways to be none.
  if (to_lower(file.extension().string()) == ".rknn" || engine::looks_like_rknn(bytes)) {
    ANYNPU_TRY(model, engine::read_rknn(bytes, name, engine::RknnDepth::kEnds));
    return Json{{"kind", "rknn"},
                {"format", model.format},
                {"toolkit", model.toolkit},
                {"platforms", model.platforms}};
  }
  ANYNPU_TRY(kind, model::kind_of(bytes, file));
  Json facts{{"kind", model::to_string(kind)}};
  if (kind == model::FileKind::kTflite) {
    ANYNPU_TRY(share, share_on_rocket(bytes, name, mesa));
    facts["operators"] = share.operators;
    facts["taken"] = share.taken;
    facts["kept_back"] = share.kept_back;
  }
  if (kind == model::FileKind::kXclbin) {
    ANYNPU_TRY(design, model::read_xclbin(bytes, name));
    facts["columns"] = design.partition ? design.partition->column_width : 0;
  }
  return facts;
}

std::string text_in(const Json& json, const char* key) {
  auto found = json.find(key);
  return found != json.end() && found->is_string()
             ? printable(found->get_ref<const std::string&>(), 400)
             : "";
}

std::int64_t number_in(const Json& json, const char* key) {
  auto found = json.find(key);
  if (found == json.end() || !found->is_number_integer()) return 0;
  const auto value = found->get<std::int64_t>();
  return value < 0 || value > kMostOperators ? 0 : value;
}

}  // namespace

host::Digest model_digest(const engine::teflon::MesaVersion& mesa) {
  // A digest that was made for another Mesa is no answer.
  std::string name =
      mesa.major == 0 ? "model" : fmt::format("model-{}.{}.{}", mesa.major, mesa.minor, mesa.patch);
  return {std::move(name), [mesa](std::span<const std::byte> bytes, const std::string& path) {
            auto facts = facts_of(bytes, path, mesa);
            if (facts) return facts->dump(-1, ' ', false, Json::error_handler_t::replace);
            std::string problem = facts.error().message;
            if (problem.starts_with(path + ": ")) problem.erase(0, path.size() + 2);
            return Json{{"problem", problem}, {"hint", facts.error().hint}}.dump(
                -1, ' ', false, Json::error_handler_t::replace);
          }};
}

Result<ModelDigest> read_model_digest(std::string_view text) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr, false);
  if (!json.is_object()) return Error{Code::kInvalid, "is no digest of a model"};
  ModelDigest digest;
  digest.problem = text_in(json, "problem");
  digest.hint = text_in(json, "hint");
  digest.kind = text_in(json, "kind");
  digest.toolkit = text_in(json, "toolkit");
  digest.format = static_cast<std::uint64_t>(number_in(json, "format"));
  digest.operators = static_cast<int>(number_in(json, "operators"));
  digest.taken = static_cast<int>(number_in(json, "taken"));
  digest.columns = static_cast<unsigned>(number_in(json, "columns"));
  if (auto platforms = json.find("platforms"); platforms != json.end() && platforms->is_array())
    for (const Json& one : *platforms)
      if (one.is_string() && digest.platforms.size() < kMostPlatforms)
        digest.platforms.push_back(printable(one.get_ref<const std::string&>(), 100));
  if (auto kept = json.find("kept_back"); kept != json.end() && kept->is_object())
    for (const auto& [reason, count] : kept->items())
      if (count.is_number_integer() && digest.kept_back.size() < kMostReasons)
        digest.kept_back[printable(reason, 200)] = count.get<int>();
  engine::RknnFile model;
  model.format = digest.format;
  model.toolkit = digest.toolkit;
  digest.least_runtime = engine::least_runtime(model);
  digest.format_runtime = engine::runtime_of_format(model);
  return digest;
}

}  // namespace anynpu::doctor
