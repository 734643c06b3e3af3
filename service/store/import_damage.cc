// What a source importer knows about damaged files.

#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/base/log.h"
#include "service/store/import.h"

namespace modelref {

std::string SourceImporter::StateOfFile(const DocumentKey& key) const {
  const absl::StatusOr<FileVersion> version =
      StatFile(options_.path_of ? options_.path_of(key) : "");
  return version.ok() ? ToString(*version) : std::string(version.status().message());
}

std::vector<DocumentKey> SourceImporter::LastingDamage() const {
  const absl::Time now = clock_.TimeNow();
  std::vector<DocumentKey> lasting;
  MutexLock lock(&mutex_);
  for (const auto& [key, damage] : damaged_) {
    if (!damage.is_put_aside && now - damage.since >= options_.damage_grace) lasting.push_back(key);
  }
  return lasting;
}

bool SourceImporter::HasLasted(const DocumentKey& key) {
  const std::string state = StateOfFile(key);
  const absl::Time now = clock_.TimeNow();
  MutexLock lock(&mutex_);
  Damage& damage = damaged_[key];
  if (damage.state != state) damage = {state, now, false};
  return !damage.is_put_aside && now - damage.since >= options_.damage_grace;
}

void SourceImporter::NoteDamage(const DocumentKey& key, HeldEdit edit,
                                std::vector<HeldChange> changes) {
  if (!held_.can_keep() || !HasLasted(key)) return;
  const absl::StatusOr<HeldEdit> held =
      held_.Keep(options_.path_of(key), std::move(edit), std::move(changes), clock_.TimeNow());
  if (!held.ok() && !absl::IsNotFound(held.status())) {
    Log(LogLevel::kWarning, "store.damage_not_kept",
        {{"document", key.ToString()}, {"error", std::string(held.status().message())}});
    return;
  }
  Log(LogLevel::kInfo, "store.damage_put_aside",
      {{"document", key.ToString()},
       {"kept", held.ok() ? held->id : "nothing was there"},
       {"effect", options_.restore ? "the file is restored" : "the file stays as it is"}});
  {
    MutexLock lock(&mutex_);
    damaged_[key].is_put_aside = true;
  }
  if (options_.restore) options_.restore(key);
}

}  // namespace modelref
