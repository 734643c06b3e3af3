// token create, token revoke, token list: the tokens file of a server, on its machine.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/clock.h"
#include "backends/base/digest.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/commands.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/invocation.h"
#include "clients/modelrefctl/text.h"
#include "service/auth/tokens_editor.h"

namespace modelref::ctl {
namespace {

absl::Time Now(Invocation& invocation) {
  Clock* const clock = invocation.host().clock;
  return (clock != nullptr ? *clock : RealClock()).TimeNow();
}

absl::StatusOr<std::string> TokensPath(Invocation& invocation) {
  std::string path = invocation.line().Value("tokens-file").value_or("");
  if (path.empty()) path = invocation.host().variable("MODELREF_TOKENS_FILE").value_or("");
  if (path.empty()) return UsageError("name the file with --tokens-file FILE");
  return path;
}

std::string Moment(absl::Time time) {
  return time == absl::InfiniteFuture() || time == absl::InfinitePast() ? "" : FormatUtc(time);
}

JsonObject TokenJson(const TokenEntry& entry, absl::Time now) {
  JsonObject object;
  object.Set("id", entry.id);
  object.Set("name", entry.name);
  object.Set("role", RoleName(entry.role));
  object.Set("fingerprint", TokenFingerprint(entry));
  object.Set("created_time", Moment(entry.created));
  object.Set("expire_time", Moment(entry.expires));
  object.Set("expired", entry.expires <= now);
  return object;
}

absl::Status PrintTokens(Invocation& invocation, const std::vector<TokenEntry>& entries) {
  const absl::Time now = Now(invocation);
  Table table({{"id"},
               {"role"},
               {"fingerprint"},
               {"expire_time"},
               {"name"},
               {"created_time", true},
               {"expired", true}});
  JsonArray values;
  for (const TokenEntry& entry : entries) {
    JsonObject value = TokenJson(entry, now);
    if (invocation.output() == OutputMode::kJsonl) {
      RETURN_IF_ERROR(invocation.Print(CanonicalJson(value) + "\n"));
    } else if (invocation.output() == OutputMode::kName) {
      RETURN_IF_ERROR(invocation.Print(TokenFingerprint(entry) + "\n"));
    }
    table.AddRow({entry.id, std::string(RoleName(entry.role)), TokenFingerprint(entry),
                  Moment(entry.expires), entry.name, Moment(entry.created),
                  entry.expires <= now ? "yes" : "no"});
    values.push_back(std::move(value));
  }
  if (invocation.output() == OutputMode::kJson || invocation.output() == OutputMode::kYaml) {
    JsonObject root;
    root.Set("tokens", std::move(values));
    return invocation.PrintValue(std::move(root));
  }
  const bool printed =
      invocation.output() == OutputMode::kJsonl || invocation.output() == OutputMode::kName;
  return printed ? absl::OkStatus() : invocation.PrintTable(table);
}

absl::StatusOr<absl::Time> ExpiryOf(Invocation& invocation) {
  const std::string text = invocation.line().Value("expires").value_or("");
  if (text.empty()) return absl::InfiniteFuture();
  const absl::Time now = Now(invocation);
  absl::Time expires = absl::InfinitePast();
  std::string unused;
  if (const auto after = ParseUserDuration(text); after.has_value()) {
    expires = now + *after;
  } else if (!absl::ParseTime(absl::RFC3339_full, text, &expires, &unused)) {
    return UsageError(absl::StrCat("--expires ", text, ": write 720h or 2027-01-31T00:00:00Z"));
  }
  if (expires <= now) return UsageError("--expires: that time is over");
  return expires;
}

absl::Status PrintCreated(Invocation& invocation, const CreatedToken& created) {
  JsonObject object = TokenJson(created.entry, Now(invocation));
  object.Set("token", created.secret);
  absl::Status printed;
  switch (invocation.output()) {
    case OutputMode::kJson:
    case OutputMode::kYaml:
      printed = invocation.PrintValue(std::move(object));
      break;
    case OutputMode::kJsonl:
      printed = invocation.Print(CanonicalJson(object) + "\n");
      break;
    default:
      printed = invocation.Print(created.secret + "\n");
  }
  return printed.ok() ? invocation.host().out->Flush() : printed;
}

absl::Status RunCreate(Invocation& invocation) {
  ASSIGN_OR_RETURN(const std::string path, TokensPath(invocation));
  NewToken token;
  token.id = invocation.arguments()[0];
  token.name = invocation.line().Value("name").value_or("");
  const std::string role = invocation.line().Value("role").value_or("");
  if (role.empty()) return UsageError("say what the token is for with --role ROLE");
  token.role = FindRole(role).value_or(Role::kReader);
  ASSIGN_OR_RETURN(token.expires, ExpiryOf(invocation));
  ASSIGN_OR_RETURN(const CreatedToken created, CreateToken(path, token, Now(invocation)));
  invocation.Note("this is the only time that the token is shown; keep it in a file of mode 600");
  absl::Status printed = PrintCreated(invocation, created);
  if (printed.ok()) return printed;
  // Nobody knows the token, and nobody shall wonder whose it is.
  const absl::Status revoked = RevokeTokens(path, TokenFingerprint(created.entry)).status();
  return Annotated(printed, revoked.ok() ? "the token could not be shown and was revoked"
                                         : absl::StrCat("the token could not be shown; revoke ",
                                                        TokenFingerprint(created.entry)));
}

absl::Status RunRevoke(Invocation& invocation) {
  ASSIGN_OR_RETURN(const std::string path, TokensPath(invocation));
  ASSIGN_OR_RETURN(const std::vector<TokenEntry> revoked,
                   RevokeTokens(path, invocation.arguments()[0]));
  return PrintTokens(invocation, revoked);
}

absl::Status RunList(Invocation& invocation) {
  ASSIGN_OR_RETURN(const std::string path, TokensPath(invocation));
  ASSIGN_OR_RETURN(const std::vector<TokenEntry> entries, ListTokens(path));
  if (entries.empty()) invocation.Note("the file has no tokens");
  return PrintTokens(invocation, entries);
}

FlagSpec FileFlag() {
  return {"tokens-file", "FILE", "The file that auth.tokens_file of the server names", "",
          "MODELREF_TOKENS_FILE"};
}

std::vector<OutputMode> ListModes() {
  return {OutputMode::kTable, OutputMode::kPlain, OutputMode::kWide, OutputMode::kJson,
          OutputMode::kJsonl, OutputMode::kYaml,  OutputMode::kName};
}

CommandSpec CreateSpec() {
  CommandSpec create;
  create.path = "token create";
  create.arguments = "ID";
  create.min_arguments = create.max_arguments = 1;
  create.summary = "Make a token for a caller and print it, once";
  create.details =
      "ID is what the audit trail names. The file keeps the SHA-256 of the token, never the "
      "token;\n"
      "servers take it within a second. A second token of an ID replaces the first without a gap:\n"
      "create, hand out, then revoke the old one by its fingerprint.";
  create.first_example = "modelrefctl token create ci --role requestor --tokens-file tokens.jsonl";
  create.second_example =
      "modelrefctl token create ann --role approver --expires 720h --tokens-file tokens.jsonl";
  create.flags = {
      FileFlag(),
      {"role", "ROLE", "What the caller may do", "reader|requestor|approver|admin|worker"},
      {"name", "NAME", "For people; default the ID"},
      {"expires", "TIME", "After this long (720h), or at this time (RFC 3339)"}};
  create.outputs = {OutputMode::kPlain, OutputMode::kJson, OutputMode::kJsonl, OutputMode::kYaml};
  create.offline = true;
  create.run = &RunCreate;
  return create;
}

CommandSpec RevokeSpec() {
  CommandSpec revoke;
  revoke.path = "token revoke";
  revoke.arguments = "ID|FINGERPRINT";
  revoke.min_arguments = revoke.max_arguments = 1;
  revoke.summary = "Remove all tokens of a caller, or one by its fingerprint";
  revoke.details = "Calls with it fail, and its streams end, within about a second.";
  revoke.first_example = "modelrefctl token revoke ci --tokens-file tokens.jsonl";
  revoke.second_example = "modelrefctl token revoke 5f70bf18a086 --tokens-file tokens.jsonl";
  revoke.flags = {FileFlag()};
  revoke.outputs = ListModes();
  revoke.offline = true;
  revoke.run = &RunRevoke;
  return revoke;
}

CommandSpec ListSpec() {
  CommandSpec list;
  list.path = "token list";
  list.summary = "List the tokens of a file: whose, for what, until when";
  list.details = "A token cannot be shown again. Its fingerprint begins its SHA-256.";
  list.first_example = "modelrefctl token list --tokens-file tokens.jsonl";
  list.second_example = "modelrefctl token list --tokens-file tokens.jsonl -o json";
  list.flags = {FileFlag()};
  list.outputs = ListModes();
  list.offline = true;
  list.run = &RunList;
  return list;
}

}  // namespace

std::vector<CommandSpec> TokenCommands() { return {CreateSpec(), RevokeSpec(), ListSpec()}; }

}  // namespace modelref::ctl
