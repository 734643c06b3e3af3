#include "clients/modelrefctl/watch_printer.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "backends/base/digest.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/proto_json.h"
#include "clients/modelrefctl/settings.h"
#include "clients/modelrefctl/table.h"
#include "clients/modelrefctl/text.h"

namespace modelref::ctl {
namespace {

// The columns of a table that grows: their widths cannot wait for the rows.
struct WatchColumn {
  const char* heading;
  size_t width;
};
constexpr WatchColumn kColumns[] = {{"TIME", 24},  {"WHAT", 11},    {"CATEGORY", 20},
                                    {"FORMAT", 6}, {"REVISION", 8}, {"DETAIL", 0}};

struct Cells {
  std::string time;
  std::string what;
  std::string category;
  std::string format;
  std::string detail;
};

// The names that changed; of a state that nobody compared, how much there is.
std::string DescribeModels(const v1::WatchEvent& event) {
  if (event.changed_models().empty()) return absl::StrCat(event.model_count(), " models");
  return absl::StrCat(absl::StrJoin(event.changed_models(), ", "),
                      event.keys_truncated() ? ", …" : "");
}

std::string DescribeFreshness(const v1::Freshness& freshness) {
  if (!freshness.stale()) return "fresh again";
  const std::string cause = ShortEnumName("STALE_CAUSE_", v1::StaleCause_Name(freshness.cause()));
  return freshness.detail().empty() ? cause : absl::StrCat(cause, ": ", freshness.detail());
}

Cells CellsOf(const WatchLine& line, absl::Time now) {
  Cells cells{FormatUtc(absl::FromUnixMillis(absl::ToUnixMillis(now))), std::string(line.kind), "",
              "", ""};
  if (line.kind == "event") {
    const auto& event = static_cast<const v1::WatchEvent&>(line.body);
    if (event.has_commit_time()) {
      cells.time = FormatUtc(absl::FromUnixSeconds(event.commit_time().seconds()) +
                             absl::Milliseconds(event.commit_time().nanos() / 1'000'000));
    }
    cells.what = ShortEnumName("EVENT_TYPE_", v1::EventType_Name(event.type()));
    cells.category = event.category();
    cells.format = FormatLabel(event.format());
    cells.detail = DescribeModels(event);
  } else if (line.kind == "freshness") {
    const auto& freshness = static_cast<const v1::Freshness&>(line.body);
    cells.what = freshness.stale() ? "stale" : "fresh";
    cells.category = freshness.category();
    cells.format = FormatLabel(freshness.format());
    cells.detail = DescribeFreshness(freshness);
  }
  return cells;
}

std::string TableLine(const std::vector<std::string>& cells, size_t terminal_width) {
  std::string out;
  size_t used = 0;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string cell = TerminalSafe(cells[i]);
    if (kColumns[i].width == 0) {
      const size_t room = terminal_width > used ? terminal_width - used : 0;
      return absl::StrCat(out, terminal_width == 0 ? cell : FitWidth(cell, room), "\n");
    }
    const size_t padding = kColumns[i].width - std::min(kColumns[i].width, DisplayWidth(cell));
    absl::StrAppend(&out, cell, std::string(padding + 2, ' '));
    used += kColumns[i].width + 2;
  }
  return absl::StrCat(out, "\n");
}

}  // namespace

JsonObject WatchLineJson(const WatchLine& line) {
  JsonObject object;
  object.Set("kind", line.kind);
  object.Set("epoch", ToHex(line.header.epoch()));
  object.Set("revision", JsonNumber{absl::StrCat(line.header.revision())});
  if (!line.resume_token.empty()) object.Set("resume_token", ToHex(line.resume_token));
  const JsonObject body = ProtoToObject(line.body);
  for (const auto& [name, value] : body.members()) object.Set(name, value);
  return object;
}

std::string WatchPrinter::Format(const WatchLine& line) {
  if (invocation_.output() == OutputMode::kJsonl || invocation_.output() == OutputMode::kJson) {
    return CanonicalJson(WatchLineJson(line)) + "\n";
  }
  const Cells cells = CellsOf(line, invocation_.host().clock->TimeNow());
  const std::vector<std::string> row = {
      cells.time,  cells.what, cells.category, cells.format, absl::StrCat(line.header.revision()),
      cells.detail};
  if (invocation_.output() == OutputMode::kPlain) return PlainLine(row);
  const size_t width = invocation_.table_style().width;
  std::string heading;
  if (!heading_printed_) {
    std::vector<std::string> names;
    for (const WatchColumn& column : kColumns) names.emplace_back(column.heading);
    heading = TableLine(names, width);
  }
  heading_printed_ = true;
  return heading + TableLine(row, width);
}

absl::Status WatchPrinter::Print(const WatchLine& line) {
  RETURN_IF_ERROR(invocation_.Print(Format(line)));
  return invocation_.host().out->Flush();
}

}  // namespace modelref::ctl
