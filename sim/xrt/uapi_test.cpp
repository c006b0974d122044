// SPDX-License-Identifier: Apache-2.0
// Our declarations of amdxdna's answers, and of the .xclbin container, against the real headers:
// the kernel's amdxdna_accel.h and XRT's xclbin.h.
#include <cstddef>

#ifndef __counted_by  // kernel headers before 6.5 do not have it
#define __counted_by(member)
#endif
#include <drm/amdxdna_accel.h>
#include <gtest/gtest.h>
#include <xrt/detail/ert.h>
#include <xrt/detail/xclbin.h>

#include "model/xclbin_file.h"
#include "npu/xdna/abi.h"
#include "tiny_xclbin.h"

namespace anynpu::npu::xdna {
namespace {

#define EXPECT_SAME_FIELD(ours, field, theirs, their_field)                  \
  EXPECT_EQ(offsetof(ours, field), offsetof(theirs, their_field)) << #field; \
  EXPECT_EQ(sizeof(ours::field), sizeof(theirs::their_field)) << #field

TEST(XdnaUapi, AnswersOfGetInfo) {
  EXPECT_EQ(sizeof(AieMetadata), sizeof(amdxdna_drm_query_aie_metadata));
  EXPECT_SAME_FIELD(AieMetadata, columns, amdxdna_drm_query_aie_metadata, cols);
  EXPECT_SAME_FIELD(AieMetadata, rows, amdxdna_drm_query_aie_metadata, rows);
  EXPECT_SAME_FIELD(AieMetadata, core, amdxdna_drm_query_aie_metadata, core);
  EXPECT_SAME_FIELD(AieMetadata, shim, amdxdna_drm_query_aie_metadata, shim);
  EXPECT_EQ(sizeof(Clocks), sizeof(amdxdna_drm_query_clock_metadata));
  EXPECT_SAME_FIELD(Clock, mhz, amdxdna_drm_query_clock, freq_mhz);
  EXPECT_EQ(sizeof(Sensor), sizeof(amdxdna_drm_query_sensor));
  EXPECT_SAME_FIELD(Sensor, label, amdxdna_drm_query_sensor, label);
  EXPECT_SAME_FIELD(Sensor, input, amdxdna_drm_query_sensor, input);
  EXPECT_SAME_FIELD(Sensor, units, amdxdna_drm_query_sensor, units);
  EXPECT_SAME_FIELD(Sensor, type, amdxdna_drm_query_sensor, type);
  EXPECT_EQ(sizeof(FirmwareVersion), sizeof(amdxdna_drm_query_firmware_version));
  EXPECT_EQ(sizeof(Resources), sizeof(amdxdna_drm_get_resource_info));
  EXPECT_SAME_FIELD(Resources, max_tasks, amdxdna_drm_get_resource_info, npu_task_max);
  EXPECT_EQ(sizeof(HwContext), sizeof(amdxdna_drm_query_hwctx));
  EXPECT_SAME_FIELD(HwContext, pid, amdxdna_drm_query_hwctx, pid);
  EXPECT_SAME_FIELD(HwContext, submissions, amdxdna_drm_query_hwctx, command_submissions);
  EXPECT_SAME_FIELD(HwContext, completions, amdxdna_drm_query_hwctx, command_completions);
  EXPECT_SAME_FIELD(HwContext, errors, amdxdna_drm_query_hwctx, errors);
}

TEST(XdnaUapi, Numbers) {
  EXPECT_EQ(static_cast<int>(kAieMetadata), DRM_AMDXDNA_QUERY_AIE_METADATA);
  EXPECT_EQ(static_cast<int>(kClocks), DRM_AMDXDNA_QUERY_CLOCK_METADATA);
  EXPECT_EQ(static_cast<int>(kSensors), DRM_AMDXDNA_QUERY_SENSORS);
  EXPECT_EQ(static_cast<int>(kHwContexts), DRM_AMDXDNA_QUERY_HW_CONTEXTS);
  EXPECT_EQ(static_cast<int>(kFirmwareVersion), DRM_AMDXDNA_QUERY_FIRMWARE_VERSION);
  EXPECT_EQ(static_cast<int>(kPowerMode), DRM_AMDXDNA_GET_POWER_MODE);
  EXPECT_EQ(static_cast<int>(kResources), DRM_AMDXDNA_QUERY_RESOURCE_INFO);
  EXPECT_EQ(DRM_IOCTL_AMDXDNA_GET_INFO, 0xc0106447U);
}

TEST(XdnaUapi, StatesOfCommands) {
  EXPECT_EQ(ERT_CMD_STATE_COMPLETED, 4);
  EXPECT_EQ(ERT_CMD_STATE_ERROR, 5);
  EXPECT_EQ(ERT_CMD_STATE_ABORT, 6);
  EXPECT_EQ(ERT_CMD_STATE_TIMEOUT, 8);
  EXPECT_EQ(ERT_CMD_STATE_NORESPONSE, 9);
}

/// A file that XRT's own structures write is read back by ours.
TEST(XclbinContainer, AsXrtDeclaresIt) {
  test::TinyXclbin tiny;
  tiny.partition(4, {1}, 2048);
  tiny.kernel("MLIR_AIE:MLIRAIE");
  const auto bytes = tiny.build();
  const auto* top = reinterpret_cast<const axlf*>(bytes.data());
  EXPECT_EQ(top->m_header.m_length, bytes.size());
  EXPECT_EQ(top->m_header.m_numSections, 2U);
  const auto* section = ::xclbin::get_axlf_section(top, AIE_PARTITION);
  ASSERT_NE(section, nullptr);
  const auto* partition =
      reinterpret_cast<const aie_partition*>(bytes.data() + section->m_sectionOffset);
  EXPECT_EQ(partition->info.column_width, 4);
  EXPECT_EQ(partition->operations_per_cycle, 2048U);
  const auto* ips = reinterpret_cast<const ip_layout*>(
      bytes.data() + ::xclbin::get_axlf_section(top, IP_LAYOUT)->m_sectionOffset);
  EXPECT_EQ(ips->m_count, 1);
  EXPECT_STREQ(reinterpret_cast<const char*>(ips->m_ip_data[0].m_name), "MLIR_AIE:MLIRAIE");
  auto file = model::read_xclbin(bytes, "x");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->partition->column_width, partition->info.column_width);
}

}  // namespace
}  // namespace anynpu::npu::xdna
