// category held, category accept: the edits of files that wait for an operator.

#include <string>

#include "absl/strings/str_cat.h"
#include "backends/base/digest.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/commands.h"
#include "clients/modelrefctl/hex.h"
#include "clients/modelrefctl/invocation.h"
#include "clients/modelrefctl/text.h"

namespace modelref::ctl {
namespace {

constexpr int kPageSize = 500;

std::string ReasonOf(const v1::HeldEdit& edit) {
  switch (edit.reason()) {
    case v1::HELD_REASON_MASS_REMOVAL:
      return "mass_removal";
    case v1::HELD_REASON_DAMAGE:
      return "damage";
    case v1::HELD_REASON_CONFLICT:
      return "conflict";
    case v1::HELD_REASON_UNREPRESENTABLE:
      return "unrepresentable";
    default:
      return "unknown";
  }
}

Table EditTable(const v1::ListHeldEditsResponse& response) {
  Table table({{"edit_id"},
               {"category"},
               {"format"},
               {"reason"},
               {"noticed_time"},
               {"creates", false, true},
               {"updates", false, true},
               {"deletes", false, true},
               {"acceptable"},
               {"size_bytes", true, true},
               {"content_sha256", true},
               {"detail", true}});
  for (const v1::HeldEdit& edit : response.edits()) {
    const absl::Time noticed = absl::FromUnixSeconds(edit.noticed_time().seconds()) +
                               absl::Nanoseconds(edit.noticed_time().nanos());
    table.AddRow({edit.edit_id(), edit.category(), FormatLabel(edit.format()), ReasonOf(edit),
                  FormatUtc(noticed), absl::StrCat(edit.creates()), absl::StrCat(edit.updates()),
                  absl::StrCat(edit.deletes()), edit.acceptable() ? "yes" : "no",
                  absl::StrCat(edit.size_bytes()), ToHex(edit.content_sha256()), edit.detail()});
  }
  return table;
}

// All pages as one answer.
absl::StatusOr<v1::ListHeldEditsResponse> ListAll(Invocation& invocation) {
  ASSIGN_OR_RETURN(Client * client, invocation.client());
  v1::ListHeldEditsRequest request;
  request.set_page_size(kPageSize);
  for (const std::string& category : invocation.arguments()) {
    request.mutable_selector()->add_categories(category);
  }
  if (const v1::Format format = invocation.settings().format; format != v1::FORMAT_UNSPECIFIED) {
    request.mutable_selector()->add_formats(format);
  }
  v1::ListHeldEditsResponse all;
  do {
    ASSIGN_OR_RETURN(v1::ListHeldEditsResponse page, client->ListHeldEdits(request));
    request.set_page_token(page.next_page_token());
    *all.mutable_header() = page.header();
    all.mutable_edits()->MergeFrom(page.edits());
  } while (!request.page_token().empty());
  return all;
}

absl::Status RunHeld(Invocation& invocation) {
  ASSIGN_OR_RETURN(const v1::ListHeldEditsResponse response, ListAll(invocation));
  switch (invocation.output()) {
    case OutputMode::kJson:
    case OutputMode::kYaml:
      return invocation.PrintMessage(response);
    case OutputMode::kJsonl:
      for (const v1::HeldEdit& edit : response.edits()) {
        RETURN_IF_ERROR(invocation.PrintLine(edit));
      }
      return absl::OkStatus();
    case OutputMode::kName:
      for (const v1::HeldEdit& edit : response.edits()) {
        RETURN_IF_ERROR(invocation.Print(edit.edit_id() + "\n"));
      }
      return absl::OkStatus();
    default:
      return invocation.PrintTable(EditTable(response));
  }
}

// What happened, or would, in one line.
std::string Outcome(const v1::AcceptEditRequest& request, const v1::AcceptEditResponse& response) {
  const bool is_discarded = request.decision() == v1::HELD_EDIT_DECISION_DISCARD;
  const v1::HeldEdit& edit = response.edit();
  const std::string counts = absl::StrCat(edit.creates(), " created, ", edit.updates(),
                                          " updated, ", edit.deletes(), " deleted");
  if (request.validate_only()) {
    return absl::StrCat("would be ", is_discarded ? "discarded" : "accepted", ": ", counts);
  }
  if (is_discarded) return "discarded; its bytes are kept on the server";
  if (!response.has_position()) return "accepted; nothing was left to change";
  return absl::StrCat("accepted as revision ", response.position().revision(), ": ", counts);
}

absl::Status RunAccept(Invocation& invocation) {
  ASSIGN_OR_RETURN(Client * client, invocation.client());
  v1::AcceptEditRequest request;
  request.set_edit_id(invocation.arguments()[0]);
  request.set_decision(invocation.line().Has("discard") ? v1::HELD_EDIT_DECISION_DISCARD
                                                        : v1::HELD_EDIT_DECISION_ACCEPT);
  request.set_validate_only(invocation.line().Has("dry-run"));
  if (const auto sha256 = invocation.line().Value("if-sha256"); sha256.has_value()) {
    ASSIGN_OR_RETURN(*request.mutable_if_content_sha256(), ParseHex(*sha256, 32, "--if-sha256"));
  }
  ASSIGN_OR_RETURN(const v1::AcceptEditResponse response, client->AcceptEdit(request));
  if (invocation.output() == OutputMode::kJson || invocation.output() == OutputMode::kYaml) {
    return invocation.PrintMessage(response);
  }
  if (invocation.output() == OutputMode::kJsonl) return invocation.PrintLine(response);
  return invocation.Print(
      absl::StrCat(TerminalSafe(response.edit().edit_id()), " ", Outcome(request, response), "\n"));
}

CommandSpec HeldSpec() {
  CommandSpec held;
  held.path = "category held";
  held.arguments = "[CATEGORY...]";
  held.max_arguments = -1;
  held.argument_kinds = {ArgumentKind::kCategory};
  held.summary = "List the edits of files that wait for an operator, oldest first";
  held.details =
      "Waits: an edit that removes more than half of ten or more models, and the bytes of a\n"
      "damaged file. Decide with: modelrefctl category accept EDIT_ID [--discard]";
  held.first_example = "modelrefctl category held";
  held.second_example = "modelrefctl category held image_generation -o json";
  held.outputs = {OutputMode::kTable, OutputMode::kPlain, OutputMode::kWide, OutputMode::kJson,
                  OutputMode::kJsonl, OutputMode::kYaml,  OutputMode::kName};
  held.run = &RunHeld;
  return held;
}

CommandSpec AcceptSpec() {
  CommandSpec accept;
  accept.path = "category accept";
  accept.arguments = "EDIT_ID";
  accept.min_arguments = accept.max_arguments = 1;
  accept.argument_kinds = {ArgumentKind::kHeldEdit};
  accept.summary = "Commit an edit that waits, or discard it";
  accept.details =
      "Models that were committed after the edit was noticed keep what was committed. The bytes\n"
      "stay on the server's disk either way. Exit status 5: it is not the edit you looked at.";
  accept.first_example = "modelrefctl category accept clip-v2-20260102T030405-1f2e3d4c --dry-run";
  accept.second_example = "modelrefctl category accept clip-v2-20260102T030405-1f2e3d4c --discard";
  accept.flags = {{"discard", "", "Drop the edit instead"},
                  {"dry-run", "", "Only say what would happen"},
                  {"if-sha256", "HEX", "Only if the file has these bytes (content_sha256)"}};
  accept.outputs = {OutputMode::kPlain, OutputMode::kTable, OutputMode::kJson, OutputMode::kJsonl,
                    OutputMode::kYaml};
  accept.run = &RunAccept;
  return accept;
}

}  // namespace

std::vector<CommandSpec> HeldCommands() { return {HeldSpec(), AcceptSpec()}; }

}  // namespace modelref::ctl
