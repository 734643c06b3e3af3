// watch.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "backends/base/digest.h"
#include "backends/base/status_macros.h"
#include "clients/cpp/cancellation.h"
#include "clients/modelrefctl/child_command.h"
#include "clients/modelrefctl/commands.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/invocation.h"
#include "clients/modelrefctl/since.h"
#include "clients/modelrefctl/watch_printer.h"
#include "clients/modelrefctl/watch_session.h"

namespace modelref::ctl {
namespace {

// A poll that takes longer says no more than one that fails.
constexpr absl::Duration kPollTimeout = absl::Seconds(5);

absl::StatusOr<std::optional<uint64_t>> NumberFlag(const CommandLine& line,
                                                   absl::string_view flag) {
  const std::optional<std::string> text = line.Value(flag);
  if (!text.has_value()) return std::optional<uint64_t>();
  uint64_t number = 0;
  if (absl::SimpleAtoi(*text, &number) && number > 0) return std::optional<uint64_t>(number);
  return UsageError(absl::StrCat("--", flag, " ", *text, ": write a whole number from 1"));
}

// Where --since says, in the server's present epoch when it names none.
absl::Status SetStart(Client& client, const std::string& since, v1::WatchRequest* request) {
  RETURN_IF_ERROR(ParseSince(since, request));
  if (!request->has_position() || !request->position().epoch().empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const v1::GetHeadResponse head, client.GetHead(v1::GetHeadRequest()));
  request->mutable_position()->set_epoch(head.position().epoch());
  return absl::OkStatus();
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
    RETURN_IF_ERROR(SetStart(client, *since, &options.request));
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
      {"MODELREF_RESUME_TOKEN", ToHex(line.resume_token)},
  };
  const absl::Status status = RunChild(command, CanonicalJson(object) + "\n", variables);
  if (!status.ok()) invocation.Note(absl::StrCat("warning: --exec: ", status.message()));
}

WatchCalls CallsOf(Client& client, Cancellation* cancellation) {
  const CallOptions stream{std::nullopt, cancellation};
  const CallOptions poll{kPollTimeout, cancellation};
  WatchCalls calls;
  calls.open = [&client, stream](const v1::WatchRequest& request) {
    return client.Watch(request, stream);
  };
  calls.head = [&client, poll](const v1::GetHeadRequest& request) {
    return client.GetHead(request, poll);
  };
  calls.list = [&client, poll](const v1::ListCategoriesRequest& request) {
    return client.ListCategories(request, poll);
  };
  return calls;
}

absl::Status RunWatch(Invocation& invocation) {
  ASSIGN_OR_RETURN(Client * client, invocation.client());
  ASSIGN_OR_RETURN(WatchOptions options, MakeOptions(invocation, *client));
  const std::string command = invocation.line().Value("exec").value_or("");
  WatchPrinter printer(invocation);
  Cancellation cancellation;
  const InterruptListener listener(*invocation.host().interrupts,
                                   [&cancellation] { cancellation.Cancel(); });
  WatchSession session(
      std::move(options), invocation.host(), CallsOf(*client, &cancellation),
      [&](const WatchLine& line) {
        RETURN_IF_ERROR(printer.Print(line));
        if (!command.empty()) RunExec(invocation, command, line);
        return absl::OkStatus();
      },
      [&](absl::string_view text) { invocation.Note(text); });
  const absl::Status status = session.Run();
  if (session.last_revision().has_value()) {
    invocation.Note(
        absl::StrCat("last position ", ToHex(session.epoch()), ":", *session.last_revision()));
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
      "_CATEGORY, _FORMAT, _ETAG, _EPOCH, _REVISION and _RESUME_TOKEN.\n"
      "--since takes the resume_token of a line, which stands on the last line of each commit, or "
      "a\n"
      "position as it is said at the end. The server must still have the history since then;\n"
      "otherwise every state is told.";
  watch.first_example = "modelrefctl watch";
  watch.second_example = "modelrefctl watch image_generation -o jsonl --count 1 --timeout 1m";
  watch.flags = {
      {"start", "WHERE", "Later changes only (default), or every state first", "now|snapshot"},
      {"since", "POSITION", "Changes after this TOKEN, EPOCH:REVISION[:CHAIN] or REVISION"},
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
