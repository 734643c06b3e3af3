#include "backends/base/json_indent.h"

#include <algorithm>

namespace modelref {
namespace {

constexpr size_t kIndent = 2;

class StringSink {
 public:
  explicit StringSink(std::string* out) : out_(out) {}
  void Add(absl::string_view text) { out_->append(text.data(), text.size()); }
  void Line(size_t depth) {
    out_->push_back('\n');
    out_->append(depth * kIndent, ' ');
  }

 private:
  std::string* const out_;
};

class CountingSink {
 public:
  void Add(absl::string_view text) { size_ += text.size(); }
  void Line(size_t depth) { size_ += 1 + depth * kIndent; }
  size_t size() const { return size_; }

 private:
  size_t size_ = 0;
};

// The end of the string that begins at `at`, behind its closing quote.
size_t EndOfString(absl::string_view json, size_t at) {
  for (++at; at < json.size(); ++at) {
    if (json[at] == '\\') {
      ++at;
    } else if (json[at] == '"') {
      return at + 1;
    }
  }
  return json.size();
}

template <typename Sink>
void Indent(absl::string_view json, size_t depth, Sink* sink) {
  size_t at = 0;
  while (at < json.size()) {
    const char c = json[at];
    if (c == '"') {
      const size_t end = EndOfString(json, at);
      sink->Add(json.substr(at, end - at));
      at = end;
      continue;
    }
    const absl::string_view here = json.substr(at, 1);
    if (c == '{' || c == '[') {
      sink->Add(here);
      const bool empty = at + 1 < json.size() && (json[at + 1] == '}' || json[at + 1] == ']');
      if (empty) {
        sink->Add(json.substr(++at, 1));
      } else {
        sink->Line(++depth);
      }
    } else if (c == '}' || c == ']') {
      sink->Line(--depth);
      sink->Add(here);
    } else if (c == ',') {
      sink->Add(here);
      sink->Line(depth);
    } else if (c == ':') {
      sink->Add(": ");
    } else {
      const size_t end = std::min(json.find_first_of(",}]", at), json.size());
      sink->Add(json.substr(at, end - at));
      at = end;
      continue;
    }
    ++at;
  }
}

}  // namespace

void AppendIndentedJson(absl::string_view canonical, size_t depth, std::string* out) {
  StringSink sink(out);
  Indent(canonical, depth, &sink);
}

size_t IndentedJsonSize(absl::string_view canonical, size_t depth) {
  CountingSink sink;
  Indent(canonical, depth, &sink);
  return sink.size();
}

}  // namespace modelref
