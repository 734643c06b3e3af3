#include "tests/clients/sample_document.h"

#include "absl/strings/str_cat.h"
#include "backends/base/etag.h"
#include "backends/base/json.h"

namespace modelref::testing {

SampleDocument::SampleDocument(std::vector<std::pair<std::string, std::string>> records)
    : records_(std::move(records)) {}

std::string SampleDocument::json() const {
  std::string text = "{";
  for (const auto& [name, record] : records_) {
    if (text.size() > 1) text.push_back(',');
    AppendCanonicalString(name, &text);
    absl::StrAppend(&text, ":", record);
  }
  return text + "}";
}

std::string SampleDocument::etag() const {
  DocumentEtagBuilder builder;
  for (const auto& [name, record] : records_) builder.Add(name, RecordEtag(record));
  return std::string(AsBytes(builder.Finish()));
}

v1::Record SampleDocument::record(size_t index) const {
  v1::Record record;
  record.set_name(records_[index].first);
  record.set_json(records_[index].second);
  record.set_etag(std::string(AsBytes(RecordEtag(records_[index].second))));
  record.set_mod_revision(100 + index);
  return record;
}

v1::CategoryHeader SampleDocument::header() const {
  v1::CategoryHeader header;
  header.set_category("controlnet");
  header.set_format(v1::FORMAT_V2);
  header.set_mod_revision(102);
  header.set_etag(etag());
  header.set_record_count(records_.size());
  header.set_size_bytes(json().size());
  return header;
}

v1::CategoryEnd SampleDocument::end(size_t first) const {
  v1::CategoryEnd end;
  end.set_record_count(records_.size() - first);
  end.set_etag(etag());
  return end;
}

std::vector<v1::StreamCategoryResponse> SampleDocument::Parts(size_t first) const {
  std::vector<v1::StreamCategoryResponse> parts(1);
  *parts[0].mutable_category_header() = header();
  for (size_t i = first; i < records_.size(); ++i) {
    *parts.emplace_back().mutable_record_batch()->add_records() = record(i);
  }
  *parts.emplace_back().mutable_category_end() = end(first);
  for (v1::StreamCategoryResponse& part : parts) part.mutable_header()->set_revision(102);
  return parts;
}

SampleDocument ThreeModels() {
  return SampleDocument({{"alpha", R"({"size":1.50})"},
                         {"be\"ta", R"({"text":"café"})"},
                         {"gamma/δ", R"({"list":[1,2],"text":"a,b}"})"}});
}

}  // namespace modelref::testing
