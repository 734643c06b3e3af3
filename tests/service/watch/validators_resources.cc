// The validators of time, memory and ends.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "tests/service/watch/validators.h"

namespace modelref::testing {
namespace {

constexpr int kMaxOpensPerSecond = 3;

absl::Duration Percentile99(std::vector<absl::Duration> values) {
  if (values.empty()) return absl::ZeroDuration();
  std::sort(values.begin(), values.end());
  return values[(values.size() * 99 - 1) / 100];
}

bool HasReasonPayload(const absl::Status& status) {
  return status.GetPayload(ErrorPayloadUrl()).has_value();
}

}  // namespace

Violations CheckAlive(const WatchTrace& trace) {
  Violations found;
  const absl::Duration limit = trace.interval * 1.1;
  std::vector<absl::Time> times = trace.times;
  if (!trace.end.has_value()) times.push_back(trace.watched_until);
  absl::Time last = trace.opened_at;
  for (size_t i = 0; i < times.size(); ++i) {
    // A millisecond for the timer.
    if (times[i] - last > limit + absl::Milliseconds(1)) {
      found.push_back(
          absl::StrCat("silence of ", absl::FormatDuration(times[i] - last), " before ", i));
    }
    last = times[i];
  }
  return found;
}

Violations CheckMessageSizes(const WatchTrace& trace, size_t limit) {
  Violations found;
  for (size_t i = 0; i < trace.sizes.size(); ++i) {
    if (trace.sizes[i] <= limit) continue;
    found.push_back(absl::StrCat("message ", i, " has ", trace.sizes[i], " bytes"));
  }
  return found;
}

Violations CheckBounded(const std::vector<size_t>& bytes, size_t allowance) {
  Violations found;
  for (size_t i = 1; i < bytes.size(); ++i) {
    if (bytes[i] <= bytes[0] + allowance) continue;
    found.push_back(
        absl::StrCat("measurement ", i, " is ", bytes[i] - bytes[0], " bytes above the first"));
  }
  return found;
}

Violations CheckUndisturbed(std::vector<absl::Duration> alone,
                            std::vector<absl::Duration> disturbed, double factor,
                            absl::Duration noise) {
  const absl::Duration before = Percentile99(std::move(alone));
  const absl::Duration now = Percentile99(std::move(disturbed));
  if (now <= std::max(before * factor, noise)) return {};
  return {absl::StrCat("99 % within ", absl::FormatDuration(now), " instead of ",
                       absl::FormatDuration(before))};
}

Violations CheckEnds(const std::vector<const WatchTrace*>& streams) {
  Violations found;
  for (size_t i = 0; i < streams.size(); ++i) {
    const WatchTrace& stream = *streams[i];
    const std::string which = absl::StrCat("stream ", i, " ");
    if (stream.end.has_value()) {
      const bool drained = !stream.messages.empty() && stream.messages.back().has_drain();
      if (stream.end->ok() && !drained) found.push_back(which + "ends without a Drain");
      if (!stream.end->ok() && !absl::IsCancelled(*stream.end) && !HasReasonPayload(*stream.end)) {
        found.push_back(which + "fails without a reason");
      }
    }
    const size_t earlier = i + 1 > kMaxOpensPerSecond ? i - kMaxOpensPerSecond : streams.size();
    if (earlier < i && stream.opened_at - streams[earlier]->opened_at < absl::Seconds(1)) {
      found.push_back(which + "is opened too soon after the others");
    }
  }
  return found;
}

Violations CheckLeftNothing(const std::map<std::string, int64_t>& before,
                            const std::map<std::string, int64_t>& after) {
  Violations found;
  for (const auto& [name, value] : before) {
    const auto it = after.find(name);
    const int64_t now = it == after.end() ? 0 : it->second;
    if (now != value) found.push_back(absl::StrCat(name, " was ", value, " and is ", now));
  }
  return found;
}

}  // namespace modelref::testing
