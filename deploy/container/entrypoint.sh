#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The start of a container of anynpu: removes what an earlier container left in a run folder that it
# shares, then becomes the server, so that SIGTERM reaches it and it answers what it has accepted.
set -eu
anynpu clean || echo "entrypoint: anynpu clean failed; the server starts all the same" >&2
exec anynpu serve "$@"
