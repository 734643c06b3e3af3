#include "tests/crash/crash_run.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/crash/history_check.h"
#include "tests/crash/pause.h"
#include "tests/testing/event.h"

namespace modelref::testing {
namespace {

struct Edited {
  const char* file;
  DocumentKey key;
  SaveStyle style;
};

const std::vector<Edited>& EditedFiles() {
  static const auto& files = *new std::vector<Edited>{
      {"clip.json", {"clip", Format::kV2}, SaveStyle::kCopy},
      {"esrgan.json", {"esrgan", Format::kV2}, SaveStyle::kSlow},
      {"codeformer.json", {"codeformer", Format::kV2}, SaveStyle::kOverwrite},
      {"lora.json", {"lora", Format::kV2}, SaveStyle::kRename},
      {"ti.json", {"ti", Format::kV2}, SaveStyle::kRenameSlow},
      {"legacy/clip.json", {"clip", Format::kLegacy}, SaveStyle::kRename},
  };
  return files;
}

// Committed to and never edited.
const DocumentKey kUntouched{"safety_checker", Format::kV2};

std::vector<DocumentKey> CommittedKeys() {
  std::vector<DocumentKey> keys = {kUntouched};
  for (const Edited& edited : EditedFiles()) keys.push_back(edited.key);
  return keys;
}

// Somebody keeps removing most models of this one; such an edit waits, and is not accepted here.
const DocumentKey kHeld{"gfpgan", Format::kV2};
constexpr int kHeldModels = 12;

std::string HeldName(int i) { return absl::StrCat("held-", i); }

// Some of the models; all of them by default.
std::string HeldText(const std::set<int>& models = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}) {
  std::string text = "{";
  for (const int i : models) {
    absl::StrAppend(&text, text.size() > 1 ? ",\n " : "", "\"", HeldName(i),
                    "\": ", CrashRecord(HeldName(i), 1));
  }
  return text + "}\n";
}

// Every public file of the suite exists before the first server.
void WriteFirstFiles(const std::string& data_dir) {
  std::filesystem::create_directories(data_dir + "/legacy");
  std::vector<std::string> files = {"safety_checker.json", "blip.json", "legacy/blip.json"};
  for (const Edited& edited : EditedFiles()) files.push_back(edited.file);
  for (const std::string& file : files) {
    const std::string path = absl::StrCat(data_dir, "/", file);
    if (std::filesystem::exists(path)) continue;
    std::ofstream(path) << "{\n  \"first\": {\"name\": \"first\", \"description\": \"stays\"}\n}\n";
  }
  std::ofstream(data_dir + "/gfpgan.json") << HeldText();
}

// The files that readers open, and whether they must be whole.
std::map<std::string, bool> ReadFiles(const std::string& data_dir) {
  std::map<std::string, bool> files;
  for (const char* file : {"safety_checker.json", "blip.json", "legacy/blip.json", "gfpgan.json"}) {
    files[absl::StrCat(data_dir, "/", file)] = true;
  }
  for (const Edited& edited : EditedFiles()) {
    files[absl::StrCat(data_dir, "/", edited.file)] = !IsInPlace(edited.style);
  }
  return files;
}

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

}  // namespace

CrashRun::CrashRun(std::string data_dir, uint64_t seed)
    : data_dir_(std::move(data_dir)),
      plan_(seed),
      user_(data_dir_ + "/.modelref", CommittedKeys(), sightings_, seed + 1),
      importer_(data_dir_, seed + 2),
      holding_(seed + 3) {
  WriteFirstFiles(data_dir_);
  for (const Edited& edited : EditedFiles()) {
    seed += 10;
    editors_.push_back(std::make_unique<HandEditor>(absl::StrCat(data_dir_, "/", edited.file),
                                                    edited.style, seed));
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

void CrashRun::StartWork() {
  working_ = true;
  for (const auto& editor : editors_) {
    Repeat(absl::Milliseconds(20 + plan_.random()() % 100), [&editor] { editor->Edit(); });
  }
  if (!user_.Open()) sightings_.Complain(absl::StrCat("open: ", user_.failure().ToString()));
  Repeat(absl::Milliseconds(1 + plan_.random()() % 30), [this] {
    if (!user_.Commit()) sightings_.Complain(absl::StrCat("commit: ", user_.failure().ToString()));
  });
  // Not before somebody knows what there was to remove.
  if (rounds_ > 1) Repeat(absl::Milliseconds(150), [this] { RemoveMostModels(); });
  const std::string failpoints = plan_.random()() % 2 == 0 ? plan_.NextImport() : "";
  Repeat(absl::Milliseconds(100), [this, failpoints] {
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
  CrashServer server(data_dir_, crash.failpoints);
  const auto stop = [&] { return !server.IsRunning(); };
  std::vector<std::thread> watching;
  if (server.WaitUntilServing()) {
    for (const auto& observer : observers_) {
      watching.emplace_back([&] { observer->Watch(*server.client(), stop); });
    }
    server.WaitUntilDead(absl::Milliseconds(150 + plan_.random()() % 400));
  }
  if (server.IsRunning()) server.Kill();
  for (std::thread& thread : watching) thread.join();
  plan_.Learn(crash, server.KilledAt());
  absl::StrAppend(&log_, "--- a server with ", crash.failpoints, "\n", server.log());
}

std::string CrashRun::RunRound(Depth depth) {
  ++rounds_;
  is_thorough_ = depth == Depth::kThorough;
  log_.clear();
  StartWork();
  for (const CrashPlan::Crash& crash : plan_.NextRound()) RunServer(crash);
  const bool closes_first = plan_.random()() % 2 == 0;
  StopWork();
  if (closes_first) user_.Close();
  importer_.Finish();
  const std::string wrong = Verify();
  user_.Close();
  return wrong;
}

std::string CrashRun::Verify() {
  CrashServer server(data_dir_, "");
  if (!server.WaitUntilServing()) return "the server does not start: " + server.log();
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
  absl::StrAppend(&wrong, CheckHistory(data_dir_, sightings_));
  if (is_thorough_) absl::StrAppend(&wrong, CheckAudit(data_dir_), CheckByCommands(data_dir_));
  for (const std::string& complaint : sightings_.complaints()) {
    absl::StrAppend(&wrong, complaint, "\n");
  }
  for (const std::string& complaint : reader_->complaints()) {
    absl::StrAppend(&wrong, complaint, "\n");
  }
  absl::StrAppend(&wrong, importer_.failure());
  checking_ += RealClock().TimeNow() - settled;
  if (!wrong.empty()) std::printf("%s--- the last server\n%s", log_.c_str(), server.log().c_str());
  return wrong;
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
  const auto kept = ServedRecords(client, kHeld);
  if (!kept.ok() || *kept != held) return "an edit that must wait was taken";
  return CheckImports(client);
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
    if (!lost.empty()) return absl::StrCat(key.ToString(), ", a hand edit is lost: ", lost);
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
      rounds_, " rounds, ", starts_, " servers killed, ", user_.acknowledged(), " commits and ",
      importer_.acknowledged(), " imports acknowledged, ", sightings_.versions().size(),
      " versions seen, ", reader_->reads(), " reads of files, ");
  uint64_t resumed = 0;
  for (const auto& observer : observers_) resumed += observer->resumed();
  absl::StrAppend(&summary, resumed, " streams resumed, slowest settling ",
                  absl::FormatDuration(slowest_settling_), ", deaths:");
  for (const auto& [name, count] : plan_.deaths()) {
    absl::StrAppend(&summary, " ", name.empty() ? "(from outside)" : name, "=", count);
  }
  return summary;
}

}  // namespace modelref::testing
