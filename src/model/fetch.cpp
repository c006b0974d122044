// SPDX-License-Identifier: Apache-2.0
// Fetcher: mirror first, then the sources in the order of the catalog.
#include "model/fetch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "model/download.h"

namespace anynpu::model {

namespace fs = std::filesystem;

namespace {

// What was written reaches the disk before the name that says it is whole.
Result<> rename_synchronised(const fs::path& from, const fs::path& to) {
  Fd fd(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return system_error("cannot write " + from.string());
  std::error_code failed;
  fs::permissions(from, fs::perms(0644), failed);
  fs::rename(from, to, failed);
  if (failed) return system_error("cannot write " + to.string(), failed.value());
  return {};
}

std::string title_of(const FileSource& source) {
  if (!source.text.empty()) return "the catalog's text";
  return source.url.empty() ? source.archive : source.url;
}

std::string title_of(const Archive& archive) {
  switch (archive.kind) {
    case Archive::Kind::kNpm:
      return "npm package " + archive.address;
    case Archive::Kind::kDebian:
      return "Debian source archive " + fs::path(archive.address).filename().string();
    case Archive::Kind::kDeb:
      return "Debian package " + archive.address;
    case Archive::Kind::kUrl:
      return archive.address;
  }
  return archive.id;
}

// No other source helps then.
bool is_of_the_disk(const Error& error) {
  return error.system_errno == ENOSPC || error.system_errno == EDQUOT ||
         error.system_errno == EFBIG;
}

bool is_there(const fs::path& path) {
  std::error_code failed;
  return fs::exists(path, failed);
}

}  // namespace

Result<> check_content(const fs::path& path, std::uint64_t size, const std::string& sha256) {
  std::error_code failed;
  std::uint64_t found = fs::file_size(path, failed);
  if (failed) return system_error(path.string(), failed.value());
  if (size != 0 && found != size)
    return Error{Code::kIo, fmt::format("has {} bytes, not {}", found, size)};
  if (sha256.empty()) return {};
  ANYNPU_TRY(hash, sha256_of_file(path));
  if (hash != sha256)
    return Error{Code::kIo, fmt::format("has SHA-256 {}..., not {}...", hash.substr(0, 12),
                                        sha256.substr(0, 12))};
  return {};
}

Result<> check_space(const fs::path& folder, std::uint64_t bytes) {
  std::error_code failed;
  fs::path there = folder;
  while (!there.empty() && there != there.parent_path() && !fs::exists(there, failed))
    there = there.parent_path();
  fs::space_info space = fs::space(there, failed);
  if (failed || space.available >= bytes) return {};
  return Error{Code::kIo,
               fmt::format("the disk of {} is full: {} are needed and {} are free", folder.string(),
                           human_bytes(bytes), human_bytes(space.available)),
               ENOSPC}
      .with_hint("free some space, or set XDG_DATA_HOME and XDG_CACHE_HOME to another disk");
}

Result<> check_file_limit(const fs::path& file, std::uint64_t bytes) {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur >= bytes) return {};
  return system_error(fmt::format("cannot write {}: it has {}, and the limit on the size of a file "
                                  "is {}",
                                  file.string(), human_bytes(bytes), human_bytes(limit.rlim_cur)),
                      EFBIG);
}

Fetcher::Fetcher(const Catalog& catalog, Mirror mirror, fs::path cache)
    : catalog_(catalog), mirror_(std::move(mirror)), cache_(std::move(cache)) {}

Fetcher::~Fetcher() {
  std::error_code ignored;
  for (const fs::path& path : to_remove_) fs::remove(path, ignored);
}

Result<std::string> Fetcher::fetch(const CatalogFile& file, const fs::path& to) {
  std::error_code failed;
  fs::create_directories(to.parent_path(), failed);
  if (failed) return system_error("cannot make " + to.parent_path().string(), failed.value());
  ANYNPU_CHECK(check_space(to.parent_path(), file.size));
  ANYNPU_CHECK(check_file_limit(to, file.size));

  fs::path part = to.string() + ".part";
  std::vector<std::string> reasons;
  if (!mirror_.empty()) {
    if (std::optional<fs::path> found = mirror_.find(file.size, file.sha256)) {
      fs::copy_file(*found, part, fs::copy_options::overwrite_existing, failed);
      Result<> copied = failed ? Result<>(system_error(fmt::format("cannot copy {} to {}",
                                                                   found->string(), part.string()),
                                                       failed.value()))
                               : check_content(part, file.size, file.sha256);
      if (copied) {
        ANYNPU_CHECK(rename_synchronised(part, to));
        return found->string();
      }
      fs::remove(part, failed);
      if (is_of_the_disk(copied.error())) return copied.error();
      reasons.push_back("the mirror: " + copied.error().message);
    } else {
      reasons.push_back(
          fmt::format("{}: no file with its SHA-256", mirror_.folders().front().string()));
    }
  }
  for (const FileSource& source : file.sources) {
    Result<> got = fetch_from(source, file, part);
    if (got) got = check_content(part, file.size, file.sha256);
    if (got) {
      ANYNPU_CHECK(rename_synchronised(part, to));
      return source.archive.empty() ? title_of(source)
                                    : title_of(catalog_.archives.at(source.archive));
    }
    fs::remove(part, failed);
    ANYNPU_CHECK(check_space(to.parent_path(), file.size));
    if (is_of_the_disk(got.error())) return got.error();
    std::string reason = title_of(source) + ": " + got.error().message;
    if (!got.error().hint.empty()) reason += " (" + got.error().hint + ")";
    reasons.push_back(std::move(reason));
  }
  return Error{Code::kNotFound, fmt::format("cannot get {} ({}): {}", file.path,
                                            human_bytes(file.size), join(reasons, "; "))}
      .with_hint(
          "mend one of these, or put the file, whatever its name, into a folder and set "
          "ANYNPU_MIRROR to it");
}

Result<> Fetcher::fetch_from(const FileSource& source, const CatalogFile& file,
                             const fs::path& to) {
  if (!source.archive.empty()) {
    ANYNPU_TRY(archive, archive_path(catalog_.archives.at(source.archive)));
    return extract(archive, source.member, file.size, to);
  }
  if (!source.url.empty()) {
    // Interrupted downloads are kept by content, in the cache, until they are whole.
    fs::path part = cache_ / (file.sha256.substr(0, 16) + ".part");
    std::error_code failed;
    fs::create_directories(cache_, failed);
    ANYNPU_CHECK(download_checked(source.url, part, file.size, file.sha256,
                                  fs::path(file.path).filename().string()));
    fs::copy_file(part, to, fs::copy_options::overwrite_existing, failed);
    if (failed) return system_error("cannot write " + to.string(), failed.value());
    fs::remove(part, failed);
    return {};
  }
  return write_file(to, source.text);
}

Result<> Fetcher::download_checked(const std::string& url, const fs::path& to, std::uint64_t size,
                                   const std::string& sha256, const std::string& title) {
  std::error_code failed;
  if (is_there(to) && check_content(to, size, sha256)) return {};
  bool went_on = is_there(to);
  if (went_on && fs::file_size(to, failed) >= size) fs::remove(to, failed);
  Result<> got = download(url, to, size, title);
  if (got) got = check_content(to, size, sha256);
  if (!got && is_of_the_disk(got.error())) return got;
  if (!got && went_on) {  // what was there before may have been of another file
    fs::remove(to, failed);
    got = download(url, to, size, title);
    if (got) got = check_content(to, size, sha256);
  }
  // A wrong file is of no use; one that is too short is gone on with.
  if (!got && is_there(to) && fs::file_size(to, failed) >= size) fs::remove(to, failed);
  return got;
}

Result<> Fetcher::get_archive(const Archive& archive, const fs::path& to) {
  fs::path part = to.string() + ".part";
  Result<> got = Error{Code::kNotFound, title_of(archive) + ": has no address"};
  std::vector<std::string> reasons;
  auto note = [&](const Error& error) {
    std::string reason = error.message + (error.hint.empty() ? "" : " (" + error.hint + ")");
    if (reasons.empty() || reasons.back() != reason) reasons.push_back(reason);
  };
  Result<std::vector<std::string>> addresses = addresses_of(archive);
  if (!addresses) note(addresses.error());
  for (std::size_t i = 0; addresses && i < addresses->size() && !got; ++i) {
    got = download_checked((*addresses)[i], part, archive.size, archive.sha256, title_of(archive));
    if (!got) note(got.error());
    if (!got && is_of_the_disk(got.error())) return got;
  }
  if (!got && archive.kind != Archive::Kind::kUrl) {
    fs::path whole = to.string() + ".whole";
    Result<> fetched = fetch_with_tool(archive, whole);
    if (fetched) fetched = check_content(whole, archive.size, archive.sha256);
    std::error_code failed;
    if (fetched) {
      fs::rename(whole, part, failed);
      got = failed ? Result<>(system_error("cannot write " + part.string(), failed.value()))
                   : Result<>();
    }
    fs::remove(whole, failed);
    if (!fetched) note(fetched.error());
    if (!fetched && is_of_the_disk(fetched.error())) return fetched;
  }
  if (!got) return Error{Code::kIo, join(reasons, "; ")};
  return rename_synchronised(part, to);
}

Result<fs::path> Fetcher::archive_path(const Archive& archive) {
  if (auto known = archives_.find(archive.id); known != archives_.end()) return known->second;
  if (auto known = failed_archives_.find(archive.id); known != failed_archives_.end())
    return known->second;
  if (archive.size != 0 && !mirror_.empty())
    if (std::optional<fs::path> found = mirror_.find(archive.size, archive.sha256))
      return archives_[archive.id] = *found;

  fs::path path =
      cache_ / (archive.id + (archive.kind == Archive::Kind::kDeb ? ".deb" : ".archive"));
  std::error_code failed;
  fs::create_directories(cache_, failed);
  if (failed) return system_error("cannot make " + cache_.string(), failed.value());
  bool ready =
      is_there(path) && archive.size != 0 && check_content(path, archive.size, archive.sha256);
  if (!ready) {
    Result<> got = check_space(cache_, archive.size);
    if (got) got = check_file_limit(path, archive.size);
    if (got) got = get_archive(archive, path);
    if (!got) {
      failed_archives_.emplace(archive.id, got.error());
      return got.error();
    }
  }
  to_remove_.push_back(path);
  return archives_[archive.id] = path;
}

}  // namespace anynpu::model
