// SPDX-License-Identifier: Apache-2.0
// The catalog: models and runtimes that anynpu can fetch, each file with its size, SHA-256, licence
// and the places where it can be had. models/catalog.toml is built into the binary.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/package_toml.h"

namespace anynpu::model {

/// An archive that holds files of the catalog.
struct Archive {
  enum class Kind {
    kNpm,     // address "NAME@VERSION": the package's tarball
    kDebian,  // "pool/main/...": a source archive on the mirror that apt uses
    kDeb,     // "python-matplotlib-data": a binary package, as apt-get downloads it
    kUrl,     // "https://..."
  };
  std::string id;
  Kind kind = Kind::kUrl;
  std::string address;
  std::uint64_t size = 0;  // 0: differs from machine to machine, as Debian packages do
  std::string sha256;      // empty then
};

/// One place where a file can be had. Exactly one of `archive`, `url` and `text` is set.
struct FileSource {
  std::string archive;  // the id of an Archive
  std::string member;   // its path in there
  std::string url;
  std::string text;  // the content itself
};

struct CatalogFile {
  std::string path;  // in the package's folder, or the file name of a runtime's library
  std::uint64_t size = 0;
  std::string sha256;
  std::string license;
  std::vector<FileSource> sources;  // in the order in which they are tried
};

struct CatalogModel {
  PackageText package;
  bool in_default = false;  // part of `models pull --default`
  std::vector<CatalogFile> files;

  const std::string& name() const { return package.package.name; }
  std::uint64_t size() const;
};

/// Libraries of one engine for one architecture.
struct CatalogRuntime {
  std::string name;  // "tflite", "onnxruntime"
  std::string version;
  std::string arch;  // "amd64", "arm64"
  std::string license;
  std::vector<CatalogFile> files;
};

struct Catalog {
  std::string origin;  // its file, or "the built-in catalog"
  std::map<std::string, Archive> archives;
  std::vector<CatalogModel> models;
  std::vector<CatalogRuntime> runtimes;

  const CatalogModel* find(std::string_view name) const;
};

inline constexpr std::size_t kMostCatalogBytes = 4 << 20;

/// `file` is the name that errors start with.
Result<Catalog> parse_catalog(std::string_view text, const std::string& file);

/// The catalog of $ANYNPU_CATALOG, or the built-in one.
Result<Catalog> open_catalog();

}  // namespace anynpu::model
