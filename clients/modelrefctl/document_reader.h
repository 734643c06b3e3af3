#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "clients/cpp/record_source.h"
#include "clients/modelrefctl/input.h"

namespace modelref::ctl {

// Takes a document {"name": {record}, …} apart while it is read; memory is one record. Records come
// in canonical form. Single-threaded.
class DocumentReader final : public RecordSource {
 public:
  struct Options {
    // Of a record with the white space in it, and of a name.
    size_t max_record_bytes = size_t{64} << 20;
    // A record that is no JSON: its bytes as they are, for somebody else to judge. False: an error.
    bool keep_invalid = false;
    // Told of every block that was read.
    std::function<void(size_t bytes)> on_read;
  };

  DocumentReader(Input input, Options options);

  //   INVALID_ARGUMENT (BAD_JSON)          no such document; the message names input and line.
  //   INVALID_ARGUMENT (RECORD_TOO_LARGE)  a record or a name above the limit.
  //   otherwise                            errors of Input.
  absl::StatusOr<bool> Next(SourceRecord* record) override;
  absl::Status Rewind() override;

 private:
  // The next byte without taking it; -1 at the end.
  absl::StatusOr<int> Peek();
  absl::StatusOr<int> PeekBehindSpace();
  void Take();
  absl::Status Expect(char c, const char* what);
  // Append to `out` what they take: a string literal with its quotes, and one value of any kind.
  absl::Status TakeString(std::string* out);
  absl::Status TakeValue(std::string* out);
  absl::StatusOr<bool> FindMember();
  absl::Status Canonicalise(SourceRecord* record) const;
  absl::Status Malformed(absl::string_view what) const;
  absl::Status CheckSize(const std::string& text) const;

  Input input_;
  const Options options_;
  std::string block_;
  size_t position_ = 0;  // In the block.
  uint64_t line_ = 1;
  bool begun_ = false;
  bool has_members_ = false;
};

}  // namespace modelref::ctl
