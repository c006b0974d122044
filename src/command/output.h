// SPDX-License-Identifier: Apache-2.0
// Standard output as a stream that knows why it failed.
//
// std::cout loses errno, and a program that is ended by SIGPIPE cannot tidy up. This one turns bad
// when the reader has gone away (`| head -1`), so that a long command can stop early, and remembers
// whether it was that or a full disk.
#pragma once

#include <ostream>

namespace anynpu::command {

std::ostream& standard_output();

/// The errno with which standard output failed first; 0 while it is good.
int standard_output_errno();

}  // namespace anynpu::command
