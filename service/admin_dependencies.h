#pragma once

// How things a server depends on are told to AdminService.CheckDependencies. Everything here may
// block on a file system.

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backends/backend.h"
#include "modelref/v1/admin.pb.h"
#include "service/runtime_status.h"
#include "service/store/data_directory.h"

namespace modelref {

// A directory: whether it can be read and, where `needs_writing`, written, and how much is free.
// FAILED when it cannot be read, DEGRADED when it can only be read or less than 100 MiB is free.
v1::Dependency CheckDirectory(absl::string_view name, const std::string& path, bool needs_writing);

// File notifications: DEGRADED without them, because changes are then noticed by the poll alone.
v1::Dependency CheckNotifications(bool active);

// The reports of the backends' probes: FAILED where one is not OK. `required` of none is set.
std::vector<v1::Dependency> FromHealthReports(const std::vector<HealthReport>& reports);

// The store, by its fence: FAILED when nothing can be written until a restart.
v1::Dependency FromStore(const absl::Status& fenced);

// What is written behind the commits: DEGRADED while something cannot be written.
std::vector<v1::Dependency> FromProjector(const Projector::Status& status);

// The certificate, the self-probe and the memory: DEGRADED where RuntimeFailures has something to
// say.
std::vector<v1::Dependency> FromRuntime(const RuntimeStatus& status, absl::Time now);

// FromProjector as lines for people; none when all is well.
std::vector<std::string> ProjectorFailures(const Projector::Status& status);

// Lines of the audit trail that another program wrote with ids that ours had taken: DEGRADED when
// there are any.
v1::Dependency FromTrail(const TrailHead& trail);

// Everything about a directory that is not of one document, as lines for people; none when all is
// well.
std::vector<std::string> DirectoryFailures(DataDirectory& data);

}  // namespace modelref
