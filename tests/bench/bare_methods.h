#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "service/rpc/raw_service.h"
#include "tests/bench/recorded_answers.h"

namespace modelref::bench {

// The answers of one method, by request.
struct Method {
  int index = 0;
  AnswerKind kind = AnswerKind::kUnary;
  std::vector<std::pair<std::string, std::vector<grpc::ByteBuffer>>> answers;

  // Null when nothing was recorded for it. A single answer is given to every request.
  const std::vector<grpc::ByteBuffer>* Find(const grpc::ByteBuffer& request) const;
};

// Registers what was recorded. `answers`, whose memory is sent, must outlive the server.
std::vector<std::unique_ptr<Method>> MakeMethods(const std::vector<RecordedAnswer>& answers,
                                                 RawService* service);

}  // namespace modelref::bench
