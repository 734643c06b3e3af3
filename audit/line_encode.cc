// Writing lines: canonical JSON becomes ASCII by escaping what lies beyond, without a tree.

#include "absl/strings/str_cat.h"
#include "audit/line.h"

namespace modelref {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
// Python escapes DEL too.
constexpr unsigned char kFirstEscaped = 0x7F;

void AppendEscape(unsigned unit, std::string* out) {
  out->append("\\u");
  for (int shift = 12; shift >= 0; shift -= 4) out->push_back(kHexDigits[(unit >> shift) & 0xF]);
}

void AppendCodePoint(unsigned code_point, std::string* out) {
  if (code_point < 0x10000) {
    AppendEscape(code_point, out);
    return;
  }
  AppendEscape(0xD800 + ((code_point - 0x10000) >> 10), out);
  AppendEscape(0xDC00 + ((code_point - 0x10000) & 0x3FF), out);
}

// The code point at `*position`, which is not plain ASCII, and moves past it.
unsigned TakeCodePoint(absl::string_view text, size_t* position) {
  const auto lead = static_cast<unsigned char>(text[(*position)++]);
  const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
  unsigned code_point = more == 0 ? lead : lead & (0x3Fu >> more);
  for (int i = 0; i < more && *position < text.size(); ++i) {
    code_point = (code_point << 6) | (static_cast<unsigned char>(text[(*position)++]) & 0x3Fu);
  }
  return code_point;
}

// Only strings hold what is escaped here.
void AppendAscii(absl::string_view canonical, std::string* out) {
  size_t copied = 0;
  size_t i = 0;
  while (i < canonical.size()) {
    if (static_cast<unsigned char>(canonical[i]) < kFirstEscaped) {
      ++i;
      continue;
    }
    out->append(canonical.data() + copied, i - copied);
    AppendCodePoint(TakeCodePoint(canonical, &i), out);
    copied = i;
  }
  out->append(canonical.data() + copied, canonical.size() - copied);
}

void AppendString(absl::string_view text, std::string* out) {
  std::string canonical;
  AppendCanonicalString(text, &canonical);
  AppendAscii(canonical, out);
}

// `,"key":`, or `"key":` behind an opening brace.
void AppendKey(absl::string_view key, std::string* out) {
  if (out->back() != '{') out->push_back(',');
  AppendString(key, out);
  out->push_back(':');
}

void AppendText(absl::string_view key, absl::string_view text, std::string* out) {
  AppendKey(key, out);
  AppendString(text, out);
}

template <typename Integer>
void AppendNumber(absl::string_view key, Integer number, std::string* out) {
  AppendKey(key, out);
  absl::StrAppend(out, number);
}

void AppendValue(absl::string_view key, const std::optional<std::string>& canonical,
                 std::string* out) {
  if (!canonical.has_value()) return;
  AppendKey(key, out);
  AppendAscii(*canonical, out);
}

void AppendPayload(const AuditEvent& event, std::string* out) {
  if (!event.before.has_value() && !event.after.has_value() && !event.delta.has_value()) return;
  AppendKey("payload", out);
  out->push_back('{');
  AppendValue("before", event.before, out);
  AppendValue("after", event.after, out);
  if (event.delta.has_value()) {
    AppendKey("delta", out);
    out->push_back('{');
    for (const AuditFieldChange& change : *event.delta) {
      AppendKey(change.field, out);
      out->push_back('{');
      AppendValue("old", change.old_value, out);
      AppendValue("new", change.new_value, out);
      out->push_back('}');
    }
    out->push_back('}');
  }
  out->push_back('}');
}

}  // namespace

std::string EncodeAuditLine(const AuditEvent& event) {
  std::string out = "{";
  AppendNumber("event_id", event.event_id, &out);
  AppendNumber("timestamp", event.timestamp, &out);
  AppendText("domain", FormatName(event.format), &out);
  AppendText("category", event.category, &out);
  AppendText("model_name", event.model_name, &out);
  AppendText("operation", AuditOperationName(event.operation), &out);
  AppendText("logical_user_id", event.logical_user_id, &out);
  if (event.request_id.has_value()) AppendText("request_id", *event.request_id, &out);
  AppendPayload(event, &out);
  if (!event.removed.empty()) {
    AppendKey("removed", &out);
    for (const std::string& name : event.removed) {
      out.push_back(&name == &event.removed.front() ? '[' : ',');
      AppendString(name, &out);
    }
    out.push_back(']');
  }
  if (event.txn.has_value()) AppendNumber("txn", *event.txn, &out);
  if (event.time_us.has_value()) AppendNumber("time_us", *event.time_us, &out);
  out.push_back('}');
  return out;
}

}  // namespace modelref
