# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# debian_mirror prints where the system's apt has Debian itself from, not its security updates; it fails
# when apt knows of none. Sourced by tools that fetch what the system's own suite does not have.

debian_mirror() {
  local origin label uri
  # shellcheck disable=SC2016  # these are apt's own names
  while IFS='|' read -r origin label uri; do
    if [[ $origin == Debian && $label == Debian ]]; then
      printf '%s\n' "$uri"
      return
    fi
  done < <(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)')
  printf '%s: apt knows no Debian archive\n%s\n' "${0##*/}" "run apt-get update as root, then try again" >&2
  return 1
}
