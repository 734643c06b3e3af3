// model edit.

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "backends/base/digest.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/commands.h"
#include "clients/modelrefctl/edit_text.h"
#include "clients/modelrefctl/editor.h"
#include "clients/modelrefctl/invocation.h"
#include "clients/modelrefctl/model_writes.h"
#include "clients/modelrefctl/text.h"
#include "clients/modelrefctl/write_flags.h"
#include "clients/modelrefctl/write_report.h"

namespace modelref::ctl {
namespace {

// A record as it was read.
struct ReadModel {
  v1::Format format = v1::FORMAT_UNSPECIFIED;
  std::string etag;
  JsonObject record;
};

absl::StatusOr<ReadModel> Fetch(Invocation& invocation, v1::Format format) {
  ASSIGN_OR_RETURN(Client * client, invocation.client());
  v1::GetModelRequest request;
  request.set_category(invocation.arguments()[0]);
  request.set_name(invocation.arguments()[1]);
  request.set_format(format);
  ASSIGN_OR_RETURN(const v1::GetModelResponse response, client->GetModel(request));
  const absl::StatusOr<Json> json = ParseJson(response.model().json());
  const bool is_whole = AsBytes(Sha256(response.model().json())) == response.etag();
  if (!is_whole || !json.ok() || json->AsObject() == nullptr) {
    return Error(absl::StatusCode::kDataLoss, "INTEGRITY_FAILURE",
                 "the model does not have the etag it came with");
  }
  return ReadModel{format, response.etag(), *json->AsObject()};
}

// In the format in which it is written.
absl::StatusOr<ReadModel> FetchWritable(Invocation& invocation) {
  const v1::Format wanted = invocation.settings().format;
  absl::StatusOr<ReadModel> model = Fetch(invocation, wanted);
  if (!absl::IsNotFound(model.status()) || wanted != v1::FORMAT_UNSPECIFIED) return model;
  // Categories without a legacy form are written as v2 wherever they are.
  absl::StatusOr<ReadModel> v2 = Fetch(invocation, v1::FORMAT_V2);
  return v2.ok() ? std::move(v2) : std::move(model);
}

std::string TextOf(const JsonObject& record) { return FormatJson(record, JsonStyle{}) + "\n"; }

std::vector<std::string> NotesOf(const absl::Status& status) {
  std::vector<std::string> notes = {absl::StrCat("Not saved: ", status.message())};
  for (const FieldViolation& violation : ExtrasOf(status).field_violations) {
    notes.push_back(absl::StrCat("  ", violation.field, ": ", violation.description));
  }
  notes.push_back(
      "Lines like these at the top are not sent. Leave the editor without a change\n"
      "to give up; what you wrote is kept.");
  return notes;
}

class EditSession {
 public:
  EditSession(Invocation& invocation, EditedFile file, ReadModel base)
      : invocation_(invocation),
        file_(std::move(file)),
        base_(std::move(base)),
        options_(MakeWriteOptions(invocation)) {}

  absl::Status Run() {
    RETURN_IF_ERROR(Show({}, TextOf(base_.record)));
    for (;;) {
      ASSIGN_OR_RETURN(const bool changed, LetEdit());
      if (!changed) {
        if (!failure_.ok()) return GiveUp(failure_);
        invocation_.Note("nothing was changed");
        return absl::OkStatus();
      }
      const absl::StatusOr<v1::PutModelResponse> response = Save();
      if (response.ok()) return Report(*response);
      failure_ = response.status();
      if (absl::Status prepared = PrepareNext(); !prepared.ok()) return GiveUp(prepared);
    }
  }

 private:
  absl::Status Show(const std::vector<std::string>& notes, absl::string_view text) {
    shown_ = WithNotes(notes, text);
    return file_.Write(shown_);
  }

  // False when the text came back as it was shown, or empty.
  absl::StatusOr<bool> LetEdit() {
    const absl::Status edited = file_.Edit();
    absl::StatusOr<std::string> text = file_.Read();
    const bool same = text.ok() && *text == shown_;
    if (!edited.ok() && !same) return GiveUp(edited);
    RETURN_IF_ERROR(edited);
    if (!text.ok()) return GiveUp(text.status());
    if (same) return false;
    text_ = std::string(WithoutNotes(*text));
    const absl::StatusOr<Json> json = ParseJson(text_);
    const bool is_empty = text_.empty();
    return !is_empty &&
           !(json.ok() && json->AsObject() != nullptr && *json->AsObject() == base_.record);
  }

