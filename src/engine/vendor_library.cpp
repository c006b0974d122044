// SPDX-License-Identifier: Apache-2.0
// Where the vendors' libraries live, and what their files say of themselves.
#include "engine/vendor_library.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "engine/axmodel.h"
#include "engine/file_mapping.h"
#include "engine/library.h"
#include "engine/rknn.h"
#include "engine/teflon.h"
#include "engine/xclbin.h"

namespace anynpu::engine {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMostLibraryBytes = std::size_t{512} << 20;
constexpr std::size_t kMostVersion = 40;

#if defined(__x86_64__)
const fs::path kMultiarch = "x86_64-linux-gnu";
#else
const fs::path kMultiarch = "aarch64-linux-gnu";
#endif

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool of_version(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.';
}

/// "2.25.0" for a file whose real name is libxrt_coreutil.so.2.25.0; empty for libx.so.2.
std::string version_in_name(const fs::path& file) {
  std::error_code error;
  const fs::path real = fs::canonical(file, error);
  const std::string name = (error ? file : real).filename().string();
  const std::size_t at = name.find(".so.");
  const std::string version = at == std::string::npos ? "" : name.substr(at + 4);
  return version.find('.') != std::string::npos ? version : "";
}

}  // namespace

std::vector<VendorLibrary> vendor_libraries() {
  const fs::path lib = fs::path("/usr/lib") / kMultiarch;
  const fs::path local = fs::path("/usr/local/lib") / kMultiarch;
  return {
      {"teflon",
       "rocket",
       ".tflite",
       "Mesa's Teflon",
       "libteflon.so",
       {"/usr/lib/teflon", lib, "/usr/lib64", "/usr/lib", "/usr/local/lib/teflon", local,
        "/usr/local/lib", "/run/opengl-driver/lib"},
       "DRI_Mesa",
       "/dev/accel",
       "this build of Mesa has no driver for rocket: Mesa 25.3 was the first that has",
       "install mesa-teflon-delegate of Mesa 26.1.5 or newer (arm64)",
       "ANYNPU_TEFLON",
       open_teflon},
      {"rknn",
       "rknpu",
       ".rknn",
       "Rockchip's runtime",
       "librknnrt.so",
       {"/usr/lib", lib, "/usr/local/lib", "/usr/lib64"},
       "librknnrt version: ",
       "rknn_init",
       "this file is not Rockchip's librknnrt of the second generation",
       "put the librknnrt.so of Rockchip's RKNN toolkit for arm64 into /usr/lib",
       "ANYNPU_RKNN",
       [](const EngineStatus& found) { return open_rknn(found.library); }},
      {"axmodel",
       "axcl",
       ".axmodel",
       "AXERA's runtime",
       "libaxcl_rt.so",
       {"/usr/lib/axcl", lib, "/usr/lib", "/usr/local/lib"},
       "",
       "",
       "",
       "install AXERA's axclhost package",
       "ANYNPU_AXMODEL",
       open_axmodel},
      {"xclbin",
       "xdna",
       ".xclbin",
       "AMD's XRT",
       "libxrt_coreutil.so.2",
       {lib, "/opt/xilinx/xrt/lib", "/usr/lib64", "/usr/lib", local, "/usr/local/lib"},
       "",
       "",
       "",
       "install libxrt2 and libxrt-npu2 of XRT 2.21 or newer",
       "ANYNPU_XCLBIN",
       open_xclbin},
  };
}

std::string version_after(std::span<const std::byte> bytes, std::string_view marker) {
  const std::string_view text = as_text(bytes);
  for (std::size_t at = text.find(marker); at != std::string_view::npos;
       at = text.find(marker, at + 1)) {
    // Strings that follow each other in a file may be padded.
    const std::size_t start = text.find_first_not_of('\0', at + marker.size());
    if (start == std::string_view::npos) break;
    const std::string_view rest = text.substr(start, kMostVersion);
    const auto end = std::find_if_not(rest.begin(), rest.end(), of_version);
    const std::string_view version = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
    // The same words also stand in format strings ("version: %s"), which are passed over.
    if (!version.empty() && version.front() >= '0' && version.front() <= '9' &&
        version.find('.') != std::string::npos)
      return std::string(version);
  }
  return "";
}

EngineStatus survey_vendor_library(const VendorLibrary& library,
                                   const std::vector<fs::path>& first) {
  EngineStatus status{library.engine, library.family, library.artifact};
  const char* exact = library.variable.empty() ? nullptr : std::getenv(library.variable.c_str());
  if (exact != nullptr && *exact != '\0') {
    status.searched.emplace_back(exact);
    std::error_code error;
    if (fs::is_regular_file(exact, error)) status.library = exact;
  } else {
    std::vector<fs::path> folders = first;
    folders.insert(folders.end(), library.folders.begin(), library.folders.end());
    for (const fs::path& folder : folders) {
      status.searched.push_back(folder / library.file);
      const auto found = find_files(folder, {library.file});
      if (status.library.empty() && !found.empty()) status.library = found.front();
    }
  }
  if (status.library.empty()) {
    status.problem = exact != nullptr && *exact != '\0'
                         ? fmt::format("${}: there is no file {}", library.variable, exact)
                         : fmt::format("no {}", library.file);
    status.hint = library.install;
    return status;
  }
  if (library.open == nullptr)
    status.problem = "this version of anynpu does not yet run models with " + library.title;
  if (library.version_marker.empty()) status.version = version_in_name(status.library);
  if (!library.version_marker.empty() || !library.needs.empty()) {
    auto file = FileMapping::open(status.library, kMostLibraryBytes);
    if (!file) {
      status.problem = file.error().message;
      status.hint = file.error().hint;
      return status;
    }
    if (!library.version_marker.empty())
      status.version = version_after(file->bytes(), library.version_marker);
    if (!library.needs.empty() &&
        as_text(file->bytes()).find(library.needs) == std::string_view::npos) {
      status.problem = library.lacks_needs;
      if (!status.version.empty()) status.problem = status.version + ": " + status.problem;
      status.hint = library.install;
    }
  }
  status.usable = status.problem.empty();
  return status;
}

}  // namespace anynpu::engine
