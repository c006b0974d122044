// SPDX-License-Identifier: Apache-2.0
// ISO 639 codes and names.
#include "speech/languages.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace anynpu::speech {
namespace {

using Language = std::pair<std::string_view, std::string_view>;

constexpr std::array kLanguages = std::to_array<Language>({
    {"af", "afrikaans"},      {"am", "amharic"},     {"ar", "arabic"},
    {"as", "assamese"},       {"az", "azerbaijani"}, {"ba", "bashkir"},
    {"be", "belarusian"},     {"bg", "bulgarian"},   {"bn", "bengali"},
    {"bo", "tibetan"},        {"br", "breton"},      {"bs", "bosnian"},
    {"ca", "catalan"},        {"cs", "czech"},       {"cy", "welsh"},
    {"da", "danish"},         {"de", "german"},      {"el", "greek"},
    {"en", "english"},        {"es", "spanish"},     {"et", "estonian"},
    {"eu", "basque"},         {"fa", "persian"},     {"fi", "finnish"},
    {"fo", "faroese"},        {"fr", "french"},      {"gl", "galician"},
    {"gu", "gujarati"},       {"ha", "hausa"},       {"haw", "hawaiian"},
    {"he", "hebrew"},         {"hi", "hindi"},       {"hr", "croatian"},
    {"ht", "haitian creole"}, {"hu", "hungarian"},   {"hy", "armenian"},
    {"id", "indonesian"},     {"is", "icelandic"},   {"it", "italian"},
    {"ja", "japanese"},       {"jw", "javanese"},    {"ka", "georgian"},
    {"kk", "kazakh"},         {"km", "khmer"},       {"kn", "kannada"},
    {"ko", "korean"},         {"la", "latin"},       {"lb", "luxembourgish"},
    {"ln", "lingala"},        {"lo", "lao"},         {"lt", "lithuanian"},
    {"lv", "latvian"},        {"mg", "malagasy"},    {"mi", "maori"},
    {"mk", "macedonian"},     {"ml", "malayalam"},   {"mn", "mongolian"},
    {"mr", "marathi"},        {"ms", "malay"},       {"mt", "maltese"},
    {"my", "myanmar"},        {"ne", "nepali"},      {"nl", "dutch"},
    {"nn", "nynorsk"},        {"no", "norwegian"},   {"oc", "occitan"},
    {"pa", "punjabi"},        {"pl", "polish"},      {"ps", "pashto"},
    {"pt", "portuguese"},     {"ro", "romanian"},    {"ru", "russian"},
    {"sa", "sanskrit"},       {"sd", "sindhi"},      {"si", "sinhala"},
    {"sk", "slovak"},         {"sl", "slovenian"},   {"sn", "shona"},
    {"so", "somali"},         {"sq", "albanian"},    {"sr", "serbian"},
    {"su", "sundanese"},      {"sv", "swedish"},     {"sw", "swahili"},
    {"ta", "tamil"},          {"te", "telugu"},      {"tg", "tajik"},
    {"th", "thai"},           {"tk", "turkmen"},     {"tl", "tagalog"},
    {"tr", "turkish"},        {"tt", "tatar"},       {"uk", "ukrainian"},
    {"ur", "urdu"},           {"uz", "uzbek"},       {"vi", "vietnamese"},
    {"yi", "yiddish"},        {"yo", "yoruba"},      {"yue", "cantonese"},
    {"zh", "chinese"},
});

}  // namespace

std::string language_code(std::string_view word) {
  const std::string wanted = to_lower(trim(word));
  const auto found = std::find_if(kLanguages.begin(), kLanguages.end(), [&](const Language& each) {
    return each.first == wanted || each.second == wanted;
  });
  if (found != kLanguages.end()) return std::string(found->first);
  const std::size_t region = wanted.find_first_of("-_");
  return region == std::string::npos ? "" : language_code(wanted.substr(0, region));
}

std::string language_name(std::string_view code) {
  const auto found = std::find_if(kLanguages.begin(), kLanguages.end(),
                                  [&](const Language& each) { return each.first == code; });
  return std::string(found == kLanguages.end() ? code : found->second);
}

bool has_spaces(std::string_view code) {
  constexpr std::array<std::string_view, 6> kWithout = {"zh", "ja", "th", "lo", "my", "yue"};
  return std::find(kWithout.begin(), kWithout.end(), code) == kWithout.end();
}

}  // namespace anynpu::speech
