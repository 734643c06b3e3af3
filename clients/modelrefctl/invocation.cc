#include "clients/modelrefctl/invocation.h"

#include <google/protobuf/message.h>

#include "absl/strings/str_cat.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/proto_json.h"
#include "clients/modelrefctl/text.h"
#include "clients/modelrefctl/yaml.h"

namespace modelref::ctl {

absl::StatusOr<Client*> Invocation::client() {
  if (client_ != nullptr) return client_.get();
  ASSIGN_OR_RETURN(const SecretFiles files, ResolveSecretFiles(line_, host_));
  ClientOptions options = settings_.client;
  std::string warning;
  RETURN_IF_ERROR(LoadSecrets(files, &options, &warning));
  if (!warning.empty()) Note(absl::StrCat("warning: ", warning));
  ASSIGN_OR_RETURN(client_, Client::Create(options));
  return client_.get();
}

TableStyle Invocation::table_style() const {
  TableStyle style;
  // A table for a file or a pipe is asked for by name; nobody wants it cut to a guessed width.
  if (settings_.truncate && host_.terminal.out) style.width = host_.terminal.width;
  style.bold_heading = settings_.color;
  return style;
}

absl::Status Invocation::PrintTable(const Table& table) {
  if (output() == OutputMode::kPlain) return Print(table.FormatPlain());
  return Print(table.Format(table_style(), output() == OutputMode::kWide));
}

absl::Status Invocation::PrintValue(const Json& value) {
  if (output() == OutputMode::kYaml) return Print(FormatYaml(value));
  return Print(FormatJson(value, JsonStyle{}) + "\n");
}

absl::Status Invocation::PrintMessage(const google::protobuf::Message& message) {
  return PrintValue(ProtoToJson(message));
}

absl::Status Invocation::PrintLine(const google::protobuf::Message& message) {
  return Print(CanonicalJson(ProtoToJson(message)) + "\n");
}

void Invocation::Note(absl::string_view text) {
  if (settings_.quiet) return;
  // When stderr is gone there is nobody to tell.
  host_.err->Write(absl::StrCat("modelrefctl: ", TerminalSafe(text), "\n")).IgnoreError();
}

}  // namespace modelref::ctl
