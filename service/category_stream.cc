#include "service/category_stream.h"

#include <map>
#include <optional>
#include <utility>

#include "backends/base/error.h"
#include "service/rpc/bytes.h"

namespace modelref {
namespace {

StreamStep Send(const google::protobuf::MessageLite& message) {
  absl::StatusOr<grpc::ByteBuffer> bytes = SerializeMessage(message);
  if (!bytes.ok()) return EndStream{bytes.status()};
  return SendMessage{*std::move(bytes)};
}

class CategoryStream final : public StreamSource {
 public:
  CategoryStream(const ReadMeans& means, const ReadPlan& plan, DocumentParts::Options options,
                 const Waker& waker)
      : catalogue_(means.catalogue),
        source_texts_(means.source_texts),
        key_(plan.keys.front()),
        options_(std::move(options)),
        pending_(means, plan, waker) {}

  StreamStep Next(StreamPhase) override {
    const std::optional<absl::Status> outcome = pending_.outcome();
    if (!outcome.has_value()) return WaitForWake{};
    if (!outcome->ok()) return EndStream{*outcome};
    if (!parts_.has_value()) {
      if (absl::Status opened = Open(); !opened.ok()) return EndStream{opened};
    }
    v1::StreamCategoryResponse response;
    if (!parts_->Next(&response)) return EndStream{absl::OkStatus()};
    *response.mutable_header() = header_;
    return Send(response);
  }

 private:
  absl::Status Open() {
    absl::StatusOr<DocumentView> view = OpenDocument(catalogue_, key_);
    if (!view.ok()) return view.status();
    FillHeader(catalogue_, *view, &header_);
    SourceText source;
    if (options_.source_text) source = source_texts_->Of(*view->state);
    absl::StatusOr<DocumentParts> parts =
        DocumentParts::Create(*std::move(view), options_, std::move(source));
    if (!parts.ok()) return parts.status();
    parts_ = *std::move(parts);
    return absl::OkStatus();
  }

  const Catalogue& catalogue_;
  SourceTextCache* const source_texts_;
  const DocumentKey key_;
  const DocumentParts::Options options_;
  PendingRead pending_;
  v1::ResponseHeader header_;
  std::optional<DocumentParts> parts_;
};

class AllCategoriesStream final : public StreamSource {
 public:
  AllCategoriesStream(const ReadMeans& means, const ReadPlan& plan, bool source_text,
                      std::map<std::string, std::string> known, const Waker& waker)
      : catalogue_(means.catalogue),
        source_texts_(means.source_texts),
        keys_(plan.keys),
        source_text_(source_text),
        known_(std::move(known)),
        pending_(means, plan, waker) {}

  StreamStep Next(StreamPhase) override {
    const std::optional<absl::Status> outcome = pending_.outcome();
    if (!outcome.has_value()) return WaitForWake{};
    if (!outcome->ok()) return EndStream{*outcome};
    if (root_ == nullptr) root_ = catalogue_.store.root();
    v1::FetchAllCategoriesResponse response;
    while (!parts_.has_value() || !parts_->Next(&response)) {
      if (next_ == keys_.size()) return EndStream{absl::OkStatus()};
      if (const absl::Status opened = Open(keys_[next_++]); !opened.ok()) {
        parts_.reset();
        FillError(keys_[next_ - 1], opened, &response);
        return Send(response);
      }
    }
    *response.mutable_header() = header_;
    return Send(response);
  }

 private:
  absl::Status Open(const DocumentKey& key) {
    absl::StatusOr<DocumentView> view = ViewOf(root_, key);
    if (!view.ok()) return view.status();
    header_.Clear();
    FillHeader(catalogue_, *view, &header_);
    DocumentParts::Options options;
    options.source_text = source_text_;
    if (const auto it = known_.find(key.category); it != known_.end()) {
      options.if_none_match = it->second;
    }
    SourceText source;
    if (source_text_) source = source_texts_->Of(*view->state);
    absl::StatusOr<DocumentParts> parts =
        DocumentParts::Create(*std::move(view), options, std::move(source));
    if (!parts.ok()) return parts.status();
    parts_ = *std::move(parts);
    return absl::OkStatus();
  }

  void FillError(const DocumentKey& key, const absl::Status& error,
                 v1::FetchAllCategoriesResponse* response) const {
    const DocumentView view{root_, root_->Find(key)};
    FillHeader(catalogue_, view, response->mutable_header());
    v1::CategoryError* message = response->mutable_category_error();
    message->set_category(key.category);
    message->set_code(static_cast<int>(error.code()));
    message->set_reason(ReasonOf(error));
    message->set_message(std::string(error.message()));
  }

  const Catalogue& catalogue_;
  SourceTextCache* const source_texts_;
  const std::vector<DocumentKey> keys_;
  const bool source_text_;
  const std::map<std::string, std::string> known_;
  PendingRead pending_;
  RootPtr root_;
  size_t next_ = 0;
  v1::ResponseHeader header_;
  std::optional<DocumentParts> parts_;
};

}  // namespace

std::unique_ptr<StreamSource> MakeCategoryStream(const ReadMeans& means, const ReadPlan& plan,
                                                 DocumentParts::Options options,
                                                 const Waker& waker) {
  return std::make_unique<CategoryStream>(means, plan, std::move(options), waker);
}

std::unique_ptr<StreamSource> MakeAllCategoriesStream(const ReadMeans& means, const ReadPlan& plan,
                                                      bool source_text,
                                                      std::map<std::string, std::string> known,
                                                      const Waker& waker) {
  return std::make_unique<AllCategoriesStream>(means, plan, source_text, std::move(known), waker);
}

}  // namespace modelref
