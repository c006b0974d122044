// SPDX-License-Identifier: Apache-2.0
// Packs and unpacks simulated .axmodel files.
#include "sim/axcl/artifact.h"

#include "sim/common/network.h"

namespace anynpu::sim::axcl {

std::vector<std::byte> write_axmodel(std::span<const std::byte> tflite, const AxmodelFacts& facts) {
  return pack_artifact({{"family", "axcl"},
                        {"soc", facts.soc},
                        {"compiler", facts.compiler},
                        {"cmm", facts.cmm},
                        {"cores", facts.cores},
                        {"max_batch", facts.max_batch},
                        {"float_outputs", facts.float_outputs},
                        {"groups", facts.groups}},
                       tflite);
}

Result<Axmodel> read_axmodel(std::span<const std::byte> bytes) {
  ANYNPU_TRY(artifact, unpack_artifact(bytes));
  const Json& json = artifact.facts;
  try {
    if (json.at("family") != "axcl") return Error{Code::kInvalid, "is for another family"};
    AxmodelFacts facts;
    json.at("soc").get_to(facts.soc);
    json.at("compiler").get_to(facts.compiler);
    json.at("cmm").get_to(facts.cmm);
    json.at("cores").get_to(facts.cores);
    json.at("max_batch").get_to(facts.max_batch);
    json.at("float_outputs").get_to(facts.float_outputs);
    json.at("groups").get_to(facts.groups);
    return Axmodel{std::move(facts), artifact.tflite};
  } catch (const Json::exception& problem) {
    return Error{Code::kInvalid, problem.what()};
  }
}

}  // namespace anynpu::sim::axcl
