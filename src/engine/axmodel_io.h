// SPDX-License-Identifier: Apache-2.0
// The tensors of an .axmodel, in all its shape groups, as the runtime tells them.
#pragma once

#include <cstddef>
#include <vector>

#include "base/result.h"
#include "engine/axmodel_abi.h"
#include "engine/session.h"

namespace anynpu::engine::axcl {

struct GroupTensor {
  Shape shape;
  std::size_t bytes = 0;
};

struct Group {
  std::vector<GroupTensor> inputs, outputs;
};

struct ModelIo {
  SessionInfo session;
  std::vector<Group> groups;                                 // at least one
  std::vector<std::size_t> largest_inputs, largest_outputs;  // bytes over all groups
};

/// Asks for everything. Tensors whose shapes differ among the groups are dynamic where they differ.
/// Where an SDK does not tell a tensor's type, its size does, as far as it can.
Result<ModelIo> describe_io(const Api& api, Handle info);

/// Whether the artifact was compiled for a dynamic batch: with one group only, as a batch counts
/// along with its leading dimension.
bool takes_batches(const Api& api, Handle io, const ModelIo& model);

struct GroupChoice {
  std::size_t group = 0;
  std::size_t batch = 1;
};

/// The group and batch that shapes of the inputs mean; the error names the shapes that there are.
Result<GroupChoice> choose_group(const ModelIo& model, const std::vector<Shape>& shapes);

DType dtype_of(DataType type);

}  // namespace anynpu::engine::axcl
