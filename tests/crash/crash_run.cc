#include "tests/crash/crash_run.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/crash/crash_files.h"
#include "tests/crash/history_check.h"
#include "tests/crash/pause.h"
#include "tests/testing/event.h"

namespace modelref::testing {
namespace {

constexpr char kNoExchange[] = "file.no_exchange=error";

// The first record that is not as `expected` has it; empty when all are.
std::string Differs(const std::map<std::string, std::string>& served,
                    const std::map<std::string, std::string>& expected) {
  for (const auto& [name, json] : expected) {
    const auto found = served.find(name);
    const std::string present = found == served.end() ? "" : found->second;
    if (present != json) return absl::StrCat(name, " is '", present, "', not '", json, "'");
  }
  return "";
}

// What is said beside an edit that is not served: no edit of an editor here should have to wait.
std::string Waiting(Client& client, const DocumentKey& key) {
  v1::ListHeldEditsRequest request;
  request.mutable_selector()->add_categories(key.category);
  request.mutable_selector()->add_formats(static_cast<v1::Format>(key.format));
  const auto held = client.ListHeldEdits(request);
  if (!held.ok()) return held.status().ToString();
  for (const v1::HeldEdit& edit : held->edits()) {
    if (edit.reason() != v1::HELD_REASON_MASS_REMOVAL) continue;
    return absl::StrCat("; an edit of the document waits: ", edit.edit_id(), ", ", edit.detail());
  }
  return "";
}

}  // namespace

CrashRun::CrashRun(std::string data_dir, Options options)
    : data_dir_(std::move(data_dir)),
      options_(std::move(options)),
      flags_({"--canonical-format", options_.canonical == Format::kV2 ? "v2" : "legacy"}),
      user_(data_dir_ + "/.modelref", CommittedKeys(), sightings_),
      importer_(data_dir_),
      writers_(data_dir_, options_.canonical, sightings_),
      followers_(data_dir_, flags_, sightings_) {
  WriteFirstFiles(data_dir_);
  for (const Edited& edited : EditedFiles()) {
    editors_.push_back(
        std::make_unique<HandEditor>(absl::StrCat(data_dir_, "/", edited.file), edited.style));
  }
  for (int i = 0; i < 2; ++i) observers_.push_back(std::make_unique<Observer>(sightings_));
  reader_ = std::make_unique<FileReader>(ReadFiles(data_dir_));
}

CrashRun::~CrashRun() { StopWork(); }

void CrashRun::Repeat(absl::Duration pause, std::function<void()> step) {
  workers_.emplace_back([this, pause, step = std::move(step)] {
    while (working_) {
      step();
      Pause(pause);
    }
  });
}

void CrashRun::Reseed(uint64_t seed) {
  std::mt19937_64 seeds(seed);
  plan_.Reseed(seeds());
  user_.Reseed(seeds());
  importer_.Reseed(seeds());
  writers_.Reseed(seeds());
  holding_.seed(seeds());
  for (const auto& editor : editors_) editor->Reseed(seeds());
}

std::vector<CrashPlan::Crash> CrashRun::ChooseCrashes() {
  std::vector<CrashPlan::Crash> crashes = plan_.NextRound();
  if (!options_.servers.empty()) {
    crashes.clear();
    for (const std::string& failpoints : options_.servers) {
      crashes.push_back({.name = "", .failpoints = failpoints});
    }
  }
  servers_.clear();
  for (const CrashPlan::Crash& crash : crashes) servers_.push_back(crash.failpoints);
  return crashes;
}

void CrashRun::StartWork() {
  working_ = true;
  // Where files cannot be exchanged, an editor that renames its own into place just then loses it
  // (file_exchange.h): on a busy machine that happens.
  const bool no_exchange = absl::StrContains(absl::StrJoin(servers_, ";"), kNoExchange);
  for (size_t i = 0; i < editors_.size(); ++i) {
    if (no_exchange && !IsInPlace(EditedFiles()[i].style)) continue;
    HandEditor& editor = *editors_[i];
    Repeat(absl::Milliseconds(20 + plan_.random()() % 100), [&editor] { editor.Edit(); });
  }
  if (!user_.Open()) sightings_.Complain(absl::StrCat("open: ", user_.failure().ToString()));
  Repeat(absl::Milliseconds(1 + plan_.random()() % 30), [this] {
    if (!user_.Commit()) sightings_.Complain(absl::StrCat("commit: ", user_.failure().ToString()));
  });
  for (WritingUser& writer : writers_.users()) {
    Repeat(absl::Milliseconds(1 + plan_.random()() % 30), [&writer] { writer.Write(); });
  }
  // Not before somebody knows what there was to remove.
  if (rounds_ > 1) Repeat(absl::Milliseconds(150), [this] { RemoveMostModels(); });
  const std::string failpoints = plan_.random()() % 2 == 0 ? plan_.NextImport() : "";
  Repeat(absl::Milliseconds(100), [this, failpoints] {
    if (nobody_looks_) return;
    const std::string at = KilledAt(importer_.Import(failpoints));
    if (!at.empty()) import_deaths_.push_back(at);
  });
}

void CrashRun::RemoveMostModels() {
  std::set<int> left;
  for (int i = 0; i < 4; ++i) left.insert(static_cast<int>(holding_() % kHeldModels));
  Save(data_dir_ + "/gfpgan.json", SaveStyle::kRename, HeldText(left), holding_);
}

void CrashRun::StopWork() {
  working_ = false;
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
  for (const std::string& at : std::exchange(import_deaths_, {})) plan_.Count(at);
}

void CrashRun::RunServer(const CrashPlan::Crash& crash) {
  ++starts_;
  const absl::Duration life = absl::Milliseconds(150 + plan_.random()() % 400);
  nobody_looks_ = options_.away > absl::ZeroDuration();
  Pause(options_.away);
  nobody_looks_ = false;
  const absl::Time begin = RealClock().TimeNow();
  CrashServer server(data_dir_, crash.failpoints, flags_);
  const auto stop = [&] { return !server.IsRunning(); };
  std::vector<std::thread> watching;
  if (server.WaitUntilServing()) {
    slowest_start_ = std::max(slowest_start_, RealClock().TimeNow() - begin);
    for (const auto& observer : observers_) {
      watching.emplace_back([&] { observer->Watch(*server.client(), stop); });
    }
    writers_.servers().Add(server.NewClient());
    followers_.Start(plan_.random(), writers_.servers());
    server.WaitUntilDead(life);
  }
  if (server.IsRunning()) server.Kill();
  for (std::thread& thread : watching) thread.join();
  plan_.Learn(crash, server.KilledAt());
  absl::StrAppend(&log_, "--- a server with ", crash.failpoints, "\n", server.log(),
                  followers_.Kill(plan_.random()));
  writers_.servers().Clear();
}

std::string CrashRun::RunRound(uint64_t seed, Depth depth) {
  ++rounds_;
  Reseed(seed);
  is_thorough_ = depth == Depth::kThorough;
  log_.clear();
  const std::vector<CrashPlan::Crash> crashes = ChooseCrashes();
  StartWork();
  for (const CrashPlan::Crash& crash : crashes) RunServer(crash);
  const bool closes_first = plan_.random()() % 2 == 0;
  StopWork();
  if (closes_first) user_.Close();
  importer_.Finish();
  const std::string wrong = Verify();
  user_.Close();
  return wrong;
}

std::string CrashRun::Verify() {
  CrashServer server(data_dir_, "", flags_);
  if (!server.WaitUntilServing()) return "the server does not start: " + server.log();
  const std::string unanswered = writers_.Settle(*server.client());
  if (!unanswered.empty()) return unanswered + server.log();
  const absl::Time begin = RealClock().TimeNow();
  std::string wrong = FirstFault(*server.client());
  while (!wrong.empty() && RealClock().TimeNow() < begin + kDeadline && server.IsRunning()) {
    Pause(absl::Milliseconds(20));
    wrong = FirstFault(*server.client());
  }
  const absl::Time settled = RealClock().TimeNow();
  slowest_settling_ = std::max(slowest_settling_, settled - begin);
  observers_[0]->Watch(*server.client(), [] { return true; });
  const bool ends_well = plan_.random()() % 2 == 0;
  if (ends_well) {
    if (server.Stop() != 0) absl::StrAppend(&wrong, "the server does not end well\n");
  } else {
    server.Kill();
  }
  absl::StrAppend(&wrong, CheckAtRest());
  checking_ += RealClock().TimeNow() - settled;
  if (!wrong.empty()) std::printf("%s--- the last server\n%s", log_.c_str(), server.log().c_str());
  return wrong;
}

std::string CrashRun::CheckAtRest() {
  std::string wrong = CheckHistory(data_dir_, sightings_) + writers_.CheckHistory();
  if (is_thorough_) absl::StrAppend(&wrong, CheckAudit(data_dir_), CheckByCommands(data_dir_));
  for (const std::string& complaint : sightings_.complaints()) {
    absl::StrAppend(&wrong, complaint, "\n");
  }
  for (const std::string& complaint : reader_->complaints()) {
    absl::StrAppend(&wrong, complaint, "\n");
  }
  return wrong + importer_.failure();
}

std::string CrashRun::FirstFault(Client& client) {
  std::string wrong = CheckExpected(client);
  if (wrong.empty()) wrong = CheckFiles(data_dir_, client);
  if (!is_thorough_) return wrong;
  if (wrong.empty()) wrong = CheckAudit(data_dir_);
  if (wrong.empty()) wrong = CheckReplay(data_dir_, client);
  return wrong;
}

std::string CrashRun::CheckExpected(Client& client) {
  const std::string lost_edit = CheckEdits(client);
  if (!lost_edit.empty()) return lost_edit;
  for (const auto& [key, expected] : user_.expected()) {
    const auto served = ServedRecords(client, key);
    if (!served.ok()) return absl::StrCat(key.ToString(), ": ", served.status().ToString());
    const std::string lost = Differs(*served, expected);
    if (!lost.empty()) return absl::StrCat(key.ToString(), ", a commit is lost: ", lost);
  }
  std::map<std::string, std::string> held;
  for (int i = 0; i < kHeldModels; ++i) held[HeldName(i)] = CrashRecord(HeldName(i), 1);
  const auto kept = ServedRecords(client, HeldKey());
  if (!kept.ok() || *kept != held) return "an edit that must wait was taken";
  const std::string lost_import = CheckImports(client);
  return lost_import.empty() ? writers_.CheckServed(client) : lost_import;
}

std::string CrashRun::CheckEdits(Client& client) {
  for (size_t i = 0; i < editors_.size(); ++i) {
    const DocumentKey& key = EditedFiles()[i].key;
    const auto served = ServedRecords(client, key);
    if (!served.ok()) return absl::StrCat(key.ToString(), ": ", served.status().ToString());
    std::map<std::string, std::string> expected = editors_[i]->expected();
    // A record that a displaced file set a short while ago cannot be removed by hand: the file in
    // place may be one that never had it. The server says so.
    const std::set<std::string> displaced = DisplacedRecords(data_dir_, key);
    std::erase_if(expected, [&](const auto& record) {
      return record.second.empty() && displaced.count(record.first) > 0;
    });
    const std::string lost = Differs(*served, expected);
    if (lost.empty()) continue;
    return absl::StrCat(key.ToString(), ", a hand edit is lost: ", lost, Waiting(client, key));
  }
  return "";
}

std::string CrashRun::CheckImports(Client& client) {
  for (const Format format : {Format::kV2, Format::kLegacy}) {
    const auto served = ServedRecords(client, {ImportingUser::category(), format});
    if (!served.ok()) return served.status().ToString();
    for (const auto& [name, description] : importer_.expected()) {
      const auto found = served->find(name);
      if (found == served->end() || found->second.find(description) == std::string::npos) {
        return absl::StrCat("an import is lost: ", name, " is not ", description);
      }
    }
  }
  return "";
}

std::string CrashRun::Summary() const {
  std::string summary = absl::StrCat(
      rounds_, " rounds, ", starts_, " servers and ", followers_.count(), " beside them killed, ",
      writers_.Summary(), ", ", user_.acknowledged(), " commits and ", importer_.acknowledged(),
      " imports acknowledged, ", sightings_.versions().size(), " versions seen, ", reader_->reads(),
      " reads of files, ");
  uint64_t resumed = 0;
  for (const auto& observer : observers_) resumed += observer->resumed();
  absl::StrAppend(&summary, resumed, " streams resumed, slowest start ",
                  absl::FormatDuration(slowest_start_), ", slowest settling ",
                  absl::FormatDuration(slowest_settling_), ", deaths:");
  for (const auto& [name, count] : plan_.deaths()) {
    absl::StrAppend(&summary, " ", name.empty() ? "(from outside)" : name, "=", count);
  }
  return summary;
}

}  // namespace modelref::testing
