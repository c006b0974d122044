// SPDX-License-Identifier: Apache-2.0
// The node of a `rocket` device, asked directly.
#include "engine/teflon_device.h"

#include <array>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>

#include "base/fd.h"
#include "base/text.h"

namespace anynpu::engine::teflon {

Result<std::string> driver_of(int fd, const std::string& node) {
  std::array<char, 64> name{};
  DrmVersion version{};
  version.name = name.data();
  version.name_length = name.size();
  if (::ioctl(fd, kDrmVersion, &version) != 0)
    return system_error(node + " does not name its driver");
  return printable(
      std::string(name.data(), std::min<std::size_t>(version.name_length, name.size())));
}

Result<> check_node(const std::string& node) {
  if (node.empty()) return Error{Code::kInvalid, "no device node is given"};
  const Fd fd(::open(node.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd) {
    Error error = system_error("cannot open " + node);
    if (error.code == Code::kPermission)
      error.hint =
          "become a member of the node's group (render): sudo usermod -aG render \"$USER\"";
    return error;
  }
  ANYNPU_TRY(driver, driver_of(fd.get(), node));
  if (driver != "rocket")
    return Error{Code::kDevice,
                 fmt::format("{} belongs to the driver '{}', not to rocket", node, driver)}
        .with_hint("look for the node of the Rockchip NPU: anynpu devices");
  RocketCreateBo buffer{4096, 0, 0, 0};
  if (::ioctl(fd.get(), kRocketCreateBo, &buffer) != 0)
    return system_error(node + " gives no buffer");
  DrmGemClose close{buffer.handle, 0};
  if (::ioctl(fd.get(), kDrmGemClose, &close) != 0)
    return system_error(node + " does not take a buffer back");
  return {};
}

std::string request_name(std::uint32_t request) {
  switch (request) {
    case kRocketCreateBo:
      return "CREATE_BO";
    case kRocketSubmit:
      return "SUBMIT";
    case kRocketPrepBo:
      return "PREP_BO";
    case kRocketFiniBo:
      return "FINI_BO";
    default:
      return fmt::format("request {:#x}", request);
  }
}

}  // namespace anynpu::engine::teflon
