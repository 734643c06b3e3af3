#include "tests/tidy/include_rules.h"

#include <algorithm>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace modelref::tidy {
namespace {

// Paths are matched by prefix. The first row that matches a file says what it may include of the
// project; what is not listed is forbidden.
struct Arrows {
  absl::string_view from;
  std::vector<absl::string_view> may_include;
};

const std::vector<Arrows>& ArrowTable() {
  static const auto* const table = new std::vector<Arrows>{
      {"backends/base/", {"proto/", "backends/base/"}},
      {"backends/convert/", {"proto/", "backends/base/", "backends/convert/"}},
      {"backends/net/", {"backends/base/", "backends/net/"}},
      {"backends/grpc_backend", {"proto/", "backends/", "clients/cpp/"}},
      {"backends/", {"proto/", "backends/"}},
      {"audit/", {"proto/", "backends/base/", "audit/"}},
      {"clients/cpp/", {"proto/", "backends/base/", "clients/cpp/"}},
      {"clients/modelrefctl/",
       {"proto/", "backends/", "audit/", "clients/", "service/auth/", "service/queue/",
        "service/store/", "service/watch/", "service/config"}},
      {"service/rpc/", {"proto/", "backends/base/", "service/rpc/", "service/grpc_status."}},
      {"service/store/", {"proto/", "backends/", "audit/", "service/store/"}},
      {"service/auth/", {"proto/", "backends/", "service/store/", "service/auth/"}},
      {"service/queue/", {"proto/", "backends/", "service/store/", "service/queue/"}},
      {"service/watch/", {"proto/", "backends/", "service/store/", "service/watch/"}},
      {"service/", {"proto/", "backends/", "audit/", "clients/cpp/", "service/"}},
  };
  return *table;
}

// Libraries that only some files may use. A star in a place stands for the name of a file.
struct Restriction {
  std::vector<absl::string_view> include;
  std::vector<absl::string_view> only_in;
  absl::string_view where;
};

const std::vector<Restriction>& RestrictionTable() {
  static const auto* const table = new std::vector<Restriction>{
      {{"grpc/", "grpcpp/", "grpc++/"},
       {"service/rpc/", "service/*_service.", "service/server", "service/grpc_status", "clients/",
        "backends/grpc_backend", "cmake/grpc_pch.h"},
       "the service files, service/rpc, clients and backends/grpc_backend"},
      {{"curl/", "hiredis/"}, {"backends/net/"}, "backends/net"},
      {{"sqlite3.h"}, {"service/store/", "backends/lifecycle/"}, "service/store"},
  };
  return *table;
}

bool StartsWithAny(absl::string_view text, const std::vector<absl::string_view>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](absl::string_view prefix) { return absl::StartsWith(text, prefix); });
}

bool MatchesPlace(absl::string_view path, absl::string_view place) {
  const size_t star = place.find('*');
  if (star == absl::string_view::npos) return absl::StartsWith(path, place);
  const absl::string_view head = place.substr(0, star);
  if (!absl::ConsumePrefix(&path, head)) return false;
  return !absl::StrContains(path, '/') && absl::StrContains(path, place.substr(star + 1));
}

// The path between the quotes or angle brackets of an #include line, or empty.
absl::string_view IncludedPath(absl::string_view line) {
  if (!absl::ConsumePrefix(&line, "#include ")) return "";
  if (line.size() < 2 || (line[0] != '"' && line[0] != '<')) return "";
  line.remove_prefix(1);
  return line.substr(0, line.find_first_of("\">"));
}

// Where a project header lies in the tree: generated ones belong to proto/. Empty for others.
std::string ProjectPath(absl::string_view included) {
  static const auto* const top =
      new std::vector<absl::string_view>{"backends/", "audit/", "clients/", "service/", "tests/"};
  if (absl::EndsWith(included, ".pb.h") && !absl::StartsWith(included, "google/protobuf/")) {
    return absl::StrCat("proto/", included);
  }
  return StartsWithAny(included, *top) ? std::string(included) : "";
}

void CheckArrow(const SourceFile& file, int line, absl::string_view included,
                std::vector<Finding>* findings) {
  const std::string target = ProjectPath(included);
  if (target.empty()) return;
  for (const Arrows& row : ArrowTable()) {
    if (!absl::StartsWith(file.path, row.from)) continue;
    if (!StartsWithAny(target, row.may_include)) {
      findings->push_back(
          {file.path, line,
           absl::StrCat(row.from, " must not include ", included, "; it may include ",
                        absl::StrJoin(row.may_include, ", "))});
    }
    return;
  }
}

void CheckRestrictions(const SourceFile& file, int line, absl::string_view included,
                       std::vector<Finding>* findings) {
  const bool is_stub = absl::EndsWith(included, ".grpc.pb.h");
  for (const Restriction& row : RestrictionTable()) {
    const bool applies =
        StartsWithAny(included, row.include) || (is_stub && row.include[0] == "grpc/");
    const bool allowed =
        std::any_of(row.only_in.begin(), row.only_in.end(),
                    [&](absl::string_view place) { return MatchesPlace(file.path, place); });
    if (applies && !allowed) {
      findings->push_back({file.path, line, absl::StrCat(included, " belongs to ", row.where)});
    }
  }
}

}  // namespace

std::vector<Finding> CheckIncludes(const SourceFile& file) {
  std::vector<Finding> findings;
  if (!IsCpp(file.path) || absl::StartsWith(file.path, "tests/")) return findings;
  const std::vector<std::string> lines = SplitLines(BlankCommentsAndStrings(file.text));
  bool includes_audit = false;
  bool includes_backends = false;
  for (size_t i = 0; i < lines.size(); ++i) {
    const int number = static_cast<int>(i) + 1;
    const absl::string_view included = IncludedPath(lines[i]);
    CheckArrow(file, number, included, &findings);
    CheckRestrictions(file, number, included, &findings);
    includes_audit |= absl::StartsWith(included, "audit/");
    includes_backends |=
        absl::StartsWith(included, "backends/") && !absl::StartsWith(included, "backends/base/");
    if (absl::StrContains(lines[i], "CompletionQueue") &&
        !absl::StartsWith(file.path, "service/rpc/")) {
      findings.push_back({file.path, number, "completion queues belong to service/rpc"});
    }
  }
  if (includes_audit && includes_backends && !absl::StartsWith(file.path, "service/store/")) {
    findings.push_back({file.path, 0, "audit and backends meet only in service/store"});
  }
  return findings;
}

}  // namespace modelref::tidy
