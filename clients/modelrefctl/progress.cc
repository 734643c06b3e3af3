#include "clients/modelrefctl/progress.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "clients/modelrefctl/text.h"

namespace modelref::ctl {
namespace {

constexpr absl::Duration kFirstDraw = absl::Seconds(1);
constexpr absl::Duration kInterval = absl::Milliseconds(200);
constexpr size_t kBarColumns = 30;

std::string Bar(uint64_t done, uint64_t total) {
  const double share =
      std::min(1.0, static_cast<double>(done) / static_cast<double>(std::max<uint64_t>(1, total)));
  const auto filled = static_cast<size_t>(share * static_cast<double>(kBarColumns));
  return absl::StrFormat("[%s%s] %3.0f %%  ", std::string(filled, '#'),
                         std::string(kBarColumns - filled, '.'), share * 100);
}

}  // namespace

Progress::Progress(Invocation& invocation, uint64_t total, bool beside_output)
    : invocation_(invocation),
      enabled_(invocation.settings().progress &&
               (beside_output || !invocation.host().terminal.out)),
      total_(total),
      next_draw_(enabled_ ? invocation.host().clock->TimeNow() + kFirstDraw
                          : absl::InfiniteFuture()) {}

Progress::~Progress() {
  if (drawn_) invocation_.host().err->Write("\r\033[K").IgnoreError();
}

void Progress::Advance(uint64_t bytes) {
  done_ += bytes;
  if (!enabled_) return;
  const absl::Time now = invocation_.host().clock->TimeNow();
  if (now < next_draw_) return;
  next_draw_ = now + kInterval;
  drawn_ = true;
  const std::string bar = total_ != 0 ? Bar(done_, total_) : std::string();
  invocation_.host().err->Write(absl::StrCat("\r\033[K", bar, HumanBytes(done_))).IgnoreError();
}

}  // namespace modelref::ctl
