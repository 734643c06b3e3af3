#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "backends/base/digest.h"
#include "backends/base/etag.h"
#include "modelref/v1/write.pb.h"
#include "service/rpc/upload_sink.h"
#include "service/write_service.h"

namespace modelref {

// One ImportCategory: stages what is sent until the commit.
class ImportSink final : public UploadSink {
 public:
  // `staged` counts the bytes of all imports.
  ImportSink(WriteService& service, Caller caller, std::shared_ptr<std::atomic<uint64_t>> staged);
  ~ImportSink() override;

  absl::Status Take(const grpc::ByteBuffer& message) override;
  void Finish(RawReply reply) override;

 private:
  absl::Status Begin(const v1::ImportHeader& header);
  absl::Status AddBatch(const v1::ImportBatch& batch);
  absl::Status AddRecord(const v1::ImportRecord& record);
  absl::Status CheckCommit(const v1::ImportCommit& commit);
  // The etag that the records have as a document, as they were sent.
  absl::StatusOr<Etag> ContentEtag() const;
  absl::Status Stage(uint64_t bytes);
  void Validate(const RawReply& reply) const;

  // An entry of a text model under the name of a backend, as exports have them.
  struct DerivedEntry {
    WriteStep step;
    size_t place;  // How many models were sent before.
    WriteViolation violation;
  };
  // Those that follow from their models need not be written; the others cannot be.
  void JudgeEntries();

  WriteService& service_;
  const Caller caller_;
  const std::shared_ptr<std::atomic<uint64_t>> staged_;
  uint64_t staged_here_ = 0;
  Sha256Hasher body_;
  std::optional<v1::ImportHeader> header_;
  WriteCall call_;
  std::shared_ptr<WritePlan> plan_;
  std::unordered_set<std::string> names_;
  uint64_t records_ = 0;
  std::string last_name_;
  std::string* last_json_ = nullptr;  // Of the record that came last; null: it is left out.
  std::vector<DerivedEntry> entries_;
  bool continues_ = false;  // The last record is not whole yet.
  bool committed_ = false;
};

}  // namespace modelref
