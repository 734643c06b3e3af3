#include "service/model_listing.h"

#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/digest.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "service/model_fields.h"
#include "service/model_listing_filter.h"
#include "service/page_token.h"
#include "service/read_mask.h"

namespace modelref {
namespace {

uint64_t Prefix(const Sha256Digest& digest) {
  uint64_t prefix = 0;
  for (size_t i = 0; i < 8; ++i) prefix = prefix << 8 | digest[i];
  return prefix;
}

// Of everything that decides which models come in which order.
uint64_t QueryHash(const v1::ListModelsRequest& request, const DocumentKey& key) {
  std::string query;
  for (const std::string& part :
       {key.category, std::string(FormatName(key.format)), absl::StrCat(request.order()),
        request.filter().SerializeAsString()}) {
    absl::StrAppend(&query, part.size(), ":", part);
  }
  return Prefix(Sha256(query));
}

absl::Status CheckFields(const v1::ListModelsRequest& request) {
  ErrorExtras extras;
  if (request.page_size() < 0) {
    extras.field_violations.push_back({"page_size", "is negative"});
  }
  if (!v1::ModelOrder_IsValid(request.order())) {
    extras.field_violations.push_back(
        {"order", absl::StrCat(request.order(), " is no ModelOrder of this server")});
  }
  if (extras.field_violations.empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "BAD_FIELD", "the request makes no sense",
               std::move(extras));
}

// The rows that the filter matches, one byte each; empty when it matches all.
class Matches {
 public:
  Matches(const ModelMatcher& matcher, const ModelIndex* index, const Document& document) {
    if (matcher.matches_all()) {
      total_ = document.record_count();
      return;
    }
    flags_.resize(document.record_count());
    size_t begin = 0;
    for (const auto& facets : index->facets()) {
      begins_.push_back(begin);
      total_ += matcher.Match(*facets, flags_.data() + begin);
      begin += facets->records.size();
    }
  }

  bool Has(RowRef row) const { return flags_.empty() || flags_[begins_[row.chunk] + row.record]; }
  uint64_t total() const { return total_; }

 private:
  std::vector<uint8_t> flags_;
  std::vector<size_t> begins_;  // Per chunk.
  uint64_t total_ = 0;
};

uint64_t OrderEnd(const Document& document) {
  return document.chunks().empty() ? 0 : document.chunks().back()->entries.back().order + 1;
}

// The Entry::order after which a listing in stored order continues.
uint64_t LastStoredOrder(const PageToken& token, const Document& document) {
  const Entry* const last = document.Find(token.name);
  if (last == nullptr || last->order == token.key) return token.key;
  const bool same_content = token.etag_prefix == Prefix(document.etag());
  // A model that was deleted and created again stands after all that were there.
  const bool moved = last->order >= token.order_end;
  return moved && !same_content ? token.key : last->order;
}

// The first row after `order`.
RowRef FirstAfter(uint64_t order, const Document& document) {
  const auto& chunks = document.chunks();
  const auto chunk = std::partition_point(chunks.begin(), chunks.end(), [order](const auto& c) {
    return c->entries.back().order <= order;
  });
  if (chunk == chunks.end()) return {static_cast<uint32_t>(chunks.size()), 0};
  const auto& entries = (*chunk)->entries;
  const auto entry = std::partition_point(entries.begin(), entries.end(),
                                          [order](const Entry& e) { return e.order <= order; });
  return {static_cast<uint32_t>(chunk - chunks.begin()),
          static_cast<uint32_t>(entry - entries.begin())};
}

// Collects the models of one page.
class PageBuilder {
 public:
  PageBuilder(const v1::ListModelsRequest& request, const ReadMask& mask,
              const ListingSource& source, const Matches& matches, v1::ListModelsResponse* response)
      : limit_(request.page_size() == 0 ? kDefaultPageSize
                                        : std::min(request.page_size(), kMaxPageSize)),
        mask_(mask),
        source_(source),
        matches_(matches),
        response_(response) {}

  // False when the page is full; the row is not in it then.
  bool Add(RowRef row) {
    if (!matches_.Has(row)) return true;
    if (response_->models_size() == limit_) return Full();
    const Entry& entry = source_.document->chunks()[row.chunk]->entries[row.record];
    v1::Model* const model = response_->add_models();
    FillModel(entry, source_.key.format, mask_, model);
    bytes_ += SerializedSize(*model);
    if (bytes_ > kMaxPageBytes && response_->models_size() > 1) {
      response_->mutable_models()->RemoveLast();
      return Full();
    }
    last_ = row;
    return true;
  }

  // The last row of the page when more rows match; nothing when this is the last page.
  std::optional<RowRef> last_of_more() const {
    return full_ ? std::make_optional(last_) : std::nullopt;
  }

 private:
  bool Full() {
    full_ = true;
    return false;
  }

