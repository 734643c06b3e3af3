// help, version and completion.

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/modelrefctl/commands.h"
#include "clients/modelrefctl/completion.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/help.h"
#include "clients/modelrefctl/invocation.h"
#include "clients/modelrefctl/suggestion.h"
#include "clients/modelrefctl/version.h"

namespace modelref::ctl {
namespace {

absl::Status RunHelp(Invocation& invocation) {
  const std::vector<std::string>& words = invocation.arguments();
  if (words.empty()) return invocation.Print(HelpFor(words));
  if (const std::string topic = HelpTopic(words[0]); !topic.empty()) {
    return invocation.Print(topic);
  }
  size_t used = 0;
  const bool is_noun = words.size() == 1 && !VerbsOf(words[0]).empty();
  if (is_noun || FindCommand(words, &used) != nullptr) return invocation.Print(HelpFor(words));
  std::vector<std::string> known = Nouns();
  for (std::string& topic : HelpTopics()) known.push_back(std::move(topic));
  return UsageError(absl::StrCat("no help about \"", absl::StrJoin(words, " "), "\"",
                                 DidYouMean(words[0], known), "; see: modelrefctl help"));
}

absl::Status RunVersion(Invocation& invocation) {
  if (invocation.output() == OutputMode::kJson) {
    return invocation.Print(absl::StrCat("{\"version\": \"", Version(), "\"}\n"));
  }
  return invocation.Print(absl::StrCat("modelrefctl ", Version(), "\n"));
}

absl::Status RunCompletion(Invocation& invocation) {
  const std::string& shell = invocation.arguments()[0];
  const std::string script = CompletionScript(shell);
  if (!script.empty()) return invocation.Print(script);
  return UsageError(absl::StrCat("no completion for \"", shell, "\"",
                                 DidYouMean(shell, {"bash", "zsh", "fish"}),
                                 ": choose one of: bash, zsh, fish"));
}

}  // namespace

std::vector<CommandSpec> HelpCommands() {
  CommandSpec completion;
  completion.path = "completion";
  completion.arguments = "bash|zsh|fish";
  completion.min_arguments = completion.max_arguments = 1;
  completion.argument_kinds = {ArgumentKind::kShell};
  completion.summary = "Print the completion script of a shell";
  completion.details =
      "bash: source <(modelrefctl completion bash), in ~/.bashrc\n"
      "zsh:  modelrefctl completion zsh > ~/.zfunc/_modelrefctl, with ~/.zfunc in fpath\n"
      "fish: modelrefctl completion fish > ~/.config/fish/completions/modelrefctl.fish";
  completion.first_example = "modelrefctl completion bash > modelrefctl.bash";
  completion.second_example = "modelrefctl completion fish > modelrefctl.fish";
  completion.offline = true;
  completion.run = &RunCompletion;

  CommandSpec help;
  help.path = "help";
  help.arguments = "[COMMAND|TOPIC]";
  help.max_arguments = 2;
  help.argument_kinds = {ArgumentKind::kTopic};
  help.summary = "Explain a command or a topic";
  help.first_example = "modelrefctl help category get";
  help.second_example = "modelrefctl help exit-codes";
  help.offline = true;
  help.run = &RunHelp;

  CommandSpec version;
  version.path = "version";
  version.summary = "Print the version of this program";
  version.first_example = "modelrefctl version";
  version.second_example = "modelrefctl version -o json";
  version.outputs = {OutputMode::kPlain, OutputMode::kJson};
  version.offline = true;
  version.run = &RunVersion;
  return {completion, help, version};
}

}  // namespace modelref::ctl
