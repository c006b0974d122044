// SPDX-License-Identifier: Apache-2.0
// Vendor libraries of NPUs: found by file name and read as files, never opened, because some of
// them touch the hardware as soon as they are loaded.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/engines.h"

namespace anynpu::engine {

/// Opens an NPU's engine over the library that the survey found. Runs in worker processes only.
using OpenNpuEngine = Result<std::unique_ptr<Engine>>(const EngineStatus& found);

struct VendorLibrary {
  std::string engine;                          // "rknn"
  std::string family;                          // "rknpu"
  std::string artifact;                        // ".rknn"
  std::string title;                           // "Rockchip's runtime"
  std::string file;                            // "librknnrt.so"; a last * stands for any ending
  std::vector<std::filesystem::path> folders;  // in order
  std::string version_marker;  // the version follows these words in the file; empty: it is in the
                               // file's name
  std::string needs;           // words that a usable build has; empty: none
  std::string lacks_needs;     // what their absence means
  std::string install;         // where the library comes from
  std::string variable;        // "ANYNPU_RKNN": an exact path in it is the only one looked at
  OpenNpuEngine* open = nullptr;  // nullptr: this version of anynpu does not run its models
};

/// The four vendor libraries, with the folders where distributions and vendors put them.
std::vector<VendorLibrary> vendor_libraries();

/// Looks where the library's variable says, else in `first` (folders that the user named), then in
/// the library's own folders. Usable when it was found and there is an engine for it.
EngineStatus survey_vendor_library(const VendorLibrary& library,
                                   const std::vector<std::filesystem::path>& first);

/// The word of digits, letters and dots that follows `marker` in a file's bytes; empty when there
/// is none.
std::string version_after(std::span<const std::byte> bytes, std::string_view marker);

}  // namespace anynpu::engine
