// SPDX-License-Identifier: Apache-2.0
// GET / and the files of the page. Browsers get the page, programs a description of the API.
#include <array>

#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"
#include "server/assets.h"
#include "server/openapi.h"
#include "server/services.h"

namespace anynpu::server {
namespace {

// Everything the page needs is in the binary; nothing of other places may be loaded or reached.
constexpr std::string_view kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

std::string_view media_type_of(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
  if (name.ends_with(".svg")) return "image/svg+xml";
  return "application/octet-stream";
}

std::string entity_tag(std::string_view content) {
  std::string digest = sha256_of(std::as_bytes(std::span(content)));
  return fmt::format("\"{:.16}\"", digest);
}

// The browser asks each time and is told that nothing has changed: a new binary shows at once.
Response asset_response(const Asset& asset, const std::string& tag, const RequestHead& head) {
  Response response;
  response.headers = {{"Content-Type", std::string(media_type_of(asset.name))},
                      {"Cache-Control", "no-cache"},
                      {"ETag", tag},
                      {"Content-Security-Policy", std::string(kContentSecurityPolicy)},
                      {"Referrer-Policy", "no-referrer"},
                      {"Cross-Origin-Opener-Policy", "same-origin"}};
  std::string_view known = head.header("If-None-Match");
  if (known == "*" || has_token(known, tag) || has_token(known, "W/" + tag))
    response.status = 304;
  else
    response.asset = asset.content;
  return response;
}

}  // namespace

void add_page_routes(Router& router) {
  for (const Asset& asset : assets()) {
    std::string tag = entity_tag(asset.content);
    if (asset.name != "index.html") {
      router.add_plain(
          "GET", fmt::format("/{}", asset.name), "A part of the page.",
          [asset, tag](RequestContext& context) {
            return asset_response(asset, tag, context.head());
          },
          Access::kOpen);
      continue;
    }
    router.add_plain(
        "GET", "/", "The page, for browsers; this description (OpenAPI 3.1), for programs.",
        [asset, tag, &router](RequestContext& context) {
          std::string accept = to_lower(context.head().header("Accept"));
          bool browser = accept.find("text/html") != std::string::npos;
          Response response =
              browser ? asset_response(asset, tag, context.head()) : json_response(openapi(router));
          response.headers.push_back({"Vary", "Accept"});
          return response;
        },
        Access::kOpen);
  }
  router.add_plain(
      "GET", "/openapi.json", "This description.",
      [&router](RequestContext&) { return json_response(openapi(router)); }, Access::kOpen);
}

}  // namespace anynpu::server
