#include "clients/cpp/watch_cut.h"

#include <algorithm>
#include <array>

#include "backends/base/categories.h"
#include "backends/base/etag.h"

namespace modelref {

std::optional<DocumentKey> KeyOf(absl::string_view category, v1::Format format) {
  switch (format) {
    case v1::FORMAT_LEGACY:
      return DocumentKey{std::string(category), Format::kLegacy};
    case v1::FORMAT_V2:
      return DocumentKey{std::string(category), Format::kV2};
    default:
      return std::nullopt;
  }
}

bool NamesCategory(const v1::WatchFilter& filter, absl::string_view category) {
  const auto& names = filter.categories();
  return names.empty() || std::any_of(names.begin(), names.end(), [&](const std::string& name) {
           return ResolveCategoryAlias(name) == category;
         });
}

bool MatchesFilter(const v1::WatchFilter& filter, const DocumentKey& key) {
  if (!NamesCategory(filter, key.category)) return false;
  const auto& formats = filter.formats();
  return formats.empty() || std::any_of(formats.begin(), formats.end(), [&key](int format) {
           return format == static_cast<int>(key.format) || format == v1::FORMAT_UNSPECIFIED;
         });
}

std::string DigestOf(const WatchedDocuments& documents) {
  DocumentSetDigest digest;
  for (const auto& [key, document] : documents) {
    Etag etag{};
    std::copy_n(document.etag.begin(), std::min(document.etag.size(), etag.size()), etag.begin());
    digest.Add(key, etag);
  }
  const std::array<uint8_t, 16> bytes = digest.bytes();
  return std::string(bytes.begin(), bytes.end());
}

}  // namespace modelref
