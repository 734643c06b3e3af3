#include "service/catalogue.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

absl::Status NotBuilt(absl::string_view field) {
  return Error(absl::StatusCode::kUnimplemented, "NOT_BUILT",
               absl::StrCat("this server does not implement ", field, " yet"),
               {.metadata = {{"field", std::string(field)}}});
}

}  // namespace

absl::StatusOr<ReadPlan> PlanRead(const v1::ReadOptions& read) {
  if (read.at_case() != v1::ReadOptions::AT_NOT_SET) return NotBuilt("read.at");
  ReadPlan plan;
  plan.refresh = read.force_refresh();
  if (read.has_min_position()) {
    ASSIGN_OR_RETURN(plan.min_position,
                     ReadPosition(read.min_position(), "read.min_position", "BAD_FIELD"));
  }
  return plan;
}

absl::StatusOr<Format> ResolveFormat(const Catalogue& catalogue, const Category& category,
                                     v1::Format format) {
  return FromProto(format, category.has_legacy() ? catalogue.canonical_format : Format::kV2);
}

absl::StatusOr<DocumentKey> ResolveDocument(const Catalogue& catalogue, const std::string& category,
                                            v1::Format format) {
  const std::string name = ResolveCategoryAlias(category);
  const Category* found = catalogue.registry.Find(name);
  if (found == nullptr) {
    return Error(absl::StatusCode::kNotFound, "CATEGORY_NOT_FOUND",
                 absl::StrCat("no category \"", category.substr(0, kMaxCategoryNameBytes), "\""),
                 {.metadata = {{"category", category.substr(0, kMaxCategoryNameBytes)}}});
  }
  ASSIGN_OR_RETURN(const Format resolved, ResolveFormat(catalogue, *found, format));
  return DocumentKey{name, resolved};
}

absl::StatusOr<DocumentView> ViewOf(RootPtr root, const DocumentKey& key) {
  const DocumentState* state = root->Find(key);
  if (!state->damage.ok()) return Annotated(state->damage, key.ToString());
  return DocumentView{std::move(root), state};
}

absl::StatusOr<DocumentView> OpenDocument(const Catalogue& catalogue, const DocumentKey& key) {
  return ViewOf(catalogue.store.root(), key);
}

void FillHeader(const Catalogue& catalogue, const DocumentView& view, v1::ResponseHeader* header) {
  FillHeader(*view.root, catalogue.node_id, *view.state, catalogue.clock.TimeNow(), header);
}

}  // namespace modelref
