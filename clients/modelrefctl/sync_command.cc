// sync.

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/mutex.h"
#include "backends/base/status_macros.h"
#include "clients/cpp/document_parts.h"
#include "clients/cpp/mirror.h"
#include "clients/modelrefctl/commands.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/invocation.h"
#include "clients/modelrefctl/sync_report.h"
#include "clients/modelrefctl/text.h"
#include "clients/modelrefctl/watch_session.h"

namespace modelref::ctl {
namespace {

// How often the threads of the mirror are looked at.
constexpr absl::Duration kLook = absl::Milliseconds(50);

// What the mirror tells on its threads, handed over to the one that prints. Thread-safe.
class SyncInbox {
 public:
  void PutSaved(const MirrorSaved& saved) {
    MutexLock lock(&mutex_);
    saved_.push_back(saved);
  }
  void PutProblem(const absl::Status& problem) {
    MutexLock lock(&mutex_);
    problems_.push_back(problem);
  }
  std::vector<MirrorSaved> TakeSaved() {
    MutexLock lock(&mutex_);
    return std::exchange(saved_, {});
  }
  std::vector<absl::Status> TakeProblems() {
    MutexLock lock(&mutex_);
    return std::exchange(problems_, {});
  }

 private:
  Mutex mutex_;
  std::vector<MirrorSaved> saved_ ABSL_GUARDED_BY(mutex_);
  std::vector<absl::Status> problems_ ABSL_GUARDED_BY(mutex_);
};

SyncRow RowOf(const MirrorSaved& saved) {
  if (saved.entry.has_value()) return SyncRowOf(*saved.entry, "written");
  SyncRow row;
  row.key = saved.key;
  row.result = "removed";
  return row;
}

MirrorOptions MakeOptions(const Invocation& invocation, SyncInbox* inbox) {
  MirrorOptions options;
  options.directory = invocation.arguments()[0];
  for (size_t i = 1; i < invocation.arguments().size(); ++i) {
    options.filter.add_categories(invocation.arguments()[i]);
  }
  if (invocation.settings().format != v1::FORMAT_UNSPECIFIED) {
    options.filter.add_formats(invocation.settings().format);
  }
  options.client_id = invocation.settings().client.user_agent;
  options.on_saved = [inbox](const MirrorSaved& saved) { inbox->PutSaved(saved); };
  options.on_problem = [inbox](const absl::Status& problem) { inbox->PutProblem(problem); };
  return options;
}

// What does not add up may be the fault of the way: it is fetched whole that often before it
// counts.
constexpr int kIntegrityFetches = 4;

// Fetching again would not help: somebody has to do something.
bool IsFinal(const absl::Status& failure, int fetches) {
  if (ReasonOf(failure) == kIntegrityFailure) return fetches >= kIntegrityFetches;
  switch (failure.code()) {
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kInvalidArgument:
      return true;
    default:
      return ReasonOf(failure) == "DOCUMENT_TOO_LARGE" || ReasonOf(failure) == "RECORD_TOO_LARGE";
  }
}

// One run of the command.
class SyncRun {
 public:
  explicit SyncRun(Invocation& invocation)
      : invocation_(invocation),
        deadline_(MonotonicClock().TimeNow() + (invocation.line().Has("timeout")
                                                    ? *invocation.settings().timeout
                                                    : absl::InfiniteDuration())) {}

  absl::Status Open() {
    ASSIGN_OR_RETURN(Client * client, invocation_.client());
    ASSIGN_OR_RETURN(mirror_, Mirror::Open(client, MakeOptions(invocation_, &inbox_)));
    if (mirror_->status().writable) return absl::OkStatus();
    const absl::Status status = mirror_->Flush();
    return status.ok() ? absl::OkStatus() : status;
  }

  absl::Status Once() {
    RETURN_IF_ERROR(AwaitAll());
    RETURN_IF_ERROR(mirror_->Flush());
    return PrintResult();
  }

  absl::Status Follow() {
    SyncState told = SyncState::kSynced;
    for (;;) {
      const bool interrupted = invocation_.host().interrupts->WaitFor(kLook);
      const bool enough = interrupted || MonotonicClock().TimeNow() > deadline_;
      // Its end writes what is left.
      if (enough) mirror_.reset();
      TellProblems();
      for (const MirrorSaved& saved : inbox_.TakeSaved()) {
        RETURN_IF_ERROR(PrintSyncLine(invocation_, RowOf(saved)));
      }
      if (enough) return interrupted ? InterruptedError() : absl::OkStatus();
      const MirrorStatus status = mirror_->status();
      if (status.watch.state != told) NoteState(status);
      told = status.watch.state;
    }
  }