  // As an element of the response: key and length included.
  static size_t SerializedSize(const v1::Model& model) {
    const size_t size = model.ByteSizeLong();
    return 1 + google::protobuf::io::CodedOutputStream::VarintSize64(size) + size;
  }

  const int limit_;
  const ReadMask& mask_;
  const ListingSource& source_;
  const Matches& matches_;
  v1::ListModelsResponse* const response_;
  size_t bytes_ = 0;
  RowRef last_;
  bool full_ = false;
};

// Fills the page in stored order; returns the key of its last model when more rows follow.
std::optional<OrderKey> FillStored(const std::optional<PageToken>& token, const Document& document,
                                   PageBuilder* page) {
  RowRef row;
  if (token.has_value()) row = FirstAfter(LastStoredOrder(*token, document), document);
  const auto& chunks = document.chunks();
  bool open = true;
  for (; open && row.chunk < chunks.size(); ++row.chunk, row.record = 0) {
    const size_t count = chunks[row.chunk]->entries.size();
    for (; open && row.record < count; ++row.record) open = page->Add(row);
  }
  const std::optional<RowRef> last = page->last_of_more();
  if (!last.has_value()) return std::nullopt;
  const Entry& entry = chunks[last->chunk]->entries[last->record];
  return OrderKey{false, entry.order, entry.record->name};
}

// The same in any other order.
std::optional<OrderKey> FillSorted(v1::ModelOrder order, const std::optional<PageToken>& token,
                                   const Document& document, const ModelIndex& index,
                                   PageBuilder* page) {
  const ModelIndex::Rows rows = index.InOrder(order, document);
  const RowOrder row_order(order, document, index.facets());
  auto row = rows->begin();
  if (token.has_value()) {
    const OrderKey last{token->key_missing, token->key, token->name};
    row = std::upper_bound(row, rows->end(), last, [&](const OrderKey& key, RowRef other) {
      return row_order.Less(key, row_order.Key(other));
    });
  }
  while (row != rows->end() && page->Add(*row)) ++row;
  const std::optional<RowRef> last = page->last_of_more();
  if (!last.has_value()) return std::nullopt;
  return row_order.Key(*last);
}

// The token of the request; nothing for a first page.
absl::StatusOr<std::optional<PageToken>> TokenOf(const v1::ListModelsRequest& request,
                                                 uint64_t query_hash) {
  if (request.page_token().empty()) return std::nullopt;
  ASSIGN_OR_RETURN(PageToken token, DecodePageToken(request.page_token()));
  if (token.query_hash != query_hash) return BadPageToken("it belongs to another query");
  return token;
}

bool HasChanged(const PageToken& token, v1::ModelOrder order, const ListingSource& source) {
  if (token.etag_prefix != Prefix(source.document->etag())) return true;
  // The same content again, but its revisions are what this order is made of.
  return order == v1::MODEL_ORDER_MOD_REVISION_DESC && token.revision != source.mod_revision;
}

std::string NextToken(const OrderKey& last, uint64_t query_hash, const ListingSource& source) {
  PageToken token;
  token.query_hash = query_hash;
  token.revision = source.mod_revision;
  token.etag_prefix = Prefix(source.document->etag());
  token.order_end = OrderEnd(*source.document);
  token.key_missing = last.missing;
  token.key = last.value;
  token.name = std::string(last.name);
  return EncodePageToken(token);
}

}  // namespace

absl::StatusOr<v1::ListModelsResponse> ListModels(const v1::ListModelsRequest& request,
                                                  const ListingSource& source,
                                                  ModelIndexCache* indexes) {
  RETURN_IF_ERROR(CheckFields(request));
  ASSIGN_OR_RETURN(const ModelMatcher matcher, ModelMatcher::Make(request.filter()));
  ASSIGN_OR_RETURN(const ReadMask mask, ReadMask::Parse(request.read_mask()));
  const uint64_t query_hash = QueryHash(request, source.key);
  ASSIGN_OR_RETURN(const std::optional<PageToken> token, TokenOf(request, query_hash));

  const Document& document = *source.document;
  const bool stored = request.order() == v1::MODEL_ORDER_UNSPECIFIED;
  std::shared_ptr<const ModelIndex> index;
  if (!stored || !matcher.matches_all()) index = indexes->Get(source.key, source.document);
  const Matches matches(matcher, index.get(), document);

  v1::ListModelsResponse response;
  PageBuilder page(request, mask, source, matches, &response);
  const std::optional<OrderKey> last =
      stored ? FillStored(token, document, &page)
             : FillSorted(request.order(), token, document, *index, &page);
  response.set_total_matches(matches.total());
  response.set_snapshot_changed(token.has_value() && HasChanged(*token, request.order(), source));
  if (last.has_value()) response.set_next_page_token(NextToken(*last, query_hash, source));
  return response;
}

}  // namespace modelref
