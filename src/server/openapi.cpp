// SPDX-License-Identifier: Apache-2.0
// From routes to OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0).
#include "server/openapi.h"

#include <map>
#include <string>

#include "base/text.h"
#include "base/version.h"
#include "server/error_face.h"

namespace anynpu::server {
namespace {

Json reference(const std::string& name) {
  return {{"$ref", "#/components/schemas/" + name}};
}

Json content(const std::string& type, Json schema) {
  return {{type, {{"schema", std::move(schema)}}}};
}

Json text_schema(const char* description = "") {
  Json schema = {{"type", "string"}};
  if (*description != '\0') schema["description"] = description;
  return schema;
}

Json parameter(const char* name, const char* in, Json schema, const char* description) {
  return {{"name", name},
          {"in", in},
          {"required", std::string_view(in) == "path"},
          {"schema", std::move(schema)},
          {"description", description}};
}

Json number_schema(const char* type, double least, double most) {
  return {{"type", type}, {"minimum", least}, {"maximum", most}};
}

// One picture as it is, or several in a form.
Json picture_body(const Json& more_fields) {
  Json bytes = {{"type", "string"}, {"contentMediaType", "application/octet-stream"}};
  Json fields = {{"image", {{"type", "array"}, {"items", bytes}}}};
  fields.update(more_fields);
  Json form = {{"type", "object"}, {"properties", fields}, {"required", {"image"}}};
  Json types = content("multipart/form-data", std::move(form));
  for (const char* type :
       {"image/jpeg", "image/png", "image/webp", "image/bmp", "application/octet-stream"})
    types[type] = {{"schema", Json::object()}};
  return {{"required", true}, {"content", std::move(types)}};
}

Json json_body(Json schema, bool required) {
  return {{"required", required}, {"content", content("application/json", std::move(schema))}};
}

struct Detail {
  Json parameters = Json::array();
  Json body = nullptr;
  Json answer = reference("Object");
  std::string answer_type = "application/json";
  std::string tag = "server";
};

Json binary_header() {
  return parameter("Inference-Header-Content-Length", "header", number_schema("integer", 0, 1e9),
                   "Bytes of JSON before the binary tensors.");
}

// Audio as it is, or in a form with what is asked.
Json audio_body(const char* file, const Json& more_fields) {
  Json fields = {{file, {{"type", "string"}, {"contentMediaType", "application/octet-stream"}}}};
  fields.update(more_fields);
  Json form = {{"type", "object"}, {"properties", fields}, {"required", {file}}};
  Json types = content("multipart/form-data", std::move(form));
  for (const char* type : {"audio/wav", "audio/flac", "audio/ogg", "audio/mpeg", "audio/mp4",
                           "video/mp4", "video/webm", "application/octet-stream"})
    types[type] = {{"schema", Json::object()}};
  return {{"required", true}, {"content", std::move(types)}};
}

void add_speech_details(std::map<std::string, Detail>& all) {
  const Json formats = {
      {"type", "string"},
      {"enum", {"text", "json", "verbose_json", "srt", "vtt", "tsv", "whisperx"}}};
  const Json granularities = {{"type", "array"},
                              {"items", {{"type", "string"}, {"enum", {"word", "segment"}}}}};
  const Json common = {{"model", text_schema("A package; else the default.")},
                       {"language", text_schema("ISO 639-1; else the model hears which.")},
                       {"prompt", text_schema("Text that went before.")},
                       {"temperature", number_schema("number", 0, 1)},
                       {"response_format", formats},
                       {"timestamp_granularities[]", granularities},
                       {"stream", {{"type", "boolean"}}}};
  Json own = common;
  own["task"] = {{"type", "string"}, {"enum", {"transcribe", "translate"}}};
  own["words"] = {{"type", "boolean"}};
  own["vad_filter"] = {{"type", "boolean"}};
  all["POST /transcribe"] = {
      .body = audio_body("file", own), .answer = reference("Transcript"), .tag = "speech"};
  all["POST /v1/audio/transcriptions"] = {
      .body = audio_body("file", common), .answer = reference("Transcript"), .tag = "speech"};
  Json translation = common;
  translation.erase("language");
  all["POST /v1/audio/translations"] = {
      .body = audio_body("file", translation), .answer = reference("Transcript"), .tag = "speech"};
  const Json encode = parameter("encode", "query", {{"type", "boolean"}},
                                "false: the audio is samples, 16 kHz, signed 16 bit, one channel.");
  all["POST /detect-language"] = {.parameters = Json::array({encode}),
                                  .body = audio_body("audio_file", Json::object()),
                                  .tag = "speech"};
  all["POST /asr"] = {
      .parameters = {encode, parameter("output", "query", formats, "The form of the answer: text."),
                     parameter("task", "query", text_schema(), "transcribe or translate."),
                     parameter("language", "query", text_schema(), "ISO 639-1."),
                     parameter("word_timestamps", "query", {{"type", "boolean"}},
                               "Times of words."),
                     parameter("vad_filter", "query", {{"type", "boolean"}}, "Cut silence away.")},
      .body = audio_body("audio_file", Json::object()),
      .answer = text_schema(),
      .answer_type = "text/plain",
      .tag = "speech"};
  all["POST /mel"] = {.body = audio_body("file", Json::object()),
                      .answer = {{"type", "string"}, {"contentMediaType", "image/png"}},
                      .answer_type = "image/png",
                      .tag = "speech"};
  all["POST /transcribe/jobs"] = {.body = audio_body("file", own), .tag = "speech"};
  all["GET /transcribe/jobs/{id}/result"] = {
      .parameters = {parameter("format", "query", formats, "verbose_json."),
                     parameter("partial", "query", {{"type", "boolean"}},
                               "Of a job that failed: what was heard before.")},
      .answer = reference("Transcript"),
      .tag = "speech"};
  for (const char* route :
       {"GET /transcribe/jobs", "GET /transcribe/jobs/{id}", "DELETE /transcribe/jobs/{id}",
        "GET /v1/models", "GET /v1/models/{model}"})
    all[route].tag = "speech";
}

std::map<std::string, Detail> details() {
  std::map<std::string, Detail> all;
  all["POST /infer"] = {
      .parameters = {parameter("model", "query", text_schema(), "A package; else the default."),
                     parameter("version", "query", text_schema(), "A number or a label."),
                     parameter("top", "query", number_schema("integer", 1, 1000),
                               "How many predictions at most."),
                     parameter("threshold", "query", number_schema("number", 0, 1),
                               "The lowest score that is told.")},
      .body = picture_body({{"model", text_schema()},
                            {"version", text_schema()},
                            {"top", text_schema()},
                            {"threshold", text_schema()}}),
      .answer = {{"oneOf", {reference("Answer"), reference("Answers")}}},
      .tag = "pictures"};
  all["POST /v1/vision/detection"] = {
      .body = picture_body({{"api_key", text_schema("The server's token.")},
                            {"min_confidence", text_schema("0 to 1")}}),
      .answer = reference("Detections"),
      .tag = "pictures"};
  add_speech_details(all);
  all["GET /health"] = {.answer = reference("Health")};
  all["GET /metrics"] = {.answer = text_schema(), .answer_type = "text/plain"};
  Json infer_body = json_body(reference("InferRequest"), true);
  infer_body["content"]["application/octet-stream"] = {{"schema", Json::object()}};
  for (const char* base : {"/v2/models/{model}", "/v2/models/{model}/versions/{version}"})
    all[std::string("POST ") + base + "/infer"] = {.parameters = Json::array({binary_header()}),
                                                   .body = infer_body,
                                                   .answer = reference("InferResponse")};
  for (const char* base : {"/v2/repository", "/v2/repository/{repository}"}) {
    all[std::string("POST ") + base + "/index"] = {
        .body = json_body({{"type", "object"}, {"properties", {{"ready", {{"type", "boolean"}}}}}},
                          false),
        .answer = {{"type", "array"}, {"items", reference("Object")}}};
    for (const char* verb : {"load", "unload"})
      all[std::string("POST ") + base + "/models/{model}/" + verb] = {
          .body = json_body(reference("Object"), false)};
  }
  return all;
}

Json schemas() {
  Json box = {{"type", "object"}, {"required", {"x_min", "y_min", "x_max", "y_max"}}};
  for (const char* corner : {"x_min", "y_min", "x_max", "y_max"})
    box["properties"][corner] = {{"type", "number"}};
  Json string = text_schema();
  Json number = {{"type", "number"}};
  Json integer = {{"type", "integer"}};
  Json boolean = {{"type", "boolean"}};
  auto list_of = [](Json items) { return Json{{"type", "array"}, {"items", std::move(items)}}; };
  Json prediction = {{"type", "object"},
                     {"required", {"class_id", "label", "score"}},
                     {"properties",
                      {{"class_id", integer},
                       {"label", string},
                       {"score", number_schema("number", 0, 1)},
                       {"box", reference("Box")},
                       {"box_normalized", reference("Box")}}}};
  Json answer = {
      {"type", "object"},
      {"required", {"success", "predictions", "model", "version", "device", "engine", "fallback"}},
      {"properties",
       {{"success", {{"const", true}}},
        {"predictions", list_of(reference("Prediction"))},
        {"inference_time_ms", number},
        {"shape", list_of(integer)},
        {"model", string},
        {"version", integer},
        {"label", text_schema("The label by which the version was chosen.")},
        {"device", string},
        {"engine", string},
        {"artifact", string},
        {"fallback",
         {{"description", "false, or why another placement answered"},
          {"type", {"boolean", "string"}}}},
        {"attempts", integer},
        {"image", {{"type", "object"}, {"properties", {{"width", integer}, {"height", integer}}}}},
        {"timings_ms", {{"type", "object"}, {"additionalProperties", number}}},
        {"why_no_npu", {{"type", {"string", "null"}}}}}}};
  Json tensor = {{"type", "object"},
                 {"required", {"name", "shape", "datatype"}},
                 {"properties",
                  {{"name", string},
                   {"shape", list_of(integer)},
                   {"datatype",
                    {{"enum",
                      {"BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32",
                       "INT64", "FP16", "FP32", "FP64", "BF16", "BYTES"}}}},
                   {"parameters", {{"type", "object"}}},
                   {"data", {{"type", "array"}}}}}};
  return {{"Object", {{"type", "object"}}},
          {"Box", std::move(box)},
          {"Prediction", std::move(prediction)},
          {"Answer", std::move(answer)},
          {"Answers",
           {{"type", "object"},
            {"required", {"success", "results"}},
            {"properties",
             {{"success", boolean},
              {"results",
               list_of({{"oneOf", Json::array({reference("Answer"), reference("Error")})}})}}}}},
          {"Transcript",
           {{"type", "object"},
            {"required", {"text"}},
            {"properties",
             {{"text", string},
              {"task", string},
              {"language", string},
              {"duration", number},
              {"segments", list_of(reference("Object"))},
              {"words", list_of(reference("Object"))},
              {"device", string},
              {"engine", string},
              {"fallback", {{"type", {"boolean", "string"}}}}}}}},
          {"OpenAiError",
           {{"type", "object"},
            {"required", {"error"}},
            {"properties",
             {{"error",
               {{"type", "object"},
                {"required", {"message", "type", "param", "code"}},
                {"properties",
                 {{"message", string},
                  {"type", string},
                  {"param", {{"type", {"string", "null"}}}},
                  {"code", {{"type", {"string", "null"}}}}}}}}}}}},
          {"Detections",
           {{"type", "object"},
            {"required", {"success", "predictions"}},
            {"properties",
             {{"success", boolean},
              {"predictions", list_of({{"type", "object"},
                                       {"properties",
                                        {{"label", string},
                                         {"confidence", number},
                                         {"x_min", integer},
                                         {"y_min", integer},
                                         {"x_max", integer},
                                         {"y_max", integer}}}})}}}}},
          {"Health",
           {{"type", "object"},
            {"required", {"status", "live", "ready"}},
            {"properties", {{"status", string}, {"live", boolean}, {"ready", boolean}}}}},
          {"Tensor", std::move(tensor)},
          {"InferRequest",
           {{"type", "object"},
            {"required", {"inputs"}},
            {"properties",
             {{"id", string},
              {"parameters", {{"type", "object"}}},
              {"inputs", list_of(reference("Tensor"))},
              {"outputs", list_of({{"type", "object"}})}}}}},
          {"InferResponse",
           {{"type", "object"},
            {"required", {"model_name", "outputs"}},
            {"properties",
             {{"model_name", string},
              {"model_version", string},
              {"id", string},
              {"parameters", {{"type", "object"}}},
              {"outputs", list_of(reference("Tensor"))}}}}},
          {"Error",
           {{"type", "object"},
            {"required", {"success", "error"}},
            {"properties",
             {{"success", {{"const", false}}},
              {"error",
               {{"type", "object"},
                {"required", {"code", "message"}},
                {"properties",
                 {{"code", string},
                  {"message", string},
                  {"hint", {{"type", {"string", "null"}}}}}}}}}}}},
          {"OipError",
           {{"type", "object"}, {"required", {"error"}}, {"properties", {{"error", string}}}}},
          {"DeepStackError",
           {{"type", "object"},
            {"required", {"success", "error", "code"}},
            {"properties",
             {{"success", {{"type", "boolean"}}},
              {"error", string},
              {"code", {{"type", "integer"}}}}}}}};
}

// The files of the page are no part of the API.
bool is_asset(const std::string& pattern) {
  return pattern.ends_with(".js") || pattern.ends_with(".css") || pattern.ends_with(".svg");
}

const char* error_schema(const std::string& pattern) {
  switch (error_face(pattern)) {
    case ErrorFace::kOip:
      return "OipError";
    case ErrorFace::kOpenAi:
      return "OpenAiError";
    case ErrorFace::kDeepStack:
      return "DeepStackError";
    case ErrorFace::kOwn:
      break;
  }
  return "Error";
}

// "POST /v2/models/{model}/infer" -> "post_v2_models_model_infer"
std::string operation_id(const Route& route) {
  std::string id = to_lower(route.method);
  for (char c : route.pattern) {
    bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (word)
      id += c;
    else if (id.back() != '_')
      id += '_';
  }
  while (id.back() == '_') id.pop_back();
  return id;
}

Json path_parameters(const std::string& pattern) {
  Json list = Json::array();
  for (const std::string& segment : split(pattern, '/'))
    if (segment.size() > 2 && segment.front() == '{')
      list.push_back(parameter(segment.substr(1, segment.size() - 2).c_str(), "path", text_schema(),
                               segment == "{version}" ? "A number or a label." : ""));
  return list;
}

Json operation(const Route& route, const Detail& detail) {
  const bool oip = error_face(route.pattern) == ErrorFace::kOip;
  Json parameters = path_parameters(route.pattern);
  for (const Json& each : detail.parameters) parameters.push_back(each);
  Json json = {
      {"operationId", operation_id(route)},
      {"summary", route.summary},
      {"tags", {oip ? "Open Inference Protocol" : detail.tag}},
      {"responses",
       {{"200",
         {{"description", "Good."}, {"content", content(detail.answer_type, detail.answer)}}},
        {"default",
         {{"description", "What went wrong."},
          {"content", content("application/json", reference(error_schema(route.pattern)))}}}}}};
  if (!parameters.empty()) json["parameters"] = std::move(parameters);
  if (!detail.body.is_null()) json["requestBody"] = detail.body;
  json["security"] = Json::array({Json::object()});  // none, or
  if (route.access != Access::kOpen) json["security"].push_back({{"token", Json::array()}});
  return json;
}

}  // namespace

Json openapi(const Router& router) {
  const std::map<std::string, Detail> known = details();
  Json paths = Json::object();
  for (const Route& route : router.routes()) {
    if (is_asset(route.pattern)) continue;
    auto found = known.find(route.method + " " + route.pattern);
    paths[route.pattern][to_lower(route.method)] =
        operation(route, found == known.end() ? Detail() : found->second);
  }
  return {
      {"openapi", "3.1.0"},
      {"info",
       {{"title", "anynpu"},
        {"version", kVersion},
        {"summary", "Models on the NPU of this machine, over HTTP."},
        {"description",
         "Try it: curl -F image=@picture.jpg http://HOST:PORT/infer . In a browser this address "
         "is a page. Every answer carries X-Request-Id."},
        {"license", {{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
      {"servers", {{{"url", "/"}}}},
      {"tags",
       {{{"name", "pictures"}, {"description", "What is on a picture."}},
        {{"name", "speech"}, {"description", "What is said in a recording."}},
        {{"name", "server"}, {"description", "How the server is."}},
        {{"name", "Open Inference Protocol"}, {"description", "Version 2, over REST."}}}},
      {"paths", std::move(paths)},
      {"components",
       {{"schemas", schemas()},
        {"securitySchemes", {{"token", {{"type", "http"}, {"scheme", "bearer"}}}}}}}};
}

}  // namespace anynpu::server
