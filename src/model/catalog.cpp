// SPDX-License-Identifier: Apache-2.0
// Reads the catalog and refuses one that could write outside a package's folder or name a file that
// no source has.
#include "model/catalog.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"
#include "model/built_in_catalog.h"

namespace anynpu::model {
namespace {

constexpr std::size_t kMostTables = 1000;
constexpr std::int64_t kMostFileBytes = std::int64_t{64} << 30;

bool is_word(std::string_view text, std::string_view also) {
  return !text.empty() && text[0] != '-' && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           also.find(c) != std::string_view::npos;
  });
}

bool is_url(std::string_view text) {
  bool web = text.starts_with("https://") || text.starts_with("http://");
  return web && std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

bool is_npm_address(std::string_view text) {
  std::size_t at = text.rfind('@');
  if (at == std::string_view::npos || at == 0) return false;
  std::string_view name = text.substr(0, at);
  if (name[0] == '@') name.remove_prefix(1);
  return is_word(name, "/-_.") && is_word(text.substr(at + 1), "-.+");
}

class CatalogReader {
 public:
  explicit CatalogReader(std::string file) : file_(std::move(file)) {}

  Result<Catalog> read(const toml::table& table) {
    TomlReader reader(table, file_, "the catalog", error_);
    if (reader.integer("schema", 1, 1, 0) != 1)
      reader.fail("schema", "the catalog needs schema = 1");
    catalog_.origin = file_;
    if (const toml::table* archives = reader.table("archive"))
      for (auto&& [id, node] : *archives)
        if (node.as_table() != nullptr) read_archive(std::string(id.str()), *node.as_table());
    for (const toml::table* model : reader.tables("model", kMostTables))
      if (!error_) read_model(*model);
    for (const toml::table* runtime : reader.tables("runtime", kMostTables))
      if (!error_) read_runtime(*runtime);
    reader.refuse_unknown_keys();
    if (error_) return *std::move(error_);
    return std::move(catalog_);
  }

 private:
  std::string read_sha256(TomlReader& reader) {
    std::string sha256 = reader.required_text("sha256");
    bool hex =
        sha256.size() == 64 && sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!hex) reader.fail("sha256", "sha256 must be 64 lower-case hexadecimal digits");
    return sha256;
  }

  void read_archive(const std::string& id, const toml::table& table) {
    TomlReader reader(table, file_, "[archive." + printable(id, 60) + "]", error_);
    Archive archive;
    archive.id = id;
    if (!is_word(id, "-_."))
      reader.fail("", "an archive's name is made of a-z, 0-9, '-', '_', '.'");
    struct Way {
      const char* key;
      Archive::Kind kind;
      bool (*good)(std::string_view);
    };
    const Way ways[] = {
        {"npm", Archive::Kind::kNpm, is_npm_address},
        {"debian", Archive::Kind::kDebian,
         [](std::string_view text) {
           return is_word(text, "/-_.+~") && check_inside(text).has_value();
         }},
        {"deb", Archive::Kind::kDeb, [](std::string_view text) { return is_word(text, "-.+"); }},
        {"url", Archive::Kind::kUrl, is_url},
    };
    for (const Way& way : ways) {
      std::string address = reader.text(way.key);
      if (!reader.has(way.key)) continue;
      if (!archive.address.empty()) reader.fail(way.key, "an archive has one place only");
      if (!way.good(address))
        reader.fail(way.key,
                    fmt::format("'{}' is not an address for {}", printable(address, 100), way.key));
      archive.kind = way.kind;
      archive.address = address;
    }
    if (archive.address.empty()) reader.fail("", "the archive needs one of npm, debian, deb, url");
    if (archive.kind != Archive::Kind::kDeb) {
      archive.size = static_cast<std::uint64_t>(reader.integer("size", 1, kMostFileBytes, 0));
      if (archive.size == 0) reader.fail("size", "the archive needs its size in bytes");
      archive.sha256 = read_sha256(reader);
    }
    reader.refuse_unknown_keys();
    catalog_.archives[id] = std::move(archive);
  }

  FileSource read_source(const toml::table& table) {
    TomlReader reader(table, file_, "a source", error_);
    FileSource source;
    source.archive = reader.text("archive");
    source.member = reader.text("member");
    source.url = reader.text("url");
    source.text = reader.text("text");
    if (reader.has("archive") + reader.has("url") + reader.has("text") != 1)
      reader.fail("", "a source has one of archive, url, text");
    if (reader.has("archive") != reader.has("member"))
      reader.fail("", "archive and member belong together");
    if (reader.has("archive") && !catalog_.archives.contains(source.archive))
      reader.fail("archive",
                  fmt::format("there is no [archive.{}]", printable(source.archive, 60)));
    if (reader.has("member") && (!check_inside(source.member) || source.member[0] == '-'))
      reader.fail("member", "member must be a plain path in the archive");
    if (reader.has("url") && !is_url(source.url)) reader.fail("url", "url must be http or https");
    reader.refuse_unknown_keys();
    return source;
  }

  std::vector<CatalogFile> read_files(TomlReader& owner) {
    std::vector<CatalogFile> files;
    std::set<std::string> paths;
    for (const toml::table* table : owner.tables("file", kMostTables)) {
      if (error_) break;
      TomlReader reader(*table, file_, "a file", error_);
      CatalogFile file;
      file.path = reader.required_text("path");
      if (Result<> inside = check_inside(file.path); !inside && !error_)
        reader.fail("path", inside.error().message);
      if (file.path.starts_with('.') || !paths.insert(file.path).second)
        reader.fail("path", fmt::format("'{}' cannot be used", printable(file.path, 100)));
      file.size = static_cast<std::uint64_t>(reader.integer("size", 1, kMostFileBytes, 0));
      if (file.size == 0) reader.fail("size", "the file needs its size in bytes");
      file.sha256 = read_sha256(reader);
      file.license = reader.text("license");
      for (const toml::table* source : reader.tables("sources", 32))
        if (!error_) file.sources.push_back(read_source(*source));
      if (file.sources.empty()) reader.fail("", "the file needs sources = [...]");
      reader.refuse_unknown_keys();
      files.push_back(std::move(file));
    }
    if (files.empty()) owner.fail("", "the entry has no files");
    return files;
  }

  void read_model(const toml::table& table) {
    TomlReader reader(table, file_, "[[model]]", error_);
    std::string name = reader.required_text("name");
    CatalogModel model;
    model.in_default = reader.boolean("default", false);
    model.files = read_files(reader);
    // Every file that the package names must be one that the catalog can fetch.
    auto resolve = [&](const std::string& relative) -> Result<std::filesystem::path> {
      for (const CatalogFile& file : model.files)
        if (file.path == relative) return std::filesystem::path(relative);
      return Error{Code::kInvalid,
                   fmt::format("'{}' is not among the model's files", printable(relative, 100))};
    };
    if (const toml::table* package = reader.table("package")) {
      TomlReader keys(*package, file_, "[model.package]", error_);
      model.package = read_package_keys(keys, file_, error_, name, resolve);
    } else {
      reader.fail("", "the model needs [model.package]");
    }
    if (model.name() != name) reader.fail("", "the package must have the model's name");
    if (catalog_.find(name) != nullptr)
      reader.fail("name", fmt::format("there are two models '{}'", printable(name, 60)));
    reader.refuse_unknown_keys();
    catalog_.models.push_back(std::move(model));
  }

  void read_runtime(const toml::table& table) {
    TomlReader reader(table, file_, "[[runtime]]", error_);
    CatalogRuntime runtime;
    runtime.name = reader.required_text("name");
    runtime.version = reader.required_text("version");
    static const std::vector<std::string> kArchitectures = {"amd64", "arm64"};
    int arch = reader.choice("arch", kArchitectures);
    if (arch < 0) reader.fail("arch", "the runtime needs arch = \"amd64\" or \"arm64\"");
    runtime.arch = kArchitectures[static_cast<std::size_t>(std::max(0, arch))];
    runtime.license = reader.text("license");
    runtime.files = read_files(reader);
    for (const CatalogFile& file : runtime.files)
      if (file.path.find('/') != std::string::npos)
        reader.fail("", fmt::format("'{}' must be a file name", printable(file.path, 100)));
    reader.refuse_unknown_keys();
    catalog_.runtimes.push_back(std::move(runtime));
  }

  std::string file_;
  std::optional<Error> error_;
  Catalog catalog_;
};

}  // namespace

std::uint64_t CatalogModel::size() const {
  std::uint64_t total = 0;
  for (const CatalogFile& file : files) total += file.size;
  return total;
}

const CatalogModel* Catalog::find(std::string_view name) const {
  auto found = std::find_if(models.begin(), models.end(),
                            [&](const CatalogModel& model) { return model.name() == name; });
  return found != models.end() ? &*found : nullptr;
}

Result<Catalog> parse_catalog(std::string_view text, const std::string& file) {
  if (text.size() > kMostCatalogBytes)
    return Error{Code::kTooLarge, fmt::format("{}: is larger than the limit of {}", file,
                                              human_bytes(kMostCatalogBytes))};
  ANYNPU_TRY(table, parse_toml(text, file));
  return CatalogReader(file).read(table);
}

Result<Catalog> open_catalog() {
  const char* chosen = std::getenv("ANYNPU_CATALOG");
  if (chosen == nullptr || chosen[0] == '\0')
    return parse_catalog(built_in_catalog(), "the built-in catalog");
  ANYNPU_TRY(text, read_text(chosen, kMostCatalogBytes));
  return parse_catalog(text, chosen);
}

}  // namespace anynpu::model
