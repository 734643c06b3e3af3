#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "clients/modelrefctl/invocation.h"
#include "modelref/v1/reference.pb.h"

namespace modelref::ctl {

// Turns a document into text, record by record.
class DocumentWriter {
 public:
  virtual ~DocumentWriter() = default;
  virtual std::string Begin() { return ""; }
  // DATA_LOSS when a record that has to be taken apart is not JSON.
  virtual absl::StatusOr<std::string> Add(const v1::Record& record) = 0;
  virtual std::string End() { return ""; }
};

// The writer for the invocation's output mode. `indented`: JSON for people; otherwise -o json is
// the document in canonical form, byte for byte, and a newline.
std::unique_ptr<DocumentWriter> MakeDocumentWriter(const Invocation& invocation, bool indented);

}  // namespace modelref::ctl