 private:
  absl::Status AwaitAll() {
    while (!mirror_->WaitUntilSynced(kLook)) {
      TellProblems();
      if (invocation_.host().interrupts->triggered()) return InterruptedError();
      const MirrorStatus status = mirror_->status();
      const absl::Status& watch = status.watch.last_error;
      if (!watch.ok() && !MayReconnect(watch) && status.watch.resyncs == 0) return watch;
      // Everything that can be had is there.
      const bool rest_fails =
          status.watch.state == SyncState::kSynced && status.pending == status.failures.size();
      bool final = rest_fails;
      for (const auto& [key, failure] : status.failures) {
        final = final && IsFinal(failure, status.failed_fetches.at(key));
      }
      if (final) break;
      if (MonotonicClock().TimeNow() < deadline_) continue;
      if (!status.last_error.ok()) return status.last_error;
      return Error(absl::StatusCode::kDeadlineExceeded, "DEADLINE_EXCEEDED",
                   absl::StrCat(status.pending, " documents could not be fetched in time"));
    }
    TellProblems();
    return absl::OkStatus();
  }

  // A row per document; the first failure is the outcome.
  absl::Status PrintResult() {
    std::map<DocumentKey, SyncRow> rows;
    for (const auto& [key, copy] : *mirror_->view()) {
      rows.emplace(key, SyncRowOf(ManifestEntryOf(*copy), "unchanged"));
    }
    for (const MirrorSaved& saved : inbox_.TakeSaved()) rows[saved.key] = RowOf(saved);
    absl::Status outcome;
    for (const auto& [key, failure] : mirror_->status().failures) {
      SyncRow& row = rows[key];
      row.key = key;
      row.result = "failed";
      row.error = failure;
      if (outcome.ok()) outcome = Annotated(failure, key.ToString());
    }
    std::vector<SyncRow> all;
    for (auto& [key, row] : rows) all.push_back(std::move(row));
    RETURN_IF_ERROR(PrintSyncRows(invocation_, all));
    return outcome;
  }

  void TellProblems() {
    for (const absl::Status& problem : inbox_.TakeProblems()) {
      invocation_.Note(absl::StrCat("warning: ", problem.message()));
    }
  }

  void NoteState(const MirrorStatus& status) {
    if (status.watch.state == SyncState::kSynced) {
      invocation_.Note("connected: the copy follows the server");
      return;
    }
    const std::string age = status.age == absl::InfiniteDuration()
                                ? std::string("of unknown age")
                                : absl::StrCat(HumanAge(status.age), " old");
    invocation_.Note(
        absl::StrCat("not connected, the copy is ", age, ": ", status.last_error.message()));
  }

  Invocation& invocation_;
  const absl::Time deadline_;
  SyncInbox inbox_;
  std::unique_ptr<Mirror> mirror_;  // Last: its threads use the rest.
};

absl::Status RunSync(Invocation& invocation) {
  const CommandLine& line = invocation.line();
  if (line.Has("check")) {
    if (line.Has("once")) return UsageError("give --once or --check, not both");
    if (invocation.arguments().size() > 1) return UsageError("--check takes the directory only");
    return CheckCopy(invocation, invocation.arguments()[0]);
  }
  if (line.Has("once")) {
    // So that a server that is down is an error at once, and not a wait.
    ASSIGN_OR_RETURN(Client * client, invocation.client());
    RETURN_IF_ERROR(client->GetHead(v1::GetHeadRequest()).status());
  }
  SyncRun run(invocation);
  RETURN_IF_ERROR(run.Open());
  return line.Has("once") ? run.Once() : run.Follow();
}

}  // namespace

std::vector<CommandSpec> SyncCommands() {
  CommandSpec sync;
  sync.path = "sync";
  sync.arguments = "DIR [CATEGORY...]";
  sync.min_arguments = 1;
  sync.max_arguments = -1;
  sync.argument_kinds = {ArgumentKind::kDirectory, ArgumentKind::kCategory};
  sync.summary = "Keep a verified copy of the catalogue in a directory";
  sync.details =
      "DIR gets one JSON file per document, a record per line, and manifest.json with positions\n"
      "and etags: jq '.records[\"NAME\"]' DIR/CATEGORY.v2.json. Only what changed is fetched, and\n"
      "every document is checked against its etag. Goes on until Ctrl-C and prints a line for\n"
      "every file it writes; with --once it ends when all is there. One process at a time writes\n"
      "a directory (exit status 5). Damaged files are told and fetched anew.\n"
      "--check asks no server: exit status 0 when every byte is as it was written, 9 when the\n"
      "copy is damaged or incomplete, 10 when a sync was interrupted between two documents, 3 "
      "when\n"
      "there is no copy.";
  sync.first_example = "modelrefctl sync --once ./copy";
  sync.second_example = "modelrefctl sync --check ./copy";
  sync.flags = {{"once", "", "End when everything is copied"},
                {"check", "", "Verify the copy in DIR without a server"}};
  sync.outputs = {OutputMode::kTable, OutputMode::kPlain, OutputMode::kWide, OutputMode::kJson,
                  OutputMode::kJsonl, OutputMode::kYaml,  OutputMode::kName};
  sync.run = &RunSync;
  return {sync};
}

}  // namespace modelref::ctl
