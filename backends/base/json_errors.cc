#include "backends/base/json_errors.h"

namespace modelref {

absl::string_view JsonErrorReason(rapidjson::ParseErrorCode code) {
  switch (code) {
    case rapidjson::kParseErrorDocumentEmpty:
      return "empty, a JSON value is expected";
    case rapidjson::kParseErrorObjectMissName:
      return "a member name in quotes is expected";
    case rapidjson::kParseErrorObjectMissColon:
      return "a colon after the member name is expected";
    case rapidjson::kParseErrorObjectMissCommaOrCurlyBracket:
      return "',' or '}' is expected";
    case rapidjson::kParseErrorArrayMissCommaOrSquareBracket:
      return "',' or ']' is expected";
    case rapidjson::kParseErrorStringUnicodeEscapeInvalidHex:
      return "\\u must be followed by four hexadecimal digits";
    case rapidjson::kParseErrorStringEscapeInvalid:
      return "unknown escape in a string";
    case rapidjson::kParseErrorStringMissQuotationMark:
      return "a string does not end";
    case rapidjson::kParseErrorStringInvalidEncoding:
      return "a control character in a string must be escaped";
    case rapidjson::kParseErrorNumberMissFraction:
      return "a digit after the '.' is expected";
    case rapidjson::kParseErrorNumberMissExponent:
      return "a digit in the exponent is expected";
    default:
      return "a JSON value is expected";
  }
}

absl::string_view JsonErrorReason(const rapidjson::ParseResult& result, absl::string_view text) {
  const bool in_string = result.Code() == rapidjson::kParseErrorStringEscapeInvalid ||
                         result.Code() == rapidjson::kParseErrorStringMissQuotationMark;
  if (in_string && result.Offset() < text.size() &&
      static_cast<unsigned char>(text[result.Offset()]) < 0x20) {
    return JsonErrorReason(rapidjson::kParseErrorStringInvalidEncoding);
  }
  return JsonErrorReason(result.Code());
}

}  // namespace modelref
