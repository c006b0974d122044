// SPDX-License-Identifier: Apache-2.0
// Downloads and unpacking through curl, npm, apt and tar.
//
// Every such program runs below a shell that limits the size of the files it can write, whatever
// the other side sends, and is ended by the kernel when anynpu is.
#include "model/download.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/progress.h"
#include "base/subprocess.h"
#include "base/text.h"
#include "model/fetch.h"

namespace anynpu::model {

namespace fs = std::filesystem;

namespace {

constexpr Duration kLongest = seconds(6 * 3600);
constexpr int kCurlCannotWrite = 23;
constexpr std::uint64_t kRoom = 1 << 20;  // with less, a disk counts as full

// `script` sees `arguments` as $1, $2, ... and can write files of `most_bytes` at most.
std::vector<std::string> limited(const std::string& script, std::vector<std::string> arguments,
                                 std::uint64_t most_bytes) {
  std::vector<std::string> command;
  if (has_command("setpriv")) command = {"setpriv", "--pdeathsig", "TERM", "--"};
  // Blocks of 512 bytes in POSIX shells.
  command.insert(
      command.end(),
      {"/bin/sh", "-c", fmt::format("ulimit -f {}; {}", most_bytes / 512 + 1, script), "anynpu"});
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

// The last line of what a program printed about its failure.
std::string complaint(const CommandResult& result) {
  std::vector<std::string> lines = split(trim(result.errors), '\n');
  std::string last = printable(trim(lines.back()), 200);
  return last.empty() ? fmt::format("ended with code {}", result.exit_code) : last;
}

Error missing(const std::string& program) {
  return Error{Code::kNotFound, program + " is not on PATH"}.with_hint("install " + program);
}

std::uint64_t size_of(const fs::path& path) {
  std::error_code failed;
  std::uint64_t size = fs::file_size(path, failed);
  return failed ? 0 : size;
}

Result<> check_ended_well(const std::string& program, const CommandResult& result) {
  if (result.exit_code == 0) return {};
  if (result.exit_code == 128 + SIGXFSZ)
    return Error{Code::kTooLarge, program + ": it is larger than it should be"};
  std::string words = complaint(result);
  if (!words.starts_with(program + ":")) words = program + ": " + words;
  for (const int number : {ENOSPC, EDQUOT})
    if (result.errors.find(std::strerror(number)) != std::string::npos) {
      Error error = system_error("", number);
      return Error{Code::kIo, words, number, error.hint};
    }
  return Error{Code::kIo, words};
}

}  // namespace

Result<> download(const std::string& url, const fs::path& to, std::uint64_t most_bytes,
                  const std::string& title) {
  if (!has_command("curl")) return missing("curl");
  Progress bar(title, most_bytes, ProgressUnit::kBytes);
  CommandOptions options;
  options.timeout = kLongest;
  options.while_running = [&] { bar.set(size_of(to)); };
  std::vector<std::string> arguments = {"--fail",
                                        "--location",
                                        "--silent",
                                        "--show-error",
                                        "--proto",
                                        "=http,https",
                                        "--proto-redir",
                                        "=http,https",
                                        "--max-filesize",
                                        std::to_string(most_bytes),
                                        "--connect-timeout",
                                        "20",
                                        "--speed-limit",
                                        "1000",
                                        "--speed-time",
                                        "60",
                                        "--retry",
                                        "2",
                                        "--continue-at",
                                        "-",
                                        "--output",
                                        to.string(),
                                        "--",
                                        url};
  ANYNPU_TRY(result,
             run_command(limited("exec curl \"$@\"", std::move(arguments), most_bytes), options));
  Result<> ended = check_ended_well("curl", result);
  if (result.exit_code != kCurlCannotWrite) return ended;
  // curl says neither what it could not write nor always why.
  if (ended.error().system_errno == 0) ANYNPU_CHECK(check_space(to.parent_path(), kRoom));
  return Error(ended.error()).within("cannot write " + to.string());
}

namespace {

Result<std::vector<std::string>> npm_addresses(const std::string& package) {
  if (!has_command("npm")) return missing("npm");
  CommandOptions options;
  options.timeout = seconds(120);
  ANYNPU_TRY(result, run_command({"npm", "view", package, "dist.tarball", "--json"}, options));
  ANYNPU_CHECK(check_ended_well("npm", result));
  auto answer = nlohmann::json::parse(result.output, nullptr, false);
  if (!answer.is_string()) return Error{Code::kIo, "npm: gave no address for " + package};
  std::string url = answer.get<std::string>();
  if (!url.starts_with("https://") && !url.starts_with("http://"))
    return Error{Code::kIo, "npm: gave an address that is not of the web"};
  return std::vector<std::string>{url};
}

// The repositories that apt is set up with, those of Debian itself first.
Result<std::vector<std::string>> apt_addresses(const std::string& path) {
  if (!has_command("apt-get")) return missing("apt-get");
  ANYNPU_TRY(result, run_command({"apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)"}));
  ANYNPU_CHECK(check_ended_well("apt-get", result));
  std::vector<std::string> addresses;
  for (bool debian : {true, false}) {
    for (const std::string& line : split(result.output, '\n')) {
      std::size_t space = line.rfind(' ');
      if (space == std::string::npos || line.starts_with("Debian ") != debian) continue;
      std::string address = line.substr(space + 1) + (line.ends_with('/') ? "" : "/") + path;
      bool web = address.starts_with("http://") || address.starts_with("https://");
      if (web && std::find(addresses.begin(), addresses.end(), address) == addresses.end())
        addresses.push_back(address);
    }
  }
  if (addresses.empty())
    return Error{Code::kNotFound, "apt-get: has no package lists"}.with_hint("sudo apt-get update");
  return addresses;
}

// Runs `command` in a new folder beside `to`, then moves the file that it left there to `to`.
Result<> collect(const std::string& program, const std::string& script, const std::string& argument,
                 std::uint64_t most_bytes, const fs::path& to) {
  if (!has_command(program)) return missing(program);
  fs::path folder = to.string() + ".new";
  std::error_code failed;
  fs::remove_all(folder, failed);
  if (!fs::create_directories(folder, failed))
    return system_error("cannot make " + folder.string(), failed.value());
  CommandOptions options;
  options.timeout = kLongest;
  Result<CommandResult> result = run_command(
      limited("cd \"$1\" && " + script, {folder.string(), argument}, most_bytes), options);
  Result<> outcome = !result ? Result<>(result.error()) : check_ended_well(program, *result);
  if (outcome) {
    fs::directory_iterator first(folder, failed);
    if (failed || first == fs::directory_iterator())
      outcome = Error{Code::kIo, program + ": left no file"};
    else
      fs::rename(first->path(), to, failed);
    if (failed) outcome = system_error("cannot write " + to.string(), failed.value());
  }
  fs::remove_all(folder, failed);
  return outcome;
}

}  // namespace

Result<std::vector<std::string>> addresses_of(const Archive& archive) {
  if (archive.kind == Archive::Kind::kUrl) return std::vector<std::string>{archive.address};
  if (archive.kind == Archive::Kind::kNpm) return npm_addresses(archive.address);
  if (archive.kind == Archive::Kind::kDebian) return apt_addresses(archive.address);
  return std::vector<std::string>();
}

Result<> fetch_with_tool(const Archive& archive, const fs::path& to) {
  constexpr std::uint64_t kMostDebBytes = 1 << 30;
  switch (archive.kind) {
    case Archive::Kind::kNpm:
      return collect("npm", "npm pack --silent \"$2\" >&2", archive.address, archive.size * 2, to);
    case Archive::Kind::kDeb:
      return collect("apt-get", "apt-get download \"$2\" >&2", archive.address, kMostDebBytes, to);
    case Archive::Kind::kDebian: {
      const std::string helper = "/usr/lib/apt/apt-helper";
      std::error_code failed;
      if (!fs::exists(helper, failed)) return Error{Code::kNotFound, helper + " is not there"};
      ANYNPU_TRY(addresses, apt_addresses(archive.address));
      Result<> outcome = Error{Code::kNotFound, "apt has no repository"};
      for (const std::string& address : addresses) {
        CommandOptions options;
        options.timeout = kLongest;
        Result<CommandResult> result =
            run_command(limited("exec " + helper + " download-file \"$@\"",
                                {address, to.string(), "SHA256:" + archive.sha256}, archive.size),
                        options);
        outcome = !result ? Result<>(result.error()) : check_ended_well("apt-helper", *result);
        if (outcome) return outcome;
      }
      return outcome;
    }
    case Archive::Kind::kUrl:
      break;
  }
  return Error{Code::kUnsupported, "only curl fetches addresses of the web"};
}

Result<> extract(const fs::path& archive, const std::string& member, std::uint64_t most_bytes,
                 const fs::path& to) {
  // Some archives name their members "./usr/...".
  bool deb = archive.extension() == ".deb";
  for (const char* program : {"tar", deb ? "dpkg-deb" : "tar"})
    if (!has_command(program)) return missing(program);
  std::string script =
      deb ? "dpkg-deb --fsys-tarfile \"$1\" | tar -xO --occurrence=1 -f - -- \"$2\""
          : "exec tar -xO --occurrence=1 -f \"$1\" -- \"$2\"";
  CommandOptions options;
  options.timeout = seconds(1800);
  options.output_file = to;
  Result<> outcome;
  for (const std::string& name : {deb ? "./" + member : member, deb ? member : "./" + member}) {
    ANYNPU_TRY(result, run_command(limited(script, {archive.string(), name}, most_bytes), options));
    outcome = check_ended_well("tar", result);
    if (outcome) return outcome;
  }
  return outcome;
}

}  // namespace anynpu::model
