#include "tests/bench/bare_methods.h"

#include <map>

#include "service/rpc/gzip.h"

namespace modelref::bench {
namespace {

grpc::ByteBuffer BufferOf(const std::string& bytes, bool compressed) {
  const grpc::Slice slice(bytes.data(), bytes.size(), grpc::Slice::STATIC_SLICE);
  return compressed ? GzipMessage(slice) : grpc::ByteBuffer(&slice, 1);
}

}  // namespace

const std::vector<grpc::ByteBuffer>* Method::Find(const grpc::ByteBuffer& request) const {
  if (answers.size() == 1) return &answers[0].second;
  grpc::Slice slice;
  if (!request.TrySingleSlice(&slice).ok() && !request.DumpToSingleSlice(&slice).ok()) {
    return nullptr;
  }
  const absl::string_view bytes(reinterpret_cast<const char*>(slice.begin()), slice.size());
  for (const auto& [asked, messages] : answers) {
    if (asked == bytes) return &messages;
  }
  return nullptr;
}

std::vector<std::unique_ptr<Method>> MakeMethods(const std::vector<RecordedAnswer>& answers,
                                                 RawService* service) {
  std::vector<std::unique_ptr<Method>> methods;
  std::map<std::string, Method*> by_path;
  for (const RecordedAnswer& answer : answers) {
    Method*& method = by_path[answer.path];
    if (method == nullptr) {
      method = methods.emplace_back(std::make_unique<Method>()).get();
      method->index = static_cast<int>(methods.size()) - 1;
      method->kind = answer.kind;
      if (answer.kind == AnswerKind::kUnary) {
        service->AddUnary(answer.path.c_str());
      } else {
        service->AddStream(answer.path.c_str());
      }
    }
    auto& [request, messages] = method->answers.emplace_back();
    request = answer.request;
    for (const std::string& message : answer.messages) {
      messages.push_back(BufferOf(message, answer.compressed));
    }
  }
  return methods;
}

}  // namespace modelref::bench
