// SPDX-License-Identifier: Apache-2.0
// What the handlers of this protocol have in common.
#pragma once

#include <memory>
#include <string>

#include "server/oip/routes.h"
#include "server/request_context.h"

namespace anynpu::server::oip {

using Shared = std::shared_ptr<OipServices>;

/// {"error": "..."} with the protocol's status; 503 carries Retry-After.
Response error_response(const Error& error);

/// The body as it was sent. Code::kTooLarge over `most_bytes`, Code::kUnsupported with a content
/// encoding.
asio::awaitable<Result<std::string>> read_body(RequestContext& context, std::size_t most_bytes);

/// The model that the path names, by {model} and {version}; loads it when it has to, for which it
/// waits until `deadline`.
asio::awaitable<Result<ModelDirectory::Hosted>> find_model(Shared services, std::string name,
                                                           std::string version, TimePoint deadline);

/// POST /v2/models/{model}[/versions/{version}]/infer
asio::awaitable<Response> infer(Shared services, RequestContext& context);

/// The routes under /v2/repository.
void add_repository_routes(Router& router, const Shared& services);

}  // namespace anynpu::server::oip
