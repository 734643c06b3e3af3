#include "service/admin_dependencies.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "backends/base/error.h"

namespace modelref {
namespace {

constexpr uint64_t kLittleSpace = uint64_t{100} << 20;

v1::Dependency Make(absl::string_view name, v1::DependencyState state, absl::string_view detail) {
  v1::Dependency dependency;
  dependency.set_name(std::string(name));
  dependency.set_state(state);
  dependency.set_detail(std::string(detail));
  return dependency;
}

std::string ForeignIds(const TrailHead& trail) {
  return absl::StrCat(trail.colliding_lines,
                      " lines of another program have ids that were taken; they are kept as they "
                      "are, and nothing else may write this trail");
}

}  // namespace

v1::Dependency CheckDirectory(absl::string_view name, const std::string& path, bool needs_writing) {
  v1::Dependency dependency = Make(name, v1::DEPENDENCY_STATE_OK, path);
  dependency.set_required(true);
  const auto worse = [&](v1::DependencyState state, absl::string_view what) {
    dependency.set_state(state);
    dependency.set_detail(absl::StrCat(path, ": ", what));
  };
  struct stat info;
  const bool is_directory = stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  const bool readable = is_directory && access(path.c_str(), R_OK | X_OK) == 0;
  const bool writable = is_directory && access(path.c_str(), W_OK | X_OK) == 0;
  dependency.set_readable(readable);
  dependency.set_writable(writable);
  struct statvfs space;
  const bool has_space = statvfs(path.c_str(), &space) == 0;
  if (has_space) dependency.set_free_bytes(uint64_t{space.f_bavail} * space.f_frsize);
  if (!is_directory) {
    worse(v1::DEPENDENCY_STATE_FAILED, "no such directory");
  } else if (!readable) {
    worse(v1::DEPENDENCY_STATE_FAILED, "cannot be read");
  } else if (needs_writing && !writable) {
    worse(v1::DEPENDENCY_STATE_DEGRADED, "cannot be written");
  } else if (needs_writing && has_space && dependency.free_bytes() < kLittleSpace) {
    worse(v1::DEPENDENCY_STATE_DEGRADED, "less than 100 MiB is free");
  }
  return dependency;
}

v1::Dependency CheckNotifications(bool active) {
  return active ? Make("file_notifications", v1::DEPENDENCY_STATE_OK, "inotify")
                : Make("file_notifications", v1::DEPENDENCY_STATE_DEGRADED,
                       "inotify is not available; changes are noticed by polling");
}

std::vector<v1::Dependency> FromHealthReports(const std::vector<HealthReport>& reports) {
  std::vector<v1::Dependency> dependencies;
  for (const HealthReport& report : reports) {
    const bool ok = report.status.ok();
    dependencies.push_back(Make(report.name,
                                ok ? v1::DEPENDENCY_STATE_OK : v1::DEPENDENCY_STATE_FAILED,
                                ok ? "" : report.status.message()));
  }
  return dependencies;
}

v1::Dependency FromStore(const absl::Status& fenced) {
  return Make("store", fenced.ok() ? v1::DEPENDENCY_STATE_OK : v1::DEPENDENCY_STATE_FAILED,
              fenced.ok() ? "" : fenced.message());
}

std::vector<v1::Dependency> FromProjector(const Projector::Status& status) {
  std::vector<v1::Dependency> dependencies;
  const auto add = [&](const std::string& name, const absl::Status& failure) {
    dependencies.push_back(Make(
        name, failure.ok() ? v1::DEPENDENCY_STATE_OK : v1::DEPENDENCY_STATE_DEGRADED,
        failure.ok() ? status.is_holder ? "" : "another process writes it" : failure.message()));
  };
  if (!status.election.ok()) add("projector", status.election);
  for (const Projector::Projection& projection : status.projections) {
    add(absl::StrCat("projection ", projection.name), projection.failure);
  }
  absl::Status files;
  for (const auto& [key, failure] : status.file_failures) {
    files.Update(Annotated(failure, key.ToString()));
  }
  add("category_files", files);
  absl::Status metadata;
  for (const auto& [key, failure] : status.metadata_failures) {
    metadata.Update(Annotated(failure, key.ToString()));
  }
  add("metadata_files", metadata);
  return dependencies;
}

std::vector<v1::Dependency> FromRuntime(const RuntimeStatus& status, absl::Time now) {
  std::vector<v1::Dependency> dependencies;
  const std::vector<std::string> failures = RuntimeFailures(status, now);
  const auto add = [&](absl::string_view name) {
    v1::Dependency dependency = Make(name, v1::DEPENDENCY_STATE_OK, "");
    for (absl::string_view failure : failures) {
      if (!absl::ConsumePrefix(&failure, absl::StrCat(name, ": "))) continue;
      dependency.set_state(v1::DEPENDENCY_STATE_DEGRADED);
      dependency.set_detail(std::string(failure));
    }
    dependencies.push_back(std::move(dependency));
  };
  if (status.tls.has_value()) add("tls");
  if (status.watchdog.has_value()) {
    add("self-probe");
    add("memory");
  }
  return dependencies;
}

std::vector<std::string> ProjectorFailures(const Projector::Status& status) {
  std::vector<std::string> failures;
  if (!status.election.ok()) {
    failures.push_back(absl::StrCat("projector: ", status.election.message()));
  }
  for (const Projector::Projection& projection : status.projections) {
    if (projection.failure.ok()) continue;
    failures.push_back(absl::StrCat("projection ", projection.name,
                                    ": cannot be written: ", projection.failure.message()));
  }
  for (const auto& [key, failure] : status.file_failures) {
    failures.push_back(
        absl::StrCat("document ", key.ToString(), ": file not written: ", failure.message()));
  }
  for (const auto& [key, failure] : status.metadata_failures) {
    failures.push_back(absl::StrCat("document ", key.ToString(),
                                    ": metadata file not written: ", failure.message()));
  }
  return failures;
}

v1::Dependency FromTrail(const TrailHead& trail) {
  if (trail.colliding_lines == 0) {
    return Make("audit_trail", v1::DEPENDENCY_STATE_OK, "the ids of all lines are ours");
  }
  return Make("audit_trail", v1::DEPENDENCY_STATE_DEGRADED, ForeignIds(trail));
}

std::vector<std::string> DirectoryFailures(DataDirectory& data) {
  std::vector<std::string> failures;
  if (const absl::Status fenced = data.store().fenced(); !fenced.ok()) {
    failures.push_back(absl::StrCat("store: no writes until a restart: ", fenced.message()));
  }
  if (data.projector() != nullptr) {
    for (std::string& failure : ProjectorFailures(data.projector()->status())) {
      failures.push_back(std::move(failure));
    }
  }
  const TrailHead& trail = data.adoption().trail;
  if (trail.colliding_lines > 0) failures.push_back("audit trail: " + ForeignIds(trail));
  return failures;
}

}  // namespace modelref
