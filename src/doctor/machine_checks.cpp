// SPDX-License-Identifier: Apache-2.0
// The table of the checks of the machine as a whole.
#include "doctor/machine_checks.h"

namespace anynpu::doctor {
namespace {

using npu::Check;
using npu::Layer;
using npu::Severity;

constexpr std::string_view kNeedsValidSpec[] = {"CDI-INVALID"};
constexpr std::string_view kNeedsReadableSpec[] = {"CDI-INVALID", "CDI-TOO-NEW"};
constexpr std::string_view kEmptyEditsLinks[] = {"https://github.com/moby/moby/issues/47633"};
constexpr std::string_view kTooNewLinks[] = {
    "https://github.com/NVIDIA/nvidia-container-toolkit/issues/1860"};

}  // namespace

std::span<const Check> machine_checks() {
  static constexpr Check kChecks[] = {
      {.id = "HOST-SOUND-SOCKET",
       .family = "",
       .layer = Layer::kPermission,
       .severity = Severity::kDegraded,
       .title = "The user may open the socket of the sound server",
       .symptom = "Connection failure: Access denied",
       .cause =
           "the sound server's socket is there, and this user may not open it, so that nothing "
           "can be heard or said",
       .fix = "share the group of the socket, or run as the user whose sound server it is",
       .run = check_sound_socket},
      {.id = "CDI-INVALID",
       .family = "",
       .layer = Layer::kContainer,
       .severity = Severity::kDegraded,
       .title = "Container runtimes can read the CDI specification of the NPU",
       .symptom = "unresolvable CDI devices",
       .cause =
           "the CDI specification has a fault, and runtimes drop such a file as a whole without "
           "a word",
       .fix =
           "mend the file, or write it again with the lowest cdiVersion that says what is needed",
       .links = kEmptyEditsLinks,
       .run = check_cdi_faults},
      {.id = "CDI-TOO-NEW",
       .family = "",
       .layer = Layer::kContainer,
       .severity = Severity::kDegraded,
       .title = "The container runtime knows the version of the CDI specification",
       .symptom = "unresolvable CDI devices; unknown field additionalGids",
       .cause = "the CDI specification is of a later version than this distribution's podman reads",
       .fix = "write it again with a lower cdiVersion, and pass groups with --group-add",
       .links = kTooNewLinks,
       .depends_on = kNeedsValidSpec,
       .run = check_cdi_too_new},
      {.id = "CDI-STALE",
       .family = "",
       .layer = Layer::kContainer,
       .severity = Severity::kDegraded,
       .title = "The CDI specification names the nodes that the NPU has now",
       .symptom = "the container starts without the NPU, or not at all: no such file or directory",
       .cause = "the NPU's nodes have other names or numbers than when the CDI specification was "
                "written",
       .fix = "write the CDI specification again",
       .depends_on = kNeedsReadableSpec,
       .run = check_cdi_stale},
      {.id = "CDI-MISSING",
       .family = "",
       .layer = Layer::kContainer,
       .severity = Severity::kDegraded,
       .title = "Every NPU that a service of this machine asks for by CDI is in a specification",
       .symptom = "unresolvable CDI devices",
       .cause = "a service asks for a CDI device, and no specification has it",
       .fix = "write a CDI specification for the NPU into /etc/cdi",
       .depends_on = kNeedsReadableSpec,
       .run = check_cdi_missing},
      {.id = "KUBE-SOCKET",
       .family = "",
       .layer = Layer::kCluster,
       .severity = Severity::kDegraded,
       .title = "A device plugin can reach the kubelet",
       .symptom =
           "dial unix /var/lib/kubelet/device-plugins/kubelet.sock: connect: no such file or "
           "directory",
       .cause = "the kubelet's folder for device plugins is here, and its socket cannot be used",
       .fix = "mount the folder of the kubelet of this distribution, and run the plugin as root",
       .run = check_kubelet_socket},
      {.id = "KUBE-NO-PLUGIN",
       .family = "",
       .layer = Layer::kCluster,
       .severity = Severity::kNote,
       .title = "A node of a cluster has a device plugin for its NPU",
       .symptom = "0/1 nodes are available: 1 Insufficient anynpu.dev/npu",
       .cause = "this is a node of a Kubernetes cluster, and no device plugin runs on it: pods "
                "cannot ask for the NPU",
       .fix = "run a device plugin, or give pods the NPU by CDI",
       .run = check_device_plugin},
  };
  return kChecks;
}

}  // namespace anynpu::doctor