  absl::StatusOr<v1::PutModelResponse> Save() {
    const absl::StatusOr<Json> json = ParseJson(text_, {.depth = kMaxJsonDepth});
    if (!json.ok() || json->AsObject() == nullptr) {
      return Error(
          absl::StatusCode::kInvalidArgument, "BAD_JSON",
          json.ok() ? absl::string_view("a record is a JSON object") : json.status().message());
    }
    v1::PutModelRequest request;
    request.set_category(invocation_.arguments()[0]);
    request.set_name(invocation_.arguments()[1]);
    request.set_format(base_.format);
    request.set_json(CanonicalJson(*json));
    request.set_mode(v1::WRITE_MODE_UPDATE_ONLY);
    request.set_if_match(base_.etag);
    *request.mutable_options() = options_;
    ASSIGN_OR_RETURN(Client * client, invocation_.client());
    absl::StatusOr<v1::PutModelResponse> response = client->PutModel(request);
    RETURN_IF_ERROR(response.status());
    // With --dry-run the violations are only in the answer.
    RETURN_IF_ERROR(ViolationError(response->validated()));
    return response;
  }

  // Shows what was wrong above the text, or the failure when nobody can edit again.
  absl::Status PrepareNext() {
    const bool is_conflict = ReasonOf(failure_) == "ETAG_MISMATCH";
    const Terminal& terminal = invocation_.host().terminal;
    const bool is_curable = is_conflict || absl::IsInvalidArgument(failure_);
    if (!is_curable || !terminal.in || !terminal.err) return failure_;
    invocation_.Note(absl::StrCat("not saved: ", failure_.message()));
    // Another body needs another id.
    options_ = MakeWriteOptions(invocation_);
    return is_conflict ? Rebase() : Show(NotesOf(failure_), text_);
  }

  // The edit on top of what others wrote meanwhile.
  absl::Status Rebase() {
    ASSIGN_OR_RETURN(ReadModel newest, Fetch(invocation_, base_.format));
    ASSIGN_OR_RETURN(const Json edited, ParseJson(text_));
    const MergedRecord merged = MergeRecords(base_.record, *edited.AsObject(), newest.record);
    std::vector<std::string> notes = {
        "The model was changed meanwhile. This is the newest record with your changes in it."};
    for (const std::string& name : merged.clashes) {
      const Json* theirs = newest.record.Find(name);
      notes.push_back(absl::StrCat("Both changed ", name, "; theirs is ",
                                   theirs == nullptr ? "removed" : CanonicalJson(*theirs)));
    }
    notes.push_back("Remove these lines to save it so; leave without a change to give up.");
    base_ = std::move(newest);
    return Show(notes, TextOf(merged.record));
  }

  // Keeps what was written and says where.
  absl::Status GiveUp(const absl::Status& status) {
    file_.Keep();
    invocation_.Note(absl::StrCat("what you wrote is kept in ", file_.path()));
    ErrorExtras extras = ExtrasOf(status);
    extras.metadata["kept_in"] = file_.path();
    return Error(status.code(), ReasonOf(status), status.message(), std::move(extras));
  }

  absl::Status Report(const v1::PutModelResponse& response) {
    WriteOutcome outcome = MakeOutcome(response, options_.request_id());
    const char* result = response.has_queued()            ? "queued"
                         : response.committed().changed() ? "written"
                                                          : "unchanged";
    outcome.models = {{invocation_.arguments()[1], result, response.committed().etag()}};
    return PrintOutcome(invocation_, outcome);
  }

  Invocation& invocation_;
  EditedFile file_;
  ReadModel base_;
  v1::WriteOptions options_;
  std::string shown_;     // What the editor was given.
  std::string text_;      // What it left, without the notes.
  absl::Status failure_;  // Of the last attempt to save.
};

absl::Status RunEdit(Invocation& invocation) {
  ASSIGN_OR_RETURN(ReadModel base, FetchWritable(invocation));
  ASSIGN_OR_RETURN(EditedFile file, EditedFile::Create(invocation.host()));
  return EditSession(invocation, std::move(file), std::move(base)).Run();
}

}  // namespace

CommandSpec ModelEditCommand() {
  CommandSpec edit;
  edit.path = "model edit";
  edit.arguments = "CATEGORY NAME";
  edit.min_arguments = edit.max_arguments = 2;
  edit.argument_kinds = {ArgumentKind::kCategory, ArgumentKind::kModel};
  edit.summary = "Edit the record of a model in $VISUAL or $EDITOR";
  edit.details =
      "It is saved only if nobody changed the model meanwhile. On a terminal what is wrong is\n"
      "shown in the editor again, changes of others with yours on top. What you wrote is never\n"
      "lost: when it cannot be saved, its file is kept and named. Exit status as model put.";
  edit.first_example = "modelrefctl model edit esrgan 'Heron x2'";
  edit.second_example = "EDITOR=nano modelrefctl model edit esrgan 'Heron x2' --dry-run";
  const std::vector<FlagSpec> flags = WriteFlags();
  // Each text is a request of its own: no --request-id.
  edit.flags = {flags[0], flags[1]};
  edit.outputs = WriteOutputs();
  edit.writes = true;
  edit.run = &RunEdit;
  return edit;
}

std::vector<CommandSpec> ModelWriteCommands() {
  return {ModelPutCommand(), ModelDeleteCommand(), ModelEditCommand(), ModelDiffCommand()};
}

}  // namespace modelref::ctl
