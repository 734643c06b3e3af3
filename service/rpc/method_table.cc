#include "service/rpc/method_table.h"

#include <cstdlib>

#include "absl/strings/match.h"
#include "backends/base/log.h"

namespace modelref {
namespace {

[[noreturn]] void DieOfBadRegistration(absl::string_view method, const char* problem) {
  Log(LogLevel::kError, "rpc.bad_registration",
      {{"method", std::string(method)}, {"problem", problem}});
  std::abort();
}

}  // namespace

void MethodTable::AddUnary(absl::string_view method, MethodOptions options, UnaryBody body) {
  Add({std::string(method), options, std::move(body), nullptr, nullptr});
}

void MethodTable::AddStream(absl::string_view method, MethodOptions options, StreamBody body) {
  Add({std::string(method), options, nullptr, std::move(body), nullptr});
}

void MethodTable::AddUpload(absl::string_view method, MethodOptions options, UploadBody body) {
  Add({std::string(method), options, nullptr, nullptr, std::move(body)});
}

void MethodTable::Add(MethodEntry entry) {
  if (frozen_) DieOfBadRegistration(entry.method, "the server has started");
  if (!absl::StartsWith(entry.method, "/") || entry.method.rfind('/') == 0) {
    DieOfBadRegistration(entry.method, "not of the form /package.Service/Method");
  }
  if (entry.options.posted_requests < 1) {
    DieOfBadRegistration(entry.method, "no posted requests");
  }
  for (const MethodEntry& present : entries_) {
    if (present.method == entry.method) DieOfBadRegistration(entry.method, "registered twice");
  }
  entries_.push_back(std::move(entry));
}

}  // namespace modelref
