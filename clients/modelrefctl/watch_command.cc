// watch.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "backends/base/digest.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/child_command.h"
#include "clients/modelrefctl/commands.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/hex.h"
#include "clients/modelrefctl/invocation.h"
#include "clients/modelrefctl/watch_printer.h"
#include "clients/modelrefctl/watch_session.h"

namespace modelref::ctl {
namespace {

constexpr size_t kEpochBytes = 16;

absl::StatusOr<std::optional<uint64_t>> NumberFlag(const CommandLine& line,
                                                   absl::string_view flag) {
  const std::optional<std::string> text = line.Value(flag);
  if (!text.has_value()) return std::optional<uint64_t>();
  uint64_t number = 0;
  if (absl::SimpleAtoi(*text, &number) && number > 0) return std::optional<uint64_t>(number);
  return UsageError(absl::StrCat("--", flag, " ", *text, ": write a whole number from 1"));
}

// "REVISION" in the server's present epoch, or "EPOCH:REVISION" as a watch prints it at its end.
absl::StatusOr<v1::Position> ParsePosition(Client& client, const std::string& text) {
  v1::Position position;
  absl::string_view revision = text;
  if (const size_t colon = text.find(':'); colon != std::string::npos) {
    ASSIGN_OR_RETURN(*position.mutable_epoch(),
                     ParseHex(revision.substr(0, colon), kEpochBytes, "epoch"));
    revision.remove_prefix(colon + 1);
  } else {
    ASSIGN_OR_RETURN(const v1::GetHeadResponse head, client.GetHead(v1::GetHeadRequest()));
    position.set_epoch(head.position().epoch());
  }
  uint64_t number = 0;
  if (!absl::SimpleAtoi(revision, &number)) {
    return UsageError(absl::StrCat("--since ", text, ": write REVISION or EPOCH:REVISION"));
  }
  position.set_revision(number);
  return position;
}

absl::StatusOr<WatchOptions> MakeOptions(Invocation& invocation, Client& client) {
  const CommandLine& line = invocation.line();
  WatchOptions options;
  for (const std::string& category : invocation.arguments()) {
    options.request.mutable_filter()->add_categories(category);
  }
  if (invocation.settings().format != v1::FORMAT_UNSPECIFIED) {
    options.request.mutable_filter()->add_formats(invocation.settings().format);
  }
  const bool delta = line.Value("payload") == "delta";
  options.request.set_payload(delta ? v1::PAYLOAD_DELTA_INLINE : v1::PAYLOAD_NOTIFY);
  options.request.set_client_id(invocation.settings().client.user_agent);
  if (const std::optional<std::string> since = line.Value("since"); since.has_value()) {
    if (line.Has("start")) return UsageError("give --since or --start, not both");
    ASSIGN_OR_RETURN(*options.request.mutable_position(), ParsePosition(client, *since));
    options.tell_snapshot = true;
  }
  options.tell_snapshot = options.tell_snapshot || line.Value("start") == "snapshot";
  options.tell_bookkeeping = line.Has("bookmarks");
  ASSIGN_OR_RETURN(options.until_revision, NumberFlag(line, "until"));
  ASSIGN_OR_RETURN(const std::optional<uint64_t> count, NumberFlag(line, "count"));
  if (count.has_value()) options.event_count = static_cast<int64_t>(*count);
  // Only as a flag: a variable is meant for the calls of other commands, not to end a watch.
  if (line.Has("timeout")) options.timeout = *invocation.settings().timeout;
  return options;
}

absl::string_view MemberText(const JsonObject& object, absl::string_view name) {
  const Json* value = object.Find(name);
  return value != nullptr && value->AsString() != nullptr ? absl::string_view(*value->AsString())
                                                          : absl::string_view();
}

void RunExec(Invocation& invocation, const std::string& command, const WatchLine& line) {
  const JsonObject object = WatchLineJson(line);
  const std::vector<std::pair<std::string, std::string>> variables = {
      {"MODELREF_KIND", std::string(line.kind)},
      {"MODELREF_TYPE", std::string(MemberText(object, "type"))},
      {"MODELREF_CATEGORY", std::string(MemberText(object, "category"))},
      {"MODELREF_FORMAT", std::string(MemberText(object, "format"))},
      {"MODELREF_ETAG", std::string(MemberText(object, "etag"))},
      {"MODELREF_EPOCH", ToHex(line.header.epoch())},
      {"MODELREF_REVISION", absl::StrCat(line.header.revision())},
  };
  const absl::Status status = RunChild(command, CanonicalJson(object) + "\n", variables);
  if (!status.ok()) invocation.Note(absl::StrCat("warning: --exec: ", status.message()));
}

absl::Status RunWatch(Invocation& invocation) {
  ASSIGN_OR_RETURN(Client * client, invocation.client());
  ASSIGN_OR_RETURN(WatchOptions options, MakeOptions(invocation, *client));
  const std::string command = invocation.line().Value("exec").value_or("");
  WatchPrinter printer(invocation);
  WatchSession session(
      std::move(options), invocation.host(),
      [client](const v1::WatchRequest& request) { return client->Watch(request); },
      [&](const WatchLine& line) {
        RETURN_IF_ERROR(printer.Print(line));
        if (!command.empty()) RunExec(invocation, command, line);
        return absl::OkStatus();
      },
      [&](absl::string_view text) { invocation.Note(text); });
  const absl::Status status = session.Run();
  if (!session.epoch().empty()) {
    invocation.Note(
        absl::StrCat("last position ", ToHex(session.epoch()), ":", session.last_revision()));
  }
  return status;
}

}  // namespace

std::vector<CommandSpec> WatchCommands() {
  CommandSpec watch;
  watch.path = "watch";
  watch.arguments = "[CATEGORY...]";
  watch.max_arguments = -1;
  watch.argument_kinds = {ArgumentKind::kCategory};
  watch.summary = "Print a line for every change, as it happens";
  watch.details =
      "Goes on over lost connections, and tells what was missed. The end is said on stderr as\n"
      "a position. Exit status 0 when --count, --until or --timeout ended it, 130 by Ctrl-C.\n"
      "--exec gets the event as JSON on stdin and in the variables MODELREF_KIND, _TYPE,\n"
      "_CATEGORY, _FORMAT, _ETAG, _EPOCH and _REVISION.";
  watch.first_example = "modelrefctl watch";
  watch.second_example = "modelrefctl watch image_generation -o jsonl --count 1 --timeout 1m";
  watch.flags = {
      {"start", "WHERE", "Later changes only (default), or every state first", "now|snapshot"},
      {"since", "POSITION", "Changes after this REVISION or EPOCH:REVISION"},
      {"until", "REVISION", "End when the server has reached this revision"},
      {"count", "N", "End after this many events"},
      {"payload", "WHAT", "Names only (default), or the changed records too", "notify|delta"},
      {"bookmarks", "", "Print the stream's own messages too"},
      {"exec", "COMMAND", "Run this by /bin/sh for every line"}};
  watch.outputs = {OutputMode::kTable, OutputMode::kPlain, OutputMode::kJsonl, OutputMode::kJson};
  watch.default_output = DefaultOutput::kTableOrJsonl;
  watch.run = &RunWatch;
  return {watch};
}

}  // namespace modelref::ctl
