// category import.

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "clients/cpp/cancellation.h"
#include "clients/modelrefctl/commands.h"
#include "clients/modelrefctl/confirm.h"
#include "clients/modelrefctl/document_reader.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/invocation.h"
#include "clients/modelrefctl/progress.h"
#include "clients/modelrefctl/text.h"
#include "clients/modelrefctl/write_flags.h"
#include "clients/modelrefctl/write_report.h"

namespace modelref::ctl {
namespace {

absl::StatusOr<v1::ImportHeader> MakeHeader(const Invocation& invocation) {
  const CommandLine& line = invocation.line();
  v1::ImportHeader header;
  header.set_category(invocation.arguments()[0]);
  header.set_format(invocation.settings().format);
  header.set_mode(line.Value("mode") == "replace" ? v1::IMPORT_MODE_REPLACE
                                                  : v1::IMPORT_MODE_MERGE);
  ASSIGN_OR_RETURN(*header.mutable_if_match(), IfMatch(invocation));
  header.set_skip_invalid(line.Has("skip-invalid"));
  header.set_allow_mass_removal(line.Has("allow-mass-removal"));
  *header.mutable_options() = MakeWriteOptions(invocation);
  return header;
}

// Streams the file once, or again where the connection broke.
absl::StatusOr<v1::ImportCategoryResponse> Send(Invocation& invocation, const std::string& path,
                                                const v1::ImportHeader& header) {
  ASSIGN_OR_RETURN(Input input, Input::Open(path, invocation.host()));
  Progress progress(invocation, input.size(), /*beside_output=*/true);
  DocumentReader::Options options;
  options.keep_invalid = header.skip_invalid();
  options.on_read = [&progress](size_t bytes) { progress.Advance(bytes); };
  DocumentReader reader(std::move(input), options);
  ASSIGN_OR_RETURN(Client * client, invocation.client());
  Cancellation cancellation;
  const InterruptListener listener(*invocation.host().interrupts,
                                   [&cancellation] { cancellation.Cancel(); });
  CallOptions call;
  call.cancellation = &cancellation;
  absl::StatusOr<v1::ImportCategoryResponse> response =
      client->ImportCategory(header, reader, call);
  if (invocation.host().interrupts->triggered()) return InterruptedError();
  return response;
}

// What would go is shown before it goes.
absl::Status ConfirmReplacement(Invocation& invocation, const std::string& path,
                                const v1::ImportHeader& header) {
  v1::ImportHeader trial = header;
  trial.mutable_options()->set_validate_only(true);
  ASSIGN_OR_RETURN(const v1::ImportCategoryResponse response, Send(invocation, path, trial));
  RETURN_IF_ERROR(ViolationError(response.validated()));
  if (response.deleted() == 0) return absl::OkStatus();
  return Confirm(invocation, absl::StrCat("Replace ", header.category(), " on ",
                                          invocation.settings().client.address, ": ",
                                          response.created(), " created, ", response.updated(),
                                          " updated, ", response.deleted(), " deleted?"));
}

void TellSkipped(Invocation& invocation, const v1::ImportCategoryResponse& response) {
  if (response.skipped() == 0) return;
  invocation.Note(absl::StrCat("warning: ", response.skipped(), " records were left out"));
  for (const v1::Violation& violation : response.skipped_records()) {
    const std::string field =
        violation.field().empty() ? "" : absl::StrCat(violation.field(), ": ");
    invocation.Note(
        absl::StrCat("  \"", violation.model(), "\": ", field, violation.description()));
  }
}

absl::Status Report(Invocation& invocation, const v1::ImportHeader& header,
                    const v1::ImportCategoryResponse& response) {
  TellSkipped(invocation, response);
  const absl::Status violations =
      response.has_validated() ? ViolationError(response.validated()) : absl::OkStatus();
  if (IsMessageMode(invocation)) {
    RETURN_IF_ERROR(PrintResponse(invocation, response, header.options().request_id()));
    return violations;
  }
  RETURN_IF_ERROR(violations);
  const bool changed = response.committed().changed();
  const std::string result =
      response.has_validated() ? "checked" : (changed ? "written" : "unchanged");
  Table table({{"category"},
               {"created", false, true},
               {"updated", false, true},
               {"deleted", false, true},
               {"unchanged", false, true},
               {"skipped", false, true},
               {"result"},
               {"revision", false, true}});
  table.AddRow({header.category(), absl::StrCat(response.created()),
                absl::StrCat(response.updated()), absl::StrCat(response.deleted()),
                absl::StrCat(response.unchanged()), absl::StrCat(response.skipped()), result,
                absl::StrCat(response.committed().position().revision())});
  return invocation.PrintTable(table);
}

absl::Status RunImport(Invocation& invocation) {
  ASSIGN_OR_RETURN(const std::string path, FileArgument(invocation));
  ASSIGN_OR_RETURN(const v1::ImportHeader header, MakeHeader(invocation));
  const bool replaces = header.mode() == v1::IMPORT_MODE_REPLACE;
  if (replaces && !header.options().validate_only() && path != "-" && MayAsk(invocation)) {
    RETURN_IF_ERROR(ConfirmReplacement(invocation, path, header));
  }
  const absl::StatusOr<v1::ImportCategoryResponse> response = Send(invocation, path, header);
  if (!response.ok()) {
    return WriteError(invocation, response.status(), header.options().request_id());
  }
  return Report(invocation, header, *response);
}

}  // namespace

std::vector<CommandSpec> CategoryImportCommands() {
  CommandSpec spec;
  spec.path = "category import";
  spec.arguments = "CATEGORY -f FILE";
  spec.min_arguments = spec.max_arguments = 1;
  spec.argument_kinds = {ArgumentKind::kCategory};
  spec.summary = "Write a whole document of any size in one transaction";
  spec.details =
      "FILE (- is stdin) holds an object of records by name, as category get prints it. It is\n"
      "read record by record; nothing is changed unless all of it arrived. --mode merge keeps\n"
      "models that FILE does not list, replace deletes them and takes over the order; on a\n"
      "terminal it says how many and asks. Exit status: 7 a record is invalid, 5 the document\n"
      "is not the one of --if-match, 4 not allowed, or too much would go.";
  spec.first_example = "modelrefctl category import esrgan -f esrgan.json --dry-run";
  spec.second_example = "modelrefctl category import esrgan -f - --mode replace --yes";
  spec.flags = WriteFlags();
  spec.flags.insert(spec.flags.begin(), FileFlag("The document; - is stdin"));
  spec.flags.push_back(
      {"mode", "MODE", "What happens to other models; default merge", "merge|replace"});
  spec.flags.push_back({"skip-invalid", "", "Leave out records that are invalid, and say which"});
  spec.flags.push_back(
      {"allow-mass-removal", "", "Replace even if more than half of the models go"});
  spec.flags.push_back(IfMatchFlag("Only if the document has this etag"));
  spec.flags.push_back(YesFlag());
  spec.outputs = {OutputMode::kTable, OutputMode::kPlain, OutputMode::kWide,
                  OutputMode::kJson,  OutputMode::kJsonl, OutputMode::kYaml};
  spec.writes = true;
  spec.run = &RunImport;
  return {spec};
}

}  // namespace modelref::ctl
