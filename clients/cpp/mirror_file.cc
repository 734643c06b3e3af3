#include "clients/cpp/mirror_file.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "backends/base/categories.h"
#include "backends/base/digest.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "clients/cpp/document_scanner.h"

namespace modelref {
namespace {

constexpr absl::string_view kSealBegin = ",\"sha256\":\"";
constexpr absl::string_view kSealEnd = "\"}\n";
constexpr size_t kSealBytes = 11 + 64 + 3;
constexpr absl::string_view kSuffix = ".json";
constexpr absl::string_view kHeaderEnd = "\"records\":{\n";

std::string EncodeHeader(const MirrorCopy& copy) {
  std::string header = "{\"modelref_copy\":1,\"category\":";
  AppendCanonicalString(copy.key.category, &header);
  absl::StrAppend(&header, ",\"format\":\"", FormatName(copy.key.format), "\",\"epoch\":\"",
                  ToHex(copy.epoch), "\",\"revision\":", copy.revision,
                  ",\"mod_revision\":", copy.mod_revision, ",\"etag\":\"",
                  ToHex(AsBytes(copy.document->etag())),
                  "\",\"record_count\":", copy.document->record_count(), ",", kHeaderEnd);
  return header;
}

// A member of the header as text: a string's content or a number's lexeme; empty when absent.
std::string Member(const JsonObject& header, absl::string_view name) {
  const Json* value = header.Find(name);
  if (value == nullptr) return "";
  if (value->AsString() != nullptr) return *value->AsString();
  return value->AsNumber() != nullptr ? value->AsNumber()->lexeme : "";
}

absl::StatusOr<uint64_t> NumberMember(const JsonObject& header, absl::string_view name) {
  uint64_t number = 0;
  if (absl::SimpleAtoi(Member(header, name), &number)) return number;
  return DamagedCopy(absl::StrCat("the member ", name, " is no number"));
}

// Everything of the header but the records. The etag and the count come back as they are written.
struct Header {
  MirrorCopy copy;
  std::string etag;
  uint64_t record_count = 0;
};

absl::StatusOr<Header> DecodeHeader(absl::string_view line) {
  const absl::StatusOr<Json> json = ParseJson(absl::StrCat(line, "}}"));
  const JsonObject* object = json.ok() ? json->AsObject() : nullptr;
  if (object == nullptr) return DamagedCopy("the first line is no JSON");
  if (Member(*object, "modelref_copy") != "1") {
    return DamagedCopy("it was written by another version of this program");
  }
  Header header;
  header.copy.key.category = Member(*object, "category");
  const std::string format = Member(*object, "format");
  header.copy.key.format = format == FormatName(Format::kLegacy) ? Format::kLegacy : Format::kV2;
  if (format != FormatName(header.copy.key.format)) return DamagedCopy("its format is not known");
  header.copy.epoch = absl::HexStringToBytes(Member(*object, "epoch"));
  header.etag = Member(*object, "etag");
  ASSIGN_OR_RETURN(header.copy.revision, NumberMember(*object, "revision"));
  ASSIGN_OR_RETURN(header.copy.mod_revision, NumberMember(*object, "mod_revision"));
  ASSIGN_OR_RETURN(header.record_count, NumberMember(*object, "record_count"));
  return header;
}

// The records of lines such as `"name":{…},`, up to the line `}`.
absl::StatusOr<std::vector<MirrorRecordPtr>> DecodeRecords(absl::string_view lines) {
  std::vector<MirrorRecordPtr> records;
  while (lines != "}") {
    const size_t end = lines.find('\n');
    if (end == absl::string_view::npos) return DamagedCopy("the last record has no end");
    absl::string_view line = lines.substr(0, end);
    lines.remove_prefix(end + 1);
    absl::ConsumeSuffix(&line, ",");
    const absl::Status status = ForEachMember(
        absl::StrCat("{", line, "}"), [&](absl::string_view name, absl::string_view record) {
          records.push_back(MakeMirrorRecord(std::string(name), std::string(record)));
          return absl::OkStatus();
        });
    if (!status.ok()) return DamagedCopy(status.message());
  }
  return records;
}

}  // namespace

absl::Status DamagedCopy(absl::string_view message) {
  return Error(absl::StatusCode::kDataLoss, kDamagedCopy, message);
}

std::string MirrorFileName(const DocumentKey& key) {
  return absl::StrCat(key.category, ".", FormatName(key.format), kSuffix);
}

std::optional<DocumentKey> ParseMirrorFileName(absl::string_view name) {
  if (!absl::ConsumeSuffix(&name, kSuffix)) return std::nullopt;
  for (const Format format : {Format::kLegacy, Format::kV2}) {
    absl::string_view category = name;
    if (!absl::ConsumeSuffix(&category, absl::StrCat(".", FormatName(format)))) continue;
    if (!ValidateCategoryName(category).ok()) return std::nullopt;
    return DocumentKey{std::string(category), format};
  }
  return std::nullopt;
}

std::string MirrorSeal(absl::string_view bytes) {
  return absl::StrCat(kSealBegin, ToHex(AsBytes(Sha256(bytes))), kSealEnd);
}

absl::StatusOr<absl::string_view> OpenMirrorSeal(absl::string_view bytes) {
  if (bytes.size() < kSealBytes) return DamagedCopy("it is cut short");
  const absl::string_view sealed = bytes.substr(0, bytes.size() - kSealBytes);
  if (bytes.substr(sealed.size()) == MirrorSeal(sealed)) return sealed;
  return DamagedCopy("its bytes are not those that were written");
}

std::string EncodeMirrorFile(const MirrorCopy& copy) {
  std::string bytes = EncodeHeader(copy);
  bool first = true;
  copy.document->ForEach([&](const MirrorRecord& record) {
    if (!first) bytes.append(",\n");
    first = false;
    AppendCanonicalString(record.name, &bytes);
    bytes.push_back(':');
    bytes.append(record.json);
  });
  bytes.append(first ? "}" : "\n}");
  bytes.append(MirrorSeal(bytes));
  return bytes;
}

absl::StatusOr<MirrorCopy> DecodeMirrorFile(absl::string_view bytes) {
  ASSIGN_OR_RETURN(const absl::string_view sealed, OpenMirrorSeal(bytes));
  const size_t header_end = sealed.find(kHeaderEnd);
  if (header_end == absl::string_view::npos) return DamagedCopy("it has no records");
  const size_t records_begin = header_end + kHeaderEnd.size();
  ASSIGN_OR_RETURN(Header header, DecodeHeader(sealed.substr(0, records_begin)));
  ASSIGN_OR_RETURN(std::vector<MirrorRecordPtr> records,
                   DecodeRecords(sealed.substr(records_begin)));
  if (records.size() != header.record_count) return DamagedCopy("records are missing");
  absl::StatusOr<MirrorDocumentPtr> document = MirrorDocument::FromRecords(std::move(records));
  if (!document.ok()) return DamagedCopy(document.status().message());
  header.copy.document = *std::move(document);
  if (ToHex(AsBytes(header.copy.document->etag())) != header.etag) {
    return DamagedCopy("its records do not have its etag");
  }
  return std::move(header.copy);
}

}  // namespace modelref
