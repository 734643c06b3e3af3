#include "service/write_import.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "backends/convert/same_content.h"
#include "backends/convert/text_names.h"
#include "service/bad_field.h"
#include "service/rpc/bytes.h"
#include "service/write_answers.h"

namespace modelref {
namespace {

constexpr char kMethod[] = "ImportCategory";
// What a staged record takes beside its text.
constexpr uint64_t kStepBytes = 256;

absl::Status BadSequence(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_IMPORT_SEQUENCE", what);
}

// Whether `entry` is what the document has for the model `base` under that name.
bool IsEntryOf(const WriteStep& base, const WriteStep& entry) {
  absl::StatusOr<Json> model = ParseJson(base.json, {.depth = kMaxJsonDepth});
  const absl::StatusOr<Json> shown = ParseJson(entry.json, {.depth = kMaxJsonDepth});
  if (!model.ok() || !shown.ok() || model->AsObject() == nullptr) return false;
  model->AsObject()->Set("name", entry.name);
  return SameContent(*model, *shown);
}

}  // namespace

ImportSink::ImportSink(WriteService& service, Caller caller,
                       std::shared_ptr<std::atomic<uint64_t>> staged)
    : service_(service), caller_(std::move(caller)), staged_(std::move(staged)) {}

ImportSink::~ImportSink() { staged_->fetch_sub(staged_here_); }

absl::Status ImportSink::Take(const grpc::ByteBuffer& message) {
  v1::ImportCategoryRequest request;
  RETURN_IF_ERROR(ParseMessage(message, &request));
  if (committed_) return BadSequence("a part comes after the commit");
  if (request.has_import_header() != !header_.has_value()) {
    return BadSequence(header_.has_value() ? "a second header" : "the first part is no header");
  }
  if (!request.has_import_header()) body_.Update(FlattenBytes(message));
  switch (request.part_case()) {
    case v1::ImportCategoryRequest::kImportHeader:
      return Begin(request.import_header());
    case v1::ImportCategoryRequest::kImportBatch:
      return AddBatch(request.import_batch());
    case v1::ImportCategoryRequest::kImportCommit:
      return CheckCommit(request.import_commit());
    case v1::ImportCategoryRequest::PART_NOT_SET:
      break;
  }
  return BadSequence("an empty part");
}

absl::Status ImportSink::Begin(const v1::ImportHeader& header) {
  if (header.options().route() == v1::WRITE_ROUTE_QUEUE) {
    return BadField("import_header.options.route", "imports are not queued");
  }
  ASSIGN_OR_RETURN(call_, service_.CheckOptions({caller_, kMethod}, header.options(), {}));
  if (header.mode() != v1::IMPORT_MODE_MERGE && header.mode() != v1::IMPORT_MODE_REPLACE) {
    return BadField("import_header.mode", "say MERGE or REPLACE");
  }
  const Catalogue& catalogue = service_.catalogue_;
  ASSIGN_OR_RETURN(WritePlan plan, StartPlan(catalogue.registry, catalogue.canonical_format,
                                             header.category(), header.format()));
  ASSIGN_OR_RETURN(plan.if_match, ReadIfMatch(header.if_match(), "import_header.if_match"));
  plan.replaces = header.mode() == v1::IMPORT_MODE_REPLACE;
  plan.skip_invalid = header.skip_invalid();
  plan.allow_mass_removal = header.allow_mass_removal();
  plan_ = std::make_shared<WritePlan>(std::move(plan));
  header_ = header;
  v1::ImportHeader body = header;
  body.mutable_options()->clear_request_id();
  body.mutable_options()->clear_audit_request_id();
  body_.Update(body.SerializeAsString());
  return absl::OkStatus();
}

absl::Status ImportSink::Stage(uint64_t bytes) {
  staged_here_ += bytes;
  if (staged_->fetch_add(bytes) + bytes <= service_.options_.staged_bytes) return absl::OkStatus();
  ErrorExtras extras;
  extras.retry_after = absl::Seconds(5);
  return Error(
      absl::StatusCode::kResourceExhausted, "MEMORY_LIMIT",
      absl::StrCat("imports under way may take ", service_.options_.staged_bytes, " bytes in all"),
      std::move(extras));
}

absl::Status ImportSink::AddBatch(const v1::ImportBatch& batch) {
  for (const v1::ImportRecord& record : batch.records()) RETURN_IF_ERROR(AddRecord(record));
  return absl::OkStatus();
}

absl::Status ImportSink::AddRecord(const v1::ImportRecord& record) {
  const WriteLimits& limits = service_.options_.limits;
  RETURN_IF_ERROR(Stage(record.json().size()));
  if (std::exchange(continues_, record.continues())) {
    if (record.name() != last_name_) {
      return BadSequence(
          absl::StrCat("a piece of another record where one of \"", last_name_, "\" is to follow"));
    }
    if (last_json_ != nullptr) *last_json_ += record.json();
    return absl::OkStatus();
  }
  ++records_;
  last_name_ = record.name();
  last_json_ = nullptr;
  RETURN_IF_ERROR(Stage(kStepBytes + 2 * record.name().size()));
  WriteStep step;
  step.name = record.name();
  step.json = record.json();
  step.content_field = absl::StrCat("records[", plan_->steps.size(), "].json");
  const std::string field = absl::StrCat("records[", plan_->steps.size(), "].name");
  std::vector<WriteViolation> bad_name;
  CheckName(step, *plan_, limits, field, &bad_name);
  if (!names_.insert(step.name).second) {
    return Error(absl::StatusCode::kInvalidArgument, "DUPLICATE_OPERATION",
                 absl::StrCat("\"", step.name, "\" comes twice"),
                 {.field_violations = {{field, "the model was sent before"}}});
  }
  if (!bad_name.empty() && IsTextEntry(plan_->key, step.name)) {
    entries_.push_back({std::move(step), plan_->steps.size(), std::move(bad_name.front())});
    last_json_ = &entries_.back().step.json;
    return absl::OkStatus();
  }
  if (!bad_name.empty() && plan_->skip_invalid) {
    plan_->skipped.push_back(std::move(bad_name.front()));
    return absl::OkStatus();
  }
  for (WriteViolation& violation : bad_name) plan_->violations.push_back(std::move(violation));
  plan_->steps.push_back(std::move(step));
  last_json_ = &plan_->steps.back().json;
  return absl::OkStatus();
}

void ImportSink::JudgeEntries() {
  std::multimap<std::string, const WriteStep*> models;
  if (entries_.empty()) return;
  for (const WriteStep& step : plan_->steps) {
    TextEntryNames names = TextEntryNamesOf(step.name);
    models.emplace(std::move(names.own), &step);
    models.emplace(std::move(names.shared), &step);
  }
  for (DerivedEntry& entry : entries_) {
    const auto [first, last] = models.equal_range(entry.step.name);
    const bool follows = std::any_of(
        first, last, [&](const auto& model) { return IsEntryOf(*model.second, entry.step); });
    if (follows) continue;
    (plan_->skip_invalid ? plan_->skipped : plan_->violations)
        .push_back(std::move(entry.violation));
  }
}

absl::StatusOr<Etag> ImportSink::ContentEtag() const {
  DocumentEtagBuilder builder;
  const auto add = [&builder](const WriteStep& step) -> absl::Status {
    ASSIGN_OR_RETURN(const Json json, ParseJson(step.json, {.depth = kMaxJsonDepth}));
    builder.Add(step.name, RecordEtag(CanonicalJson(json)));
    return absl::OkStatus();
  };
  auto entry = entries_.begin();
  for (size_t i = 0; i <= plan_->steps.size(); ++i) {
    for (; entry != entries_.end() && entry->place == i; ++entry) RETURN_IF_ERROR(add(entry->step));
    if (i < plan_->steps.size()) RETURN_IF_ERROR(add(plan_->steps[i]));
  }
  return builder.Finish();
}

absl::Status ImportSink::CheckCommit(const v1::ImportCommit& commit) {
  committed_ = true;
  if (continues_) return BadSequence("the last record is not whole");
  if (commit.record_count() != records_) {
    return Error(absl::StatusCode::kAborted, "ETAG_MISMATCH",
                 absl::StrCat(records_, " records arrived, ", commit.record_count(),
                              " were sent; nothing was changed"));
  }
  ASSIGN_OR_RETURN(const std::optional<Etag> sent,
                   ReadIfMatch(commit.content_etag(), "import_commit.content_etag"));
  const bool can_compare = sent.has_value() && plan_->skipped.empty();
  const absl::StatusOr<Etag> arrived = can_compare ? ContentEtag() : Etag();
  // Records that are no JSON are judged one by one.
  if (can_compare && arrived.ok() && *arrived != *sent) {
    return Error(absl::StatusCode::kAborted, "ETAG_MISMATCH",
                 "what arrived is not what was sent; nothing was changed");
  }
  JudgeEntries();
  return absl::OkStatus();
}

void ImportSink::Finish(RawReply reply) {
  if (!committed_) {
    return reply.Send(absl::CancelledError("the import ended without a commit"));
  }
  if (header_->options().validate_only()) return Validate(reply);
  call_.body = body_.Finish();
  service_.Commit(plan_, std::move(call_), EncodeImport, header_->options().durability(), reply);
}

void ImportSink::Validate(const RawReply& reply) const {
  const RootPtr root = service_.catalogue_.store.root();
  const Evaluation evaluation = service_.writer_.Validate(*root, *plan_);
  v1::ImportCategoryResponse response;
  service_.FillHeader(root, plan_->key, response.mutable_header());
  *response.mutable_validated() = MakeValidated(*root, *plan_, evaluation);
  FillCounts(evaluation, &response);
  reply.Send(SerializeMessage(response));
}

}  // namespace modelref
