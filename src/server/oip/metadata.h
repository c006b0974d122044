// SPDX-License-Identifier: Apache-2.0
// What the protocol tells about the server and its models.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/report.h"
#include "runtime/served_model.h"
#include "server/oip/model_directory.h"

namespace anynpu::server::oip {

/// {name, version, extensions}
Json server_metadata();

/// "tflite_tflite", "onnx_onnxv1", "rockchip_rknn", "axera_axmodel", "amd_xclbin": PROJECT_FORMAT
/// of the artifact that serves, by its file's ending.
std::string platform_of(const std::string& artifact_file);

/// {name, versions, platform, inputs, outputs}; dimensions that a request chooses are -1.
Json model_metadata(const runtime::ServedModel& model, const std::vector<ModelEntry>& index);

/// [{name, version, state, reason}]: READY, LOADING or UNAVAILABLE.
Json repository_index(const std::vector<ModelEntry>& index, bool only_ready);

}  // namespace anynpu::server::oip
